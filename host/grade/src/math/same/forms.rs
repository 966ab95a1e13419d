//! What answers come down to before they are compared: signs that are open, names, units in letters.

use super::MOST_SIGNS;
use crate::math::answer::{Answer, Scalar};
use crate::math::expr::Expr;
use crate::math::token::{Mark, Relation, Token};
use crate::math::unit::{self, Unit};

/// The answers that a list is, and that open signs stand for.
pub(super) fn expanded(answer: &Answer) -> Vec<Answer> {
    if let Answer::List(items) = answer {
        return items.iter().flat_map(expanded).collect();
    }
    match signs(answer) {
        0 => vec![answer.clone()],
        signs if signs > MOST_SIGNS => vec![answer.clone()],
        signs => (0..1 << signs)
            .map(|chosen| signed(answer, chosen))
            .collect(),
    }
}

pub(super) fn signs(answer: &Answer) -> u32 {
    let most = |answers: &[Answer]| answers.iter().map(signs).max().unwrap_or(0);
    match answer {
        Answer::Scalar(scalar) => scalar.value.signs(),
        Answer::Tuple { items, .. } => most(items),
        Answer::Relation { sides, .. } => most(sides),
        _ => 0,
    }
}

pub(super) fn signed(answer: &Answer, chosen: u32) -> Answer {
    let mut answer = answer.clone();
    match &mut answer {
        Answer::Scalar(scalar) => scalar.value = scalar.value.signed(chosen),
        Answer::Tuple { items: parts, .. } | Answer::Relation { sides: parts, .. } => {
            for part in parts {
                *part = signed(part, chosen);
            }
        }
        _ => {}
    }
    answer
}

/// Letters and digits of an answer that may be a word.
pub(super) fn plain(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Text(text) => Some(text),
        Answer::Scalar(scalar) => Some(&scalar.plain),
        _ => None,
    }
}

/// Whether an answer can only be a set of real numbers: a union, or inequalities.
pub(super) fn is_set(answer: &Answer) -> bool {
    match answer {
        Answer::Union(_) | Answer::Without(..) => true,
        Answer::Relation { relations, .. } => !relations.contains(&Relation::Equal),
        Answer::List(items) => items.iter().any(is_inequality),
        _ => false,
    }
}

fn is_inequality(answer: &Answer) -> bool {
    matches!(answer, Answer::Relation { relations, .. } if relations.iter().all(|it| it.is_order()))
}

/// The name that an equation gives its value.
pub(super) fn name(answer: &Answer) -> Option<&Answer> {
    let Answer::Relation { sides, relations } = answer else {
        return None;
    };
    let first = sides.first()?;
    let equals = matches!(relations.first()?, Relation::Equal | Relation::About);
    (equals && names(first)).then_some(first)
}

pub(super) fn names(side: &Answer) -> bool {
    match side {
        Answer::Scalar(scalar) => scalar.unit.is_none() && is_name(&scalar.value),
        Answer::Tuple { items, .. } => items.iter().all(names),
        Answer::Text(_) => true,
        _ => false,
    }
}

/// Whether an expression names something: `x`, `AB`, `f(2)`, `a + b`; but not `2x` or `x^2`, whose
/// values aren't what is asked for where they stand alone on a side.
pub(super) fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Symbol(name) => !name.starts_with(|first: char| first.is_ascii_digit()),
        Expr::E | Expr::I => true,
        Expr::Product(factors) => factors.first().is_some_and(is_name),
        Expr::Sum(terms) => terms.iter().all(is_name),
        Expr::Quotient(above, below) => is_name(above) && is_name(below),
        _ => false,
    }
}

/// The sides and relations, swapped where needed so that inequalities say "less".
pub(super) fn forwards(answer: &Answer) -> Option<(Vec<Answer>, Vec<Relation>)> {
    let Answer::Relation { sides, relations } = answer else {
        return None;
    };
    let (mut sides, mut relations) = (sides.clone(), relations.clone());
    if matches!(relations.first()?, Relation::Greater | Relation::AtLeast) {
        sides.reverse();
        relations.reverse();
        for relation in &mut relations {
            *relation = relation.swapped();
        }
    }
    Some((sides, relations))
}

pub(super) fn parts(answer: &Answer) -> Option<(Vec<Expr>, Unit)> {
    match answer {
        Answer::Ratio { parts, unit } => Some((parts.clone(), unit.clone())),
        Answer::Scalar(scalar) => match &scalar.value {
            Expr::Quotient(above, below) => {
                Some((vec![*above.clone(), *below.clone()], scalar.unit.clone()))
            }
            value => Some((vec![value.clone(), Expr::whole(1)], scalar.unit.clone())),
        },
        _ => None,
    }
}

pub(super) fn hundredths(expr: &Expr) -> Expr {
    Expr::Percent(Box::new(expr.clone()))
}

pub(super) fn difference(one: &Expr, other: &Expr) -> Expr {
    Expr::Sum(vec![one.clone(), Expr::Negative(Box::new(other.clone()))])
}

/// An expression without the letters at its end that are a unit.
pub(super) fn letters_as_unit(expr: &Expr) -> Option<(Expr, Unit)> {
    let Expr::Product(factors) = expr else {
        return None;
    };
    let (last, rest) = factors.split_last()?;
    let (name, power) = match last {
        Expr::Symbol(name) => (name, None),
        Expr::Power(base, exponent) => match (&**base, &**exponent) {
            (Expr::Symbol(name), Expr::Number(power)) => (name, Some(power.clone())),
            _ => return None,
        },
        _ => return None,
    };
    if !unit::is_known(name) {
        return None;
    }
    let mut tokens = vec![Token::Word(name.clone())];
    if let Some(power) = power {
        let digits = power.to_string();
        tokens.push(Token::Mark(Mark::Power));
        tokens.push(Token::Number(power, digits));
    }
    Some((Expr::Product(rest.to_vec()), Unit::read(&tokens)?))
}

/// Whether the answer leaves out the base that is expected: `776` for `776_8`.
pub(super) fn without_base(expected: &Scalar, given: &Scalar) -> bool {
    match (&expected.value, &given.value) {
        (Expr::Symbol(numeral), Expr::Number(_)) => numeral
            .split_once('_')
            .is_some_and(|(digits, _)| digits == given.plain),
        _ => false,
    }
}
