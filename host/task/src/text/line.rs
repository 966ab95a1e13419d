//! Lines of data files: JSON objects.

use std::path::Path;

use picklock_files::BYTE_ORDER_MARK;
use picklock_message::{Error, Result, grouped};
use serde_json::{Map, Value};

use crate::data::Data;

/// A line of a data file: a JSON object.
#[derive(Clone, Debug)]
pub struct Line(Map<String, Value>);

impl Line {
    /// A line of JSON.
    ///
    /// # Errors
    /// Where it is no JSON object.
    pub fn parse(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line).map(Self)
    }

    /// The text of a field; numbers are texts too, and null is an empty one.
    ///
    /// # Errors
    /// Where there is none, or it is something else.
    pub fn text(&self, field: &str) -> std::result::Result<String, String> {
        if let Some(Value::Null) = self.0.get(field) {
            return Ok(String::new());
        }
        self.optional(field)?.ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!(
                "there is no field `{field}`; there are {}",
                known.join(", ")
            )
        })
    }

    /// The text of a field that may be missing or null.
    ///
    /// # Errors
    /// Where it is something else than a text or number.
    pub fn optional(&self, field: &str) -> std::result::Result<Option<String>, String> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(format!(
                "field `{field}` is {}, expected a text",
                kind(other)
            )),
        }
    }

    /// A field that is a whole number, of 0 or more.
    pub fn number(&self, field: &str) -> Option<usize> {
        self.0.get(field)?.as_u64()?.try_into().ok()
    }

    /// Whether there is a field.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The texts of a field that is a list; numbers are texts too.
    ///
    /// # Errors
    /// Where there is none, or it is something else.
    pub fn texts(&self, field: &str) -> std::result::Result<Vec<String>, String> {
        match self.0.get(field) {
            Some(Value::Array(items)) => {
                let text = |(place, item): (usize, &Value)| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    other => Err(format!(
                        "field `{field}` has {} in place {place}, expected a list of texts",
                        kind(other)
                    )),
                };
                (1..).zip(items).map(text).collect()
            }
            Some(other) => Err(format!(
                "field `{field}` is {}, expected a list of texts",
                kind(other)
            )),
            None => self.text(field).map(|text| vec![text]),
        }
    }

    /// The first of several fields that is there.
    ///
    /// # Errors
    /// Where none is, or it is no text.
    pub fn first(&self, fields: &[&str]) -> std::result::Result<String, String> {
        for field in fields {
            if let Some(text) = self.optional(field)? {
                return Ok(text);
            }
        }
        Err(format!("there is no field `{}`", fields.join("` or `")))
    }
}

/// The objects of a file, each with the number of its line, from 1.
///
/// # Errors
/// Where it can't be read, holds nothing, or a line is no JSON object.
pub fn json_lines(data: &Data, file: &Path) -> Result<Vec<(usize, Line)>> {
    let text = String::from_utf8(data.read(file)?).map_err(|error| {
        let problem = format!(
            "isn't UTF-8 text, at byte {}",
            grouped(error.utf8_error().valid_up_to() as u64)
        );
        Error::file(file, problem)
    })?;
    let lines = (1..).zip(text.trim_start_matches(BYTE_ORDER_MARK).lines());
    let parsed: Vec<(usize, Line)> = lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| match Line::parse(line) {
            Ok(line) => Ok((number, line)),
            Err(error) => Err(Error::Text {
                path: file.to_path_buf(),
                line: number,
                column: error.column().max(1),
                problem: format!("no JSON object: {}", problem(&error)),
            }),
        })
        .collect::<Result<_>>()?;
    if parsed.is_empty() {
        let problem = "nothing in it; expected a JSON object on each line";
        return Err(Error::file(file, problem));
    }
    Ok(parsed)
}

/// What serde says of a line, without its place.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_string()
}

/// What a JSON value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
