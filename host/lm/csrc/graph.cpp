// CUDA graphs, the stream that they need, and the device's memory.

#include "shim.h"

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#include <memory>

namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

struct Captured {
    at::cuda::CUDAGraph graph;
    int device;
};

// A graph of its own keeps the memory that captures share: what one leaves, the next one uses. So nothing that is read
// after a replay may lie in it. Per thread, as graphs of one thread never run at the same time.
std::unique_ptr<Captured>& keeper(int device) {
    thread_local std::map<int, std::unique_ptr<Captured>> keepers;
    return keepers[device];
}

// Other threads, autograd's, may do what a capture forbids to this one.
void begin(Captured& captured, at::cuda::MempoolId_t pool) {
    captured.graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
}

// The smallest graph there is.
std::unique_ptr<Captured> smallest(int device) {
    const auto options = at::TensorOptions().dtype(at::kByte).device(at::kCUDA, static_cast<c10::DeviceIndex>(device));
    const Tensor something = at::empty({1}, options);
    auto made = std::make_unique<Captured>();
    made->device = device;
    begin(*made, at::cuda::graph_pool_handle());
    C10_CUDA_CHECK(cudaMemsetAsync(something.data_ptr(), 0, 1, c10::cuda::getCurrentCUDAStream(device)));
    made->graph.capture_end();
    return made;
}

at::cuda::MempoolId_t shared_pool(int device) {
    auto& kept = keeper(device);
    if (!kept) kept = smallest(device);
    return kept->graph.pool();
}

// Does each part of what a failed end has left undone; the end may have failed after any of them.
template <typename F>
void perhaps(F&& part) {
    try {
        part();
    } catch (const std::exception&) {
    }
}

}  // namespace

// Makes a device this thread's own, with a stream that can be captured.
PICKLOCK picklock_enter(int device) {
    return guarded([&] {
        at::globalContext().lazyInitDevice(at::kCUDA);
        c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
        if (c10::cuda::getCurrentCUDAStream(device) == c10::cuda::getDefaultCUDAStream(device)) {
            C10_CUDA_CHECK(cudaDeviceSynchronize());
            c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool(false, device));
        }
    });
}

PICKLOCK picklock_capture_begin(void** graph, int device) {
    return guarded([&] {
        const auto pool = shared_pool(device);
        auto captured = std::make_unique<Captured>();
        captured->device = device;
        begin(*captured, pool);
        *graph = captured.release();
    });
}

PICKLOCK picklock_capture_end(void* graph) {
    return guarded([&] { static_cast<Captured*>(graph)->graph.capture_end(); });
}

// Ends a capture in which something failed, and forgets it.
PICKLOCK picklock_capture_abort(void* graph) {
    return guarded([&] {
        const auto captured = static_cast<Captured*>(graph);
        try {
            captured->graph.capture_end();
        } catch (const std::exception&) {
            // Where the stream refuses, the allocators, of the device's memory and of pinned memory, have not been told yet
            // that the capture is over: no other one could begin.
            const auto device = static_cast<c10::DeviceIndex>(captured->device);
            const auto pool = shared_pool(captured->device);
            const auto pinned = at::getHostAllocator(at::kCUDA);
            perhaps([&] { allocator::endAllocateToPool(device, pool); });
            perhaps([&] { pinned->end_allocate_to_pool(pool); });
            allocator::releasePool(device, pool);
            pinned->release_pool(pool);
            cudaGetLastError();
            // Nor has the generator of random numbers, which would refuse to be used: a capture that succeeds tells it. The
            // failed graph stays behind, since others still point to it.
            smallest(captured->device);
            return;
        }
        delete captured;
    });
}

PICKLOCK picklock_replay(void* graph) {
    return guarded([&] { static_cast<Captured*>(graph)->graph.replay(); });
}

PICKLOCK picklock_graph_free(void* graph) {
    return guarded([&] { delete static_cast<Captured*>(graph); });
}

PICKLOCK picklock_synchronize(int device) {
    return guarded([&] {
        c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
        C10_CUDA_CHECK(cudaDeviceSynchronize());
    });
}

// numbers: bytes allocated, reserved, most allocated so far, free on the device, of all.
PICKLOCK picklock_memory(uint64_t* numbers, int device) {
    return guarded([&] {
        at::globalContext().lazyInitDevice(at::kCUDA);  // before which the allocator knows no device
        const auto stats = allocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
        numbers[0] = stats.allocated_bytes[0].current;
        numbers[1] = stats.reserved_bytes[0].current;
        numbers[2] = stats.allocated_bytes[0].peak;
        size_t free, all;
        c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
        C10_CUDA_CHECK(cudaMemGetInfo(&free, &all));
        numbers[3] = free;
        numbers[4] = all;
    });
}

PICKLOCK picklock_reset_peak(int device) {
    return guarded([&] {
        at::globalContext().lazyInitDevice(at::kCUDA);
        allocator::resetPeakStats(static_cast<c10::DeviceIndex>(device));
    });
}

// Gives back what nothing uses, the captures' memory too.
PICKLOCK picklock_empty_cache(int device) {
    return guarded([&] {
        keeper(device).reset();
        allocator::emptyCache();
    });
}

// Uninitialised numbers in host memory that the device can reach by itself.
PICKLOCK picklock_pinned_like(Tensor** out, const Tensor* like) {
    return guarded([&] {
        *out = owned(at::empty(like->sizes(), at::TensorOptions().dtype(like->dtype()).pinned_memory(true)));
    });
}
