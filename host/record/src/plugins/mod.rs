//! Plugins as files: where they are found, what they say of themselves, whether they are trusted.
//! Nothing is loaded.

mod catalogue;
mod file;
mod roots;
mod trust;

pub use catalogue::{Entry, catalogue};
pub use file::{PluginFile, unchanged};
pub use roots::{Root, Roots};
pub use trust::{TrustList, check_permissions, check_writers};
