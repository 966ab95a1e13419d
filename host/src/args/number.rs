//! Numbers: an error says what range is expected.

use std::ops::RangeInclusive;

use picklock_message::grouped;

/// Seeds, draws or members.
pub const COUNT: RangeInclusive<u64> = 1..=10_000;

/// Reads a whole number in this range.
pub fn whole<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let ends = (*range.start(), *range.end());
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| expected("a whole number", ends))
    }
}

/// Reads a number in this range.
pub fn real(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let ends = (*range.start() as u64, *range.end() as u64);
        number.ok_or_else(|| expected("a number", ends))
    }
}

fn expected(what: &str, (first, last): (u64, u64)) -> String {
    format!(
        "expected {what} from {} to {}",
        grouped(first),
        grouped(last)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_the_range() {
        let count = whole::<u32>(COUNT);
        assert_eq!(count("10000"), Ok(10_000));
        for wrong in ["0", "-5", "10001", "two", "1.5", "", "99999999999999999999"] {
            let told = "expected a whole number from 1 to 10,000".to_string();
            assert_eq!(count(wrong), Err(told), "{wrong}");
        }
        assert_eq!(real(0.0..=100.0)("0.5"), Ok(0.5));
        for wrong in ["-1", "nan", "inf", "100.5"] {
            let told = "expected a number from 0 to 100".to_string();
            assert_eq!(real(0.0..=100.0)(wrong), Err(told), "{wrong}");
        }
    }
}
