//! McNemar's exact test: two models on the same problems, one seed. It speaks of problems only.

#![allow(clippy::doc_markdown, reason = "McNemar is a person")]

use serde::Serialize;

use crate::interval::{Interval, tail_of};
use crate::problems::Generalises;
use crate::tail::{beta_quantile, fair_binomial_up_to};
use crate::undefined::Undefined;

/// How often two models disagreed on the same problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pairs {
    /// Problems that only the treated model answered correctly.
    pub gained: u64,
    /// Problems that only the control answered correctly.
    pub lost: u64,
    /// Problems that both were asked.
    pub problems: u64,
}

/// The outcome of McNemar's exact test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    /// Treated - control, percentage points: `100 * (gained - lost) / problems`.
    pub estimate: f64,
    /// Interval of the difference, percentage points, given the number of problems on which the
    /// models disagreed; none where they agreed on all of them.
    pub interval: Option<Interval>,
    /// Exact two-sided p.
    pub p: f64,
    /// The counts that it rests on.
    pub pairs: Pairs,
}

/// Tests whether two models differ on the problems that both answered.
///
/// Given `m = gained + lost`, `gained` is binomial with share one half where the models don't differ
/// (McNemar 1947): `p = min(1, 2 P(X <= min(gained, lost)))`. The interval is Clopper and Pearson's
/// (1934) for that share s, turned into points by `100 * (2s - 1) * m / problems`; both ends come from
/// the same tails as p (Liddell 1983), so it excludes 0 just where p is below `1 - level`.
///
/// # Errors
/// No problems, more disagreements than problems, or a level outside (0, 1).
pub fn mcnemar(pairs: Pairs, level: f64) -> Result<McNemar, Undefined> {
    let tail = tail_of(level)?;
    let discordant = pairs.gained + pairs.lost;
    if pairs.problems == 0 {
        return Err(Undefined::NoProblems);
    }
    if discordant > pairs.problems {
        return Err(Undefined::CountsDisagree {
            part: discordant,
            whole: pairs.problems,
        });
    }
    let scale = 100.0 / pairs.problems as f64;
    let in_points = |share: f64| (2.0 * share - 1.0) * discordant as f64 * scale;
    let interval = (discordant > 0).then(|| Interval {
        low: in_points(least_share(pairs.gained, discordant, tail)),
        high: -in_points(least_share(pairs.lost, discordant, tail)),
        level,
    });
    Ok(McNemar {
        estimate: (pairs.gained as f64 - pairs.lost as f64) * scale,
        interval,
        p: exact_p(pairs.gained.min(pairs.lost), discordant),
        pairs,
    })
}

impl McNemar {
    /// What it speaks of: other problems, but these models.
    pub fn generalises(&self) -> Generalises {
        Generalises::NewProblems
    }
}

fn exact_p(fewer: u64, discordant: u64) -> f64 {
    if 2 * fewer >= discordant {
        return 1.0;
    }
    (2.0 * fair_binomial_up_to(fewer, discordant)).min(1.0)
}

/// Clopper and Pearson's lower bound of a share, `hits` of `n`.
fn least_share(hits: u64, n: u64, tail: f64) -> f64 {
    if hits == 0 {
        return 0.0;
    }
    beta_quantile(tail, hits as f64, (n - hits) as f64 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(gained: u64, lost: u64, problems: u64) -> McNemar {
        mcnemar(
            Pairs {
                gained,
                lost,
                problems,
            },
            0.95,
        )
        .unwrap()
    }

    #[test]
    fn agreement_on_every_problem_has_no_interval() {
        let agreed = test(0, 0, 40);
        assert_eq!(
            (agreed.estimate, agreed.p, agreed.interval),
            (0.0, 1.0, None)
        );
    }

    #[test]
    fn five_of_five_is_one_in_sixteen() {
        let gained = test(5, 0, 50);
        assert!((gained.p - 0.0625).abs() < 1e-15);
        assert!((gained.estimate - 10.0).abs() < 1e-12);
        assert!(gained.interval.unwrap().contains(0.0));
    }

    #[test]
    fn sides_mirror_each_other() {
        let (up, down) = (test(9, 2, 30), test(2, 9, 30));
        assert_eq!((up.estimate, up.p), (-down.estimate, down.p));
        assert_eq!(
            up.interval.map(|up| up.low),
            down.interval.map(|down| -down.high)
        );
    }

    #[test]
    fn impossible_counts_are_refused() {
        let none = Pairs {
            gained: 0,
            lost: 0,
            problems: 0,
        };
        assert_eq!(mcnemar(none, 0.95), Err(Undefined::NoProblems));
        let many = Pairs {
            gained: 3,
            lost: 3,
            problems: 5,
        };
        assert!(matches!(
            mcnemar(many, 0.95),
            Err(Undefined::CountsDisagree { .. })
        ));
    }
}
