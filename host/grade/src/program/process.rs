//! The process of a grading program: lines to it, lines from it, and its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// The longest line that is read; what goes on without end is cut.
const LONGEST_LINE: u64 = 1 << 20;
/// How long a process has to end by itself once its input is closed.
const PATIENCE: Duration = Duration::from_millis(500);

/// A running program. Threads write to it and read from it, so that nobody waits for one that
/// neither reads nor writes.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Lines to it; without one, its input is closed.
    questions: Option<Sender<String>>,
    answers: Receiver<String>,
    /// Gives the last line of its standard error.
    last_words: Option<JoinHandle<String>>,
}

/// Why no answer came.
pub enum Failure {
    /// It took too long.
    Slow,
    /// The process ended; how, in words.
    Ended(String),
}

impl Process {
    /// Starts a program in a process group of its own.
    pub fn start(command: &[String]) -> Result<Self, String> {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("can't be started: {}", plain(&error)))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err("can't be started: no pipes".into());
        };
        let (questions, to_write) = channel();
        let (to_read, answers) = channel();
        std::thread::spawn(move || write(stdin, &to_write));
        std::thread::spawn(move || read(BufReader::new(stdout), |line| to_read.send(line).is_ok()));
        let last_words = std::thread::spawn(move || {
            let mut last = String::new();
            read(BufReader::new(stderr), |line| {
                if !line.trim().is_empty() {
                    last = line;
                }
                true
            });
            last
        });
        Ok(Self {
            child,
            questions: Some(questions),
            answers,
            last_words: Some(last_words),
        })
    }

    /// Sends a line and waits for one; empty ones don't count.
    pub fn exchange(&mut self, line: String, limit: Duration) -> Result<String, Failure> {
        let start = Instant::now();
        if let Some(questions) = &self.questions {
            // A writer that has gone is noticed by the end of what is read.
            let _ = questions.send(line);
        }
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match self.answers.recv_timeout(left) {
                Ok(answer) if answer.trim().is_empty() => {}
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => return Err(Failure::Slow),
                Err(RecvTimeoutError::Disconnected) => return Err(Failure::Ended(self.end())),
            }
        }
    }

    /// Ends the process, and says how it ended.
    fn end(&mut self) -> String {
        self.questions = None;
        let start = Instant::now();
        let mut status = self.child.try_wait().ok().flatten();
        while status.is_none() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
            status = self.child.try_wait().ok().flatten();
        }
        // Also what it has started.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let how = match status {
            Some(status) => format!("ended with {status}"),
            None => "closed its output".to_string(),
        };
        let _ = self.child.wait();
        let last = self.last_words.take().map(JoinHandle::join);
        match last {
            Some(Ok(last)) if !last.is_empty() => format!("{how}: {}", last.trim()),
            _ => how,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.questions = None;
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn write(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for line in lines {
        if stdin.write_all((line + "\n").as_bytes()).is_err() {
            return;
        }
    }
}

/// Gives each line to `each`, until it wants no more.
fn read(mut from: impl BufRead, mut each: impl FnMut(String) -> bool) {
    loop {
        let mut line = Vec::new();
        let read = from
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line);
        if !matches!(read, Ok(bytes) if bytes > 0) {
            return;
        }
        let line = String::from_utf8_lossy(&line);
        if !each(line.trim_end().to_string()) {
            return;
        }
    }
}

/// An error's text without "(os error 2)", in small letters.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or(&text).to_string()
}
