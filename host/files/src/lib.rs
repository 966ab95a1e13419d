//! Files: TOML whose mistakes are named with line and column, writes that are there whole or not at
//! all, and digests.

mod atomic;
mod key;
pub mod toml_file;

pub use atomic::{ASIDE, write_atomically, write_first, write_through};
pub use key::Key;
pub use toml_file::BYTE_ORDER_MARK;
