//! Matrices and determinants, with what stands before them.

use super::{Answer, answer, split};
use crate::math::expr::Expr;
use crate::math::parser;
use crate::math::token::{Bracket, Token};

/// Reads a matrix.
pub(super) fn matrix(tokens: &[Token], depth: u32) -> Option<Answer> {
    let start = tokens
        .iter()
        .position(|token| matches!(token, Token::Begin(_)))?;
    let [Token::Begin(environment), inside @ .., Token::End] = &tokens[start..] else {
        return None;
    };
    if !environment.ends_with("matrix") && environment != "array" {
        return None;
    }
    let factor = match start {
        0 => None,
        _ => Some(factor(&tokens[..start])?),
    };
    let cell = |cell: &[Token]| Some(times(factor.as_ref(), answer(cell, depth + 1)?));
    let rows: Option<Vec<Vec<Answer>>> = split(inside, |token| *token == Token::Row)
        .into_iter()
        .filter(|row| !row.is_empty())
        .map(|row| {
            let cells = split(row, |token| *token == Token::Cell);
            cells.into_iter().map(cell).collect()
        })
        .collect();
    let rows = rows?;
    let even = rows.windows(2).all(|two| two[0].len() == two[1].len());
    even.then(|| Answer::Matrix {
        rows,
        bars: environment == "vmatrix",
    })
}

/// What stands before a matrix; a sign alone is that of 1.
fn factor(tokens: &[Token]) -> Option<Expr> {
    let one = [
        Token::Open(Bracket::Group),
        Token::Number(1.into(), "1".into()),
        Token::Close(Bracket::Group),
    ];
    parser::whole(&[tokens, &one].concat())
}

/// A cell of a matrix that stands behind a factor.
fn times(factor: Option<&Expr>, cell: Answer) -> Answer {
    match (factor, cell) {
        (Some(factor), Answer::Scalar(mut scalar)) => {
            scalar.value = Expr::Product(vec![factor.clone(), scalar.value]);
            Answer::Scalar(scalar)
        }
        (_, cell) => cell,
    }
}
