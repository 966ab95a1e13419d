//! Numbers as they stand in sentences.

/// "p = 0.042", or "p < 0.001" below that.
pub(crate) fn p_text(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::p_text;

    #[test]
    fn small_ps_are_never_shown_as_0() {
        assert_eq!(
            [1e-9, 0.0421, 1.0].map(p_text),
            ["p < 0.001", "p = 0.042", "p = 1.000"]
        );
    }
}
