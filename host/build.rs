//! Tells the linker where libtorch lies, so that tests and programs run with no environment set.

/// Emits the library folder that torch-sys found, and `.torch` beside `target` for a moved tree.
fn main() {
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
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
