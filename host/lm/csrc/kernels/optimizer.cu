// AdamW (Loshchilov and Hutter 2019) and Lion (LION; Chen et al. 2023) in one pass over many tensors. Weights are
// bfloat16 or float32 (BF16), averages too (STATES_BF16); with MASTER the update is made on a float32 copy, of which
// the weight is the rounding. Block (b, r) takes a part of replica r of one tensor.

#if STATES_BF16
typedef u16 S;
#else
typedef float S;
#endif

#define TENSORS 48
#define PART (256 * V * 4)

struct Tensors {
    T* weight[TENSORS];
    float* master[TENSORS];
    const T* gradient[TENSORS];
    S* mean[TENSORS];
    S* square[TENSORS];
    i64 numbers[TENSORS];     // of a replica
    int blocks[TENSORS + 1];  // blocks before each tensor's
    int count;
};

struct Constants {
    float beta1, beta2, epsilon, weight_decay;
};

__device__ __forceinline__ int tensor_of(const Tensors& tensors) {
    int tensor = 0;
    while (tensor + 1 < tensors.count && tensors.blocks[tensor + 1] <= blockIdx.x) ++tensor;
    return tensor;
}

// parts[r][offset + b] = the sum of squares of the block's gradients.
extern "C" __global__ void squared_norm(const __grid_constant__ Tensors tensors, float* parts, int offset, int stride) {
    const int tensor = tensor_of(tensors);
    const i64 numbers = tensors.numbers[tensor];
    const T* gradient = tensors.gradient[tensor] + blockIdx.y * numbers;
    const i64 start = (i64)(blockIdx.x - tensors.blocks[tensor]) * PART;
    float sum = 0.f;
    for (int p = 0; p < 4; ++p) {
        const i64 index = start + (p * 256 + threadIdx.x) * V;
        if (index >= numbers) break;
        const Pack<T, V> pack = *(const Pack<T, V>*)(gradient + index);
        for (int i = 0; i < V; ++i) sum += to_float(pack.at[i]) * to_float(pack.at[i]);
    }
    sum = row_sum<256>(sum);
    if (threadIdx.x == 0) parts[(i64)blockIdx.y * stride + offset + blockIdx.x] = sum;
}

// factors[r] = clip / max(norm, clip), where norm is that of all gradients of replica r.
extern "C" __global__ void clip_factor(const float* parts, float* factors, int count, float clip) {
    float sum = 0.f;
    for (int i = threadIdx.x; i < count; i += 256) sum += parts[(i64)blockIdx.x * count + i];
    sum = row_sum<256>(sum);
    if (threadIdx.x == 0) factors[blockIdx.x] = clip / fmaxf(sqrtf(sum), clip);
}

// timetable[*counter] = learning rate, 1 - beta1^t, 1 - beta2^t. A rate of 0 leaves everything as it is.
extern "C" __global__ void update(const __grid_constant__ Tensors tensors, Constants constants, const float* clipping,
                                  const float* timetable, const i64* counter) {
    const float* now = timetable + *counter * 3;
    const float rate = now[0];
    if (rate == 0.f) return;
    const int tensor = tensor_of(tensors);
    const i64 numbers = tensors.numbers[tensor];
    const i64 replica = blockIdx.y * numbers;
    const i64 start = (i64)(blockIdx.x - tensors.blocks[tensor]) * PART;
    const float clip = clipping ? clipping[blockIdx.y] : 1.f;
    const float kept = 1.f - rate * constants.weight_decay;
#if !LION
    const float step = rate / now[1], root = rsqrtf(now[2]);
#endif
    for (int p = 0; p < 4; ++p) {
        const i64 inside = start + (p * 256 + threadIdx.x) * V;
        if (inside >= numbers) break;
        const i64 index = replica + inside;
        const Pack<T, V> g = *(const Pack<T, V>*)(tensors.gradient[tensor] + index);
        Pack<S, V> m = *(const Pack<S, V>*)(tensors.mean[tensor] + index);
#if !LION
        Pack<S, V> s = *(const Pack<S, V>*)(tensors.square[tensor] + index);
#endif
        float values[V];
#if MASTER
        const Pack<float, V> before = *(const Pack<float, V>*)(tensors.master[tensor] + index);
        for (int i = 0; i < V; ++i) values[i] = before.at[i];
#else
        const Pack<T, V> before = *(const Pack<T, V>*)(tensors.weight[tensor] + index);
        for (int i = 0; i < V; ++i) values[i] = to_float(before.at[i]);
#endif
        Pack<T, V> after;
        for (int i = 0; i < V; ++i) {
            const float gradient = to_float(g.at[i]) * clip;
            const float mean = to_float(m.at[i]);
            float value = values[i] * kept;
#if LION
            const float way = mean + (1.f - constants.beta1) * (gradient - mean);
            value -= rate * (way > 0.f ? 1.f : way < 0.f ? -1.f : 0.f);
            set(m.at[i], mean + (1.f - constants.beta2) * (gradient - mean));
#else
            const float next = mean + (1.f - constants.beta1) * (gradient - mean);
            const float square = to_float(s.at[i]);
            const float next_square = square + (1.f - constants.beta2) * (gradient * gradient - square);
            value -= step * next / (sqrtf(next_square) * root + constants.epsilon);
            set(m.at[i], next);
            set(s.at[i], next_square);
#endif
            values[i] = value;
            set(after.at[i], value);
        }
#if MASTER
        Pack<float, V> exact;
        for (int i = 0; i < V; ++i) exact.at[i] = values[i];
        *(Pack<float, V>*)(tensors.master[tensor] + index) = exact;
#endif
        *(Pack<T, V>*)(tensors.weight[tensor] + index) = after;
        *(Pack<S, V>*)(tensors.mean[tensor] + index) = m;
#if !LION
        *(Pack<S, V>*)(tensors.square[tensor] + index) = s;
#endif
    }
}

extern "C" __global__ void advance(i64* counter) { *counter += 1; }
