// Attention of one query a row over the filled part of a key/value cache. SHARING query heads share a key head, and go in
// PARTS parts of GROUP at most, for all of them would take too many registers. WARPS warps take turns with the keys of one
// row and part, or with one warp, each of the block's warps has its own.
// LANES threads hold a key, PACKS packs of V numbers each, and 32 / LANES keys go side by side.

#define KEYS (32 / LANES)
#define AHEAD 4

// q [row][query head][D]; caches [row][key head][capacity][D]; out as q. Keys first[row]..=*newest, the last `window`.
extern "C" __global__ void __launch_bounds__(128)
    attend(const T* q, const T* keys, const T* values, T* out, const i64* newest, const i64* first, i64 items, int heads,
           int capacity, int window, float scale) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int sub = lane / LANES, part = lane % LANES;
    const i64 item = WARPS == 1 ? (i64)blockIdx.x * 4 + warp : blockIdx.x;
    if (item >= items) return;
    const i64 cache = item / PARTS, row = cache / heads;
    const int before = item % PARTS * GROUP;
    const int queries = min(GROUP, SHARING - before);
    q += (cache * SHARING + before) * D;
    out += (cache * SHARING + before) * D;
    const i64 last = *newest;
    i64 begin = first ? first[row] : 0;
    if (window > 0 && last - window + 1 > begin) begin = last - window + 1;
    const T* own_keys = keys + cache * capacity * D;
    const T* own_values = values + cache * capacity * D;
    float query[GROUP][PACKS * V], mixed[GROUP][PACKS * V], most[GROUP], sum[GROUP];
    for (int g = 0; g < GROUP; ++g) {
        most[g] = -INFINITY;
        sum[g] = 0.f;
        for (int p = 0; p < PACKS; ++p)
            for (int i = 0; i < V; ++i) {
                const int column = (p * LANES + part) * V + i;
                query[g][p * V + i] = column < D && g < queries ? to_float(q[g * D + column]) * scale : 0.f;
                mixed[g][p * V + i] = 0.f;
            }
    }
    const int stride = WARPS * KEYS;
    for (i64 start = begin + (WARPS == 1 ? 0 : warp) * KEYS; start <= last; start += stride * AHEAD) {
        Pack<T, V> k[AHEAD][PACKS], v[AHEAD][PACKS];
#pragma unroll
        for (int a = 0; a < AHEAD; ++a) {
            const i64 key = start + a * stride + sub;
#pragma unroll
            for (int p = 0; p < PACKS; ++p) {
                const int column = (p * LANES + part) * V;
                if (key <= last && column < D) {
                    k[a][p] = *(const Pack<T, V>*)(own_keys + key * D + column);
                    v[a][p] = *(const Pack<T, V>*)(own_values + key * D + column);
                } else {
                    for (int i = 0; i < V; ++i) k[a][p].at[i] = v[a][p].at[i] = 0;
                }
            }
        }
#pragma unroll
        for (int g = 0; g < GROUP; ++g) {
            float score[AHEAD];
            float highest = most[g];
#pragma unroll
            for (int a = 0; a < AHEAD; ++a) {
                float dot = 0.f;
#pragma unroll
                for (int p = 0; p < PACKS; ++p)
                    for (int i = 0; i < V; ++i) dot += query[g][p * V + i] * to_float(k[a][p].at[i]);
#pragma unroll
                for (int far = LANES / 2; far > 0; far >>= 1) dot += __shfl_xor_sync(0xffffffffu, dot, far);
                score[a] = start + a * stride + sub <= last ? dot : -INFINITY;
                highest = fmaxf(highest, score[a]);
            }
            if (highest == -INFINITY) continue;
            const float shrink = __expf(most[g] - highest);
            most[g] = highest;
            sum[g] *= shrink;
            for (int n = 0; n < PACKS * V; ++n) mixed[g][n] *= shrink;
#pragma unroll
            for (int a = 0; a < AHEAD; ++a) {
                const float share = __expf(score[a] - highest);
                sum[g] += share;
#pragma unroll
                for (int p = 0; p < PACKS; ++p)
                    for (int i = 0; i < V; ++i) mixed[g][p * V + i] += share * to_float(v[a][p].at[i]);
            }
        }
    }
    // Keys that went side by side, in a warp.
#pragma unroll
    for (int g = 0; g < GROUP; ++g)
#pragma unroll
        for (int far = LANES; far < 32; far <<= 1) {
            const float other = __shfl_xor_sync(0xffffffffu, most[g], far);
            const float highest = fmaxf(most[g], other);
            const float mine = most[g] == -INFINITY ? 0.f : __expf(most[g] - highest);
            const float theirs = other == -INFINITY ? 0.f : __expf(other - highest);
            sum[g] = sum[g] * mine + __shfl_xor_sync(0xffffffffu, sum[g], far) * theirs;
            for (int n = 0; n < PACKS * V; ++n)
                mixed[g][n] = mixed[g][n] * mine + __shfl_xor_sync(0xffffffffu, mixed[g][n], far) * theirs;
            most[g] = highest;
        }
#if WARPS == 1
    if (sub) return;
    for (int g = 0; g < GROUP; ++g)
        for (int p = 0; p < PACKS; ++p) {
            const int column = (p * LANES + part) * V;
            if (column >= D || g >= queries) continue;
            Pack<T, V> pack;
            for (int i = 0; i < V; ++i) set(pack.at[i], mixed[g][p * V + i] / sum[g]);
            *(Pack<T, V>*)(out + g * D + column) = pack;
        }
#else
    // Then the warps.
    __shared__ float all_mixed[WARPS][GROUP][D], all_most[WARPS][GROUP], all_sum[WARPS][GROUP];
    if (!sub)
        for (int g = 0; g < GROUP; ++g) {
            if (!part) {
                all_most[warp][g] = most[g];
                all_sum[warp][g] = sum[g];
            }
            for (int p = 0; p < PACKS; ++p)
                for (int i = 0; i < V; ++i) {
                    const int column = (p * LANES + part) * V + i;
                    if (column < D) all_mixed[warp][g][column] = mixed[g][p * V + i];
                }
        }
    __syncthreads();
    for (int n = threadIdx.x; n < queries * D; n += 32 * WARPS) {
        const int g = n / D, column = n % D;
        float highest = -INFINITY, total = 0.f, value = 0.f;
        for (int w = 0; w < WARPS; ++w) highest = fmaxf(highest, all_most[w][g]);
        for (int w = 0; w < WARPS; ++w) {
            if (all_most[w][g] == -INFINITY) continue;
            const float share = __expf(all_most[w][g] - highest);
            total += all_sum[w][g] * share;
            value += all_mixed[w][g][column] * share;
        }
        set(out[n], value / total);
    }
#endif
}
