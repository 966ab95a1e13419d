//! `picklock plugins list` and `picklock plugins check`.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::{Done, Place, built, built_plugin, workspace};
use serde_json::Value;

fn unsound() -> Vec<u8> {
    let path = built().join("examples/libunsound.so");
    std::fs::read(path).expect("cargo build --workspace --all-targets")
}

/// `picklock plugins list` as text, and as JSON by name.
fn listed(place: &Place) -> (String, Value) {
    let text = place.picklock(&["plugins", "list"]).ok().stdout;
    let json = place.picklock(&["plugins", "list", "--json"]).ok().stdout;
    (text, serde_json::from_str(&json).unwrap())
}

fn entry<'v>(json: &'v Value, name: &str) -> &'v Value {
    let entries = json.as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["name"] == name);
    entry.unwrap_or_else(|| panic!("no {name} in {json:#}"))
}

#[test]
fn the_list_shows_every_plugin_and_loads_none() {
    let place = Place::with_fixture(&["steady"], "");
    place.put("tests", &unsound());
    let mut altered = built_plugin("weight-noise");
    altered.push(0);
    place.put("weight-noise", &altered);
    place.write("root/plugins/libpicklock_a_text.so", "no plugin");
    place.write("root/plugins/libpicklock_other.so", built_plugin("core"));
    place.change("root/plugins.lock", "tests", "rests");

    let (text, json) = listed(&place);
    assert!(!place.here("plugin-code-ran").exists(), "it loaded one");
    let lines: Vec<&str> = text.lines().collect();
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    let header = "name version ABI SDK hash pre-registration trust";
    assert_eq!(words, header.split(' ').collect::<Vec<_>>());
    let line = |name: &str| {
        let mut lines = lines.iter();
        let line = lines.find(|line| line.split_whitespace().next() == Some(name));
        (*line.unwrap_or_else(|| panic!("{text}"))).to_string()
    };
    let core = entry(&json, "core");
    let hash = core["manifest"]["hash"].as_str().unwrap();
    let registration = place.path("root/hypotheses/core.toml");
    let registration = registration.display().to_string();
    assert_eq!(core["registration"], *registration);
    assert_eq!(core["manifest"]["version"], "0.1.0");
    assert_eq!(core["trust"], "trusted");
    assert!(line("core").contains(&hash[..12]), "{text}");
    assert!(
        line("core").contains(&format!("yes, {registration}")),
        "{text}"
    );
    assert!(line("core").ends_with("  trusted"), "{text}");
    assert!(line("weight-noise").ends_with("  changed since trusted"));
    assert!(line("tests").ends_with("  not trusted"), "{text}");
    let broken = line("a-text");
    assert!(broken.contains(" no "), "{broken}");
    assert!(
        broken.ends_with("no plugin: not an ELF library; build one with cargo build"),
        "{broken}"
    );
    assert_eq!(entry(&json, "a-text")["manifest"], Value::Null);
}

#[test]
fn in_the_workspace_plugins_are_built_here() {
    let place = Place::new();
    let mut command = place.command(&built().join("picklock"));
    command.args(["plugins", "list", "--json"]);
    let done = Done::of(command.current_dir(workspace().join("tests"))).ok();
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    for name in ["core", "token-masking", "weight-noise"] {
        assert_eq!(entry(&json, name)["trust"], "built-here", "{json:#}");
    }
}

#[test]
fn a_fine_plugin_is_said_to_be_fine() {
    let place = Place::with_fixture(&["steady", "hangs"], "");
    let core = place.plugin("core").display().to_string();
    let done = place.picklock(&["plugins", "check", &core]).ok();
    assert!(
        done.stdout.starts_with("core 0.1.0: all is well: ABI "),
        "{done:?}"
    );
    assert_eq!(done.stdout.lines().count(), 1);
    let tests = place.plugin("tests").display().to_string();
    let done = place.picklock(&["plugins", "check", &tests]).ok();
    assert!(done.stdout.contains(", 2 arms as in "), "{done:?}");
    assert!(
        done.stdout.contains("; it declares tells-its-samples, "),
        "{done:?}"
    );
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let place = Place::with_fixture(&["steady"], "");
    let file = place.plugin("tests").display().to_string();
    let toml = "root/hypotheses/tests.toml";
    let refused = |problem: &str| {
        let done = place.picklock(&["plugins", "check", &file]);
        assert!(done.refusal().contains(problem), "{done:?}");
    };
    place.change(toml, "name = \"steady\"", "name = \"stdy\"");
    refused("plugin tests: has no arm `stdy`");
    place.change(
        toml,
        "name = \"stdy\"",
        "name = \"steady\"\nparameters = { x = 1 }",
    );
    refused("unknown parameter `x`; there is none");
    std::fs::remove_file(place.path(toml)).unwrap();
    refused("plugin tests: it loads, but there is no hypotheses/tests.toml");

    let elsewhere = place.path("root/plugins/mine.so");
    std::fs::copy(place.plugin("tests"), &elsewhere).unwrap();
    let elsewhere = elsewhere.display().to_string();
    let done = place.picklock(&["plugins", "check", &elsewhere]);
    let problem = ": it is the plugin `tests`; rename it to libpicklock_tests.so";
    assert!(done.refusal().ends_with(problem), "{done:?}");
    let done = place.picklock(&["plugins", "check", "none.so"]);
    assert_eq!(
        done.refusal(),
        "none.so: can't read: no such file or directory"
    );
    let done = place.picklock(&["plugins", "check", "."]);
    assert!(
        done.refusal().ends_with(": no plugin: not a file"),
        "{done:?}"
    );
}

#[test]
fn the_schema_is_printed() {
    let place = Place::new();
    let done = place.picklock(&["plugins", "schema"]).ok();
    let schema: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(schema["properties"]["claim"]["type"], "string");
    assert_eq!(schema["additionalProperties"], false);
}
