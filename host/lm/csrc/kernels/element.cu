// What every kernel here is compiled after: the element type T (float32, or bfloat16 as BF16 says), packs of V
// elements that are loaded at once, and sums over a row's threads.

typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;

#define INFINITY __int_as_float(0x7f800000)

#if BF16
typedef u16 T;
#else
typedef float T;
#endif

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(u16 x) { return __uint_as_float((u32)x << 16); }
__device__ __forceinline__ void set(float& to, float x) { to = x; }
__device__ __forceinline__ void set(u16& to, float x) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to) : "f"(x)); }

// A number as it would come back from memory. Transformers' layers are written operation by operation, and each of them
// rounds its results; kernels here that do several at once round at the same places, so as to give the same numbers.
__device__ __forceinline__ float rounded(float x) {
    T stored;
    set(stored, x);
    return to_float(stored);
}

template <typename E, int N>
struct __align__(N * sizeof(E)) Pack {
    E at[N];
};

__device__ __forceinline__ float warp_sum(float x) {
    for (int far = 16; far > 0; far >>= 1) x += __shfl_xor_sync(0xffffffffu, x, far);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
    for (int far = 16; far > 0; far >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, far));
    return x;
}

// Over N threads along x: one warp, or the whole block.
template <int N>
__device__ __forceinline__ float row_sum(float x) {
    x = warp_sum(x);
    if (N == 32) return x;
    __shared__ float parts[32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    return warp_sum(threadIdx.x % 32 < N / 32 ? parts[threadIdx.x % 32] : 0.f);
}

template <int N>
__device__ __forceinline__ float row_max(float x) {
    x = warp_max(x);
    if (N == 32) return x;
    __shared__ float parts[32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    return warp_max(threadIdx.x % 32 < N / 32 ? parts[threadIdx.x % 32] : -INFINITY);
}
