//! TOML files: every problem names its line and column, and the nearest right key.

use std::path::Path;

use picklock_message::{Error, Result, nearest};
use serde::de::DeserializeOwned;

/// What some editors begin a text file with; it says nothing.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a TOML file as a `T`.
///
/// # Errors
/// Where the file can't be read, is no TOML, or has unknown, missing or misshapen keys.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<(T, String)> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
    let value = parse(path, &text)?;
    Ok((value, text))
}

/// Reads `text`, the contents of `path`, as a `T`.
///
/// # Errors
/// As [`read`].
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = place(text, offset);
        let problem = with_nearest(error.message());
        Error::Text {
            path: path.to_path_buf(),
            line,
            column,
            problem,
        }
    })
}

/// Line and column, both from 1, of a byte offset.
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// Adds the nearest right name to serde's "unknown field" and "unknown variant".
fn with_nearest(message: &str) -> String {
    let message = in_words(&message.replace('\n', " "));
    let Some((given, known)) = given_and_known(&message) else {
        return message;
    };
    match nearest(given, known.into_iter()) {
        Some(nearest) => format!("unknown key `{given}`; did you mean `{nearest}`?"),
        None => message.replacen("unknown field", "unknown key", 1),
    }
}

/// What toml and serde say of values, for those who know neither.
fn in_words(message: &str) -> String {
    if message.starts_with("wanted exactly 1 element") {
        return "expected one of its kinds, got several".into();
    }
    let whole = message.strip_suffix(", expected u32");
    if let Some(got) = whole.and_then(|got| got.strip_prefix("invalid value: integer `")) {
        let got = got.trim_end_matches('`');
        return format!("expected a whole number from 0 to 4,294,967,295, got {got}");
    }
    let bare = ["`nan`", "`inf`", "`true`", "`false`"];
    if bare
        .iter()
        .any(|word| message.ends_with(&format!("expected {word}")))
    {
        "expected a value; a text stands in quotes, as in \"number\"".into()
    } else {
        message.to_string()
    }
}

/// The unknown name and the known ones, where a message is about such a thing.
fn given_and_known(message: &str) -> Option<(&str, Vec<&str>)> {
    if let Some(rest) = message.strip_prefix("unknown ") {
        let mut quoted = rest.split('`').skip(1).step_by(2);
        return Some((quoted.next()?, quoted.collect()));
    }
    // So says toml of the variants of an enum.
    let rest = message.strip_prefix("unexpected keys in table: ")?;
    let (given, known) = rest.split_once(", available keys: ")?;
    Some((given.split(", ").next()?, known.split(", ").collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        learning_rate: f64,
    }

    #[test]
    fn an_unknown_key_names_place_and_nearest() {
        let text = "# a comment\n  lerning_rate = 1e-3\n";
        let error = parse::<File>(Path::new("a.toml"), text).unwrap_err();
        let expected = "a.toml:2:3: unknown key `lerning_rate`; did you mean `learning_rate`?";
        assert_eq!(error.to_string(), expected);
        let right = parse::<File>(Path::new("a.toml"), "learning_rate = 0.5").unwrap();
        assert!((right.learning_rate - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_value_is_told_in_words() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Kind {
            Number,
            Steps(u32),
        }
        type File = std::collections::BTreeMap<String, Kind>;
        for (text, told) in [
            (
                "a = number",
                "expected a value; a text stands in quotes, as in \"number\"",
            ),
            (
                "a = { steps = 1, number = 2 }",
                "expected one of its kinds, got several",
            ),
            (
                "a = { steps = -1 }",
                "expected a whole number from 0 to 4,294,967,295, got -1",
            ),
        ] {
            let error = parse::<File>(Path::new("a.toml"), text).unwrap_err();
            assert!(error.to_string().ends_with(told), "{error}");
        }
        let right =
            parse::<File>(Path::new("a.toml"), "a = \"number\"\nb = { steps = 3 }").unwrap();
        assert!(matches!(
            (&right["a"], &right["b"]),
            (Kind::Number, Kind::Steps(3))
        ));
    }

    #[test]
    fn an_unknown_key_of_a_variant_names_the_nearest_too() {
        type File = std::collections::BTreeMap<String, picklock_sdk::Optimizer>;
        let text = "optimizer.lion = { beta_1 = 0.9, beta2 = 0.99 }";
        let error = parse::<File>(Path::new("a.toml"), text).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with(": unknown key `beta_1`; did you mean `beta1`?"),
            "{error}"
        );
    }
}
