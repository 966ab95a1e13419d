// Layer norm (LAYER) and root-mean-square norm of rows of D numbers, with the residual addition in front.
// THREADS threads a row, along x; with 32 of them, blockDim.y rows a block.

#define PACKS ((D + THREADS * V - 1) / (THREADS * V))

// sum = x + delta (where there is one); y = norm(sum) * weight (+ bias); stats = mean and reciprocal deviation.
extern "C" __global__ void norm_forward(const T* x, const T* delta, const T* weight, const T* bias, T* sum, T* y,
                                        float2* stats, int rows, int rows_per_replica, float epsilon) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const i64 start = (i64)row * D;
    const i64 own = (i64)(row / rows_per_replica) * D;
    float values[PACKS * V];
    float total = 0.f;
    for (int p = 0; p < PACKS; ++p) {
        const int column = (p * THREADS + threadIdx.x) * V;
        Pack<T, V> a, b;
        if (column < D) {
            a = *(const Pack<T, V>*)(x + start + column);
            if (delta) {
                b = *(const Pack<T, V>*)(delta + start + column);
                for (int i = 0; i < V; ++i) set(a.at[i], to_float(a.at[i]) + to_float(b.at[i]));
                *(Pack<T, V>*)(sum + start + column) = a;
            }
        }
        for (int i = 0; i < V; ++i) {
            const float value = column < D ? to_float(a.at[i]) : 0.f;
            values[p * V + i] = value;
            total += value;
        }
    }
    float mean = 0.f;
    if (LAYER) mean = row_sum<THREADS>(total) / D;
    float squares = 0.f;
    for (int p = 0; p < PACKS; ++p)
        for (int i = 0; i < V; ++i)
            if ((p * THREADS + threadIdx.x) * V < D) {
                const float off = values[p * V + i] - mean;
                squares += off * off;
            }
    const float scale = rsqrtf(row_sum<THREADS>(squares) / D + epsilon);
    if (threadIdx.x == 0) stats[row] = make_float2(mean, scale);
    for (int p = 0; p < PACKS; ++p) {
        const int column = (p * THREADS + threadIdx.x) * V;
        if (column >= D) break;
        const Pack<T, V> w = *(const Pack<T, V>*)(weight + own + column);
        Pack<T, V> b, out;
        if (LAYER) b = *(const Pack<T, V>*)(bias + own + column);
        for (int i = 0; i < V; ++i) {
            const float normed = (values[p * V + i] - mean) * scale;
            set(out.at[i], LAYER ? normed * to_float(w.at[i]) + to_float(b.at[i]) : rounded(normed) * to_float(w.at[i]));
        }
        *(Pack<T, V>*)(y + start + column) = out;
    }
}

// Leaves the sum of the block's gradients: of its one row, or of its warps' in their order.
__device__ __forceinline__ void leave(const float* gradients, float* to) {
#if THREADS == 32
    __shared__ Pack<float, V> warps[8][PACKS * 32];
    __syncthreads();
    for (int p = 0; p < PACKS; ++p)
        for (int i = 0; i < V; ++i) warps[threadIdx.y][p * 32 + threadIdx.x].at[i] = gradients[p * V + i];
    __syncthreads();
    for (int column = threadIdx.y * 32 + threadIdx.x; column < D; column += 256) {
        float sum = 0.f;
        for (int warp = 0; warp < 8; ++warp) sum += warps[warp][column / V].at[column % V];
        to[column] = sum;
    }
#else
    for (int p = 0; p < PACKS; ++p)
        for (int i = 0; i < V; ++i) {
            const int column = (p * THREADS + threadIdx.x) * V + i;
            if (column < D) to[column] = gradients[p * V + i];
        }
#endif
}

// grad_x = d(y) grad_y + grad_sum (where there is one). Block (p, r) takes every gridDim.x-th row (or blockDim.y
// rows) of replica r, and leaves its part of the weight's and bias' gradients in parts[r][p].
extern "C" __global__ void norm_backward(const T* grad_y, const T* grad_sum, const T* x, const T* weight,
                                         const float2* stats, T* grad_x, float* weight_parts, float* bias_parts,
                                         int rows_per_replica) {
    const i64 first = (i64)blockIdx.y * rows_per_replica;
    const i64 own = (i64)blockIdx.y * D;
    float to_weight[PACKS * V], to_bias[PACKS * V];
    for (int i = 0; i < PACKS * V; ++i) to_weight[i] = to_bias[i] = 0.f;
    for (int row = blockIdx.x * blockDim.y + threadIdx.y; row < rows_per_replica; row += gridDim.x * blockDim.y) {
        const i64 start = (first + row) * D;
        const float2 stat = stats[first + row];
        float normed[PACKS * V], gradients[PACKS * V];
        float along = 0.f, total = 0.f;
        for (int p = 0; p < PACKS; ++p) {
            const int column = (p * THREADS + threadIdx.x) * V;
            Pack<T, V> s, v, w;
            if (column < D) {
                s = *(const Pack<T, V>*)(grad_y + start + column);
                v = *(const Pack<T, V>*)(x + start + column);
                w = *(const Pack<T, V>*)(weight + own + column);
            }
            for (int i = 0; i < V; ++i) {
                const int n = p * V + i;
                const float gradient = column < D ? to_float(s.at[i]) : 0.f;
                normed[n] = column < D ? (to_float(v.at[i]) - stat.x) * stat.y : 0.f;
                to_weight[n] += gradient * normed[n];
                to_bias[n] += gradient;
                gradients[n] = column < D ? gradient * to_float(w.at[i]) : 0.f;
                along += gradients[n] * normed[n];
                total += gradients[n];
            }
        }
        along = row_sum<THREADS>(along) / D;
        total = LAYER ? row_sum<THREADS>(total) / D : 0.f;
        for (int p = 0; p < PACKS; ++p) {
            const int column = (p * THREADS + threadIdx.x) * V;
            if (column >= D) break;
            Pack<T, V> besides, out;
            if (grad_sum) besides = *(const Pack<T, V>*)(grad_sum + start + column);
            for (int i = 0; i < V; ++i) {
                const int n = p * V + i;
                float gradient = stat.y * (gradients[n] - total - normed[n] * along);
                if (grad_sum) gradient += to_float(besides.at[i]);
                set(out.at[i], gradient);
            }
            *(Pack<T, V>*)(grad_x + start + column) = out;
        }
    }
    const i64 part = ((i64)blockIdx.y * gridDim.x + blockIdx.x) * D;
    leave(to_weight, weight_parts + part);
    if (LAYER) leave(to_bias, bias_parts + part);
}

// sums[r][column] = the sum of parts[r][..][column], in the weight's type. 32 columns a block, along x.
extern "C" __global__ void norm_parts(const float* parts, T* sums, int count) {
    const int column = blockIdx.x * 32 + threadIdx.x;
    const i64 replica = blockIdx.y;
    float sum = 0.f;
    if (column < D)
        for (int part = threadIdx.y; part < count; part += blockDim.y) sum += parts[(replica * count + part) * D + column];
    __shared__ float all[32][33];
    all[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || column >= D) return;
    for (int turn = 1; turn < blockDim.y; ++turn) sum += all[turn][threadIdx.x];
    set(sums[replica * D + column], sum);
}
