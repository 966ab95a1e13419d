//! Results as JSON.

use picklock_message::{Error, Result, say, sayln};
use serde::Serialize;

/// Prints a JSON object in a line, or the text that people read instead.
pub fn print(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) {
    if json {
        sayln!("{}", serde_json::to_string(value).unwrap_or_default());
    } else {
        say!("{}", text());
    }
}

/// Prints JSON in indented lines.
///
/// # Errors
/// Where the value can't be written as JSON.
pub fn pretty(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    sayln!("{}", text.map_err(|error| Error::Usage(error.to_string()))?);
    Ok(())
}
