// One optimiser step over many tensors.

#include "shim.h"

#include <ATen/ops/empty.h>

namespace {

constexpr int TENSORS = 48;

// As in kernels/optimizer.cu.
struct Tensors {
    void* weight[TENSORS];
    void* master[TENSORS];
    const void* gradient[TENSORS];
    void* mean[TENSORS];
    void* square[TENSORS];
    int64_t numbers[TENSORS];
    int blocks[TENSORS + 1];
    int count;
};

struct Constants {
    float beta1, beta2, epsilon, weight_decay;
};

// Tensors of a launch, and its part of the partial sums.
struct Part {
    Tensors tensors;
    long pack;
    int blocks, offset;
};

struct Lists {
    const Tensor *const *weights, *const *masters, *const *gradients, *const *means, *const *squares;
};

// Splits the tensors into launches: those of one pack width, so many at a time.
std::vector<Part> parts(const Lists& lists, int64_t count, int64_t replicas, int& blocks_in_all) {
    std::vector<Part> parts;
    blocks_in_all = 0;
    for (const long wanted : {1L, 0L}) {
        for (int64_t i = 0; i < count; ++i) {
            const Tensor& weight = *lists.weights[i];
            const int64_t numbers = weight.numel() / replicas;
            const long v = pack(weight.scalar_type(), {numbers});
            if ((v > 1) != (wanted == 1)) continue;
            if (parts.empty() || parts.back().pack != v || parts.back().tensors.count == TENSORS) {
                parts.push_back({});
                parts.back().pack = v;
                parts.back().offset = blocks_in_all;
            }
            Part& part = parts.back();
            Tensors& tensors = part.tensors;
            const int at = tensors.count++;
            tensors.weight[at] = data<void>(weight);
            tensors.master[at] = lists.masters[i] ? data<void>(*lists.masters[i]) : nullptr;
            tensors.gradient[at] = data<void>(*lists.gradients[i]);
            tensors.mean[at] = data<void>(*lists.means[i]);
            tensors.square[at] = lists.squares[i] ? data<void>(*lists.squares[i]) : nullptr;
            tensors.numbers[at] = numbers;
            tensors.blocks[at] = part.blocks;
            const int own = blocks(numbers, 256 * v * 4);
            part.blocks += own;
            tensors.blocks[at + 1] = part.blocks;
            blocks_in_all += own;
        }
    }
    return parts;
}

}  // namespace

// Tensors are [R, n], contiguous, of one type each; timetable and counter as in kernels/optimizer.cu. clip <= 0 for none.
PICKLOCK picklock_step(const Tensor* const* weights, const Tensor* const* masters, const Tensor* const* gradients,
                       const Tensor* const* means, const Tensor* const* squares, int64_t count, int64_t replicas,
                       const double* constants, double clip, bool lion, const Tensor* timetable, const Tensor* counter) {
    return guarded([&] {
        int all;
        const auto split = parts({weights, masters, gradients, means, squares}, count, replicas, all);
        const long bf16 = is_bfloat16(*weights[0]), states = is_bfloat16(*means[0]), master = masters[0] != nullptr;
        for (int64_t i = 0; i < count; ++i) {
            TORCH_CHECK(gradients[i]->scalar_type() == weights[i]->scalar_type() && gradients[i]->is_contiguous() &&
                            gradients[i]->numel() == weights[i]->numel(),
                        "gradient ", i, " is no match of its weight");
        }
        const auto kernel = [&](const char* function, long v) {
            return Kernel{"optimizer",
                          function,
                          {{"BF16", bf16}, {"V", v}, {"STATES_BF16", states}, {"MASTER", master}, {"LION", lion}}};
        };
        const unsigned rows = static_cast<unsigned>(replicas);
        const auto options = weights[0]->options().dtype(at::kFloat);
        Tensor factors;
        if (clip > 0) {
            const Tensor squares_of = at::empty({replicas, all}, options);
            factors = at::empty({replicas}, options);
            for (const Part& part : split) {
                launch(kernel("squared_norm", part.pack), {static_cast<unsigned>(part.blocks), rows}, {256},
                       part.tensors, squares_of, part.offset, all);
            }
            launch(kernel("clip_factor", split[0].pack), {rows}, {256}, squares_of, factors, all, static_cast<float>(clip));
        }
        const Constants decays = {static_cast<float>(constants[0]), static_cast<float>(constants[1]),
                                  static_cast<float>(constants[2]), static_cast<float>(constants[3])};
        for (const Part& part : split) {
            launch(kernel("update", part.pack), {static_cast<unsigned>(part.blocks), rows}, {256},
                   part.tensors, decays, factors, *timetable, *counter);
        }
    });
}

PICKLOCK picklock_advance(const Tensor* counter) {
    return guarded([&] {
        launch({"optimizer", "advance", {{"BF16", 0}, {"V", 1}, {"STATES_BF16", 0}, {"MASTER", 0}, {"LION", 0}}}, {1}, {1},
               *counter);
    });
}
