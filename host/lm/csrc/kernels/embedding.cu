// The gradient of a table of rows of D numbers: each row's is the sum of the gradients of all tokens of its id, in their
// order. So nothing is sorted, and nothing races. Block (i, r) is about entry i of replica r (BY_ENTRY, for a table of
// few), or about its token i: the first of its id does the work, the others end at once, and entries that no token has
// are to be zeros already.

#define COLUMNS ((D + 127) / 128)

extern "C" __global__ void embedding_backward(const T* grad_output, const i64* ids, T* table, int tokens) {
    const i64* own = ids + (i64)blockIdx.y * tokens;
#if BY_ENTRY
    const int token = 0;
    const i64 id = (i64)blockIdx.y * gridDim.x + blockIdx.x;
#else
    const int token = blockIdx.x;
    const i64 id = own[token];
    bool earlier = false;
    for (int other = threadIdx.x; other < token && !earlier; other += 128) earlier = own[other] == id;
    if (__syncthreads_or(earlier)) return;
#endif
    float sums[COLUMNS];
    for (int c = 0; c < COLUMNS; ++c) sums[c] = 0.f;
    const int lane = threadIdx.x % 32;
    for (int start = token; start < tokens; start += 32) {
        u32 same = __ballot_sync(0xffffffffu, start + lane < tokens && own[start + lane] == id);
        for (; same; same &= same - 1) {
            const T* row = grad_output + ((i64)blockIdx.y * tokens + start + __ffs(same) - 1) * D;
            for (int c = 0; c < COLUMNS; ++c) {
                const int column = c * 128 + threadIdx.x;
                if (column < D) sums[c] += to_float(row[column]);
            }
        }
    }
    for (int c = 0; c < COLUMNS; ++c) {
        const int column = c * 128 + threadIdx.x;
        if (column < D) set(table[id * D + column], sums[c]);
    }
}
