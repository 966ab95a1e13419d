//! Files that are no plugin, or not one to trust, are refused before any of their code runs.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use picklock_tests::{Place, built_plugin, patched};

/// What starts a manifest: its magic, and the ABI's number.
const START: &[u8] = b"PICKLOCK\x02\0\0\0";

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
    let strange = patched(&built_plugin("core"), START, b"LOCKPICK\x01\0\0\0");
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
            "plugin core: ABI {number}, this picklock speaks 2; rebuild it with cargo build -p picklock-core"
        );
        let other = patched(&built_plugin("core"), START, bytes);
        assert_eq!(refusals(&place, &other), [expected.clone(), expected]);
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
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let (plugin, folder) = (place.plugin("core"), place.path("root/plugins"));
    for (path, usual) in [(&plugin, 0o644), (&folder, 0o755)] {
        mode(path, usual | 0o002);
        let expected = format!(
            "{}: anyone can write it; give: chmod o-w, and check that it is yours",
            path.display()
        );
        assert_eq!(place.run(&["core"]).refusal(), expected);
        let trust = ["plugins", "trust", &plugin.display().to_string()];
        assert_eq!(place.picklock(&trust).refusal(), expected);
        mode(path, usual);
    }
    mode(&plugin, 0o664);
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
