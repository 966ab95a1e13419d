//! Child processes that read and write lines: questions in, answers out, deadlines, and their end.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// The longest line that is read, in bytes; a longer one is cut into several.
const LONGEST_LINE: u64 = 1 << 20;
/// How long a child has to end by itself once its input is closed.
const GRACE: Duration = Duration::from_millis(500);

/// A running child. Threads write to it and read from it, so that a child that neither reads nor
/// writes blocks nobody. When this is dropped, the child and all that it started are killed.
#[derive(Debug)]
pub struct LineChild {
    child: Child,
    /// Lines to it; without a sender, its input is closed.
    input: Option<Sender<String>>,
    output: Receiver<String>,
    /// Gives the last line of its standard error.
    last_words: Option<JoinHandle<String>>,
}

/// Why no line came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLine {
    /// The deadline has passed.
    TimedOut,
    /// The child has ended, or closed its output: its exit status and the last line of its standard
    /// error, as in `ended with exit status: 3: no module named sympy`.
    Ended(String),
}

impl LineChild {
    /// Starts a command in a process group of its own, with pipes for its input, output and errors.
    ///
    /// # Errors
    /// Where it can't be started; why, in words.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("can't be started: {}", plain(&error)))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err("can't be started: no pipes".into());
        };
        let (input, to_write) = channel::<String>();
        let (to_read, output) = channel();
        std::thread::spawn(move || {
            let mut lines = to_write.into_iter();
            lines.try_for_each(|line| stdin.write_all((line + "\n").as_bytes()))
        });
        std::thread::spawn(move || {
            lines(BufReader::new(stdout)).try_for_each(|line| to_read.send(line))
        });
        let last_words =
            std::thread::spawn(move || lines(BufReader::new(stderr)).last().unwrap_or_default());
        Ok(Self {
            child,
            input: Some(input),
            output,
            last_words: Some(last_words),
        })
    }

    /// Sends a line, without waiting until it is read. That the child has ended is reported by the
    /// next [`LineChild::receive`].
    pub fn send(&self, line: String) {
        if let Some(input) = &self.input {
            let _ = input.send(line);
        }
    }

    /// Waits for the next line that isn't blank. A child that has closed its output is ended.
    ///
    /// # Errors
    /// Where none comes within `limit`.
    pub fn receive(&mut self, limit: Duration) -> Result<String, NoLine> {
        self.output
            .recv_timeout(limit)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => NoLine::TimedOut,
                RecvTimeoutError::Disconnected => NoLine::Ended(self.end()),
            })
    }

    /// Sends a line and waits for the one that answers it.
    ///
    /// # Errors
    /// As [`LineChild::receive`].
    pub fn exchange(&mut self, line: String, limit: Duration) -> Result<String, NoLine> {
        self.send(line);
        self.receive(limit)
    }

    /// Closes the child's input, gives it half a second to end by itself, kills it with all that it
    /// started, and says how it ended and its last words.
    pub fn end(&mut self) -> String {
        self.input = None;
        let start = Instant::now();
        let mut status = self.child.try_wait().ok().flatten();
        while status.is_none() && start.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(5));
            status = self.child.try_wait().ok().flatten();
        }
        if self.last_words.is_some() {
            self.kill();
        }
        let how = match status {
            Some(status) => format!("ended with {status}"),
            None => "closed its output".to_string(),
        };
        match self.last_words.take().map(JoinHandle::join) {
            Some(Ok(last)) if !last.is_empty() => format!("{how}: {}", last.trim()),
            _ => how,
        }
    }

    /// Kills the child's process group, and waits for the child.
    fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for LineChild {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

/// The lines that aren't blank, up to the first error.
fn lines(mut from: impl BufRead) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let mut rest = from.by_ref().take(LONGEST_LINE);
        let bytes = rest.read_until(b'\n', &mut line).ok()?;
        (bytes > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_string())
    })
    .filter(|line| !line.is_empty())
}

/// An error's text without "(os error 2)", in small letters.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> LineChild {
        LineChild::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn lines_are_exchanged_and_blank_ones_skipped() {
        let mut child = shell("while read -r line; do echo; echo \"got $line\"; done");
        for line in ["one", "two words"] {
            assert_eq!(child.exchange(line.into(), LONG), Ok(format!("got {line}")));
        }
        assert_eq!(child.end(), "ended with exit status: 0");
        let ended = NoLine::Ended("ended with exit status: 0".into());
        assert_eq!(child.exchange("three".into(), LONG), Err(ended));
    }

    #[test]
    fn a_child_that_neither_reads_nor_writes_blocks_nobody() {
        let mut child = shell("sleep 600");
        let start = Instant::now();
        let limit = Duration::from_millis(100);
        let answer = child.exchange("x".repeat(1 << 20), limit);
        assert_eq!(answer, Err(NoLine::TimedOut));
        drop(child);
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn one_that_ends_leaves_status_and_last_words() {
        let mut child = shell("echo first; echo why >&2; echo >&2; exit 3");
        assert_eq!(child.receive(LONG), Ok("first".into()));
        let ended = NoLine::Ended("ended with exit status: 3: why".into());
        assert_eq!(child.receive(LONG), Err(ended));
    }

    #[test]
    fn one_that_only_closes_its_output_is_killed_with_its_group() {
        let mut child = shell("sleep 600 2>&- & echo $!; exec >&-; wait");
        let grandchild = child.receive(LONG).unwrap();
        let ended = NoLine::Ended("closed its output".into());
        // The grandchild holds the output open.
        assert_eq!(child.receive(GRACE), Err(NoLine::TimedOut));
        assert_eq!(NoLine::Ended(child.end()), ended);
        let state = format!("/proc/{grandchild}/stat");
        let gone = || {
            let stat = std::fs::read_to_string(&state);
            stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
        };
        let start = Instant::now();
        while !gone() && start.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(gone());
    }

    #[test]
    fn one_that_is_not_there_can_not_be_started() {
        let started = LineChild::start(&mut Command::new("picklock-no-such-program"));
        let expected = "can't be started: no such file or directory";
        assert_eq!(started.unwrap_err(), expected);
    }

    #[test]
    fn lines_without_end_are_cut() {
        let text = "x".repeat((1 << 20) + 3);
        let lengths: Vec<usize> = lines(text.as_bytes()).map(|line| line.len()).collect();
        assert_eq!(lengths, [1 << 20, 3]);
    }
}
