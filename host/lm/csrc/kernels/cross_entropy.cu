// Cross-entropy of rows of `vocabulary` logits against a label, or a distribution. THREADS threads a row, along x; with
// 32 of them, blockDim.y rows a block.

struct Soft {
    const float* probabilities;  // [replica][row - first][answer][vocabulary]; null for none
    int first, rows, answers;    // rows from `first` on, of `rows` of `answers` tokens each, are soft
};

// losses = -share * log probability; logits become the loss' gradients in them, unless `keep`. Row i of the chunk is row
// i % chunk of replica i / chunk, token `offset` further on among the replica's `tokens`.
extern "C" __global__ void cross_entropy(T* logits, const i64* labels, const float* shares, float* losses, Soft soft,
                                         int rows, int chunk, int offset, int tokens, int vocabulary, int keep) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const int replica = row / chunk, token = row % chunk + offset;
    const i64 target = (i64)replica * tokens + token;
    T* own = logits + (i64)row * vocabulary;
    const float* distribution = nullptr;
    const int batch_row = soft.answers ? token / soft.answers : 0;
    if (soft.probabilities && batch_row >= soft.first) {
        const i64 place = (i64)replica * (soft.rows - soft.first) + batch_row - soft.first;
        distribution = soft.probabilities + (place * soft.answers + token % soft.answers) * vocabulary;
    }
    float most = -INFINITY, sum = 0.f, mass = 0.f, along = 0.f;
    for (int column = threadIdx.x * V; column < vocabulary; column += THREADS * V) {
        const Pack<T, V> pack = *(const Pack<T, V>*)(own + column);
        float highest = most;
        for (int i = 0; i < V; ++i) highest = fmaxf(highest, to_float(pack.at[i]));
        sum *= __expf(most - highest);
        most = highest;
        for (int i = 0; i < V; ++i) {
            const float logit = to_float(pack.at[i]);
            sum += expf(logit - most);
            if (distribution) {
                const float p = distribution[column + i];
                mass += p;
                along += p * logit;
            }
        }
    }
    const float highest = row_max<THREADS>(most);
    sum = row_sum<THREADS>(most == -INFINITY ? 0.f : sum * expf(most - highest));
    const float log_sum = highest + logf(sum);
    const i64 label = labels[target];
    if (distribution) {
        mass = row_sum<THREADS>(mass);
        along = row_sum<THREADS>(along);
    } else {
        mass = 1.f;
        along = to_float(own[label]);
    }
    const float share = shares ? shares[target] : 1.f;
    if (threadIdx.x == 0) losses[target] = share * (log_sum * mass - along);
    if (keep) return;
    if (THREADS == 32) __syncwarp();
    else __syncthreads();
    for (int column = threadIdx.x * V; column < vocabulary; column += THREADS * V) {
        Pack<T, V> pack = *(const Pack<T, V>*)(own + column);
        for (int i = 0; i < V; ++i) {
            const float wanted = distribution ? distribution[column + i] : column + i == label ? 1.f : 0.f;
            set(pack.at[i], share * (mass * expf(to_float(pack.at[i]) - log_sum) - wanted));
        }
        *(Pack<T, V>*)(own + column) = pack;
    }
}
