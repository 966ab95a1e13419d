//! JSON as Python writes it, for chat templates: `tojson`.

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// `tojson(value, indent=None, ensure_ascii=False)` of transformers, which is `json.dumps` and escapes
/// nothing for HTML.
///
/// # Errors
/// For other arguments, and values that JSON has no form for.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja gives a filter its arguments so"
)]
pub fn tojson(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    if options.get::<Option<bool>>("ensure_ascii")? == Some(true) {
        let problem = "tojson(ensure_ascii=True) is not supported";
        return Err(Error::new(ErrorKind::InvalidOperation, problem));
    }
    options.assert_all_used()?;
    match indent {
        None => written(value, Python),
        Some(indent) => written(
            value,
            PrettyFormatter::with_indent(" ".repeat(indent.min(64)).as_bytes()),
        ),
    }
}

fn written(value: &Value, formatter: impl Formatter) -> Result<String, Error> {
    let refused = |problem: String| Error::new(ErrorKind::BadSerialization, problem);
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
        .map_err(|error| refused(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| refused(error.to_string()))
}

/// One line, with a space behind each comma and colon.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
    ) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}
