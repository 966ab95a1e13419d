//! Numbers and expressions, with their units.

use super::Scalar;
use crate::math::expr::Expr;
use crate::math::parser;
use crate::math::token::{Mark, Token};
use crate::math::unit::{self, Unit};

impl Scalar {
    /// An expression without unit.
    pub fn of(value: Expr) -> Self {
        Self {
            value,
            unit: Unit::default(),
            plain: String::new(),
        }
    }

    /// Takes degrees and per cent from the expression to the unit.
    fn unit_outside(self) -> Self {
        let (value, name) = match self.value {
            Expr::Degrees(of) => (*of, "degree"),
            Expr::Percent(of) => (*of, "percent"),
            Expr::Negative(of) => {
                let inner = Self { value: *of, ..self }.unit_outside();
                let value = Expr::Negative(Box::new(inner.value));
                return Self { value, ..inner };
            }
            value => return Self { value, ..self },
        };
        Self {
            value,
            unit: self.unit.with(Unit::named(name)),
            plain: self.plain,
        }
    }
}

/// A number in digits or words, with the unit behind it.
pub(super) fn scalar(tokens: &[Token]) -> Option<Scalar> {
    let plain: String = tokens.iter().map(Token::plain).collect();
    let (value, rest, unit) = if let [Token::Word(word), rest @ ..] = tokens {
        let number = Expr::whole(unit::number(word)?);
        (number, rest.to_vec(), Unit::default())
    } else {
        let parsed = parser::expression(tokens)?;
        (parsed.expr, parsed.rest, parsed.unit)
    };
    let (value, rest) = match &rest[..] {
        [Token::Word(word), rest @ ..] if unit::multiplier(word).is_some() => {
            let factor = unit::multiplier(word).map(Expr::whole);
            (
                Expr::Product(std::iter::once(value).chain(factor).collect()),
                rest.to_vec(),
            )
        }
        _ => (value, rest),
    };
    // A unit begins with a word: `m` alone is a variable.
    let worded = |token: &Token| {
        matches!(
            token,
            Token::Word(_) | Token::Mark(Mark::Over | Mark::Times | Mark::Period)
        )
    };
    if rest.first().is_some_and(|first| !worded(first)) {
        return None;
    }
    let scalar = Scalar {
        value,
        unit: Unit::read(&rest)?.with(unit),
        plain,
    };
    Some(scalar.unit_outside())
}
