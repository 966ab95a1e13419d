//! Tail probabilities and quantiles, each pair from one function, so that an interval and a p never
//! disagree.
//!
//! statrs has the regularised incomplete beta function; its own quantiles are less exact than it.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;

/// `P(T > t)` for Student's t with `df` degrees of freedom; never 0.
///
/// `P(T > t) = I_x(df/2, 1/2) / 2` at `x = df / (df + t^2)`, for t >= 0 (Abramowitz and Stegun,
/// 26.7.1); near 0 by the complement, which keeps its digits there.
pub(crate) fn t_above(t: f64, df: f64) -> f64 {
    let square = t * t;
    let beyond = if square < 1.0 {
        0.5 - 0.5 * beta_reg(0.5, df / 2.0, square / (df + square))
    } else {
        0.5 * beta_reg(df / 2.0, 0.5, df / (df + square))
    };
    if t < 0.0 {
        1.0 - beyond
    } else {
        beyond.max(f64::MIN_POSITIVE)
    }
}

/// The t >= 0 with `P(T > t) = tail`, for a tail within (0, 0.5).
pub(crate) fn t_quantile(tail: f64, df: f64) -> f64 {
    let mut high = 1.0;
    while t_above(high, df) > tail {
        high *= 2.0;
    }
    bisect(0.0, high, |t| t_above(t, df) > tail)
}

/// The x within [0, 1] with `I_x(a, b) = probability`.
pub(crate) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_reg(a, b, x) < probability)
}

/// `P(X <= k)` for a binomial of `n` at one half, k < n.
pub(crate) fn fair_binomial_up_to(k: u64, n: u64) -> f64 {
    beta_reg((n - k) as f64, k as f64 + 1.0, 0.5)
}

/// The z >= 0 with `P(Z > z) = tail` for a standard normal, for a tail within (0, 0.5].
pub(crate) fn normal_quantile(tail: f64) -> f64 {
    -Normal::standard().inverse_cdf(tail)
}

/// The point at which `below` turns from true to false, to the last bit.
pub(crate) fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-12 * expected.abs(),
            "{got} is not {expected}"
        );
    }

    #[test]
    fn one_degree_of_freedom_is_cauchy() {
        close(t_above(1.0, 1.0), 0.25);
        close(t_above(-1.0, 1.0), 0.75);
        close(t_quantile(0.25, 1.0), 1.0);
    }

    #[test]
    fn tiny_and_huge_t_keep_their_digits() {
        let slope = std::f64::consts::FRAC_1_PI;
        close(0.5 - t_above(1e-9, 1.0), 0.5 - (0.5 - slope * 1e-9));
        close(t_above(1e9, 1.0), slope * 1e-9);
        assert!(t_above(1e200, 40.0) > 0.0);
    }

    #[test]
    fn quantiles_turn_tails_back() {
        for df in [1.0, 3.0, 15.0, 999.0] {
            for tail in [1e-6, 0.005, 0.025, 0.05, 0.2, 0.49] {
                close(t_above(t_quantile(tail, df), df), tail);
            }
        }
    }

    #[test]
    fn a_uniform_is_a_beta() {
        close(beta_quantile(0.3, 1.0, 1.0), 0.3);
        close(fair_binomial_up_to(1, 3), 0.5);
    }
}
