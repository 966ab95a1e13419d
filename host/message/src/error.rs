//! What can go wrong: mistakes of the user, and our own.

use std::path::{Path, PathBuf};

use picklock_sdk::LabError;

/// A failed command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that picklock doesn't know.
    #[error("unknown {what} `{name}`{}", hint(.what, .nearest.as_deref(), .known))]
    Unknown {
        /// What kind of thing was named.
        what: &'static str,
        /// The name given.
        name: String,
        /// The nearest right name.
        nearest: Option<String>,
        /// All right names.
        known: Vec<String>,
    },
    /// A bad place in a text file.
    #[error("{}:{line}:{column}: {problem}", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there, and what was expected.
        problem: String,
    },
    /// A file or folder that can't be used as it is.
    #[error("{}: {problem}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: can't {action}: {}{}", .path.display(), plain(.source), advice(.action, .source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// Arguments that make no sense.
    #[error("{0}")]
    Usage(String),
    /// A plugin that can't be loaded.
    #[error("plugin {name}: {problem}")]
    Plugin {
        /// The hypothesis, or the file where it has no name yet.
        name: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A language model or device that can't be used.
    #[error("{0}")]
    Model(Box<dyn std::error::Error + Send + Sync>),
    /// A lab operation that failed.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A device had too little memory: what it says.
    #[error("{0}")]
    OutOfMemory(Box<dyn std::error::Error + Send + Sync>),
    /// An answer that can't be graded.
    #[error("grader {name}: {problem}")]
    Grader {
        /// The grader, as organism files name it.
        name: &'static str,
        /// What is wrong with the expected answer or with the user's program.
        problem: String,
    },
    /// A worker process that ended, or sent a message that was not expected.
    #[error("worker: {0}")]
    Worker(String),
    /// Ctrl-C.
    #[error("stopped; the same command goes on where it stopped")]
    Stopped,
    /// Ctrl-C, where the next time begins from the start.
    #[error("stopped; nothing was written")]
    Abandoned,
}

/// What every fallible function of the host returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An operating-system error about `path`.
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            path,
            action,
            source,
        }
    }

    /// A file or folder that can't be used as it is.
    pub fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }

    /// A name that isn't among `known`.
    pub fn unknown(what: &'static str, name: &str, known: Vec<String>) -> Self {
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_string);
        Self::Unknown {
            what,
            name: name.to_string(),
            nearest,
            known,
        }
    }

    /// Whether a device had too little memory for what was asked of it.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::OutOfMemory(_))
    }

    /// The process' exit code: 2 for bad input, 130 for Ctrl-C, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Worker(_) | Self::Lab(_) => 1,
            Self::Stopped | Self::Abandoned => 130,
            _ => 2,
        }
    }
}

/// The known name that a mistyped one most likely means: one or two slips away, rarely three, and
/// more alike than not.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let slips = |known: &str| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    let forgiven = |known: &str| {
        let letters = name.chars().count().min(known.chars().count());
        (1 + letters / 5).min(letters / 2)
    };
    known
        .map(|known| (slips(known), known))
        .filter(|(slips, known)| *slips <= forgiven(known))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
}

fn hint(what: &str, nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() && ["hypothesis", "organism"].contains(&what) => {
            "; there is none here: give this command in a checkout, or name picklock's folder with --plugins"
                .to_string()
        }
        None if known.is_empty() => "; there is none".to_string(),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// The error's text without "(os error 28)", lower case.
fn plain(source: &std::io::Error) -> String {
    let text = source.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or(&text)
        .to_lowercase()
}

fn advice(action: &str, source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::PermissionDenied if action == "read" => "; change its permissions",
        ErrorKind::StorageFull => "; free some space, then give the same command again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; choose another folder with --out (PICKLOCK_CACHE for the cache), or change its permissions"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cant_be_read_is_not_written_elsewhere() {
        let refused = |action| {
            let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            Error::io(Path::new("f"), action)(denied).to_string()
        };
        assert_eq!(
            refused("read"),
            "f: can't read: permission denied; change its permissions"
        );
        assert!(refused("write").contains("choose another folder with --out"));
    }

    #[test]
    fn a_mistyped_name_gets_the_nearest_right_one() {
        let known = || vec!["core".to_string(), "weight-noise".to_string()];
        let error = Error::unknown("hypothesis", "wieght-noise", known());
        let text = "unknown hypothesis `wieght-noise`; did you mean `weight-noise`?";
        assert_eq!(error.to_string(), text);
        let error = Error::unknown("hypothesis", "gravity", known());
        assert_eq!(
            error.to_string(),
            "unknown hypothesis `gravity`; there are core, weight-noise"
        );
        let nowhere = Error::unknown("organism", "tiny", Vec::new()).to_string();
        assert!(nowhere.ends_with("or name picklock's folder with --plugins"));
    }

    #[test]
    fn a_name_that_is_far_off_means_none() {
        let mean = |name, known: &'static str| nearest(name, [known].into_iter());
        for (name, known) in [
            ("wait-noise", "weight-noise"),
            ("Core", "core"),
            ("lt", "lr"),
            ("sedes", "seeds"),
            ("n_emdb", "n_embd"),
            ("low_temprature", "low-temperature"),
        ] {
            assert_eq!(mean(name, known), Some(known), "{name}");
        }
        for (name, known) in [
            ("white-noise", "weight-noise"),
            ("diversity", "density"),
            ("mode", "core"),
            ("rest", "report"),
            ("mini", "tiny"),
            ("x", "y"),
            ("", "core"),
        ] {
            assert_eq!(mean(name, known), None, "{name}");
        }
    }

    #[test]
    fn a_full_disk_says_what_to_do() {
        let source = std::io::Error::from_raw_os_error(28);
        let error = Error::io(Path::new("results/tiny"), "write")(source);
        let text = "results/tiny: can't write: no space left on device; \
                    free some space, then give the same command again";
        assert_eq!(error.to_string(), text);
    }
}
