// Linked into the program, for a CPU too: gradients of several roots with slopes of their own.

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "shim.h"

// A null slope stands for 1, for a root of one number. A null result is an input that no root depends on.
PICKLOCK picklock_gradients(const Tensor* const* roots, const Tensor* const* slopes, int64_t root_count,
                            const Tensor* const* inputs, int64_t input_count, Tensor** results) {
    PICKLOCK_TRY
    std::vector<Tensor> from, along, to;
    for (int64_t i = 0; i < root_count; ++i) {
        from.push_back(*roots[i]);
        along.push_back(given(slopes[i]));
    }
    for (int64_t i = 0; i < input_count; ++i) to.push_back(*inputs[i]);
    const auto gradients = torch::autograd::grad(from, to, along, false, false, true);
    for (int64_t i = 0; i < input_count; ++i) results[i] = gradients[i].defined() ? owned(gradients[i]) : nullptr;
    PICKLOCK_END
}

extern "C" void picklock_free_message(char* message) { free(message); }
