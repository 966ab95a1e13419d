// From a projection's outputs to queries, keys and values, rotated by their positions, and back.
// Outputs of a token lie as [q heads, k heads, v heads][D] or (HEADS_FIRST) as [head][q, k, v][D].

struct Strides {
    i64 row, head, token;
};

// Where head `slot` of a token lies in the projection's outputs.
__device__ __forceinline__ i64 source(i64 token, int slot, int queries, int keys) {
    const i64 start = token * (queries + 2 * keys) * D;
#if HEADS_FIRST
    const int part = slot < queries ? 0 : slot < queries + keys ? 1 : 2;
    const int head = slot - part * queries;
    return start + ((i64)head * 3 + part) * D;
#else
    return start + (i64)slot * D;
#endif
}

// Numbers [column, column + V) of a head at `from`, rotated forward (sign 1) or back (sign -1) by tables at `position`.
__device__ __forceinline__ Pack<T, V> rotated(const T* from, int column, const float* cos, const float* sin, i64 position,
                                             int width, float sign) {
    Pack<T, V> own = *(const Pack<T, V>*)(from + column);
    if (column >= width) return own;
    const int half = width / 2;
    const bool low = column < half;
    const Pack<T, V> other = *(const Pack<T, V>*)(from + (low ? column + half : column - half));
    for (int i = 0; i < V; ++i) {
        const float c = rounded(cos[position * width + column + i]);
        const float s = rounded(sin[position * width + column + i]) * (low ? -sign : sign);
        set(own.at[i], __fadd_rn(rounded(to_float(own.at[i]) * c), rounded(to_float(other.at[i]) * s)));
    }
    return own;
}

// One thread for each pack of each head of each token; q, k and v are [token][head][D].
extern "C" __global__ void heads_forward(const T* all, T* q, T* k, T* v, const float* cos, const float* sin,
                                         const i64* positions, i64 packs, int length, int queries, int keys, int width) {
    const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= packs) return;
    const int per_head = D / V, slots = queries + 2 * keys;
    const int column = index % per_head * V, slot = index / per_head % slots;
    const i64 token = index / per_head / slots;
    const T* from = all + source(token, slot, queries, keys);
    const bool value = slot >= queries + keys;
    const i64 position = positions ? positions[token] : token % length;
    const Pack<T, V> out = rotated(from, column, cos, sin, position, value ? 0 : width, 1.f);
    T* to = slot < queries ? q + (token * queries + slot) * D
            : value        ? v + (token * keys + slot - queries - keys) * D
                           : k + (token * keys + slot - queries) * D;
    *(Pack<T, V>*)(to + column) = out;
}

// The gradient of the projection's outputs, of those of q, k and v, [row][head][token][D] by strides.
extern "C" __global__ void heads_backward(const T* q, const T* k, const T* v, Strides of_q, Strides of_k, Strides of_v,
                                          T* all, const float* cos, const float* sin, const i64* positions, i64 packs,
                                          int length, int queries, int keys, int width) {
    const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= packs) return;
    const int per_head = D / V, slots = queries + 2 * keys;
    const int column = index % per_head * V, slot = index / per_head % slots;
    const i64 token = index / per_head / slots;
    const i64 row = token / length, t = token % length;
    const bool value = slot >= queries + keys;
    const T* from = slot < queries ? q + row * of_q.row + slot * of_q.head + t * of_q.token
                    : value        ? v + row * of_v.row + (slot - queries - keys) * of_v.head + t * of_v.token
                                   : k + row * of_k.row + (slot - queries) * of_k.head + t * of_k.token;
    const i64 position = positions ? positions[token] : t;
    const Pack<T, V> out = rotated(from, column, cos, sin, position, value ? 0 : width, -1.f);
    *(Pack<T, V>*)(all + source(token, slot, queries, keys) + column) = out;
}

// One token a row: queries go out, keys and values into the caches [row][head][capacity][D] at *newest.
extern "C" __global__ void heads_append(const T* all, T* q, T* cached_keys, T* cached_values, const float* cos,
                                        const float* sin, const i64* positions, const i64* newest, i64 packs, int capacity,
                                        int queries, int keys, int width) {
    const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= packs) return;
    const int per_head = D / V, slots = queries + 2 * keys;
    const int column = index % per_head * V, slot = index / per_head % slots;
    const i64 row = index / per_head / slots;
    const T* from = all + source(row, slot, queries, keys);
    const bool value = slot >= queries + keys;
    const i64 position = positions ? positions[row] : 0;
    const Pack<T, V> out = rotated(from, column, cos, sin, position, value ? 0 : width, 1.f);
    T* to = slot < queries ? q + (row * queries + slot) * D
            : value        ? cached_values + ((row * keys + slot - queries - keys) * capacity + *newest) * D
                           : cached_keys + ((row * keys + slot - queries) * capacity + *newest) * D;
    *(Pack<T, V>*)(to + column) = out;
}
