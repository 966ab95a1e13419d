//! Text of others, made harmless for a terminal.

/// The longest message about a file, in characters.
const LONGEST: usize = 600;

/// Text of others, as from a file, in one line: what a terminal would obey is spelt out, and from the
/// middle of a long one something is left out.
pub fn printable(text: impl std::fmt::Display) -> String {
    let mut line = Vec::new();
    for char in text.to_string().chars() {
        if char.is_control() {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
    }
    if line.len() > LONGEST {
        let end = line.split_off(line.len() - LONGEST / 2);
        line.truncate(LONGEST / 2);
        line.extend(" ... ".chars());
        line.extend(end);
    }
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_say_is_one_line() {
        assert_eq!(printable("ein Ö\n\x1b[2J"), "ein Ö\\n\\u{1b}[2J");
        let long = printable(format!("{}; get it again", "x".repeat(10_000)));
        assert_eq!(long.len(), LONGEST + 5);
        assert!(long.ends_with("xx; get it again"), "{long}");
    }
}
