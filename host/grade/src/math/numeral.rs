//! Numerals: digits in groups of three, decimals, decimals that repeat, powers of ten.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

/// The most digits that a numeral may have.
const MOST_DIGITS: usize = 2000;
/// The largest power of ten that one may be multiplied by.
const LARGEST_POWER: isize = 400;
/// What may stand between a numeral's groups of three digits, besides a plain comma.
const GROUPING: [&str; 7] = [",\\!", "\\!,", "{,}", "{\\,}", "\\,", "\\ ", "'"];

/// A numeral at the start of a text.
pub struct Numeral {
    /// Its value.
    pub value: RBig,
    /// Its digits as they stand.
    pub digits: String,
    /// The text's bytes that it takes.
    pub length: usize,
    /// Whether plain commas were read as grouping.
    pub grouped: bool,
}

/// The numeral at the start of `text`, where there is one; with `commas`, `1,000` is a single one.
pub fn numeral(text: &str, commas: bool) -> Option<Numeral> {
    let (mut digits, mut length, grouped) = whole_part(text, commas);
    let mut value = integer(&digits)?;
    if let Some((fraction, repeated, bytes)) = fraction(&text[length..]) {
        let (places, period) = (fraction.len(), repeated.len());
        let mut tail = integer(&fraction)?;
        if period > 0 {
            let nines = RBig::from(UBig::from(10u8).pow(period) - UBig::ONE);
            tail += integer(&repeated)? / nines;
        }
        value += tail / RBig::from(UBig::from(10u8).pow(places));
        digits = format!("{digits}.{fraction}{repeated}");
        length += bytes;
    } else if digits.is_empty() {
        return None;
    }
    if let Some((power, bytes)) = power_of_ten(&text[length..]) {
        value *= RBig::from(10).pow(power);
        length += bytes;
    }
    Some(Numeral {
        value,
        digits,
        length,
        grouped,
    })
}

fn leading_digits(text: &str) -> &str {
    leading(text, |sign| sign.is_ascii_digit())
}

/// The longest start of `text` of such characters alone.
pub fn leading(text: &str, is: impl Fn(char) -> bool) -> &str {
    let end = text.find(|sign| !is(sign));
    &text[..end.unwrap_or(text.len())]
}

fn integer(digits: &str) -> Option<RBig> {
    if digits.is_empty() {
        return Some(RBig::ZERO);
    }
    if digits.len() > MOST_DIGITS {
        return None;
    }
    digits.parse::<IBig>().ok().map(RBig::from)
}

/// The digits before the point without what groups them, the bytes they take, and whether plain
/// commas group them.
fn whole_part(text: &str, commas: bool) -> (String, usize, bool) {
    let first = leading_digits(text);
    let (mut digits, mut length, mut grouped) = (first.to_string(), first.len(), false);
    if first.is_empty() || first.len() > 3 || first.starts_with('0') {
        return (digits, length, false);
    }
    loop {
        let rest = &text[length..];
        let Some((between, plain)) = separator(rest, commas) else {
            return (digits, length, grouped);
        };
        let group = leading_digits(&rest[between..]);
        if group.len() != 3 {
            return (digits, length, grouped);
        }
        digits += group;
        length += between + 3;
        grouped |= plain;
    }
}

/// The bytes of a separator at the start of `rest`, spaces around it included, and whether it is a
/// plain comma.
fn separator(rest: &str, commas: bool) -> Option<(usize, bool)> {
    let trimmed = rest.trim_start();
    let before = rest.len() - trimmed.len();
    for marks in GROUPING {
        // `, \!` is `,\!`.
        let mut left = trimmed;
        let all = marks.split_inclusive([',', '!']).all(|mark| {
            let found = left.trim_start().strip_prefix(mark);
            left = found.unwrap_or(left);
            found.is_some()
        });
        if all {
            let thin = marks.starts_with('\\') && !marks.contains(',') && before > 0;
            let left = left.trim_start();
            return (!thin).then_some((rest.len() - left.len(), false));
        }
    }
    (commas && rest.starts_with(',')).then_some((1, true))
}

/// Digits after the point, those that repeat, and the bytes they take with the point.
fn fraction(text: &str) -> Option<(String, String, usize)> {
    let after = text.strip_prefix('.')?;
    let fraction = leading_digits(after);
    let rest = &after[fraction.len()..];
    let repeated = rest
        .strip_prefix("\\overline{")
        .and_then(|rest| rest.split_once('}'))
        .map(|(repeated, _)| repeated)
        .filter(|repeated| !repeated.is_empty() && leading_digits(repeated) == *repeated);
    let length = 1 + fraction.len();
    match repeated {
        Some(repeated) => {
            let length = length + "\\overline{}".len() + repeated.len();
            Some((fraction.to_string(), repeated.to_string(), length))
        }
        None if fraction.is_empty() => None,
        None => Some((fraction.to_string(), String::new(), length)),
    }
}

/// The exponent of `e-5`, and the bytes it takes.
fn power_of_ten(text: &str) -> Option<(isize, usize)> {
    let after = text.strip_prefix(['e', 'E'])?;
    let sign = usize::from(after.starts_with(['+', '-']));
    let digits = leading_digits(&after[sign..]);
    let power: isize = after[..sign + digits.len()].parse().ok()?;
    let fits = !digits.is_empty() && power.abs() <= LARGEST_POWER;
    fits.then_some((power, 1 + sign + digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, commas: bool) -> (String, usize) {
        let numeral = numeral(text, commas).unwrap();
        (numeral.value.to_string(), numeral.length)
    }

    #[test]
    fn digits_are_grouped_in_many_ways() {
        for text in [
            "11,090",
            "11,\\!090",
            "11{,}090",
            "11\\,090",
            "11, \\! 090",
            "11\\ 090",
        ] {
            assert_eq!(read(text, true), ("11090".into(), text.len()), "{text}");
        }
        assert_eq!(read("11,090", false), ("11".into(), 2));
        assert_eq!(read("3,\\,-3", true), ("3".into(), 1));
        assert_eq!(read("1,2345", true), ("1".into(), 1));
        assert_eq!(read("0,123", true), ("0".into(), 1));
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(read(".35625", true), ("57/160".into(), 6));
        assert_eq!(read("334.", true), ("334".into(), 3));
        assert_eq!(read("0.\\overline{36}", true), ("4/11".into(), 15));
        assert_eq!(read("0.1\\overline{6}x", true), ("1/6".into(), 15));
        assert_eq!(read("6.72e-5", true), ("21/312500".into(), 7));
        assert_eq!(read("2e", true), ("2".into(), 1));
        assert!(numeral(".", true).is_none());
        assert!(numeral(&"9".repeat(3000), true).is_none());
    }
}
