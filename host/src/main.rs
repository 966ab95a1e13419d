//! picklock finds out why a password-locked language model opens: it trains locked models, unlocks
//! them under controlled conditions, and says with honest statistics which explanations survive.

mod batch;
mod cli;
mod error;
mod hypothesis;
mod journal;
mod lab;
mod organism;
mod plugins;
mod report;
mod task;
mod toml_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("picklock: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
