//! `picklock plugins`: what there is, what is wrong with it, and what is trusted.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use picklock_message::{Error, Exit, Result, say, sayln};
use picklock_record::{
    Entry, PluginFile, Registration, Roots, TrustList, check_permissions, hypothesis,
};
use picklock_run::plugin;

use crate::output::{pretty, text_table};

/// List, check and trust plugin files.
#[derive(Args)]
pub struct Plugins {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show every plugin, its version, and whether it is trusted, without loading any.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Load a plugin file in a process of its own, and compare it with its pre-registration.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Trust plugin files from now on: write their SHA-256 to plugins.lock.
    Trust {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of pre-registration files.
    Schema,
}

impl Plugins {
    /// Runs the command.
    ///
    /// # Errors
    /// Where a file is no plugin, can be written by others, or isn't what its pre-registration says.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        match &self.command {
            Command::List { json } => list(*json, roots)?,
            Command::Check { file } => check(file, roots)?,
            Command::Trust { files } => trust(files, roots)?,
            Command::Schema => say!("{}", hypothesis::schema()),
        }
        Ok(Exit::Done)
    }
}

fn list(json: bool, roots: &Roots) -> Result<()> {
    let entries = picklock_record::plugins::catalogue(roots)?;
    if json {
        return pretty(&entries);
    }
    let header = [
        "name",
        "version",
        "ABI",
        "SDK",
        "hash",
        "pre-registration",
        "trust",
    ];
    say!("{}", text_table(header, entries.iter().map(row)));
    Ok(())
}

fn row(entry: &Entry) -> [String; 7] {
    let [version, abi, sdk, hash] = match &entry.manifest {
        Some(says) => [
            says.version.clone(),
            says.abi.to_string(),
            says.sdk.clone(),
            says.hash.short().to_string(),
        ],
        None => ["-"; 4].map(String::from),
    };
    let registration = match &entry.registration {
        Some(path) => format!("yes, {}", path.display()),
        None => "no".to_string(),
    };
    let (name, trust) = (entry.name.clone(), entry.trust.to_string());
    [name, version, abi, sdk, hash, registration, trust]
}

fn check(path: &Path, roots: &Roots) -> Result<()> {
    let file = plugin::find_file(path, roots)?;
    let wrong = |problem: String| Error::Plugin {
        name: file.name.clone(),
        problem,
    };
    let declared = picklock_run::describe(&[(file.path.clone(), file.hash.clone())])?
        .pop()
        .unwrap_or_else(|| Err(wrong("it said nothing".into())))?;
    let registration = roots.registration(&file.name).ok_or_else(|| {
        wrong(format!(
            "it loads, but there is no hypotheses/{}.toml; write what it claims, then run it",
            file.name
        ))
    })?;
    let registration = Registration::read(&registration)?;
    let idle = match registration.check_declared(&declared)?.as_slice() {
        [] => String::new(),
        names => format!("; it declares {} too, which don't run", names.join(", ")),
    };
    sayln!(
        "{} {}: all is well: ABI {}, SDK {}, {} arms as in {}{idle}",
        file.name,
        file.version,
        file.abi,
        file.sdk,
        registration.arms.len(),
        registration.path.display()
    );
    Ok(())
}

fn trust(files: &[PathBuf], roots: &Roots) -> Result<()> {
    let root = roots.first().ok_or_else(|| {
        Error::Usage("no folder to trust plugins in; name one with --plugins DIR".into())
    })?;
    let mut list = TrustList::of(root)?;
    for path in files {
        check_permissions(path)?;
        let file = PluginFile::read(path)?;
        list.add(&file)?;
        sayln!("{} {} trusted: {}", file.name, file.version, file.hash);
    }
    Ok(())
}
