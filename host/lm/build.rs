//! Tells the linker where libtorch lies, so that this crate's tests run with no environment set, and
//! builds its C++: a part of the program, and a library that is opened where libtorch finds a GPU.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What needs no GPU.
const PROGRAM: [&str; 1] = ["gradients"];

/// What needs one. Its symbols come from libtorch's CUDA half, which the program doesn't link.
const LIBRARY: [&str; 5] = ["graph", "kernel", "layers", "loss", "optimizer"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=csrc");
    let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        panic!("torch-sys names no libtorch; run make setup");
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}");
    for folder in [
        "$ORIGIN/../../.torch/torch/lib",
        "$ORIGIN/../../../.torch/torch/lib",
    ] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let torch = Path::new(&libtorch).parent().unwrap_or(Path::new("."));
    compiler(torch, &out)
        .files(PROGRAM.map(|name| format!("csrc/{name}.cpp")))
        .compile("picklock_torch");
    std::fs::write(out.join("sources.h"), sources()).expect("sources.h can be written");
    link(&compiler(torch, &out), &out.join("picklock_cuda.so"));
}

fn compiler(torch: &Path, out: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        .debug(false)
        .pic(true)
        .flag("-fvisibility=hidden")
        .include("csrc")
        .include(out);
    // The headers of others are not ours to be warned of.
    let folders = [
        torch.join("include"),
        torch.join("include/torch/csrc/api/include"),
        torch.join("../nvidia/cu13/include"),
    ];
    for folder in folders {
        build.flag(format!("-isystem{}", folder.display()));
    }
    build
}

/// Links the library against nothing: what it needs is in the process when it is opened.
fn link(build: &cc::Build, library: &Path) {
    let mut build = build.clone();
    let objects = build
        .files(LIBRARY.map(|name| format!("csrc/{name}.cpp")))
        .compile_intermediates();
    let mut command = build.get_compiler().to_command();
    command
        .arg("-shared")
        .args(objects)
        .arg("-o")
        .arg(library)
        .arg("-s");
    match command.status() {
        Ok(status) if status.success() => {}
        other => panic!("{} can't be linked: {other:?}", library.display()),
    }
}

/// A header with the text of all kernels, for NVRTC.
fn sources() -> String {
    let mut header = String::from(
        "#include <map>\n#include <string>\ninline const std::map<std::string, std::string>& sources() {\n\
         static const std::map<std::string, std::string> all = {\n",
    );
    let folder = std::fs::read_dir("csrc/kernels").expect("the kernels can be listed");
    for path in folder.flatten().map(|entry| entry.path()) {
        let text = std::fs::read_to_string(&path).expect("a kernel's source can be read");
        let name = path.file_stem().unwrap_or_default().display();
        let _ = writeln!(header, "{{\"{name}\", R\"KERNEL({text})KERNEL\"}},");
    }
    header.push_str("};\nreturn all;\n}\n");
    header
}
