//! `picklock new`: a hypothesis to start from, three files that build, pass their test and run.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use picklock_message::{Error, Exit, Result, sayln, shell};
use picklock_record::{Root, Roots};

/// Write a hypothesis to start from: a plugin and a pre-registration that run as they are.
#[derive(Args)]
pub struct New {
    /// Its name, lower-case words with hyphens, as in my-idea.
    name: String,
    /// Write a crate of its own, outside the workspace. [default folder: the name]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "absent, bare, or with a folder")]
    standalone: Option<Option<PathBuf>>,
    /// The SDK's folder. [default: that of the workspace around the current folder]
    #[arg(long, value_name = "DIR", requires = "standalone")]
    sdk: Option<PathBuf>,
}

/// What is written where.
struct Layout<'a> {
    /// The plugin's `Cargo.toml`.
    manifest: String,
    /// The pre-registration's schema, for editors: a path as seen from it, or an address.
    schema: String,
    /// The plugin's folder.
    plugin: &'a Path,
    /// Where `hypotheses/` lies.
    root: &'a Path,
}

/// The longest name that a plugin's manifest holds.
const LONGEST: usize = 63;

/// What crates, or names in Rust, are called already.
const RESERVED: &str = "abstract as async await become box break const continue crate do dyn else \
    enum extern false final fn for gen if impl in let loop macro match mod move mut override priv \
    pub ref return self static struct super trait true try type typeof unsafe unsized use virtual \
    where while yield alloc build deps examples incremental proc-macro std test \
    lm sdk stats tests";

impl New {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the name won't do, a file is there already, or there is no workspace or SDK.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let name = &self.name;
        check_name(name)?;
        let known = roots.files(Root::hypotheses, "toml");
        let same = |path: &&PathBuf| path.file_stem().is_some_and(|stem| *stem == **name);
        if let Some(path) = known.iter().find(same) {
            let problem = format!("`{name}` is a hypothesis already; choose another name");
            return Err(Error::file(path, problem));
        }
        match &self.standalone {
            None => self.member(roots)?,
            Some(folder) => self.apart(folder.as_deref(), roots)?,
        }
        Ok(Exit::Done)
    }

    /// A member of the workspace.
    fn member(&self, roots: &Roots) -> Result<()> {
        let name = &self.name;
        let Some(workspace) = roots.workspace() else {
            let problem =
                "no picklock workspace here; go to one, or give --standalone DIR --sdk DIR";
            return Err(Error::Usage(problem.into()));
        };
        let plugin = workspace.join("plugins").join(name);
        if plugin.exists() {
            let problem = "is there already; choose another name";
            return Err(Error::file(&plugin, problem));
        }
        self.write(&Layout {
            manifest: include_str!("new/member.toml").into(),
            schema: "./registration.schema.json".into(),
            plugin: &plugin,
            root: workspace,
        })?;
        sayln!("\nnext:\n  cargo test -p picklock-{name}\n  picklock run {name}");
        Ok(())
    }

    /// A crate of its own.
    fn apart(&self, folder: Option<&Path>, roots: &Roots) -> Result<()> {
        let name = &self.name;
        let folder = folder.unwrap_or(Path::new(name));
        let folder = std::path::absolute(folder).map_err(Error::io(folder, "find"))?;
        let workspace = roots.workspace();
        if workspace.is_some_and(|workspace| folder.starts_with(workspace.join("plugins"))) {
            let problem = "lies among the workspace's plugins; leave out --standalone";
            return Err(Error::file(&folder, problem));
        }
        let own = || Some(workspace?.join("host/sdk"));
        let sdk = checked_sdk(self.sdk.clone().or_else(own))?;
        let home = Path::new(&sdk).ancestors().nth(2).unwrap_or(Path::new("/"));
        let schema = home.join("hypotheses/registration.schema.json");
        self.write(&Layout {
            manifest: standalone_manifest(&sdk),
            schema: format!("file://{}", schema.display()),
            plugin: &folder,
            root: &folder,
        })?;
        sayln!("\n{}", commands(name, &folder, home));
        Ok(())
    }

    /// Writes the three files, and says so.
    fn write(&self, layout: &Layout) -> Result<()> {
        let file = format!("hypotheses/{}.toml", self.name);
        let schema = &layout.schema;
        let registration = include_str!("new/hypothesis.toml").replace("{{schema}}", schema);
        // The pre-registration last: without its plugin it would be in the way of other runs.
        let files = [
            (layout.plugin.join("Cargo.toml"), &*layout.manifest),
            (layout.plugin.join("src/lib.rs"), include_str!("new/lib.rs")),
            (layout.root.join(file), &registration),
        ]
        .map(|(path, text)| (path, text.replace("{{name}}", &self.name)));
        write_all(&files)?;
        sayln!("written:");
        let here = std::env::current_dir().unwrap_or_default();
        for (path, _) in &files {
            sayln!("  {}", path.strip_prefix(&here).unwrap_or(path).display());
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    let word = |word: &str| {
        let known = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        !word.is_empty() && word.bytes().all(known)
    };
    let first = name.bytes().next().unwrap_or_default();
    let problem = if !first.is_ascii_lowercase() || !name.split('-').all(word) {
        "expected lower-case words with hyphens that start with a letter, as in `my-idea`".into()
    } else if name.len() > LONGEST {
        format!("{} letters, expected at most {LONGEST}", name.len())
    } else if RESERVED.split_whitespace().any(|reserved| reserved == name) {
        "a reserved name; choose another".into()
    } else {
        return Ok(());
    };
    Err(Error::Usage(format!("name `{name}`: {problem}")))
}

/// The SDK's absolute path.
fn checked_sdk(folder: Option<PathBuf>) -> Result<String> {
    let folder = folder.ok_or_else(|| {
        Error::Usage("no picklock workspace here; say where its SDK is with --sdk DIR".into())
    })?;
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    if !manifest.contains("name = \"picklock-sdk\"") {
        let problem = "not picklock's SDK; give --sdk DIR, host/sdk in its repository";
        return Err(Error::file(&folder, problem));
    }
    let path = fs::canonicalize(&folder).map_err(Error::io(&folder, "find"))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| Error::file(&folder, "the path is no UTF-8, which Cargo.toml needs"))
}

/// The `Cargo.toml` of a crate of its own, with the SDK at this path.
fn standalone_manifest(sdk: &str) -> String {
    let abi_stable = abi_stable::ABI_STABLE_VERSION.version.as_str();
    include_str!("new/standalone.toml")
        .replace("{{rust-version}}", env!("CARGO_PKG_RUST_VERSION"))
        .replace("{{abi_stable}}", abi_stable)
        .replace("{{sdk}}", &toml::Value::from(sdk).to_string())
}

/// What builds, trusts and runs the crate in `folder`; `home` is the workspace of its SDK.
fn commands(name: &str, folder: &Path, home: &Path) -> String {
    let library = format!("libpicklock_{}.so", name.replace('-', "_"));
    let (root, home) = (shell::path(folder), shell::path(home));
    format!(
        "next, and after every change:\n  \
         cd {root} && cargo test && cargo build\n  \
         install -D -t plugins target/debug/{library}\n  \
         picklock plugins trust --plugins {root} plugins/{library}\n\
         then, where `core` is, whose arms it is compared with:\n  \
         cd {home} && picklock --plugins {root} run {name}"
    )
}

/// Writes these files, none of which may be there; all of them or none.
fn write_all(files: &[(PathBuf, String)]) -> Result<()> {
    let mut made = Made::default();
    for (path, text) in files {
        made.write(path, text).map_err(|error| {
            let problem = format!("can't be written: {}; nothing was", error.kind());
            Error::file(path, problem)
        })?;
    }
    made.paths.clear();
    Ok(())
}

/// Files and folders that have been made; they go when dropped.
#[derive(Default)]
struct Made {
    paths: Vec<PathBuf>,
}

impl Made {
    fn write(&mut self, path: &Path, text: &str) -> std::io::Result<()> {
        let missing = |folder: &&Path| !folder.exists();
        let folders: Vec<&Path> = path.ancestors().skip(1).take_while(missing).collect();
        for folder in folders.into_iter().rev() {
            fs::create_dir(folder)?;
            self.paths.push(folder.to_path_buf());
        }
        let mut file = File::create_new(path)?;
        self.paths.push(path.to_path_buf());
        file.write_all(text.as_bytes())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            // What can't be removed any more was not ours alone.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picklock_record::Registration;

    #[test]
    fn names_are_words_with_hyphens_that_nothing_else_has() {
        for name in ["exceptions", "my-idea", "weak-model-2", "noise", "a"] {
            check_name(name).unwrap();
        }
        let problem = |name: &str| check_name(name).unwrap_err().to_string();
        let shape = "expected lower-case words with hyphens that start with a letter";
        for name in [
            "", "My-Idea", "my_idea", "1st", "my--idea", "my-", "-x", "a/b", "über",
        ] {
            assert!(problem(name).contains(shape), "{name}");
        }
        for name in ["self", "match", "test", "sdk", "lm", "stats", "tests"] {
            let expected = format!("name `{name}`: a reserved name; choose another");
            assert_eq!(problem(name), expected);
        }
        check_name(&"a".repeat(LONGEST)).unwrap();
        assert!(problem(&"a".repeat(64)).ends_with(": 64 letters, expected at most 63"));
    }

    #[test]
    fn the_template_is_a_registration_without_contradictions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my-idea.toml");
        fs::write(&path, include_str!("new/hypothesis.toml")).unwrap();
        let registration = Registration::read(&path).unwrap();
        assert_eq!(registration.arms.len(), 2);
    }

    #[test]
    fn where_one_file_is_there_none_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("taken"), "before").unwrap();
        let files = [path("deep/er/new"), path("taken")].map(|path| (path, String::new()));
        let error = write_all(&files).unwrap_err().to_string();
        let problem = "can't be written: entity already exists; nothing was";
        assert_eq!(error, format!("{}: {problem}", path("taken").display()));
        assert_eq!(fs::read_to_string(path("taken")).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn commands_hold_paths_as_words_of_a_shell() {
        let commands = commands("my-idea", Path::new("my ideas"), Path::new("home"));
        assert!(
            commands.contains("cd 'my ideas' && cargo test"),
            "{commands}"
        );
        assert!(
            commands.contains("cd home && picklock --plugins 'my ideas' run"),
            "{commands}"
        );
    }
}
