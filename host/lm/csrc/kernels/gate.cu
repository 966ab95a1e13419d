// The gated hidden layer: silu(first half of a row) * second half, rows of 2 * width.

extern "C" __global__ void gate_forward(const T* x, T* y, i64 packs, int width) {
    const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= packs) return;
    const i64 row = index / (width / V);
    const int column = index % (width / V) * V;
    const Pack<T, V> a = *(const Pack<T, V>*)(x + row * 2 * width + column);
    const Pack<T, V> b = *(const Pack<T, V>*)(x + row * 2 * width + width + column);
    Pack<T, V> out;
    for (int i = 0; i < V; ++i) {
        const float gate = to_float(a.at[i]);
        set(out.at[i], rounded(gate / (1.f + expf(-gate))) * to_float(b.at[i]));
    }
    *(Pack<T, V>*)(y + row * width + column) = out;
}

extern "C" __global__ void gate_backward(const T* grad_output, const T* x, T* grad_x, i64 packs, int width) {
    const i64 index = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= packs) return;
    const i64 row = index / (width / V);
    const int column = index % (width / V) * V;
    const Pack<T, V> s = *(const Pack<T, V>*)(grad_output + row * width + column);
    const Pack<T, V> a = *(const Pack<T, V>*)(x + row * 2 * width + column);
    const Pack<T, V> b = *(const Pack<T, V>*)(x + row * 2 * width + width + column);
    Pack<T, V> to_a, to_b;
    for (int i = 0; i < V; ++i) {
        const float gate = to_float(a.at[i]), up = to_float(b.at[i]), down = to_float(s.at[i]);
        const float open = 1.f / (1.f + expf(-gate));
        set(to_a.at[i], rounded(down * up) * open * (1.f + gate * (1.f - open)));
        set(to_b.at[i], down * rounded(gate * open));
    }
    *(Pack<T, V>*)(grad_x + row * 2 * width + column) = to_a;
    *(Pack<T, V>*)(grad_x + row * 2 * width + width + column) = to_b;
}
