//! Quantities in words.

/// Bytes of a GiB.
pub const GIB: f64 = (1u64 << 30) as f64;

/// A whole number as people read it: `1,000,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds in words: `90 s`, `3 min`, `1.6 h`.
pub fn duration(seconds: f64) -> String {
    match seconds.max(0.0).round() as u64 {
        seconds @ 0..=90 => format!("{seconds} s"),
        seconds @ 91..=5400 => format!("{} min", (seconds as f64 / 60.0).round()),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

/// Bytes in words: `1.5 KiB`, `2.0 MiB`, `0.1 GiB`.
pub fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 0.1 * GIB => format!("{:.1} GiB", bytes / GIB),
        bytes if bytes >= f64::from(1 << 20) => format!("{:.1} MiB", bytes / f64::from(1 << 20)),
        bytes => format!("{:.1} KiB", bytes / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        let grouped = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn durations_and_bytes_have_the_unit_that_fits() {
        let durations = [0.4, 90.0, 91.0, 5400.0, 5760.0].map(duration);
        assert_eq!(durations, ["0 s", "90 s", "2 min", "90 min", "1.6 h"]);
        let sizes = [512, 3 << 19, 1 << 27].map(bytes);
        assert_eq!(sizes, ["0.5 KiB", "1.5 MiB", "0.1 GiB"]);
    }
}
