//! A test's own place: plugins, hypotheses and organisms, a cache, and a folder to run in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{Done, Running, built, built_faults, built_fixture, built_plugin, snapshot, workspace};

/// An organism whose whole life takes a tenth of a second.
pub const MICRO: &str = include_str!("micro.toml");

/// A test's own place; it goes when dropped.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A place with the shipped plugins and hypotheses, trusted, and the organism `micro`.
    ///
    /// # Panics
    /// Where it can't be made, or the workspace isn't built.
    pub fn new() -> Self {
        let place = Self::untrusted();
        place.trust(&["core", "weight-noise"]);
        place
    }

    /// The same with a hypothesis `tests` of these arms, and the fixture as its plugin; `keys` are
    /// more lines of its pre-registration.
    ///
    /// # Panics
    /// As [`Place::new`].
    pub fn with_fixture(arms: &[&str], keys: &str) -> Self {
        let place = Self::untrusted();
        let arm = |arm: &&str| format!("[[arms]]\nname = \"{arm}\"\n");
        let arms: String = arms.iter().map(arm).collect();
        let text = include_str!("tests.toml").replace("# keys\n", keys) + &arms;
        place.write("root/hypotheses/tests.toml", &text);
        place.put("tests", &built_fixture());
        place.trust(&["core", "weight-noise", "tests"]);
        place
    }

    fn untrusted() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Self { folder };
        for folder in [
            "root/plugins",
            "root/hypotheses",
            "root/organisms",
            "home",
            "here",
        ] {
            std::fs::create_dir_all(place.path(folder)).expect("an empty temporary folder");
        }
        place.write("root/organisms/micro.toml", MICRO);
        for name in ["core", "weight-noise"] {
            place.put_shipped(name);
        }
        place
    }

    /// Puts a shipped hypothesis with its plugin there, untrusted.
    fn put_shipped(&self, name: &str) {
        let file = format!("hypotheses/{name}.toml");
        let text = std::fs::read_to_string(workspace().join(&file));
        self.write(&format!("root/{file}"), text.expect("a shipped hypothesis"));
        self.put(name, &built_plugin(name));
    }

    /// Adds shipped hypotheses with their plugins, trusted.
    ///
    /// # Panics
    /// Where there are none of these names, or the workspace isn't built.
    pub fn add_shipped(&self, names: &[&str]) {
        for name in names {
            self.put_shipped(name);
        }
        self.trust(names);
    }

    /// A path in this place.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// A path in the folder that picklock runs in.
    pub fn here(&self, relative: &str) -> PathBuf {
        self.path("here").join(relative)
    }

    /// The folder of trained models.
    pub fn cached_models(&self) -> PathBuf {
        self.path("cache/models")
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn write(&self, relative: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(relative);
        let folder = path.parent().expect("a file in a folder");
        std::fs::create_dir_all(folder).expect("a writable place");
        std::fs::write(path, contents).expect("a writable place");
    }

    /// Replaces the first `from` in a file.
    ///
    /// # Panics
    /// Where the file holds no `from`.
    pub fn change(&self, relative: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(relative)).expect("a text file");
        assert!(text.contains(from), "{relative} has no {from}");
        self.write(relative, text.replacen(from, to, 1));
    }

    /// Puts a copy of the committed run into the folder that picklock runs in.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn put_reference(&self, name: &str) {
        let reference = workspace().join("results/reference/tiny");
        for (path, bytes) in snapshot(&reference) {
            let path = path.strip_prefix(&reference).expect("a file of the run");
            let copy = self.here(name).join(path);
            let folder = copy.parent().expect("a file lies in a folder");
            std::fs::create_dir_all(folder).expect("a writable place");
            std::fs::write(copy, bytes).expect("a writable place");
        }
    }

    /// Where a hypothesis' plugin file lies.
    pub fn plugin(&self, name: &str) -> PathBuf {
        let file = format!("root/plugins/libpicklock_{}.so", name.replace('-', "_"));
        self.path(&file)
    }

    /// Puts these bytes where a hypothesis' plugin lies, untrusted.
    ///
    /// # Panics
    /// Where they can't be written.
    pub fn put(&self, name: &str, plugin: &[u8]) {
        std::fs::write(self.plugin(name), plugin).expect("a writable place");
    }

    /// Trusts the files that lie there as these hypotheses' plugins.
    ///
    /// # Panics
    /// Where picklock doesn't take them.
    pub fn trust(&self, names: &[&str]) {
        let files = names
            .iter()
            .map(|name| self.plugin(name).display().to_string());
        let files: Vec<String> = files.collect();
        let files = files.iter().map(String::as_str);
        let arguments: Vec<&str> = ["plugins", "trust"].into_iter().chain(files).collect();
        self.picklock(&arguments).ok();
    }

    /// `picklock ARGUMENTS`, to its end.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn picklock(&self, arguments: &[&str]) -> Done {
        Done::of(self.picklock_command().args(arguments))
    }

    /// The same with these variables set.
    pub fn picklock_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
        let variables = variables.iter().copied();
        Done::of(self.picklock_command().args(arguments).envs(variables))
    }

    /// `picklock run --no-build --organism micro ARGUMENTS`, to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::of(&mut self.run_command(arguments))
    }

    /// The same, started; its output is thrown away.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.run_command(arguments);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        Running::new(command.spawn().expect("picklock starts"))
    }

    /// `sh -c SCRIPT` with mounts of its own, where `"$@"` is `picklock run --no-build --organism
    /// micro ARGUMENTS`; `None` where this user may not mount.
    pub fn in_own_mounts(&self, script: &str, arguments: &[&str]) -> Option<Done> {
        let try_it = ["-m", "mount", "-t", "tmpfs", "none", "/mnt"];
        let tried = Command::new("unshare")
            .args(try_it)
            .stderr(Stdio::null())
            .status();
        if !tried.is_ok_and(|status| status.success()) {
            return None;
        }
        Some(self.wrapped(&["unshare", "-m", "sh", "-c", script, "sh"], arguments))
    }

    /// `WRAPPER... picklock run --no-build --organism micro ARGUMENTS`, to its end.
    pub fn wrapped(&self, wrapper: &[&str], arguments: &[&str]) -> Done {
        let run = self.run_command(arguments);
        let mut command = self.command(Path::new(wrapper[0]));
        command
            .args(&wrapper[1..])
            .arg(run.get_program())
            .args(run.get_args());
        Done::of(&mut command)
    }

    /// `picklock run --no-build --organism micro ARGUMENTS`, with these variables set, to its end.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
        let variables = variables.iter().copied();
        Done::of(self.run_command(arguments).envs(variables))
    }

    /// `picklock run --no-build --organism micro ARGUMENTS`, with this fault, to its end;
    /// `fixtures/faults.rs` says which there are.
    ///
    /// # Panics
    /// Where the library that makes faults isn't built.
    pub fn run_with_fault(&self, fault: &str, arguments: &[&str]) -> Done {
        let library = built_faults();
        assert!(library.exists(), "no {}", library.display());
        let library = library.display().to_string();
        let variables = [("LD_PRELOAD", library.as_str()), ("PICKLOCK_FAULT", fault)];
        self.run_with(&variables, arguments)
    }

    fn run_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.picklock_command();
        command.arg("run").args(arguments).arg("--no-build");
        if !arguments.contains(&"--organism") {
            command.args(["--organism", "micro"]);
        }
        command
    }

    /// A `picklock` to give arguments to.
    ///
    /// # Panics
    /// Where it isn't built.
    pub fn picklock_command(&self) -> Command {
        let binary = built().join("picklock");
        assert!(
            binary.exists(),
            "no {}; give: cargo build --workspace",
            binary.display()
        );
        let mut command = self.command(&binary);
        command.arg("--plugins").arg(self.path("root"));
        command
    }

    /// A command that sees of the user's settings nothing but the search path.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("PICKLOCK_CACHE", self.path("cache"))
            .current_dir(self.path("here"))
            .stdin(Stdio::null());
        command
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
