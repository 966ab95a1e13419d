//! Reading the keys of a `config.json`, with errors that name them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The keys of a configuration, or of an object within it.
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn new(config: &'a Value) -> Result<Self> {
        config
            .as_object()
            .map(Self)
            .ok_or_else(|| wrong("config", "an object", config))
    }

    /// The object under a key, if there is one that isn't null.
    pub(super) fn object(&self, key: &str) -> Result<Option<Self>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_object()
                .map(|map| Some(Self(map)))
                .ok_or_else(|| wrong(key, "an object", value)),
        }
    }

    /// The value of a key; null counts as absent.
    pub(super) fn optional<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| wrong(key, what, value))
    }

    /// The value of a key that must be there.
    pub(super) fn required<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<T> {
        self.optional(key, what)?.ok_or_else(|| missing(key, what))
    }

    /// A size: a whole number of at least 1.
    pub(super) fn size(&self, key: &str) -> Result<i64> {
        self.optional_size(key)?
            .ok_or_else(|| missing(key, POSITIVE))
    }

    /// As [`Fields::size`], for a key that may be absent.
    pub(super) fn optional_size(&self, key: &str) -> Result<Option<i64>> {
        match self.optional::<i64>(key, POSITIVE)? {
            Some(size) if !(1..=1 << 31).contains(&size) => Err(wrong(key, POSITIVE, &size.into())),
            size => Ok(size),
        }
    }

    /// A number above 0, or the default of the reference implementation.
    pub(super) fn positive(&self, key: &str, default: f64) -> Result<f64> {
        match self.optional::<f64>(key, "a number above 0")? {
            Some(number) if number <= 0.0 => Err(wrong(key, "a number above 0", &number.into())),
            number => Ok(number.unwrap_or(default)),
        }
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        Ok(self.optional(key, "true or false")?.unwrap_or(default))
    }

    /// Refuses a key that asks for anything but one of the given values; absent is fine.
    pub(super) fn only(&self, key: &str, allowed: &[Value]) -> Result<()> {
        match self.get(key) {
            Some(value) if !allowed.contains(value) => {
                let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
                Err(wrong(key, &allowed.join(" or "), value))
            }
            _ => Ok(()),
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }
}

const POSITIVE: &str = "a whole number from 1 to 2147483648";

/// Refuses `whole` unless it is a multiple of `part`.
pub(super) fn divides(key: &str, whole: i64, part: i64) -> Result<()> {
    if whole % part == 0 {
        return Ok(());
    }
    Err(wrong(key, &format!("a multiple of {part}"), &whole.into()))
}

pub(super) fn wrong(key: &str, expected: &str, got: &Value) -> Error {
    Error::Config {
        key: key.to_owned(),
        expected: expected.to_owned(),
        got: got.to_string(),
    }
}

fn missing(key: &str, expected: &str) -> Error {
    Error::Config {
        key: key.to_owned(),
        expected: expected.to_owned(),
        got: "nothing".to_owned(),
    }
}
