#!/bin/sh
# Sets a checkout up: looks for the build's tools, and puts libtorch into .torch. Called by `make setup`.
#
# libtorch comes from the Python package index, in one pip command, because a second `--target` install does not
# merge into the folders of the first:
#   light  builds everything and runs on the CPU;
#   full   also runs on a GPU of this machine, and is taken where nvidia-smi answers.
# PICKLOCK_LIBTORCH=light or =full chooses by hand: full suits a login node that builds for GPU nodes.
#
# A finished install carries a stamp that names its set. It is made in .torch.partial and renamed into place, so that
# an interrupted one is never taken for whole. A .torch that is a symbolic link (to the site-packages of this
# machine's own torch) is only looked at, never changed.
set -eu
unset CDPATH
cd -- "$(dirname -- "$0")/../.."

version=2.11.0
crt=nvidia-cuda-crt==13.0.88
light="torch==$version nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 $crt"
full="torch==$version $crt"
stamp=.picklock-libtorch
log=.torch.log

say() { printf 'setup: %s\n' "$*"; }

die() {
    printf 'setup: %s\n' "$*" >&2
    exit 2
}

# libtorch can't be installed. Where a light one is in place, only the GPU is lost.
give_up() {
    if [ "$(set_of .torch)" = light ] && usable .torch; then
        say "this machine's GPU stays unused: $*; PICKLOCK_LIBTORCH=light stops asking"
        exit 0
    fi
    die "$*"
}

found() { command -v "$1" >/dev/null 2>&1; }

# Does nvidia-smi name a GPU? It can hang on a broken driver.
gpu() {
    found nvidia-smi || return 1
    if found timeout; then set -- timeout 30; else set --; fi
    "$@" nvidia-smi -L 2>/dev/null | grep -q '^GPU'
}

# Sets `kind` to the set that this machine should have, once: asking a driver takes a second.
kind=
choose() {
    [ -z "$kind" ] || return 0
    case ${PICKLOCK_LIBTORCH:-} in
        light | full) kind=$PICKLOCK_LIBTORCH ;;
        '') if gpu; then kind=full; else kind=light; fi ;;
        *) die "PICKLOCK_LIBTORCH is '$PICKLOCK_LIBTORCH'; it can be light or full" ;;
    esac
}

# The version of the torch in folder $1; nothing where there is none.
torch_in() { sed -n "s/^__version__[^=]*= *[\"']\([^\"'+]*\).*/\1/p" "$1/torch/version.py" 2>/dev/null || :; }

# Are the files there that the build needs first?
usable() {
    [ -d "$1" ] && [ "$(torch_in "$1")" = "$version" ] && [ -s "$1/torch/lib/libtorch_cpu.so" ] &&
        [ -s "$1/torch/include/torch/csrc/api/include/torch/torch.h" ] &&
        [ -s "$1/nvidia/cu13/include/cuda_runtime_api.h" ] && [ -s "$1/nvidia/cu13/include/cupti.h" ] &&
        [ -s "$1/nvidia/cu13/include/crt/host_defines.h" ]
}

# The set that the stamp in folder $1 names: light, full, or nothing where it names none of today's.
set_of() {
    case $(cat "$1/$stamp" 2>/dev/null || :) in
        "light: $light") echo light ;;
        "full: $full") echo full ;;
    esac
}

# Is set $1 the one that is wanted? A full set serves for a light one.
serves() {
    case $1 in
        full) ;;
        light) choose && [ "$kind" = light ] ;;
        *) return 1 ;;
    esac
}

# Does .torch hold what is wanted?
ready() { usable .torch && serves "$(set_of .torch)"; }

# Stamps folder $1, if it has no stamp and is whole: every file that its packages list is there, at its size.
stamp_if_whole() {
    usable "$1" && [ ! -e "$1/$stamp" ] || return 1
    whole=$(
        python3 - "$1" <<'PYTHON' 2>/dev/null
import csv, glob, os, sys

root = sys.argv[1]
infos = glob.glob(os.path.join(root, "*.dist-info"))
for info in infos:
    with open(os.path.join(info, "RECORD"), newline="", encoding="utf-8") as record:
        for path, _, size in csv.reader(record):
            outside = path.startswith("..") or os.path.isabs(path)  # scripts lie elsewhere under --target
            if size and not outside and os.path.getsize(os.path.join(root, path)) != int(size):
                sys.exit(f"{path} is not whole")
names = {os.path.basename(info).split("-")[0] for info in infos}
if "torch" not in names:
    sys.exit("torch lists no files")
print("full" if {"nvidia_cublas", "nvidia_cudnn_cu13", "nvidia_nccl_cu13"} <= names else "light")
PYTHON
    ) || return 1
    if [ "$whole" = full ]; then line="full: $full"; else line="light: $light"; fi
    echo "$line" >"$1/$stamp.new" && mv -f "$1/$stamp.new" "$1/$stamp"
}

# Ends in one line that names each tool that is missing; with `python`, those of the install too.
need_tools() {
    missing=
    want() { missing="${missing:+$missing; }$1"; }
    if [ "${1:-}" = python ]; then
        if ! found python3 || ! python3 -c '' 2>/dev/null; then
            want 'no python3: install Python 3.10 or later, with pip'
        elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
            want "$(python3 --version 2>&1) is too old for torch $version: install Python 3.10 or later"
        elif ! python3 -m pip --version >/dev/null 2>&1; then
            want "python3 has no pip: install the package python3-pip, or try 'python3 -m ensurepip'"
        fi
    fi
    python=$missing
    found cargo || want 'no cargo: install Rust with rustup'
    if [ -n "${CXX:-}" ]; then
        found "${CXX%% *}" || want "no C++ compiler: CXX names '$CXX', which is not there"
    else
        found c++ || found g++ || found clang++ ||
            want 'no C++ compiler (c++, g++ or clang++): install g++ or clang, or set CXX'
    fi
    [ "$missing" = "$python" ] || die "$missing"
    [ -z "$missing" ] || give_up "$missing"
}

# Takes the lock on descriptor 9: the kernel drops it when its last holder ends, however that ends. 1: it is held.
take_lock() {
    if found flock; then
        flock ${1:+-n} 9 2>/dev/null
    else
        python3 - ${1:+-n} <<'PYTHON'
import fcntl, sys

try:
    fcntl.flock(9, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[1:] else 0))
except BlockingIOError:
    sys.exit(1)
except OSError:
    sys.exit(71)
PYTHON
    fi
}

lock() {
    [ -w . ] || die "no write permission in $PWD"
    exec 9>.torch.lock
    status=0
    take_lock now || status=$?
    case $status in
        0) ;;
        1)
            say 'another set-up is at work in this checkout; waiting for it'
            take_lock || :
            ;;
        *) say 'this file system knows no locks: let only one set-up run in it at a time' ;;
    esac
}

# What went wrong, in a few words, from pip's own account of it.
reason() {
    seen() { grep -qiE "$1" "$log"; }
    if seen 'no space left on device|disk quota exceeded'; then
        echo "the disk is full: $(room "$1") are needed in $PWD"
    elif seen 'CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError'; then
        echo "pip does not trust its package index's certificate: see pip's option --cert"
    elif seen 'connection error|ConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|timed out|ProxyError|network is unreachable|connection (refused|reset|broken|aborted)|IncompleteRead'; then
        echo 'no network: pip does not reach its package index; connect, or set its proxy or index, and try again'
    elif seen 'permission denied|read-only file system'; then
        echo "pip may not write in $PWD"
    elif seen 'no matching distribution'; then
        echo "pip's package index has not all of torch $version for $(python3 --version 2>&1) on $(uname -m)"
    else
        echo 'pip failed'
    fi
}

size() { if [ "$1" = full ]; then echo '2.6 GB'; else echo '0.5 GB'; fi; }
room() { if [ "$1" = full ]; then echo '8 GB'; else echo '2 GB'; fi; }

# On a signal: nothing of the install is left.
stop() {
    kill "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
    printf '\033[?25h' >&3 # pip hides the cursor
    rm -rf .torch.partial
    die 'interrupted; call it again'
}

install() {
    if [ "$1" = full ]; then packages=$full flags=; else packages=$light flags=--no-deps; fi
    rm -rf .torch.partial "$log"
    mkdir -p .torch.partial/tmp
    say "installing libtorch $version into .torch, the $1 set (a download of $(size "$1"))"
    if [ -t 1 ]; then exec 3>&1; else exec 3>/dev/null; fi # pip's progress belongs on a terminal
    # In the background, so that a signal ends it at once; its temporary files lie beside its target.
    # shellcheck disable=SC2086 # the sets are lists of words
    TMPDIR=$PWD/.torch.partial/tmp PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        python3 -m pip --log "$log" install --no-compile --only-binary :all: $flags \
        --target .torch.partial/site $packages >&3 2>/dev/null &
    pip=$!
    trap 'stop $pip' HUP INT TERM
    if ! wait $pip; then
        why=$(reason "$1")
        rm -rf .torch.partial
        give_up "$why (details in $log)"
    fi
    trap - HUP INT TERM
    stamp_if_whole .torch.partial/site || give_up "pip ended well, but left no whole torch $version (details in $log)"
}

if [ -L .torch ]; then
    need_tools
    has=$(torch_in .torch)
    [ "$has" = "$version" ] && [ -s .torch/torch/lib/libtorch_cpu.so ] ||
        die ".torch links to $(readlink .torch), which has ${has:+torch $has and }no whole torch $version; mend or remove the link"
    exit 0
fi
if ready; then
    need_tools
    exit 0
fi
need_tools python
lock
[ -e .torch ] || [ ! -e .torch.old ] || mv .torch.old .torch # interrupted between two renames
stamp_if_whole .torch || :
if ! ready; then
    stamp_if_whole .torch.partial/site || : # a finished install whose set-up was killed before it said so
    choose
    if ! usable .torch.partial/site || ! serves "$(set_of .torch.partial/site)"; then install "$kind"; fi
    rm -rf .torch.old
    [ ! -e .torch ] || mv .torch .torch.old
    mv .torch.partial/site .torch
fi
rm -rf .torch.old .torch.partial "$log"
