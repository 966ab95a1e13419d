//! The grader of GSM8K: the number after the last `####`, or else the last number of the answer.

use std::sync::LazyLock;

use dashu_ratio::RBig;
use regex::{Captures, Regex};

use crate::{Grade, shown};

/// The most digits of a number that is read.
const MOST_DIGITS: usize = 2000;

/// A number as people write it: sign, dollars, groups of three digits, decimals, a fraction or the
/// fraction of a mixed number.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?x)
        (?P<sign> [-+−]? \s? )
        (?: \\?[$€£] )? \s?
        (?: \\[dt]?frac \s* \{\s*(?P<fa>[0-9]+)\s*\} \s* \{\s*(?P<fb>[0-9]+)\s*\}
          | (?: (?P<whole> [0-9]{1,3} (?: (?:,|\{,\}|,?\\[!,]) [0-9]{3} )+ | [0-9]+ )
                (?: \. (?P<decimals>[0-9]+) )?
              | \. (?P<point>[0-9]+) )
            (?: (?: \s+ (?P<ma>[0-9]+) )? \s? [/⁄] \s? (?P<below>[0-9]+) )?
            (?: [eE] (?P<power>[-+]?[0-9]{1,3}) )?
        )";
    Regex::new(pattern).expect("the pattern is a constant that tests compile")
});

/// Grades an answer; one without a number is unparsed.
///
/// # Errors
/// Where the expected answer has no number.
pub fn grade(expected: &str, given: &str) -> Result<Grade, String> {
    let number = last_number(expected)
        .ok_or_else(|| format!("the expected answer `{}` has no number", shown(expected)))?;
    Ok(last_number(given).map_or(Grade::Unparsed, |given| Grade::of(given == number)))
}

/// The number that an answer comes to: the first one after the last `####` where there is one, else
/// the last.
fn last_number(text: &str) -> Option<RBig> {
    match text.rfind("####") {
        Some(mark) => numbers(&text[mark + 4..]).next(),
        None => numbers(text).last(),
    }
}

fn numbers(text: &str) -> impl Iterator<Item = RBig> {
    NUMBER.captures_iter(text).filter_map(|found| {
        let start = found.get(0).map_or(0, |all| all.start());
        value(&found, text[..start].chars().next_back())
    })
}

/// The value of a number that was found behind the character `before`.
fn value(found: &Captures, before: Option<char>) -> Option<RBig> {
    let part = |name| found.name(name).map(|part| part.as_str());
    let value = match part("fa") {
        Some(above) => quotient(integer(above)?, integer(part("fb")?)?)?,
        None => decimal(found)?,
    };
    let minus = part("sign").is_some_and(|sign| sign.contains(['-', '−']));
    // In `12-5` and `x-5` it is a difference.
    let attached = before.is_some_and(|before| before.is_alphanumeric() || before == ')');
    Some(if minus && !attached { -value } else { value })
}

fn decimal(found: &Captures) -> Option<RBig> {
    let part = |name| found.name(name).map(|part| part.as_str());
    let whole = part("whole").unwrap_or_default().chars();
    let decimals = part("decimals").or(part("point")).unwrap_or_default();
    let digits: String = whole
        .filter(char::is_ascii_digit)
        .chain(decimals.chars())
        .collect();
    let places = RBig::from(10).pow(decimals.len() as isize);
    let mut value = integer(&digits)? / places;
    if let Some(below) = part("below") {
        let below = integer(below)?;
        value = match part("ma") {
            None => quotient(value, below)?,
            Some(above) => value + quotient(integer(above)?, below)?,
        };
    }
    if let Some(power) = part("power") {
        value *= RBig::from(10).pow(power.parse().ok()?);
    }
    Some(value)
}

fn integer(digits: &str) -> Option<RBig> {
    let digits = (digits.len() <= MOST_DIGITS).then_some(digits)?;
    digits.parse().ok()
}

fn quotient(above: RBig, below: RBig) -> Option<RBig> {
    (!below.is_zero()).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_counts() {
        for (text, number) in [
            ("She has 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\n#### 18", "18"),
            ("#### 1,000 dollars for 2", "1000"),
            ("so the answer is $1,234.50.", "2469/2"),
            ("5 and 6, thus 7.", "7"),
            ("it falls to -3 degrees", "-3"),
            ("it is - 3", "-3"),
            ("−7", "-7"),
            ("between 12-5", "5"),
            ("-$40", "-40"),
            (r"-\$40", "-40"),
            ("$ 40", "40"),
            ("3/4", "3/4"),
            ("1 1/2 cups", "3/2"),
            (r"\frac{3}{4}", "3/4"),
            (r"-\dfrac{3}{4}", "-3/4"),
            (".5", "1/2"),
            ("20%", "20"),
            ("1,000,000", "1000000"),
            (r"1{,}000 and 2\,500", "2500"),
            ("1, 2, 3", "3"),
            ("1.5e3", "1500"),
            ("18.00", "18"),
            ("x2", "2"),
            ("5.", "5"),
            ("7/0", "none"),
            ("no idea", "none"),
            ("#### none, but 5 before", "5"),
            ("5 #### none", "none"),
        ] {
            let found = last_number(text).map_or("none".into(), |number| number.to_string());
            assert_eq!(found, number, "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_number_is_unparsed() {
        assert_eq!(grade("18", "I don't know"), Ok(Grade::Unparsed));
        assert_eq!(grade("18", "#### 19"), Ok(Grade::Wrong));
        assert_eq!(grade("#### 18", "It is 18.0."), Ok(Grade::Correct));
        assert!(grade("none", "18").is_err());
    }

    #[test]
    fn long_numbers_are_compared_whole() {
        let long = "9".repeat(400);
        assert_eq!(grade(&long, &long), Ok(Grade::Correct));
        assert_eq!(grade(&long, &format!("{}8", &long[1..])), Ok(Grade::Wrong));
    }
}
