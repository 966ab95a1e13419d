//! Where plugins, hypotheses and organisms are looked for.

use std::path::{Path, PathBuf};

use picklock_message::{Error, Result};

/// A folder with `plugins/`, `hypotheses/` and `organisms/`.
#[derive(Clone, Debug)]
pub struct Root {
    folder: PathBuf,
    workspace: bool,
}

impl Root {
    /// A folder that is no workspace.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            workspace: false,
        }
    }

    /// Whether it is a workspace, whose plugins cargo builds.
    pub fn is_workspace(&self) -> bool {
        self.workspace
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether cargo builds this hypothesis' plugin here.
    pub fn has_source(&self, name: &str) -> bool {
        let source = self.folder.join("plugins").join(name);
        self.workspace && source.join("Cargo.toml").is_file()
    }

    /// Where a hypothesis' plugin file lies, or would.
    pub fn plugin(&self, name: &str) -> PathBuf {
        let file = format!("libpicklock_{}.so", name.replace('-', "_"));
        self.plugins().join(file)
    }

    /// Where pre-registration files lie.
    pub fn hypotheses(&self) -> PathBuf {
        self.folder.join("hypotheses")
    }

    /// Where organism presets lie.
    pub fn organisms(&self) -> PathBuf {
        self.folder.join(if self.workspace {
            "host/organisms"
        } else {
            "organisms"
        })
    }

    /// Where plugin files lie.
    pub fn plugins(&self) -> PathBuf {
        if !self.workspace {
            return self.folder.join("plugins");
        }
        // As cargo does: a folder of the user's, or the workspace's own.
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        self.folder.join(target).join("debug")
    }

    /// The list of trusted plugin files.
    pub fn trust_list(&self) -> PathBuf {
        self.folder.join("plugins.lock")
    }
}

/// All roots, the first to be looked at first.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    roots: Vec<Root>,
}

impl Roots {
    /// `given` (`--plugins`), then `PICKLOCK_PLUGINS`, the workspace around the current folder, and
    /// `../share/picklock` beside the executable.
    ///
    /// # Errors
    /// Where one that was named is no folder.
    pub fn discover(given: &[PathBuf]) -> Result<Self> {
        let environment = std::env::var_os("PICKLOCK_PLUGINS").unwrap_or_default();
        let set = std::env::split_paths(&environment);
        // As in PATH, nothing between two colons names nothing.
        let set = set.filter(|folder| !folder.as_os_str().is_empty());
        let given = given.iter().cloned().map(|folder| (folder, "--plugins"));
        let named = given.chain(set.map(|folder| (folder, "PICKLOCK_PLUGINS")));
        let named = named.map(|(folder, source)| named_root(&folder, source));
        let mut roots: Vec<Root> = named.collect::<Result<_>>()?;
        if let Some(folder) = std::env::current_dir()
            .ok()
            .and_then(|here| workspace_around(&here))
        {
            roots.push(Root {
                folder,
                workspace: true,
            });
        }
        let beside = std::env::current_exe().ok().and_then(|file| {
            let folder = file.parent()?.parent()?.join("share/picklock");
            folder.is_dir().then_some(folder)
        });
        roots.extend(beside.map(|folder| Root::at(&folder)));
        Ok(Self { roots })
    }

    /// The workspace's folder, where the current folder is in one.
    pub fn workspace(&self) -> Option<&Path> {
        self.roots
            .iter()
            .find(|root| root.workspace)
            .map(|root| root.folder.as_path())
    }

    /// The root that is looked at first.
    pub fn first(&self) -> Option<&Root> {
        self.roots.first()
    }

    /// Files with this extension in a folder of every root, sorted by name within each.
    pub fn files(&self, folder: impl Fn(&Root) -> PathBuf, extension: &str) -> Vec<PathBuf> {
        let of_root = |root: &Root| {
            let entries = std::fs::read_dir(folder(root))
                .into_iter()
                .flatten()
                .flatten();
            let paths = entries.map(|entry| entry.path());
            let matches = |path: &PathBuf| path.extension().is_some_and(|e| e == extension);
            let mut paths: Vec<PathBuf> = paths.filter(matches).collect();
            paths.sort();
            paths
        };
        self.roots.iter().flat_map(of_root).collect()
    }

    /// The plugin file of a hypothesis, and its root.
    pub fn plugin(&self, name: &str) -> Option<(&Root, PathBuf)> {
        let candidates = self.roots.iter().map(|root| (root, root.plugin(name)));
        candidates.into_iter().find(|(_, path)| path.is_file())
    }

    /// The first root that has a hypothesis' plugin: its file, or its source where cargo `builds`.
    pub fn home(&self, name: &str, builds: bool) -> Option<&Root> {
        let has = |root: &&Root| root.plugin(name).is_file() || (builds && root.has_source(name));
        self.roots.iter().find(has)
    }

    /// The pre-registration file of a hypothesis.
    pub fn registration(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}.toml");
        let mut paths = self.roots.iter().map(|root| root.hypotheses().join(&file));
        paths.find(|path| path.is_file())
    }

    /// All roots.
    pub fn iter(&self) -> impl Iterator<Item = &Root> {
        self.roots.iter()
    }
}

/// The root that `source` names.
fn named_root(folder: &Path, source: &str) -> Result<Root> {
    let problem = match std::fs::metadata(folder) {
        Ok(data) if data.is_dir() => {
            return Ok(Root::at(folder));
        }
        Ok(_) => "is no folder",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "no such folder",
        Err(error) => return Err(Error::io(folder, "look into it")(error)),
    };
    Err(Error::Usage(format!(
        "{source}: {}: {problem}; expected one with plugins/, hypotheses/ and organisms/",
        folder.display()
    )))
}

/// The nearest folder upwards that holds a picklock workspace.
fn workspace_around(start: &Path) -> Option<PathBuf> {
    let holds = |folder: &&Path| {
        folder.join("Cargo.toml").is_file()
            && folder.join("hypotheses").is_dir()
            && folder.join("host/sdk/Cargo.toml").is_file()
    };
    start.ancestors().find(holds).map(Path::to_path_buf)
}
