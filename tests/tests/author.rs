//! The author's path: a hypothesis of one's own, from `picklock new` to a verdict, in a copy of the
//! workspace and outside of it; and the tutorial does what it says.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use picklock_tests::{Done, Place, Table, built, clean, skipped, snapshot, workspace};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A folder below `target` that stays where it is, so that cargo compiles as little as it can; ours
/// alone until dropped.
struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    fn empty(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        Self {
            folder,
            _lock: lock,
        }
    }

    /// A copy of what git sees of the workspace; `None` where this is no checkout.
    fn workspace() -> Option<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(workspace())
            .output();
        let listed = listed.ok().filter(|listed| listed.status.success())?;
        let scratch = Self::empty("author");
        for file in String::from_utf8(listed.stdout).unwrap().lines() {
            let (from, to) = (workspace().join(file), scratch.copy().join(file));
            // What has just been deleted is listed still.
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(from, to).unwrap();
            }
        }
        Some(scratch)
    }

    fn copy(&self) -> PathBuf {
        self.folder.join("picklock")
    }

    /// `picklock ARGUMENTS` in the copy.
    fn picklock(&self, arguments: &[&str]) -> Done {
        let picklock = built().join("picklock");
        Done::of(clean(&picklock).args(arguments).current_dir(self.copy()))
    }

    /// `cargo ARGUMENTS` in the copy, which must succeed. What it compiles of other people's crates
    /// it takes from this build, and leaves there; what it makes lies beside the copy.
    fn cargo(&self, arguments: &[&str]) {
        let mut cargo = clean(Path::new("cargo"));
        cargo
            .arg("--offline")
            .args(arguments)
            .env("CARGO_BUILD_BUILD_DIR", built().parent().unwrap())
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .current_dir(self.copy());
        Done::of(&mut cargo).ok();
    }

    /// The hypothesis' plugin in the copy, which passes its tests and all the checks of ours.
    fn plugin(&self, name: &str) -> Vec<u8> {
        let package = format!("picklock-{name}");
        self.cargo(&["build", "-p", &package]);
        self.cargo(&["test", "-p", &package]);
        self.cargo(&["fmt", "-p", &package, "--check"]);
        let denied = ["--all-targets", "--", "-D", "warnings"];
        self.cargo(&[&["clippy", "-p", &package], &denied[..]].concat());
        let library = format!("target/debug/libpicklock_{}.so", name.replace('-', "_"));
        fs::read(self.folder.join(library)).unwrap()
    }

    /// Runs a hypothesis of the copy, twice two trials an arm, and gives its tables.
    fn run(&self, name: &str) -> (Table, Table) {
        let place = Place::new();
        place.put(name, &self.plugin(name));
        place.trust(&[name]);
        let file = format!("hypotheses/{name}.toml");
        place.write(
            &format!("root/{file}"),
            fs::read(self.copy().join(&file)).unwrap(),
        );
        place
            .run(&[name, "--seeds", "2", "--draws", "2", "--out", "o"])
            .ok();
        let table = |file: &str| Table::read(&place.here(&format!("o/{file}")));
        (table("trials.csv"), table("summary.csv"))
    }
}

/// Files that are in `after` alone, and those that differ; none may have gone.
fn changes(before: &Files, after: &Files, root: &Path) -> (Vec<String>, Vec<String>) {
    assert!(before.keys().all(|path| after.contains_key(path)));
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (path, bytes) in after {
        match before.get(path) {
            None => added.push(name(path)),
            Some(old) if old != bytes => changed.push(name(path)),
            Some(_) => {}
        }
    }
    (added, changed)
}

/// The accuracy of each seed and draw of an arm, all of whose trials must be done.
fn accuracies<'t>(trials: &'t Table, hypothesis: &str, arm: &str) -> Vec<&'t str> {
    let rows = trials.with(&[
        ("hypothesis", hypothesis),
        ("arm", arm),
        ("status", "done"),
        ("name", "held-out"),
    ]);
    assert_eq!(rows.len(), 4, "{hypothesis}/{arm}");
    rows.iter().map(|row| &row["value"]).collect()
}

/// The files that a new hypothesis consists of.
const MY_IDEA: [&str; 3] = [
    "hypotheses/my-idea.toml",
    "plugins/my-idea/Cargo.toml",
    "plugins/my-idea/src/lib.rs",
];

/// What cargo adds to `Cargo.lock` for it.
const LOCKED: &str = r#"[[package]]
name = "picklock-my-idea"
version = "0.1.0"
dependencies = [
 "abi_stable",
 "picklock-sdk",
]

"#;

#[test]
fn a_new_hypothesis_is_three_files_that_build_pass_and_run() {
    let Some(scratch) = Scratch::workspace() else {
        return skipped("the workspace is no git checkout");
    };
    let before = snapshot(&scratch.copy());
    let said = scratch.picklock(&["new", "my-idea"]).ok().stdout;
    let (trials, summary) = scratch.run("my-idea");
    let after = snapshot(&scratch.copy());

    let (added, changed) = changes(&before, &after, &scratch.copy());
    assert_eq!(added, MY_IDEA);
    assert!(
        added
            .iter()
            .all(|file| said.contains(&format!("  {file}\n")))
    );
    assert_eq!(changed, ["Cargo.lock"]);
    let lock = |files: &Files| {
        let bytes = files[&scratch.copy().join("Cargo.lock")].clone();
        String::from_utf8(bytes).unwrap()
    };
    let (before, after) = (lock(&before), lock(&after));
    assert!(after.contains(LOCKED), "{after}");
    assert_eq!(after.replacen(LOCKED, "", 1), before);

    let full = accuracies(&trials, "my-idea", "full");
    assert_eq!(full, accuracies(&trials, "core", "unlock"));
    assert_ne!(full, accuracies(&trials, "my-idea", "half"));
    let judged = summary.with(&[("hypothesis", "my-idea")]);
    let predictions: Vec<&str> = judged.iter().map(|row| &row["prediction"]).collect();
    assert_eq!(predictions, ["half-opens", "half-is-as-good-as-full"]);
}

/// The page's only code block in a language.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let fence = format!("\n```{language}\n");
    let mut blocks = page.split(&fence).skip(1);
    let block = blocks.next().expect("a code block");
    assert!(blocks.next().is_none(), "a second {language} block");
    let (block, _) = block.split_once("```").expect("its end");
    block
}

#[test]
fn the_tutorials_hypothesis_builds_passes_and_runs() {
    let page = fs::read_to_string(workspace().join("docs/src/tutorial.md")).unwrap();
    let Some(scratch) = Scratch::workspace() else {
        return skipped("the workspace is no git checkout");
    };
    let name = "shuffled-answers";
    for command in [
        format!("picklock new {name}\n"),
        format!("cargo test -p picklock-{name}\n"),
        format!("picklock run {name} --seeds 2\n"),
    ] {
        assert!(page.contains(&command), "{command}");
    }
    scratch.picklock(&["new", name]).ok();
    let code = block(&page, "rust");
    let plugin = scratch.copy().join("plugins").join(name);
    fs::write(plugin.join("src/lib.rs"), code).unwrap();
    let registration = format!("hypotheses/{name}.toml");
    fs::write(scratch.copy().join(registration), block(&page, "toml")).unwrap();

    let (trials, summary) = scratch.run(name);
    let own = accuracies(&trials, name, "own");
    assert_eq!(own, accuracies(&trials, "core", "unlock"));
    for arm in ["swapped", "shuffled"] {
        assert_ne!(own, accuracies(&trials, name, arm), "{arm}");
    }
    for row in &summary.with(&[("hypothesis", name)]) {
        let prediction = &row["prediction"];
        assert!(page.contains(prediction), "{prediction}");
        assert!(!row["verdict"].is_empty(), "{row:?}");
    }
    let (logic, _) = code.split_once("#[cfg(test)]").unwrap();
    let lines = logic.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 120, "{lines} lines are no ten minutes' work");
}

#[test]
fn outside_the_repository_the_printed_commands_do() {
    let scratch = Scratch::empty("apart");
    let place = Place::new();
    let root = scratch.folder.join("my-idea");
    let sdk = workspace().join("host/sdk").display().to_string();
    let folder = root.display().to_string();
    let new = ["new", "my-idea", "--sdk", &sdk, "--standalone", &folder];
    let said = place.picklock(&new).ok().stdout;
    let written: Vec<String> = changes(&Files::new(), &snapshot(&root), &root).0;
    assert_eq!(
        written,
        ["Cargo.toml", "hypotheses/my-idea.toml", "src/lib.rs"]
    );

    // The workspace's profile, so that what has been compiled for it will do.
    let text = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let (_, profile) = text.split_once("[profile.dev]").unwrap();
    let target = built().parent().unwrap().display().to_string();
    let build = format!("[net]\noffline = true\n[build]\nbuild-dir = \"{target}\"\n");
    fs::create_dir(scratch.folder.join(".cargo")).unwrap();
    fs::write(
        scratch.folder.join(".cargo/config.toml"),
        format!("{build}[profile.dev]{profile}"),
    )
    .unwrap();

    let (_, commands) = said.split_once("after every change:\n").unwrap();
    let (commands, then) = commands.split_once("then, ").unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut shell = clean(Path::new("sh"));
    shell
        .args(["-e", "-c", commands])
        .env("PATH", format!("{}:{path}", built().display()))
        .env_remove("CARGO_TARGET_DIR");
    Done::of(&mut shell).ok();

    let run = format!("picklock --plugins {folder} run my-idea\n");
    assert!(then.ends_with(&run), "{then}");
    let core = place.path("root").display().to_string();
    let run = ["--plugins", &folder, "--plugins", &core, "run", "my-idea"];
    let size = ["--organism", "micro", "--seeds", "2", "--draws", "2"];
    let picklock = built().join("picklock");
    let mut command = place.command(&picklock);
    command.args(run).args(size).args(["--out", "o"]);
    Done::of(&mut command).ok();
    let trials = Table::read(&place.here("o/trials.csv"));
    let full = accuracies(&trials, "my-idea", "full");
    assert_eq!(full, accuracies(&trials, "core", "unlock"));
}

/// A place in whose folder picklock sees a workspace.
fn small_workspace() -> Place {
    let place = Place::new();
    for folder in ["hypotheses", "plugins", "host/sdk"] {
        fs::create_dir_all(place.here(folder)).unwrap();
    }
    place.write("here/Cargo.toml", "[workspace]\n");
    let sdk = "[package]\nname = \"picklock-sdk\"\n";
    place.write("here/host/sdk/Cargo.toml", sdk);
    place
}

#[test]
fn new_says_what_it_wrote_and_what_comes_next() {
    let place = small_workspace();
    let said = place.picklock(&["new", "my-idea"]).ok().stdout;
    let expected = "written:
  plugins/my-idea/Cargo.toml
  plugins/my-idea/src/lib.rs
  hypotheses/my-idea.toml

next:
  cargo test -p picklock-my-idea
  picklock run my-idea
";
    assert_eq!(said, expected);
    for file in MY_IDEA {
        let text = fs::read_to_string(place.here(file)).unwrap();
        assert!(!text.contains("{{"), "{file}: {text}");
    }
}

/// The refusal of `picklock new ARGUMENTS`, which must leave everything as it was.
fn refusal(place: &Place, arguments: &[&str]) -> String {
    let before = snapshot(&place.path("here"));
    let done = place.picklock(&[&["new"], arguments].concat());
    assert_eq!(snapshot(&place.path("here")), before, "{arguments:?}");
    done.refusal().to_string()
}

#[test]
fn a_name_that_will_not_do_is_refused() {
    let place = small_workspace();
    let shape = "expected lower-case words with hyphens that start with a letter, as in `my-idea`";
    let expected = format!("name `../my_idea`: {shape}");
    assert_eq!(refusal(&place, &["../my_idea"]), expected);
    let core = place.path("root/hypotheses/core.toml");
    let expected = format!(
        "{}: `core` is a hypothesis already; choose another name",
        core.display()
    );
    assert_eq!(refusal(&place, &["core", "--standalone"]), expected);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let place = small_workspace();
    place.picklock(&["new", "my-idea"]).ok();
    let line = refusal(&place, &["my-idea"]);
    assert!(
        line.ends_with("is a hypothesis already; choose another name"),
        "{line}"
    );
    fs::remove_file(place.here("hypotheses/my-idea.toml")).unwrap();
    let line = refusal(&place, &["my-idea"]);
    assert!(
        line.ends_with("/my-idea: is there already; choose another name"),
        "{line}"
    );

    // The last of the three can't be written: neither are the others.
    fs::create_dir_all(place.here("mine/hypotheses/idea.toml")).unwrap();
    let line = refusal(&place, &["idea", "--standalone", "mine"]);
    let problem = "mine/hypotheses/idea.toml: can't be written: entity already exists; nothing was";
    assert!(line.ends_with(problem), "{line}");
    let left: Vec<_> = fs::read_dir(place.here("mine")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn without_workspace_or_sdk_there_is_one_line_of_what_to_give() {
    let place = Place::new();
    let expected = "no picklock workspace here; go to one, or give --standalone DIR --sdk DIR";
    assert_eq!(refusal(&place, &["my-idea"]), expected);
    let expected = "no picklock workspace here; say where its SDK is with --sdk DIR";
    assert_eq!(refusal(&place, &["my-idea", "--standalone"]), expected);
    let expected = "/: not picklock's SDK; give --sdk DIR, host/sdk in its repository";
    let arguments = ["my-idea", "--standalone", "--sdk", "/"];
    assert_eq!(refusal(&place, &arguments), expected);
    let place = small_workspace();
    let line = refusal(&place, &["my-idea", "--standalone", "plugins/my-idea"]);
    let problem = "lies among the workspace's plugins; leave out --standalone";
    assert!(line.ends_with(problem), "{line}");
}
