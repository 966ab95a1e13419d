//! Tells the linker where libtorch lies, so that this crate's tests run with no environment set.

/// Emits the library folder that torch-sys found, and `.torch` beside `target` for a moved tree.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    for folder in [
        "$ORIGIN/../../.torch/torch/lib",
        "$ORIGIN/../../../.torch/torch/lib",
    ] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
