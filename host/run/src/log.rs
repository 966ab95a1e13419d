//! Logs: what a worker does, line by line, on its stderr, which the supervisor has put into
//! `logs/`. `PICKLOCK_LOG` says how much.

use picklock_message::{Error, Result};
use tracing::level_filters::LevelFilter;

/// The levels that a log line may have.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// How much is logged, as `PICKLOCK_LOG` says; without it `info`.
///
/// # Errors
/// Where it says something else than a level.
pub fn level() -> Result<LevelFilter> {
    let text = std::env::var("PICKLOCK_LOG").unwrap_or_default();
    if text.is_empty() {
        return Ok(LevelFilter::INFO);
    }
    text.parse().map_err(|_| {
        Error::Usage(format!(
            "PICKLOCK_LOG: expected off, error, warn, info, debug or trace, got `{text}`"
        ))
    })
}

/// Starts logging in this process.
///
/// # Errors
/// As [`level`].
pub fn start() -> Result<()> {
    let log = tracing_subscriber::fmt()
        .with_max_level(level()?)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        // A full disk must not end the worker, whose stderr is the log itself.
        .log_internal_errors(false);
    // A second one can't be set; the first does the same.
    let _ = tracing::subscriber::set_global_default(log.finish());
    Ok(())
}

/// The last line of a log that isn't the log's own: what a plugin, or libtorch, said last.
pub fn last_words(log: &str) -> Option<&str> {
    let ours = |line: &&str| {
        let level = line.split_whitespace().nth(1);
        line.starts_with("20") && level.is_some_and(|level| LEVELS.contains(&level))
    };
    let mut lines = log.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.starts_with("note: ") && !ours(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logs_own_lines_are_nobodys_last_words() {
        let log = "thread main panicked\n2026-11-23T03:51:15.000000Z  INFO cohort begins\n\n";
        assert_eq!(last_words(log), Some("thread main panicked"));
        let log = "out of memory\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_words(log), Some("out of memory"));
        assert_eq!(last_words("2026-11-23T03:51:15Z  WARN slow\n"), None);
    }
}
