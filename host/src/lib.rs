//! picklock finds out why a password-locked language model opens: it trains locked models, unlocks
//! them under controlled conditions, and says with honest statistics which explanations survive.

/// `print!` to a standard output that may be closed before all is said, as in `picklock plan | head`.
macro_rules! say {
    ($($said:tt)*) => {{
        // Whoever closed it has read enough.
        let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!($($said)*));
    }};
}

/// The same of `println!`.
macro_rules! sayln {
    ($($said:tt)*) => { say!("{}\n", format_args!($($said)*)) };
}

/// `eprintln!` to a standard error that may be closed, or whose terminal may be gone: a run goes on.
macro_rules! tell {
    ($($told:tt)*) => {{
        let told = format_args!("{}\n", format_args!($($told)*));
        // There is nobody else to tell.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), told);
    }};
}

mod batch;
mod checkpoint;
mod cli;
mod error;
mod fault;
mod gguf;
mod hypothesis;
pub mod journal;
pub mod lab;
pub mod organism;
pub mod plugins;
mod prompt;
mod report;
mod shell;
mod slurm;
mod speed;
mod steps;
mod task;
pub mod toml_file;
mod watch;

use std::process::ExitCode;

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
