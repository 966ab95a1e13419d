//! The last `\boxed{...}` of an answer.

/// What a text says in its last box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boxed<'a> {
    /// There is no box.
    None,
    /// This stands in it.
    Some(&'a str),
    /// The text ends before the box does.
    CutOff,
}

/// The last box of `text`, be it `\boxed` or `\fbox`.
pub fn last_boxed(text: &str) -> Boxed<'_> {
    let after = |command: &str| text.rfind(command).map(|start| start + command.len());
    let Some(start) = after("\\boxed").max(after("\\fbox")) else {
        return Boxed::None;
    };
    let after = text[start..].trim_start();
    let Some(inside) = after.strip_prefix('{') else {
        let word = after.split([' ', '$', '\n']).next().unwrap_or_default();
        return if word.is_empty() {
            Boxed::CutOff
        } else {
            Boxed::Some(word)
        };
    };
    let mut depth = 1;
    let mut escaped = false;
    for (index, sign) in inside.char_indices() {
        match sign {
            '{' if !escaped => depth += 1,
            '}' if !escaped => depth -= 1,
            _ => {}
        }
        escaped = sign == '\\' && !escaped;
        if depth == 0 {
            return Boxed::Some(inside[..index].trim());
        }
    }
    Boxed::CutOff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_box_counts() {
        let text = "so \\boxed{1}, no: $\\fbox{\\frac{1}{2}}$.";
        assert_eq!(last_boxed(text), Boxed::Some("\\frac{1}{2}"));
        assert_eq!(last_boxed("\\boxed{\\{1, 2\\}}"), Boxed::Some("\\{1, 2\\}"));
        assert_eq!(last_boxed("$\\boxed 5$"), Boxed::Some("5"));
        assert_eq!(last_boxed("\\boxed{1} \\boxed{\\frac{1"), Boxed::CutOff);
        assert_eq!(last_boxed("\\boxed"), Boxed::CutOff);
        assert_eq!(last_boxed("5"), Boxed::None);
    }
}
