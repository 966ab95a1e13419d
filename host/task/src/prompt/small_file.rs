//! Files that belong into memory whole, none of them longer than is sensible.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use picklock_message::{Error, Result, grouped};
use serde_json::Value;

/// The longest that is read, in bytes; the largest tokenizers of the field have a tenth of it.
const LONGEST: u64 = 1 << 28;

/// A whole file; `None` where there is none.
///
/// # Errors
/// Where it can't be read, or is longer than is sensible.
pub fn read(path: &Path) -> Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::io(path, "read"))?,
    };
    let mut bytes = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(Error::io(path, "read"))?;
    if bytes.len() as u64 > LONGEST {
        let longest = grouped(LONGEST);
        let problem = format!("longer than {longest} bytes, which no such file is; get it again");
        return Err(Error::file(path, problem));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let problem = format!("expected UTF-8, got something else at byte {place}");
        Error::file(path, problem)
    });
    Ok(Some(text?))
}

/// A JSON object; `Null` where there is no file.
///
/// # Errors
/// As [`read`], and where it is no JSON object.
pub fn json(path: &Path) -> Result<Value> {
    let Some(text) = read(path)? else {
        return Ok(Value::Null);
    };
    match serde_json::from_str(&text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Error::file(path, "expected a JSON object")),
        Err(error) => Err(Error::Text {
            path: path.to_path_buf(),
            line: error.line(),
            column: error.column(),
            problem: format!("not JSON: {error}; get the file again"),
        }),
    }
}
