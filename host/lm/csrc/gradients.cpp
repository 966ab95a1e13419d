// Linked into the program, for a CPU too: gradients of several roots, each with a grad_output of its own.

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "shim.h"

// A null grad_output stands for 1, for a root of one number. A null result is an input that no root depends on.
PICKLOCK picklock_gradients(const Tensor* const* roots, const Tensor* const* grad_outputs, int64_t root_count,
                            const Tensor* const* inputs, int64_t input_count, Tensor** results) {
    return guarded([&] {
        std::vector<Tensor> from, outputs, to;
        for (int64_t i = 0; i < root_count; ++i) {
            from.push_back(*roots[i]);
            outputs.push_back(given(grad_outputs[i]));
        }
        for (int64_t i = 0; i < input_count; ++i) to.push_back(*inputs[i]);
        const auto gradients = torch::autograd::grad(from, to, outputs, false, false, true);
        for (int64_t i = 0; i < input_count; ++i) results[i] = gradients[i].defined() ? owned(gradients[i]) : nullptr;
    });
}

extern "C" void picklock_free_message(char* message) { free(message); }
