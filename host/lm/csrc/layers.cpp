// Layers that libtorch computes in many launches, in one each, with their gradients.

#include "shim.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

struct NormShape {
    int width, rows, replicas, rows_per_replica;
    long threads, pack;

    NormShape(const Tensor& x, const Tensor& weight)
        : width(x.size(-1)),
          rows(x.numel() / width),
          replicas(weight.numel() / width),
          rows_per_replica(rows / replicas),
          threads(width <= 1024 ? 32 : 256),
          pack(::pack(x.scalar_type(), {width})) {}

    unsigned rows_a_block() const { return threads == 32 ? 8 : 1; }

    Kernel kernel(const char* function, const Tensor& x, bool layer) const {
        return {"norm",
                function,
                {{"BF16", is_bfloat16(x)}, {"V", pack}, {"D", width}, {"THREADS", threads}, {"LAYER", layer}}};
    }
};

// The sum of parts [R, P, D] over P, in the shape and type of a weight.
Tensor summed(const NormShape& shape, const Tensor& parts, const Tensor& like, bool layer) {
    const Tensor sums = at::empty_like(like);
    const int count = parts.size(1);
    launch(shape.kernel("norm_parts", like, layer), {blocks(shape.width, 32), static_cast<unsigned>(shape.replicas)},
           {32, count < 8 ? 4u : 32u}, parts, sums, count);
    return sums;
}

struct Norm : Function<Norm> {
    static variable_list forward(AutogradContext* context, const Tensor& x, const Optional& added, const Tensor& weight,
                                 const Optional& shift, double epsilon) {
        const Tensor delta = given(added), bias = given(shift);
        const NormShape shape(x, weight);
        const Tensor normed = at::empty_like(x);
        const Tensor sum = delta.defined() ? at::empty_like(x) : x;
        const Tensor stats = at::empty({shape.rows, 2}, x.options().dtype(at::kFloat));
        launch(shape.kernel("norm_forward", x, bias.defined()), {blocks(shape.rows, shape.rows_a_block())},
               {static_cast<unsigned>(shape.threads), shape.rows_a_block()}, x, delta, weight, bias, sum, normed, stats,
               shape.rows, shape.rows_per_replica, static_cast<float>(epsilon));
        context->save_for_backward({sum, weight, bias, stats});
        context->set_materialize_grads(false);
        if (delta.defined()) return {sum, normed};
        return {normed};
    }

    static variable_list backward(AutogradContext* context, variable_list grad_outputs) {
        const auto saved = context->get_saved_variables();
        const Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &stats = saved[3];
        const bool added = grad_outputs.size() == 2;
        const Tensor besides = added && grad_outputs[0].defined() ? grad_outputs[0].contiguous() : Tensor();
        if (!grad_outputs.back().defined()) return {besides, besides, Tensor(), Tensor(), Tensor()};
        const Tensor grad_output = grad_outputs.back().contiguous();
        const NormShape shape(x, weight);
        // As many blocks as a large device holds at once, and no more than there are rows for.
        const int64_t most = std::max<int64_t>(1, (shape.threads == 32 ? 528 : 264) / shape.replicas);
        const int64_t parts = std::min<int64_t>(blocks(shape.rows_per_replica, shape.rows_a_block()), most);
        const auto options = x.options().dtype(at::kFloat);
        const Tensor weight_parts = at::empty({shape.replicas, parts, shape.width}, options);
        const Tensor bias_parts = bias.defined() ? at::empty_like(weight_parts) : Tensor();
        const Tensor to = at::empty_like(x);
        launch(shape.kernel("norm_backward", x, bias.defined()),
               {static_cast<unsigned>(parts), static_cast<unsigned>(shape.replicas)},
               {static_cast<unsigned>(shape.threads), shape.rows_a_block()}, grad_output, besides, x, weight, stats, to,
               weight_parts, bias_parts, shape.rows_per_replica);
        const auto sum = [&](const Tensor& parts, const Tensor& like) {
            return like.defined() ? summed(shape, parts, like, bias.defined()) : Tensor();
        };
        return {to, added ? to : Tensor(), sum(weight_parts, weight), sum(bias_parts, bias), Tensor()};
    }
};

struct HeadsShape {
    int64_t queries, keys, width, rows, length;
    bool heads_first;

    int64_t slots() const { return queries + 2 * keys; }

    Kernel kernel(const char* function, const Tensor& x, int64_t rotated) const {
        const long v = pack(x.scalar_type(), {width, rotated / 2});
        return {"heads", function, {{"BF16", is_bfloat16(x)}, {"V", v}, {"D", width}, {"HEADS_FIRST", heads_first}}};
    }
};

struct Strides {
    int64_t row, head, token;

    explicit Strides(const Tensor& x) : row(x.stride(0)), head(x.stride(1)), token(x.stride(2)) {}
};

struct Heads : Function<Heads> {
    static variable_list forward(AutogradContext* context, const Tensor& all, const Optional& cosines,
                                 const Optional& sines, const Optional& of, HeadsShape shape) {
        const Tensor cos = given(cosines), sin = given(sines), positions = given(of);
        const auto room = [&](int64_t heads) { return at::empty({shape.rows, shape.length, heads, shape.width}, all.options()); };
        const Tensor q = room(shape.queries), k = room(shape.keys), v = room(shape.keys);
        const int rotated = cos.defined() ? cos.size(1) : 0;
        const Kernel kernel = shape.kernel("heads_forward", all, rotated);
        const int64_t packs = all.numel() / kernel.macros[1].second;
        const int length = shape.length, queries = shape.queries, keys = shape.keys;
        launch(kernel, {blocks(packs, 256)}, {256}, all, q, k, v, cos, sin, positions, packs, length, queries, keys,
               rotated);
        context->save_for_backward({cos, sin, positions});
        context->saved_data["shape"] = std::vector<int64_t>{shape.queries, shape.keys,   shape.width,
                                                            shape.rows,    shape.length, shape.heads_first};
        context->saved_data["sizes"] = all.sizes().vec();
        return {q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)};
    }

    static variable_list backward(AutogradContext* context, variable_list grad_outputs) {
        const auto saved = context->get_saved_variables();
        const Tensor &cos = saved[0], &sin = saved[1], &positions = saved[2];
        const auto sizes = context->saved_data["shape"].toIntVector();
        const HeadsShape shape{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5] != 0};
        for (auto& grad_output : grad_outputs) {
            if (grad_output.stride(3) != 1) grad_output = grad_output.contiguous();
        }
        const Tensor to = at::empty(context->saved_data["sizes"].toIntVector(), grad_outputs[0].options());
        const Tensor &q = grad_outputs[0], &k = grad_outputs[1], &v = grad_outputs[2];
        const int rotated = cos.defined() ? cos.size(1) : 0;
        Kernel kernel = shape.kernel("heads_backward", to, rotated);
        for (const Tensor& grad_output : grad_outputs) {
            // Gradients of attention may lie at any offset and stride.
            const int64_t wide = 16 / static_cast<int64_t>(to.element_size());
            const bool aligned = reinterpret_cast<uintptr_t>(grad_output.data_ptr()) % 16 == 0 && grad_output.stride(0) % wide == 0 &&
                                 grad_output.stride(1) % wide == 0 && grad_output.stride(2) % wide == 0;
            if (!aligned) kernel.macros[1].second = 1;
        }
        const int64_t packs = to.numel() / kernel.macros[1].second;
        const int length = shape.length, queries = shape.queries, keys = shape.keys;
        launch(kernel, {blocks(packs, 256)}, {256}, q, k, v, Strides(q), Strides(k), Strides(v), to, cos, sin, positions,
               packs, length, queries, keys, rotated);
        return {to, Tensor(), Tensor(), Tensor(), Tensor()};
    }
};

struct Gate : Function<Gate> {
    static Kernel kernel(const char* function, const Tensor& x) {
        return {"gate", function, {{"BF16", is_bfloat16(x)}, {"V", pack(x.scalar_type(), {x.size(-1) / 2})}}};
    }

    static Tensor forward(AutogradContext* context, const Tensor& x) {
        auto sizes = x.sizes().vec();
        sizes.back() /= 2;
        const Tensor y = at::empty(sizes, x.options());
        const Kernel kernel = Gate::kernel("gate_forward", x);
        const int64_t packs = y.numel() / kernel.macros[1].second;
        launch(kernel, {blocks(packs, 256)}, {256}, x, y, packs, static_cast<int>(sizes.back()));
        context->save_for_backward({x});
        return y;
    }

    static variable_list backward(AutogradContext* context, variable_list grad_outputs) {
        const Tensor x = context->get_saved_variables()[0], grad_output = grad_outputs[0].contiguous();
        const Tensor to = at::empty_like(x);
        const Kernel kernel = Gate::kernel("gate_backward", x);
        const int64_t packs = grad_output.numel() / kernel.macros[1].second;
        launch(kernel, {blocks(packs, 256)}, {256}, grad_output, x, to, packs, static_cast<int>(grad_output.size(-1)));
        return {to};
    }
};

struct Embedding : Function<Embedding> {
    // table [R * V, D], ids [R, n] to [R, n, D].
    static Tensor forward(AutogradContext* context, const Tensor& table, const Tensor& ids) {
        context->save_for_backward({ids});
        context->saved_data["sizes"] = table.sizes().vec();
        return at::embedding(table, ids);
    }

    static variable_list backward(AutogradContext* context, variable_list grad_outputs) {
        const Tensor ids = context->get_saved_variables()[0], grad_output = grad_outputs[0].contiguous();
        const auto sizes = context->saved_data["sizes"].toIntVector();
        const int64_t replicas = ids.size(0), entries = sizes[0] / replicas;
        // A block an entry is enough of them in a stack alone.
        const bool by_entry = replicas > 1 && entries <= ids.size(1);
        const Tensor to = by_entry ? at::empty(sizes, grad_output.options()) : at::zeros(sizes, grad_output.options());
        const int tokens = ids.size(1);
        launch({"embedding",
                "embedding_backward",
                {{"BF16", is_bfloat16(grad_output)}, {"V", 1}, {"D", sizes[1]}, {"BY_ENTRY", by_entry}}},
               {static_cast<unsigned>(by_entry ? entries : tokens), static_cast<unsigned>(replicas)}, {128}, grad_output,
               ids, to, tokens);
        return {to, Tensor()};
    }
};

HeadsShape heads_shape(const int64_t* sizes) { return {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5] != 0}; }

}  // namespace

// Without a delta there is no sum: it is x.
PICKLOCK picklock_norm(Tensor** sum, Tensor** normed, const Tensor* x, const Tensor* delta, const Tensor* weight,
                       const Tensor* bias, double epsilon) {
    return guarded([&] {
        const auto out = Norm::apply(x->contiguous(), optional(delta), weight->contiguous(), optional(bias), epsilon);
        *sum = delta ? owned(out[0]) : nullptr;
        *normed = owned(out.back());
    });
}

// sizes: query heads, key heads, numbers a head, rows, tokens a row, whether heads come first.
PICKLOCK picklock_heads(Tensor** out, const Tensor* all, const Tensor* cos, const Tensor* sin, const Tensor* positions,
                        const int64_t* sizes) {
    return guarded([&] {
        const auto parts = Heads::apply(all->contiguous(), optional(cos), optional(sin), optional(positions), heads_shape(sizes));
        for (int part = 0; part < 3; ++part) out[part] = owned(parts[part]);
    });
}

PICKLOCK picklock_gate(Tensor** out, const Tensor* x) {
    return guarded([&] { *out = owned(Gate::apply(x->contiguous())); });
}

PICKLOCK picklock_embedding(Tensor** out, const Tensor* table, const Tensor* ids) {
    return guarded([&] { *out = owned(Embedding::apply(table->contiguous(), ids->contiguous())); });
}

PICKLOCK picklock_append(Tensor** q, const Tensor* all, const Tensor* cos, const Tensor* sin, const Tensor* positions,
                         const Tensor* newest, const Tensor* keys, const Tensor* values, const int64_t* sizes) {
    return guarded([&] {
        const HeadsShape shape = heads_shape(sizes);
        const Tensor from = all->contiguous(), at = positions ? positions->contiguous() : Tensor();
        const Tensor to = at::empty({shape.rows, shape.queries, shape.width}, from.options());
        const int rotated = cos ? cos->size(1) : 0;
        const Kernel kernel = shape.kernel("heads_append", from, rotated);
        const int64_t packs = from.numel() / kernel.macros[1].second;
        const int capacity = keys->size(2), query_heads = shape.queries, key_heads = shape.keys;
        launch(kernel, {blocks(packs, 256)}, {256}, from, to, *keys, *values, given(cos), given(sin), at, *newest, packs,
               capacity, query_heads, key_heads, rotated);
        *q = owned(to);
    });
}

// q [rows, H, d] over caches [rows, G, capacity, d] to [rows, H * d]; window 0 for none.
PICKLOCK picklock_attend(Tensor** out, const Tensor* q, const Tensor* keys, const Tensor* values, const Tensor* newest,
                         const Tensor* first, int64_t window) {
    return guarded([&] {
        const int64_t rows = q->size(0), queries = q->size(1), width = q->size(2), heads = keys->size(1);
        const long v = pack(q->scalar_type(), {width});
        long lanes = 1;
        while (lanes < 32 && lanes * v < width) lanes *= 2;
        const long packs = blocks(width, lanes * v), group = queries / heads;
        const long warps = keys->size(2) <= 96 ? 1 : 4;
        // Query heads that go together: numbers of four are what a thread has registers for.
        const long parts = blocks(group, std::max(1L, std::min(4L, 32 / (packs * v)))), together = blocks(group, parts);
        const Tensor to = at::empty({rows, queries * width}, q->options());
        const int64_t items = rows * heads * parts;
        const int head_count = heads, capacity = keys->size(2), near = window;
        const float scale = 1.f / std::sqrt(static_cast<float>(width));
        launch({"attend",
                "attend",
                {{"BF16", is_bfloat16(*q)},
                 {"V", v},
                 {"D", width},
                 {"GROUP", together},
                 {"PARTS", parts},
                 {"SHARING", group},
                 {"WARPS", warps},
                 {"LANES", lanes},
                 {"PACKS", packs}}},
               {warps == 1 ? blocks(items, 4) : static_cast<unsigned>(items)}, {128}, *q, *keys, *values,
               to, *newest, given(first), items, head_count, capacity, near, scale);
        *out = owned(to);
    });
}
