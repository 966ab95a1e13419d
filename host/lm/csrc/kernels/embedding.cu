// The gradient of a table of rows of D numbers. Block (i, r) is about token i of replica r: the first of its id adds
// up the slopes of all of its id, in their order; the others end at once. So nothing is sorted, and nothing races.

#define COLUMNS ((D + 127) / 128)

extern "C" __global__ void embedding_backward(const T* slope, const i64* ids, T* table, int tokens) {
    const i64* own = ids + (i64)blockIdx.y * tokens;
    const int token = blockIdx.x;
    const i64 id = own[token];
    bool earlier = false;
    for (int other = threadIdx.x; other < token && !earlier; other += 128) earlier = own[other] == id;
    if (__syncthreads_or(earlier)) return;
    float sums[COLUMNS];
    for (int c = 0; c < COLUMNS; ++c) sums[c] = 0.f;
    const int lane = threadIdx.x % 32;
    for (int start = token; start < tokens; start += 32) {
        u32 same = __ballot_sync(0xffffffffu, start + lane < tokens && own[start + lane] == id);
        for (; same; same &= same - 1) {
            const T* row = slope + ((i64)blockIdx.y * tokens + start + __ffs(same) - 1) * D;
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
