//! picklock finds out why a password-locked language model opens: it trains locked models, unlocks
//! them under controlled conditions, and says with honest statistics which explanations survive.

mod args;
mod bench;
mod cli;
mod output;
mod steps;

use std::process::ExitCode;

use picklock_message::tell;

/// Runs the command line; an error is one line on stderr.
pub fn main() -> ExitCode {
    match cli::main() {
        Ok(code) => code,
        Err(error) => {
            tell!("picklock: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
