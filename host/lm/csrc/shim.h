// What the files of the CUDA library share. It is opened where libtorch's CUDA half is; see ../src/cuda.rs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using at::Tensor;

// Every function that Rust calls returns null, or a message that Rust frees.
#define PICKLOCK extern "C" __attribute__((visibility("default"))) char*

// Does the work of such a function.
template <typename F>
char* guarded(F&& work) {
    try {
        work();
        return nullptr;
    } catch (const std::exception& error) {
        return strdup(error.what());
    } catch (...) {
        return strdup("unknown C++ error");
    }
}

// An optional tensor that Rust passes, undefined for none.
inline Tensor given(const Tensor* tensor) { return tensor ? *tensor : Tensor(); }

// The same for autograd's functions, which take no undefined ones.
using Optional = std::optional<Tensor>;
inline Optional optional(const Tensor* tensor) { return tensor ? Optional(tensor->contiguous()) : std::nullopt; }
inline Tensor given(const Optional& tensor) { return tensor.value_or(Tensor()); }

// A new tensor for Rust to own.
inline Tensor* owned(Tensor tensor) { return new Tensor(std::move(tensor)); }

template <typename E>
E* data(const Tensor& tensor) {
    return tensor.defined() ? static_cast<E*>(tensor.data_ptr()) : nullptr;
}

// A kernel's source, and the macros that it is compiled with.
struct Kernel {
    const char* file;
    const char* function;
    std::vector<std::pair<const char*, long>> macros;
};

struct Grid {
    unsigned x, y = 1;
};

struct Block {
    unsigned x, y = 1;
};

// Compiles a kernel where that is still to be done, and launches it on the current stream of the current device.
void launch_with(const Kernel& kernel, Grid grid, Block block, std::vector<void*> pointers);

// What a kernel takes for an argument: a tensor's data, or the value itself.
inline void* argument(const Tensor& tensor) { return data<void>(tensor); }
template <typename E>
const E& argument(const E& value) {
    return value;
}

// The same with the arguments as they are; numbers must have the types that the kernel declares.
template <typename... A>
void launch(const Kernel& kernel, Grid grid, Block block, const A&... arguments) {
    auto values = std::make_tuple(argument(arguments)...);
    std::apply([&](auto&... each) { launch_with(kernel, grid, block, {static_cast<void*>(&each)...}); }, values);
}

// Numbers that are loaded at once: 16 bytes of them where all sizes allow, else 1.
long pack(at::ScalarType type, std::initializer_list<int64_t> sizes);

// 1 for bfloat16, 0 for float32; other types are refused.
long is_bfloat16(const Tensor& tensor);

inline unsigned blocks(int64_t count, int64_t size) { return static_cast<unsigned>((count + size - 1) / size); }
