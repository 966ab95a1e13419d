//! The metadata of a GGUF file by key, with errors that name the key.

use std::collections::HashMap;

use super::value::{I32, Value};

/// What is wrong with a file, in words.
pub type Read<T> = Result<T, String>;

/// Metadata by key.
pub struct Metadata<'a>(pub &'a HashMap<String, Value>);

impl Metadata<'_> {
    /// A text.
    ///
    /// # Errors
    /// Where it is missing, or none.
    pub fn text(&self, key: &str) -> Read<&str> {
        required(key, "a text", self.optional_text(key)?)
    }

    /// A text that may be missing.
    ///
    /// # Errors
    /// Where it is none.
    pub fn optional_text(&self, key: &str) -> Read<Option<&str>> {
        self.optional(key, "a text", text)
    }

    /// A whole number from 0.
    ///
    /// # Errors
    /// Where it is missing, or none.
    pub fn whole(&self, key: &str) -> Read<u64> {
        required(key, "a whole number", self.optional_whole(key)?)
    }

    /// A whole number from 0 that may be missing.
    ///
    /// # Errors
    /// Where it is none.
    pub fn optional_whole(&self, key: &str) -> Read<Option<u64>> {
        self.optional(key, "a whole number", whole)
    }

    /// A number.
    ///
    /// # Errors
    /// Where it is missing, or none.
    pub fn number(&self, key: &str) -> Read<f64> {
        required(key, "a number", self.optional_number(key)?)
    }

    /// A number that may be missing. It is kept in 32 bits; what is meant is its shortest decimal.
    ///
    /// # Errors
    /// Where it is none.
    pub fn optional_number(&self, key: &str) -> Read<Option<f64>> {
        self.optional(key, "a number", |value| match value {
            Value::F32(number) => number.to_string().parse().ok(),
            Value::F64(number) => Some(*number),
            other => whole(other).map(|number| number as f64),
        })
    }

    /// Whether something is so; `default` where nothing is said.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn flag(&self, key: &str, default: bool) -> Read<bool> {
        let flag = self.optional(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        });
        Ok(flag?.unwrap_or(default))
    }

    /// Texts.
    ///
    /// # Errors
    /// Where they are missing, or one of them is none.
    pub fn texts(&self, key: &str) -> Read<Vec<&str>> {
        let what = "a list of texts";
        required(key, what, self.list(key, what, text)?)
    }

    /// Whole numbers that may be missing; negative ones count as 0.
    ///
    /// # Errors
    /// Where one of them is none.
    pub fn optional_wholes(&self, key: &str) -> Read<Option<Vec<u64>>> {
        self.list(key, "a list of whole numbers", |value| match value {
            Value::Integer(I32, number) => Some(u64::try_from(*number).unwrap_or(0)),
            other => whole(other),
        })
    }

    /// Numbers.
    ///
    /// # Errors
    /// Where they are missing, or one of them is none.
    pub fn numbers(&self, key: &str) -> Read<Vec<f32>> {
        let what = "a list of numbers";
        let numbers = self.list(key, what, |value| match value {
            Value::F32(number) => Some(*number),
            _ => None,
        });
        required(key, what, numbers?)
    }

    fn list<'a, T>(
        &'a self,
        key: &str,
        what: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Read<Option<Vec<T>>> {
        self.optional(key, what, |value| match value {
            Value::Array(values) => values.iter().map(read).collect(),
            _ => None,
        })
    }

    fn optional<'a, T>(
        &'a self,
        key: &str,
        what: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Read<Option<T>> {
        let checked = |value: &'a Value| {
            let got = value.kind_name();
            let problem = || format!("metadata key `{key}`: expected {what}, got {got}");
            read(value).ok_or_else(problem)
        };
        self.0.get(key).map(checked).transpose()
    }
}

fn required<T>(key: &str, what: &str, value: Option<T>) -> Read<T> {
    value.ok_or_else(|| format!("metadata key `{key}` is missing: expected {what}"))
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(_, number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
