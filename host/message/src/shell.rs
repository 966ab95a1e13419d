//! Quoting for shells, in commands that are printed for users and in scripts.

use std::path::Path;

/// A text as the shell reads it as one word.
pub fn word(text: &str) -> String {
    // What no shell can be given is no path or name either.
    shlex::try_quote(text).map_or_else(|_| text.to_string(), Into::into)
}

/// A path as the shell reads it as one word.
pub fn path(path: &Path) -> String {
    word(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(word("results/tiny-1.2"), "results/tiny-1.2");
        assert_eq!(word("my results"), "'my results'");
        assert_eq!(word(""), "''");
        for text in ["it's $HOME", "a\"b", "a\\b", "a;b", "*"] {
            let read = shlex::split(&word(text)).unwrap();
            assert_eq!(read, [text], "{}", word(text));
        }
    }
}
