//! The walls of the house: libtorch is reachable only from the crates that compute, and no crate
//! grows beyond what one can read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use picklock_tests::{clean, workspace};
use serde_json::Value;

/// The crates from which libtorch may be reached.
const LIBTORCH: [&str; 5] = [
    "picklock",
    "picklock-convert",
    "picklock-lab",
    "picklock-lm",
    "picklock-run",
];

/// What stands for libtorch.
const BINDINGS: [&str; 3] = ["tch", "torch-sys", "picklock-lm"];

/// The most lines of a crate.
const MOST_LINES: usize = 13_000;

/// The smallest share of all lines that needs no libtorch, in percent.
const WITHOUT_LIBTORCH: usize = 40;

fn metadata() -> Value {
    // Packages of other platforms need not have been fetched.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = clean(Path::new(env!("CARGO")))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", &platform])
        .current_dir(workspace())
        .output()
        .expect("as cargo writes it");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {problem}");
    serde_json::from_slice(&output.stdout).expect("as cargo writes it")
}

fn texts<'a>(values: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    let values = values.as_array().expect("as cargo writes it").iter();
    values.map(move |value| value[key].as_str().expect("as cargo writes it"))
}

/// The workspace's crates and their folders.
fn members(metadata: &Value) -> BTreeMap<String, PathBuf> {
    let members = metadata["workspace_members"]
        .as_array()
        .expect("as cargo writes it");
    let packages = metadata["packages"]
        .as_array()
        .expect("as cargo writes it")
        .iter();
    packages
        .filter(|package| members.contains(&package["id"]))
        .map(|package| {
            let manifest = Path::new(
                package["manifest_path"]
                    .as_str()
                    .expect("as cargo writes it"),
            );
            let name = package["name"]
                .as_str()
                .expect("as cargo writes it")
                .to_string();
            (
                name,
                manifest.parent().expect("as cargo writes it").to_path_buf(),
            )
        })
        .collect()
}

/// The names of the packages that each package links, itself included; what only builds or tests it
/// doesn't count.
fn reachable(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let names: BTreeMap<&str, &str> = texts(&metadata["packages"], "id")
        .zip(texts(&metadata["packages"], "name"))
        .collect();
    let links: BTreeMap<&str, Vec<&str>> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("as cargo writes it")
        .iter()
        .map(|node| {
            let linked = node["deps"]
                .as_array()
                .expect("as cargo writes it")
                .iter()
                .filter(|dependency| {
                    let kinds = dependency["dep_kinds"]
                        .as_array()
                        .expect("as cargo writes it");
                    kinds.iter().any(|kind| kind["kind"].is_null())
                });
            let linked =
                linked.map(|dependency| dependency["pkg"].as_str().expect("as cargo writes it"));
            (
                node["id"].as_str().expect("as cargo writes it"),
                linked.collect(),
            )
        })
        .collect();
    let all = |start: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.to_string()]);
        while let Some(id) = open.pop() {
            if seen.insert(names[id.as_str()].to_string()) {
                open.extend(links[id.as_str()].iter().map(ToString::to_string));
            }
        }
        seen
    };
    let members = metadata["workspace_members"]
        .as_array()
        .expect("as cargo writes it")
        .iter();
    members
        .map(|id| id.as_str().expect("as cargo writes it"))
        .map(|id| (names[id].to_string(), all(id)))
        .collect()
}

/// Lines of Rust, C++ and CUDA in a folder, without those of crates below it.
fn lines(folder: &Path, others: &BTreeMap<String, PathBuf>) -> usize {
    let entries = std::fs::read_dir(folder)
        .expect("as cargo writes it")
        .flatten();
    let of = |path: PathBuf| {
        if path.is_dir() {
            let is_other = others.values().any(|other| *other == path);
            return if is_other { 0 } else { lines(&path, others) };
        }
        let is_code = path.extension().is_some_and(|kind| {
            ["rs", "cpp", "cu", "h", "cuh"]
                .map(Into::into)
                .contains(&kind.to_owned())
        });
        if !is_code {
            return 0;
        }
        std::fs::read_to_string(&path)
            .expect("as cargo writes it")
            .lines()
            .count()
    };
    entries.map(|entry| of(entry.path())).sum()
}

#[test]
fn libtorch_is_reached_only_by_what_computes() {
    let reachable = reachable(&metadata());
    let reach_it: Vec<&str> = reachable
        .iter()
        .filter(|(_, all)| BINDINGS.iter().any(|binding| all.contains(*binding)))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(reach_it, LIBTORCH);
}

#[test]
fn crates_are_of_a_size_that_one_can_read() {
    let members = members(&metadata());
    let host = workspace().join("host");
    let sizes: Vec<(&str, usize)> = members
        .iter()
        .filter(|(_, folder)| folder.starts_with(&host))
        .map(|(name, folder)| (name.as_str(), lines(folder, &members)))
        .collect();
    let too_large: Vec<_> = sizes
        .iter()
        .filter(|(_, lines)| *lines > MOST_LINES)
        .collect();
    assert!(
        too_large.is_empty(),
        "over {MOST_LINES} lines: {too_large:?}"
    );
    let sum = |without: bool| -> usize {
        let counted = sizes
            .iter()
            .filter(|(name, _)| !(without && LIBTORCH.contains(name)));
        counted.map(|(_, lines)| lines).sum()
    };
    let share = 100 * sum(true) / sum(false);
    assert!(
        share >= WITHOUT_LIBTORCH,
        "{share}% of the lines need no libtorch: {sizes:?}"
    );
}
