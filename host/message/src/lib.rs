//! What picklock says to people: errors, quantities in words, progress, and the quoting of shells.

mod error;
mod exit;
mod printable;
pub mod quantity;
pub mod shell;
mod watch;

pub use error::{Error, Result, nearest};
pub use exit::Exit;
pub use printable::printable;
pub use quantity::{bytes, duration, grouped};
pub use watch::{Watch, is_stopped};

/// `print!` to a standard output that may be closed before all is said, as in `picklock plan | head`.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        // Whoever closed it has read enough.
        let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!($($text)*));
    }};
}

/// `println!` in the same way.
#[macro_export]
macro_rules! sayln {
    ($($text:tt)*) => { $crate::say!("{}\n", format_args!($($text)*)) };
}

/// `eprintln!` to a standard error that may be closed, or whose terminal may be gone: a run goes on.
#[macro_export]
macro_rules! tell {
    ($($text:tt)*) => {{
        let line = format_args!("{}\n", format_args!($($text)*));
        // There is nobody else to tell.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), line);
    }};
}
