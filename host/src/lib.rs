//! picklock finds out why a password-locked language model opens: it trains locked models, unlocks
//! them under controlled conditions, and says with honest statistics which explanations survive.

mod batch;
mod cli;
mod error;
mod fault;
mod hypothesis;
mod journal;
pub mod lab;
pub mod organism;
mod plugins;
mod report;
mod task;
pub mod toml_file;

use std::process::ExitCode;

/// Runs the command line; an error is one line on stderr.
pub fn main() -> ExitCode {
    match cli::main() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("picklock: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
