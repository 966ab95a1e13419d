// The output head and cross-entropy together, a chunk of rows at a time, so that the logits of a large vocabulary never
// exist all at once. Gradients are made along with the losses.

#include "shim.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <torch/csrc/autograd/custom_function.h>

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

// Logits that exist at a time.
constexpr int64_t MOST_LOGITS = int64_t{1} << 27;

struct SoftRows {
    const float* probabilities;
    int first, rows, answers;
};

struct Loss {
    Tensor rows;  // [R, N], float32
    Tensor x, weight;  // gradients, where asked for
};

Tensor product(const Tensor& a, const Tensor& b) { return a.dim() == 2 ? at::mm(a, b) : at::bmm(a, b); }

// x [N, D] and weight [V, D], or [R, N, D] and [R, V, D]. Without shares each counts 1.
Loss computed(const Tensor& x, const Tensor& weight, const Tensor& labels, const Tensor& shares, SoftRows soft,
              bool with_gradients) {
    const int64_t replicas = x.dim() == 2 ? 1 : x.size(0), tokens = x.size(-2), vocabulary = weight.size(-2);
    const int64_t most = std::max<int64_t>(1, MOST_LOGITS / (replicas * vocabulary));
    Loss loss;
    loss.rows = at::empty({replicas, tokens}, x.options().dtype(at::kFloat));
    if (with_gradients) loss.x = at::empty_like(x);
    const long threads = vocabulary <= 1024 ? 32 : 512;
    const Kernel kernel = {"cross_entropy",
                           "cross_entropy",
                           {{"BF16", is_bfloat16(x)}, {"V", pack(x.scalar_type(), {vocabulary})}, {"THREADS", threads}}};
    for (int64_t start = 0; start < tokens; start += most) {
        const int64_t count = std::min(most, tokens - start);
        const Tensor part = x.narrow(-2, start, count);
        const Tensor logits = product(part, weight.transpose(-1, -2));
        const int rows = replicas * count, chunk = count, offset = start, all = tokens, words = vocabulary,
                  keep = !with_gradients;
        const unsigned side_by_side = threads == 32 ? 8 : 1;
        launch(kernel, {blocks(rows, side_by_side)}, {static_cast<unsigned>(threads), side_by_side}, logits, labels,
               shares, loss.rows, soft, rows, chunk, offset, all, words, keep);
        if (!with_gradients) continue;
        loss.x.narrow(-2, start, count).copy_(product(logits, weight));
        const Tensor across = logits.transpose(-1, -2);
        if (!loss.weight.defined()) {
            loss.weight = product(across, part);
        } else if (x.dim() == 2) {
            loss.weight.addmm_(across, part);
        } else {
            loss.weight.baddbmm_(across, part);
        }
    }
    return loss;
}

struct CrossEntropy : Function<CrossEntropy> {
    static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& labels,
                          const Tensor& shares, SoftRows soft, bool with_gradients) {
        const Loss loss = computed(x, weight, labels, shares, soft, with_gradients);
        context->save_for_backward({loss.x, loss.weight});
        return at::sum(loss.rows, {1});
    }

    // The losses are summed up, so that each one's own grad_output is 1.
    static variable_list backward(AutogradContext* context, variable_list) {
        const auto saved = context->get_saved_variables();
        return {saved[0], saved[1], Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

}  // namespace

// soft: first soft row, rows, answers a row.
PICKLOCK picklock_cross_entropy(Tensor** out, const Tensor* x, const Tensor* weight, const Tensor* labels,
                                const Tensor* shares, const Tensor* probabilities, const int64_t* soft) {
    return guarded([&] {
        const Tensor whole = probabilities ? probabilities->to(at::kFloat).contiguous() : Tensor();
        const SoftRows rows{data<float>(whole), static_cast<int>(soft[0]), static_cast<int>(soft[1]), static_cast<int>(soft[2])};
        const bool with_gradients = at::GradMode::is_enabled() && (x->requires_grad() || weight->requires_grad());
        *out = owned(CrossEntropy::apply(x->contiguous(), weight->contiguous(), labels->contiguous(), shares->contiguous(), rows,
                                         with_gradients));
    });
}

// Log-probabilities of labels, [R * N], float32.
PICKLOCK picklock_log_probs(Tensor** out, const Tensor* x, const Tensor* weight, const Tensor* labels) {
    return guarded([&] {
        const Loss loss = computed(x->contiguous(), weight->contiguous(), labels->contiguous(), Tensor(), {}, false);
        *out = owned(loss.rows.view({-1}).neg());
    });
}
