//! Files that are no plugin, or not one to trust, are refused before any of their code runs.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use picklock_sdk::abi::{MAGIC, NUMBER};
use picklock_tests::{Done, Place, built, built_plugin, patched, skipped};

/// What starts a manifest: its magic, and the ABI's number.
fn start() -> Vec<u8> {
    [&MAGIC[..], &NUMBER.to_le_bytes()].concat()
}

/// The refusals of running and of trusting these bytes as `core`'s plugin.
fn refusals(place: &Place, plugin: &[u8]) -> [String; 2] {
    place.put("core", plugin);
    let path = place.plugin("core").display().to_string();
    let trust = place.picklock(&["plugins", "trust", &path]);
    let run = place.run(&["core"]);
    assert!(!place.here("results").exists(), "it left something behind");
    [run, trust].map(|done| done.refusal().to_string())
}

#[test]
fn a_truncated_plugin_is_refused_wherever_it_is_cut() {
    let place = Place::new();
    let whole = built_plugin("core");
    let path = place.plugin("core").display().to_string();
    for length in [0, 3, 40, 64, 300, 4096, whole.len() / 2, whole.len() - 1] {
        for line in refusals(&place, &whole[..length]) {
            assert!(line.starts_with(&path), "{length}: {line}");
            assert!(line.contains("build"), "{length}: {line}");
            if length >= 4096 {
                let problem = format!("truncated: {length} bytes, expected at least ");
                assert!(line.contains(&problem), "{length}: {line}");
            }
        }
    }
}

#[test]
fn what_is_no_plugin_is_refused() {
    let place = Place::new();
    let path = place.plugin("core").display().to_string();
    let refused = |plugin: &[u8], problem: &str| {
        for line in refusals(&place, plugin) {
            assert_eq!(line, format!("{path}: {problem}"));
        }
    };
    let no_elf = "no plugin: not an ELF library; build one with cargo build";
    refused(b"I am a text file, and proud of it.\n", no_elf);
    let no_section =
        "no plugin: it has no .picklock section; export a hypothesis with export_hypothesis!";
    refused(&std::fs::read(libc()).unwrap(), no_section);
    let strange = patched(&built_plugin("core"), &start(), b"LOCKPICK\x01\0\0\0");
    refused(
        &strange,
        "no plugin: its .picklock section doesn't start with PICKLOCK",
    );
}

/// An ordinary shared library: the C library that this test runs on.
fn libc() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let paths = maps
        .lines()
        .filter_map(|line| Some(&line[line.find('/')?..]));
    let mut libraries = paths.filter(|path| path.contains("/libc.so") || path.contains("/libc-"));
    libraries.next().expect("a C library").to_string()
}

#[test]
fn a_plugin_of_another_abi_is_refused_with_both_numbers() {
    let place = Place::new();
    for (bytes, number) in [(b"PICKLOCK\x01\0\0\0", 1), (b"PICKLOCK\0\0\x01\0", 65536)] {
        let expected = format!(
            "plugin core: ABI {number}, this picklock speaks 3; rebuild it with cargo build -p picklock-core"
        );
        let other = patched(&built_plugin("core"), &start(), bytes);
        assert_eq!(refusals(&place, &other), [expected.clone(), expected]);
    }
}

#[test]
fn a_plugin_of_another_sdk_is_refused_with_both_versions() {
    let place = Place::new();
    let ours = env!("CARGO_PKG_VERSION");
    let padded = |version: &str| {
        let mut bytes = version.as_bytes().to_vec();
        bytes.resize(32, 0);
        bytes
    };
    // The plugin's own version stands before the SDK's.
    let from = [padded("0.1.0"), padded(ours)].concat();
    let to = [padded("0.1.0"), padded("7.8.9")].concat();
    let other = patched(&built_plugin("core"), &from, &to);
    let expected = format!(
        "plugin core: SDK 7.8.9, this picklock has {ours}; rebuild it with cargo build -p picklock-core"
    );
    assert_eq!(refusals(&place, &other), [expected.clone(), expected]);

    // One whose manifest is silent about it is found out by its interface.
    let place = fixture("another_sdk");
    let expected = format!("plugin tests: SDK 9.0.0, this picklock has {ours}; rebuild it");
    assert_eq!(place.run(&["tests"]).refusal(), expected);
    let path = place.plugin("tests").display().to_string();
    let check = place.picklock(&["plugins", "check", &path]);
    assert_eq!(check.refusal(), expected);
}

#[test]
fn a_plugin_for_another_cpu_is_refused() {
    let place = Place::new();
    let (number, name) = match std::env::consts::ARCH {
        "aarch64" => (62, "x86_64"),
        _ => (183, "aarch64"),
    };
    let mut plugin = built_plugin("core");
    plugin[18..20].copy_from_slice(&u16::to_le_bytes(number));
    for line in refusals(&place, &plugin) {
        let here = std::env::consts::ARCH;
        let problem = format!(": built for {name}, this machine is {here}; build it here");
        assert!(line.ends_with(&problem), "{line}");
    }
}

#[test]
fn a_plugin_without_anything_to_load_is_refused() {
    let place = Place::new();
    let mut plugin = built_plugin("core");
    let headers = program_headers(&plugin);
    plugin[headers].fill(0);
    for line in refusals(&place, &plugin) {
        let problem = ": a damaged ELF file: nothing in it can be loaded; build it again";
        assert!(line.ends_with(problem), "{line}");
    }
}

#[test]
fn a_plugin_that_kills_its_loader_is_one_clear_line() {
    let killed = |place: &Place, name: &str, signals: &[&str]| {
        let path = place.plugin(name).display().to_string();
        let done = place.picklock(&["plugins", "check", &path]);
        let line = done.refusal();
        let start = format!("{path}: ends the process that loads it: signal: ");
        assert!(line.starts_with(&start), "{line}");
        assert!(signals.iter().any(|signal| line.contains(signal)), "{line}");
    };
    let place = fixture("unsound");
    place.write("here/abort-when-loaded", "");
    killed(&place, "tests", &["SIGABRT"]);

    // A dynamic section that lies nowhere.
    let place = Place::new();
    let mut plugin = built_plugin("core");
    let headers = program_headers(&plugin);
    let dynamic = plugin[headers.clone()]
        .chunks(56)
        .position(|header| header[0] == 2)
        .unwrap();
    let address = headers.start + dynamic * 56 + 16;
    plugin[address..address + 8].copy_from_slice(&0x7fff_0000_u64.to_le_bytes());
    place.put("core", &plugin);
    place.trust(&["core"]);
    killed(&place, "core", &["SIGSEGV", "SIGBUS"]);
}

/// Where a 64-bit ELF file's program headers lie.
fn program_headers(elf: &[u8]) -> std::ops::Range<usize> {
    let start = u64::from_le_bytes(elf[32..40].try_into().unwrap()) as usize;
    let count = u16::from_le_bytes(elf[56..58].try_into().unwrap());
    start..start + usize::from(count) * 56
}

/// A place whose hypothesis `tests` has this fixture as its plugin, trusted.
fn fixture(name: &str) -> Place {
    let place = Place::with_fixture(&["steady"], "");
    place.put("tests", &fixture_bytes(name));
    place.trust(&["tests"]);
    place
}

fn fixture_bytes(name: &str) -> Vec<u8> {
    let path = built().join(format!("examples/lib{name}.so"));
    std::fs::read(path).expect("cargo build --workspace --all-targets")
}

/// The file that the fixture `unsound` leaves when it is loaded.
fn mark(place: &Place) -> PathBuf {
    place.here("plugin-code-ran")
}

#[test]
fn no_code_of_a_refused_plugin_runs() {
    let place = fixture("unsound");
    let (plugin, lock) = (place.plugin("tests"), place.path("root/plugins.lock"));
    let list = std::fs::read_to_string(&lock).unwrap();
    let path = plugin.display().to_string();
    let refused = |commands: &[&[&str]], problem: &str| {
        for arguments in commands {
            let done = match arguments {
                ["run"] => place.run(&["tests"]),
                other => place.picklock(other),
            };
            assert!(done.refusal().contains(problem), "{done:?}");
        }
        place.picklock(&["plugins", "list"]);
        assert!(!mark(&place).exists(), "its code ran: {problem}");
    };
    let (run, check): (&[&str], &[&str]) = (&["run"], &["plugins", "check", &path]);
    let trust: &[&str] = &["plugins", "trust", &path];

    let mut altered = fixture_bytes("unsound");
    altered.push(0);
    place.put("tests", &altered);
    refused(&[run, check], "has changed since it was trusted");
    place.put("tests", &fixture_bytes("unsound"));

    place.write("root/plugins.lock", "");
    refused(&[run, check], "is not trusted");
    place.write("root/plugins.lock", &list);

    set_mode(&plugin, 0o666);
    refused(&[run, check, trust], "anyone can write it");
    set_mode(&plugin, 0o644);
    set_mode(&lock, 0o666);
    refused(&[run, check, trust], "anyone can write it");
    set_mode(&lock, 0o644);

    // Only root can give files away.
    match std::os::unix::fs::chown(&plugin, Some(12345), None) {
        Ok(()) => {
            refused(&[run, check, trust], "belongs to user 12345");
            std::os::unix::fs::chown(&plugin, Some(0), None).unwrap();
        }
        Err(_) => skipped("only root can give files away"),
    }

    place.run(&["tests", "--seeds", "1", "--draws", "1"]).ok();
    assert!(mark(&place).exists(), "the fixture leaves no mark");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn trust_works_under_any_usual_umask() {
    for umask in ["002", "022", "077"] {
        let place = Place::new();
        let mask = u32::from_str_radix(umask, 8).unwrap();
        let (plugins, lock) = (place.path("root/plugins"), place.path("root/plugins.lock"));
        std::fs::remove_file(&lock).unwrap();
        for file in ["core", "weight-noise"].map(|name| place.plugin(name)) {
            set_mode(&file, 0o777 & !mask);
        }
        for folder in [place.path("root"), plugins.clone()] {
            set_mode(&folder, 0o777 & !mask);
        }
        let core = place.plugin("core").display().to_string();
        let root = place.path("root").display().to_string();
        let script = format!("umask {umask}; exec \"$@\"");
        let wrapper = ["sh", "-c", &script, "sh"];
        let mut trust = place.command(Path::new("sh"));
        trust.args(&wrapper[1..]).arg(built().join("picklock"));
        trust.args(["--plugins", &root, "plugins", "trust", &core]);
        let trusted = Done::of(&mut trust).ok();
        assert!(trusted.stdout.starts_with("core 0.1.0 trusted: "));
        let run = ["core", "--seeds", "1", "--draws", "1"];
        let done = place.wrapped(&wrapper, &run).ok();
        for stderr in [trusted.stderr, done.stderr] {
            let warned = stderr.contains("can be written by its group");
            assert_eq!(warned, umask == "002", "{umask}: {stderr}");
        }
    }
}

#[test]
fn an_untrusted_or_altered_plugin_is_refused() {
    let place = Place::new();
    let lock = place.path("root/plugins.lock");
    let path = place.plugin("core").display().to_string();
    let advice = format!(
        "if it is yours, give: picklock plugins trust --plugins {} {path}",
        place.path("root").display()
    );
    let mut altered = built_plugin("core");
    altered.push(0);
    place.put("core", &altered);
    let run = place.run(&["core"]);
    let list = lock.display();
    let changed =
        format!("plugin core: {path} has changed since it was trusted in {list}; {advice}");
    assert_eq!(run.refusal(), changed);

    std::fs::remove_file(&lock).unwrap();
    let run = place.run(&["core"]);
    let unlisted = format!("plugin core: {path} is not trusted: {list} doesn't list it; {advice}");
    assert_eq!(run.refusal(), unlisted);

    place.trust(&["core"]);
    place.run(&["core", "--seeds", "1", "--draws", "1"]).ok();
}

#[test]
fn a_plugin_that_others_can_write_is_refused() {
    let place = Place::new();
    let (plugin, folder) = (place.plugin("core"), place.path("root/plugins"));
    for (path, usual) in [(&plugin, 0o644), (&folder, 0o755)] {
        set_mode(path, usual | 0o002);
        let expected = format!(
            "{}: anyone can write it; give: chmod o-w, and check that it is yours",
            path.display()
        );
        assert_eq!(place.run(&["core"]).refusal(), expected);
        let trust = ["plugins", "trust", &plugin.display().to_string()];
        assert_eq!(place.picklock(&trust).refusal(), expected);
        set_mode(path, usual);
    }
    set_mode(&plugin, 0o664);
    let done = place.run(&["core", "--seeds", "1", "--draws", "1"]).ok();
    assert!(
        done.complaint().ends_with("can be written by its group"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_plugin_under_another_name_is_refused() {
    let place = Place::new();
    place.put("core", &built_plugin("weight-noise"));
    place.trust(&["core"]);
    let done = place.run(&["core"]);
    assert!(
        done.refusal().contains("says that it is `weight-noise`"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_missing_plugin_is_named() {
    let place = Place::new();
    std::fs::remove_file(place.plugin("core")).unwrap();
    let expected = "plugin core: no plugin file found; put one into a folder given by --plugins";
    assert_eq!(place.run(&["core"]).refusal(), expected);
}
