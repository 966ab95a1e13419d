//! Numbers as text: every number of a report is put into words here, and nowhere else.

use picklock_stats::{Interval, RatioInterval, SeedMean};

/// A difference in percentage points, with its sign: `+28.5`.
pub fn points(points: f64) -> String {
    let text = format!("{points:+.1}");
    match text.as_str() {
        "-0.0" | "+0.0" => "0.0".to_string(),
        _ => text,
    }
}

/// A percentage: `54.5%`.
pub fn percent(percent: f64) -> String {
    format!("{percent:.1}%")
}

/// A mean accuracy with its interval, cut to what an accuracy can be: `54.5% (46.6% to 62.5%)`.
pub fn accuracy(mean: f64, interval: Option<&Interval>) -> String {
    match interval {
        None => percent(mean),
        Some(ends) => format!(
            "{} ({} to {})",
            percent(mean),
            percent(ends.low.max(0.0)),
            percent(ends.high.min(100.0))
        ),
    }
}

/// A share from 0 to 1 as a percentage.
pub fn share(share: f64) -> String {
    percent(100.0 * share)
}

/// A p-value: `0.0014`, `< 0.0001`.
pub fn p(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".into()
    } else {
        format!("{p:.4}")
    }
}

/// A p-value; empty where there is none.
pub fn optional_p(value: Option<f64>) -> String {
    value.map(p).unwrap_or_default()
}

/// A number without needless digits: `0.5`, `400`, `1.23`.
pub fn plain(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 1.0 || size == 0.0 => 2,
        _ => 4,
    };
    let text = format!("{number:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// An interval in percentage points: `+20.6 to +36.5`.
pub fn interval(interval: &Interval) -> String {
    format!("{} to {}", points(interval.low), points(interval.high))
}

/// Fieller's interval of a ratio: `0.31 to 0.74`, or where the full effect may be 0 what it leaves.
pub fn ratio(interval: &RatioInterval) -> String {
    match interval {
        RatioInterval::Closed { low, high } => format!("{low:.2} to {high:.2}"),
        RatioInterval::Outside { below, above } => {
            format!("up to {below:.2}, or from {above:.2}")
        }
        RatioInterval::WholeLine => "any".into(),
    }
}

/// How sure an interval is, in percent: `95`.
pub fn level(level: f64) -> String {
    plain((level * 1e6).round() / 1e4)
}

/// A mean over seeds in percentage points, with what can be said of its spread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The mean; none where there is no seed.
    pub points: Option<f64>,
    /// Its interval; none with a single seed.
    pub interval: Option<Interval>,
    /// p against 0; none with a single seed or without spread.
    pub p: Option<f64>,
    /// Seeds.
    pub seeds: usize,
}

impl Estimate {
    /// Of one value for each seed, with Student's interval at `level`.
    pub fn of(values: &[f64], level: f64) -> Self {
        Self::of_mean(SeedMean::of(values).ok(), values, level)
    }

    /// Of a mean over seeds; without one, of the first of its values.
    pub fn of_mean(mean: Option<SeedMean>, values: &[f64], level: f64) -> Self {
        let Some(mean) = mean else {
            return Self {
                points: values.first().copied(),
                seeds: values.len(),
                ..Self::default()
            };
        };
        Self {
            points: Some(mean.estimate),
            interval: mean.interval(level).ok(),
            p: mean.p().ok(),
            seeds: mean.n,
        }
    }

    /// `+28.5 (+20.6 to +36.5)`; empty where there is nothing to tell.
    pub fn text(&self) -> String {
        let Some(mean) = self.points else {
            return String::new();
        };
        match &self.interval {
            Some(ends) => format!("{} ({})", points(mean), interval(ends)),
            None if self.seeds == 1 => format!("{} (one seed)", points(mean)),
            None => points(mean),
        }
    }

    /// How sure its interval is, in percent; empty where there is none.
    pub fn level_text(&self) -> String {
        let interval = self.interval.as_ref();
        interval
            .map(|interval| level(interval.level))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_needless_digits_or_signs() {
        assert_eq!(
            [0.04, -0.04, -3.0, 28.54].map(points),
            ["0.0", "0.0", "-3.0", "+28.5"]
        );
        assert_eq!(
            [400.0, 0.5, 0.003, 1.234, 0.0].map(plain),
            ["400", "0.5", "0.003", "1.23", "0"]
        );
        assert_eq!([0.95, 0.9, 0.975].map(level), ["95", "90", "97.5"]);
        assert_eq!([0.00009, 0.0014].map(p), ["< 0.0001", "0.0014"]);
    }

    #[test]
    fn one_seed_has_an_estimate_and_nothing_more() {
        let one = Estimate::of(&[3.0], 0.95);
        assert_eq!((one.text().as_str(), one.p), ("+3.0 (one seed)", None));
        assert_eq!(Estimate::of(&[], 0.95).text(), "");
        let two = Estimate::of(&[1.0, 1.0], 0.95);
        assert_eq!(two.text(), "+1.0 (+1.0 to +1.0)");
    }
}
