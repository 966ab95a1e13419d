// Kernels are compiled at run time by NVRTC, for the sizes that are asked for, once a process.

#include "shim.h"

#include <ATen/core/grad_mode.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/Exception.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <map>
#include <mutex>

#include "sources.h"

namespace {

// NVRTC's interface, as far as it is used; its library comes with libtorch.
struct Nvrtc {
    using Program = void*;
    int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*);
    int (*compile)(Program, int, const char* const*);
    int (*log_size)(Program, size_t*);
    int (*log)(Program, char*);
    int (*binary_size)(Program, size_t*);
    int (*binary)(Program, char*);
    int (*destroy)(Program*);
};

void* open(const std::string& folder, const char* name) {
    void* library = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_GLOBAL);
    return library ? library : dlopen(name, RTLD_NOW | RTLD_GLOBAL);
}

Nvrtc nvrtc() {
    // It lies beside the CUDA runtime.
    Dl_info runtime;
    std::string folder;
    if (dladdr(reinterpret_cast<void*>(&cudaGetDevice), &runtime) && runtime.dli_fname) {
        folder = runtime.dli_fname;
        folder.resize(folder.rfind('/') + 1);
    }
    // NVRTC looks for this by name alone.
    open(folder, "libnvrtc-builtins.so.13.0");
    void* library = open(folder, "libnvrtc.so.13");
    TORCH_CHECK(library, "NVRTC: ", dlerror());
    const auto find = [library](auto& function, const char* name) {
        void* symbol = dlsym(library, name);
        TORCH_CHECK(symbol, "NVRTC has no ", name);
        function = reinterpret_cast<std::decay_t<decltype(function)>>(symbol);
    };
    Nvrtc found;
    find(found.create, "nvrtcCreateProgram");
    find(found.compile, "nvrtcCompileProgram");
    find(found.log_size, "nvrtcGetProgramLogSize");
    find(found.log, "nvrtcGetProgramLog");
    find(found.binary_size, "nvrtcGetCUBINSize");
    find(found.binary, "nvrtcGetCUBIN");
    find(found.destroy, "nvrtcDestroyProgram");
    return found;
}

std::string compiled(const char* file, const std::vector<std::string>& options) {
    static const Nvrtc library = nvrtc();
    std::string source = sources().at("element");
    source += sources().at(file);
    Nvrtc::Program program;
    TORCH_CHECK(!library.create(&program, source.c_str(), file, 0, nullptr, nullptr), "NVRTC: no program");
    std::vector<const char*> arguments;
    for (const auto& option : options) arguments.push_back(option.c_str());
    const bool failed = library.compile(program, static_cast<int>(arguments.size()), arguments.data());
    std::string binary, log;
    size_t size = 0;
    if (failed) {
        library.log_size(program, &size);
        log.resize(size);
        library.log(program, log.data());
    } else {
        library.binary_size(program, &size);
        binary.resize(size);
        library.binary(program, binary.data());
    }
    library.destroy(&program);
    TORCH_CHECK(!failed, "kernel ", file, ": ", log);
    return binary;
}

cudaLibrary_t loaded(const Kernel& kernel) {
    static std::mutex mutex;
    static std::map<std::string, cudaLibrary_t> known;
    int device, major, minor;
    C10_CUDA_CHECK(cudaGetDevice(&device));
    std::string key = std::to_string(device) + kernel.file;
    for (const auto& [name, value] : kernel.macros) key += std::string(" ") + name + "=" + std::to_string(value);
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = known.find(key);
    if (found != known.end()) return found->second;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
    std::vector<std::string> options = {"--gpu-architecture=sm_" + std::to_string(major) + std::to_string(minor),
                                        "--std=c++17"};
    for (const auto& [name, value] : kernel.macros) {
        options.push_back(std::string("-D") + name + "=" + std::to_string(value));
    }
    const std::string binary = compiled(kernel.file, options);
    cudaLibrary_t library;
    C10_CUDA_CHECK(cudaLibraryLoadData(&library, binary.data(), nullptr, nullptr, 0, nullptr, nullptr, 0));
    known[key] = library;
    return library;
}

}  // namespace

void launch_with(const Kernel& kernel, Grid grid, Block block, std::vector<void*> pointers) {
    if (grid.x == 0 || grid.y == 0) return;
    cudaKernel_t function;
    C10_CUDA_CHECK(cudaLibraryGetKernel(&function, loaded(kernel), kernel.function));
    const auto stream = c10::cuda::getCurrentCUDAStream();
    C10_CUDA_CHECK(cudaLaunchKernel(reinterpret_cast<const void*>(function), dim3(grid.x, grid.y), dim3(block.x, block.y),
                                    pointers.data(), 0, stream.stream()));
}

long pack(at::ScalarType type, std::initializer_list<int64_t> sizes) {
    const long wanted = type == at::kBFloat16 ? 8 : 4;
    for (const int64_t size : sizes) {
        if (size % wanted) return 1;
    }
    return wanted;
}

long is_bfloat16(const Tensor& tensor) {
    TORCH_CHECK(tensor.scalar_type() == at::kBFloat16 || tensor.scalar_type() == at::kFloat,
                "expected float32 or bfloat16, got ", tensor.scalar_type());
    return tensor.scalar_type() == at::kBFloat16;
}
