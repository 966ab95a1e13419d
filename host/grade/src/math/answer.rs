//! Answers as they are written: numbers, lists, tuples, intervals, sets, matrices, equations, words.

mod matrix;
mod scalar;

use std::collections::BTreeSet;

use super::expr::Expr;
use super::lexer::{self, Reading};
use super::parser;
use super::token::{Bracket, Mark, Relation, Token};
use super::unit::Unit;
use matrix::matrix;
use scalar::scalar;

/// The most bytes of an answer that is read; longer ones are compared letter by letter.
pub const LONGEST: usize = 2000;
/// The deepest that answers may be nested.
const DEEPEST: u32 = 20;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A number or an expression.
    Scalar(Scalar),
    /// Words, in small letters and digits without spaces.
    Text(String),
    /// Several things, in any order: `1, 2`, `\{1, 2\}`, `x = 1 or x = 2`.
    List(Vec<Answer>),
    /// Several things in their order between brackets: a point, or an interval.
    Tuple {
        /// What stands between the brackets.
        items: Vec<Answer>,
        /// Whether the left and the right bracket are square.
        closed: [bool; 2],
    },
    /// A union of sets.
    Union(Vec<Answer>),
    /// What is left of the first set without the second.
    Without(Box<Answer>, Box<Answer>),
    /// Sides that are related: `y = 2x`, `1 < x \le 2`.
    Relation {
        /// The sides; one more than there are relations.
        sides: Vec<Answer>,
        /// What stands between them.
        relations: Vec<Relation>,
    },
    /// A matrix's rows; with `bars`, its determinant.
    Matrix {
        /// The rows, of equal length.
        rows: Vec<Vec<Answer>>,
        /// Whether it stands between bars.
        bars: bool,
    },
    /// A ratio `1 : 2`, or a time of day.
    Ratio {
        /// Its parts.
        parts: Vec<Expr>,
        /// What stands behind it.
        unit: Unit,
    },
}

/// A number or an expression, with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The expression.
    pub value: Expr,
    /// Its unit.
    pub unit: Unit,
    /// Its letters and digits.
    pub plain: String,
}

/// All ways in which a text can be read: none where it is no answer, two where a comma may group
/// digits or separate numbers. `words` are those that the letters of the text may form, besides the
/// usual ones.
pub fn readings(text: &str, words: &BTreeSet<String>) -> Vec<Answer> {
    let text = without_delimiters(text);
    if text.len() > LONGEST {
        return Vec::new();
    }
    let read = |commas_group| {
        let reading = Reading {
            commas_group,
            words,
        };
        lexer::tokens(&text, reading)
    };
    let (tokens, grouped) = read(true);
    let mut readings: Vec<Answer> = answer(&tokens, 0).into_iter().collect();
    if grouped {
        // A number doesn't begin with zeros: `1,000` is no list.
        let (listed, _) = read(false);
        let zeros = |token: &Token| {
            matches!(token, Token::Number(_, digits) if digits.len() > 1 && digits.starts_with("00"))
                || matches!(token, Token::Number(_, digits) if digits.len() == 3 && digits.starts_with('0'))
        };
        if !listed.iter().any(zeros) {
            readings.extend(answer(&listed, 0));
        }
    }
    readings
}

/// The words in a text.
pub fn words(text: &str) -> BTreeSet<String> {
    let word = |token| match token {
        Token::Word(word) if word.chars().count() > 1 => Some(word),
        _ => None,
    };
    marks(text).into_iter().filter_map(word).collect()
}

/// The tokens of a text without spaces and what only looks: equal ones are the same answer, whether
/// or not they can be read.
pub fn marks(text: &str) -> Vec<Token> {
    let words = BTreeSet::new();
    let reading = Reading {
        commas_group: true,
        words: &words,
    };
    lexer::tokens(&without_delimiters(text), reading).0
}

/// The text without `$` that delimit mathematics; a single one is a dollar.
fn without_delimiters(text: &str) -> String {
    let signs = text.match_indices('$').map(|(at, _)| at);
    let delimiters: Vec<usize> = signs.filter(|at| !text[..*at].ends_with('\\')).collect();
    let dropped = &delimiters[delimiters.len() % 2..];
    text.char_indices()
        .filter(|(at, _)| dropped.binary_search(at).is_err())
        .map(|(_, letter)| letter)
        .collect()
}

fn answer(tokens: &[Token], depth: u32) -> Option<Answer> {
    let tokens = trimmed(tokens);
    if depth == DEEPEST || tokens.is_empty() || !balanced(tokens) {
        return None;
    }
    let items = split(tokens, separates);
    if items.len() == 1 {
        return item(items[0], depth);
    }
    let mut items = answers(
        items.into_iter().filter(|item| !trimmed(item).is_empty()),
        depth,
    )?;
    Some(match items.len() {
        1 => items.swap_remove(0),
        _ => Answer::List(items),
    })
}

/// Reads the parts of an answer.
fn answers<'t>(parts: impl IntoIterator<Item = &'t [Token]>, depth: u32) -> Option<Vec<Answer>> {
    let parts = parts.into_iter();
    parts.map(|part| answer(part, depth + 1)).collect()
}

/// The tokens without the marks that end a sentence.
fn trimmed(tokens: &[Token]) -> &[Token] {
    let ends = |token: &Token| {
        matches!(
            token,
            Token::Mark(Mark::Period | Mark::Comma | Mark::Semicolon | Mark::Colon)
        )
    };
    let start = tokens.iter().position(|token| !ends(token));
    let end = tokens.iter().rposition(|token| !ends(token));
    start
        .zip(end)
        .map_or(&[], |(start, end)| &tokens[start..=end])
}

fn separates(token: &Token) -> bool {
    match token {
        Token::Mark(Mark::Comma | Mark::Semicolon) => true,
        Token::Word(word) => word == "and" || word == "or",
        _ => false,
    }
}

/// Whether every bracket has its other half, of whatever kind: intervals mix them.
fn balanced(tokens: &[Token]) -> bool {
    let mut depth = 0;
    for token in tokens {
        depth += token.nesting();
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The parts of `tokens` between those that separate, outside of all brackets.
fn split(tokens: &[Token], separates: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let mut depth = 0;
    tokens
        .split(|token| {
            depth += token.nesting();
            depth == 0 && separates(token)
        })
        .collect()
}

/// Reads what stands between separators.
fn item(tokens: &[Token], depth: u32) -> Option<Answer> {
    if let [Token::Mark(Mark::EmptySet)] = tokens {
        return Some(Answer::List(Vec::new()));
    }
    if let Some(phrase) = phrase(tokens) {
        return Some(phrase);
    }
    let is_relation = |token: &Token| matches!(token, Token::Relation(_));
    let sides = split(tokens, is_relation);
    if sides.len() > 1 {
        return relation(tokens, &sides, depth);
    }
    set(tokens, depth)
        .or_else(|| matrix(tokens, depth))
        .or_else(|| ratio(tokens))
        .or_else(|| scalar(tokens).map(Answer::Scalar))
        .or_else(|| text(tokens))
}

/// Sets and other things that words can say.
fn phrase(tokens: &[Token]) -> Option<Answer> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    };
    let words: Option<Vec<String>> = tokens.iter().map(word).collect();
    Some(match words?.join(" ").as_str() {
        "all real numbers" | "all reals" | "all real" | "real numbers" => reals(),
        "no solution" | "no solutions" | "no real solution" | "no real solutions" | "empty set"
        | "the empty set" | "empty" => Answer::List(Vec::new()),
        "infinity" => Answer::Scalar(Scalar::of(Expr::Infinity)),
        _ => return None,
    })
}

fn reals() -> Answer {
    let minus = Expr::Negative(Box::new(Expr::Infinity));
    let items = [minus, Expr::Infinity].map(|end| Answer::Scalar(Scalar::of(end)));
    Answer::Tuple {
        items: items.into(),
        closed: [false, false],
    }
}

fn relation(tokens: &[Token], sides: &[&[Token]], depth: u32) -> Option<Answer> {
    let mut outside = 0;
    let mut relations = Vec::new();
    for token in tokens {
        outside += token.nesting();
        if let (0, Token::Relation(relation)) = (outside, token) {
            relations.push(*relation);
        }
    }
    let first = trimmed(sides[0]);
    let label = !first.is_empty() && first.iter().all(|token| matches!(token, Token::Word(_)));
    // `x \in (1, 2)`, `Area = 5`, `\approx 5`: the name says nothing that the answer doesn't.
    if first.is_empty()
        || relations[0] == Relation::In
        || (label && relations[0] == Relation::Equal)
    {
        let rest = &tokens[sides[0].len() + 1..];
        return answer(rest, depth + 1);
    }
    Some(Answer::Relation {
        sides: answers(sides.iter().copied(), depth)?,
        relations,
    })
}

/// Unions, intervals, tuples, and sets in braces.
fn set(tokens: &[Token], depth: u32) -> Option<Answer> {
    if let [Token::Mark(Mark::Reals)] = tokens {
        return Some(reals());
    }
    let is = |mark| move |token: &Token| *token == Token::Mark(mark);
    let parts = split(tokens, is(Mark::Without));
    if let [one, other] = parts[..] {
        let (one, other) = (answer(one, depth + 1)?, answer(other, depth + 1)?);
        return Some(Answer::Without(Box::new(one), Box::new(other)));
    }
    let parts = split(tokens, is(Mark::Union));
    if parts.len() > 1 {
        return answers(parts, depth).map(Answer::Union);
    }
    bracketed(tokens, depth)
}

fn bracketed(tokens: &[Token], depth: u32) -> Option<Answer> {
    let [Token::Open(open), inside @ .., Token::Close(close)] = tokens else {
        return None;
    };
    // `(1)(2)` has brackets at both ends that aren't each other's.
    if !balanced(inside) {
        return None;
    }
    match (open, close) {
        (Bracket::Curly, Bracket::Curly) => members(inside, depth),
        (Bracket::Round | Bracket::Square, Bracket::Round | Bracket::Square) => {
            let parts = split(inside, |token| {
                matches!(token, Token::Mark(Mark::Comma | Mark::Semicolon))
            });
            if let [one] = parts[..] {
                return answer(one, depth + 1).filter(|_| open == close);
            }
            Some(Answer::Tuple {
                items: answers(parts, depth)?,
                closed: [open, close].map(|bracket| *bracket == Bracket::Square),
            })
        }
        (Bracket::Group, Bracket::Group) => answer(inside, depth + 1),
        _ => None,
    }
}

/// What stands in the braces of a set: its members, or `x : x > 3`.
fn members(inside: &[Token], depth: u32) -> Option<Answer> {
    if inside.is_empty() {
        return Some(Answer::List(Vec::new()));
    }
    let such_that = |token: &Token| matches!(token, Token::Mark(Mark::Colon | Mark::Bar));
    if let [_, condition] = split(inside, such_that)[..] {
        return answer(condition, depth + 1);
    }
    Some(match answer(inside, depth + 1)? {
        list @ Answer::List(_) => list,
        one => Answer::List(vec![one]),
    })
}

fn ratio(tokens: &[Token]) -> Option<Answer> {
    let parts = split(tokens, |token| *token == Token::Mark(Mark::Colon));
    let (last, before) = parts
        .split_last()
        .filter(|(_, before)| !before.is_empty())?;
    let before = before.iter().map(|part| parser::whole(part));
    let mut parts: Vec<Expr> = before.collect::<Option<_>>()?;
    let last = scalar(last)?;
    parts.push(last.value);
    Some(Answer::Ratio {
        parts,
        unit: last.unit,
    })
}

/// Words, with whatever stands between them.
fn text(tokens: &[Token]) -> Option<Answer> {
    let is_word = |token: &Token| matches!(token, Token::Word(_));
    if !tokens.iter().any(is_word) {
        return None;
    }
    let tokens = match tokens {
        [Token::Word(article), rest @ ..]
            if ["a", "an", "the"].contains(&article.as_str()) && rest.iter().any(is_word) =>
        {
            rest
        }
        _ => tokens,
    };
    Some(Answer::Text(tokens.iter().map(Token::plain).collect()))
}
