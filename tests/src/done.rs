//! A command that has ended.

use std::process::Command;

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Done {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Done {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn of(command: &mut Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The same, which must have ended with this exit code.
    ///
    /// # Panics
    /// Where it ended otherwise.
    #[must_use]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The same, which must have succeeded.
    ///
    /// # Panics
    /// Where it failed.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "many commands need only succeed"
    )]
    pub fn ok(self) -> Self {
        self.with_code(0)
    }

    /// The one line that a command refused bad input with.
    ///
    /// # Panics
    /// Where it didn't end with exit code 2, or said anything else than one line.
    pub fn refusal(&self) -> &str {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:#?}");
        self.complaint()
    }

    /// The one line of stderr that is an error message.
    ///
    /// # Panics
    /// Where there is none, or more than one.
    pub fn complaint(&self) -> &str {
        let lines = self.stderr.lines();
        let complaints: Vec<&str> = lines
            .filter_map(|line| line.strip_prefix("picklock: "))
            .collect();
        match complaints.as_slice() {
            [only] => only,
            _ => panic!("expected one line of picklock's, got {self:#?}"),
        }
    }
}
