//! Holm's step-down correction over a family of claims.

use serde::Serialize;

use crate::undefined::{Undefined, in_range};

/// One hypothesis of the family after correction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Adjusted {
    /// Adjusted p, at most 1 and never below that of a smaller p.
    pub p: f64,
    /// What this hypothesis's p is multiplied by: the size of the family less the hypotheses that
    /// are rejected before it. `factor * p <= alpha` just where the adjusted p is at most alpha.
    pub factor: usize,
}

/// Adjusts the p-values of a family, in the order given (Holm 1979).
///
/// With p sorted upwards, `adjusted_(i) = max over j <= i of min(1, (m - j + 1) p_(j))`. Beyond the
/// first hypothesis that is not rejected at `alpha`, all keep its factor.
///
/// # Errors
/// A p outside [0, 1], or alpha outside (0, 0.5).
pub fn holm(ps: &[f64], alpha: f64) -> Result<Vec<Adjusted>, Undefined> {
    check_alpha(alpha)?;
    for &p in ps {
        in_range("p", "between 0 and 1", p, (0.0..=1.0).contains(&p))?;
    }
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|&a, &b| ps[a].total_cmp(&ps[b]));
    let mut adjusted = vec![
        Adjusted {
            p: 0.0,
            factor: ps.len()
        };
        ps.len()
    ];
    let mut last = Adjusted {
        p: 0.0,
        factor: ps.len(),
    };
    for (rejected, &index) in order.iter().enumerate() {
        let (own, going_on) = (ps.len() - rejected, last.p <= alpha);
        let p = last.p.max(own as f64 * ps[index]).min(1.0);
        last = Adjusted {
            p,
            factor: if going_on { own } else { last.factor },
        };
        adjusted[index] = last;
    }
    Ok(adjusted)
}

pub(crate) fn check_alpha(alpha: f64) -> Result<(), Undefined> {
    in_range(
        "alpha",
        "between 0 and 0.5",
        alpha,
        alpha > 0.0 && alpha < 0.5,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_p_is_capped() {
        let adjusted = holm(&[0.9, 0.01, 0.04], 0.05).unwrap();
        let ps: Vec<f64> = adjusted.iter().map(|one| one.p).collect();
        assert_eq!(ps, [0.9, 0.03, 0.08]);
        assert_eq!(
            adjusted.iter().map(|one| one.factor).collect::<Vec<_>>(),
            [2, 3, 2]
        );
    }

    #[test]
    fn ties_share_their_fate() {
        let adjusted = holm(&[0.02, 0.02, 0.02], 0.05).unwrap();
        assert!(
            adjusted
                .iter()
                .all(|one| (one.p - 0.06).abs() < 1e-15 && one.factor == 3)
        );
    }

    #[test]
    fn an_empty_family_is_empty() {
        assert_eq!(holm(&[], 0.05), Ok(vec![]));
    }

    #[test]
    fn what_is_no_p_is_refused() {
        assert!(holm(&[0.1, f64::NAN], 0.05).is_err());
        assert!(holm(&[1.1], 0.05).is_err());
        assert!(holm(&[0.1], 0.5).is_err());
    }
}
