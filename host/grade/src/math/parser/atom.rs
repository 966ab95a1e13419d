//! What an expression is made of: numerals, symbols with their indices, roots and functions.

use dashu_ratio::RBig;

use super::{Parser, one_of};
use crate::math::expr::{Expr, Function};
use crate::math::token::{Bracket, Mark, Token};
use crate::math::unit;

impl Parser {
    /// A numeral, with the fraction of a mixed number behind it.
    pub(super) fn number(&mut self, value: RBig, digits: &str) -> Expr {
        if value.is_int()
            && !digits.contains('.')
            && let Some((part, length)) = self.proper_fraction()
        {
            self.at += length;
            return Expr::Number(value + part);
        }
        Expr::Number(value)
    }

    /// The fraction of two numerals that comes next, if so, and its length in tokens.
    pub(super) fn proper_fraction(&self) -> Option<(RBig, usize)> {
        use Token::{Close, Number, Open};
        const OPEN: Token = Open(Bracket::Group);
        const CLOSE: Token = Close(Bracket::Group);
        let rest = &self.tokens[self.at..];
        let numeral = |tokens: &'_ [Token]| -> Option<(RBig, usize)> {
            match tokens {
                [OPEN, Number(value, _), CLOSE, ..] => Some((value.clone(), 3)),
                [Number(value, _), ..] => Some((value.clone(), 1)),
                _ => None,
            }
        };
        let (above, below, length) = match rest {
            [Token::Fraction, Number(_, digits), rest @ ..]
                if digits.len() == 2 && !matches!(rest, [OPEN, ..]) =>
            {
                let (above, below) = digits.split_at(1);
                return Some((above.parse::<RBig>().ok()? / digit(below)?, 2));
            }
            [
                Number(above, _),
                Token::Mark(Mark::Over),
                Number(below, _),
                ..,
            ] => (above.clone(), below.clone(), 3),
            [Token::Fraction, rest @ ..] => {
                let (above, first) = numeral(rest)?;
                let (below, second) = numeral(&rest[first..])?;
                // Without any braces it is read as a fraction of its own.
                if first + second == 2 {
                    return None;
                }
                (above, below, 1 + first + second)
            }
            _ => return None,
        };
        let proper = above.is_int() && below.is_int() && !below.is_zero();
        proper.then(|| (above / below, length))
    }

    pub(super) fn symbol(&mut self, mut name: String) -> Option<Expr> {
        while self.take(&Token::Mark(Mark::Subscript)) {
            name = format!("{name}_{}", self.subscript()?);
        }
        Some(match name.as_str() {
            "pi" => Expr::Pi,
            "e" => Expr::E,
            "i" => Expr::I,
            _ => Expr::Symbol(name),
        })
    }

    /// What stands below, as text.
    pub(super) fn subscript(&mut self) -> Option<String> {
        if !self.take(&Token::Open(Bracket::Group)) {
            let token = self.peek()?.plain();
            self.at += 1;
            return (!token.is_empty()).then_some(token);
        }
        let mut text = String::new();
        loop {
            let token = self.peek()?.clone();
            self.at += 1;
            match token {
                Token::Close(Bracket::Group) => break,
                Token::Word(word) => match unit::number(&word) {
                    Some(number) => text += &number.to_string(),
                    None => text += &word,
                },
                Token::Mark(Mark::Minus) => text.push('-'),
                Token::Mark(Mark::Plus) => text.push('+'),
                token => text += &token.plain(),
            }
        }
        (!text.is_empty()).then_some(text)
    }

    /// An argument of a command: a group, or one token, of a numeral one digit.
    pub(super) fn argument(&mut self) -> Option<Expr> {
        if let Some(Token::Number(_, digits)) = self.peek()
            && digits.len() > 1
            && digits.bytes().all(|digit| digit.is_ascii_digit())
        {
            let (first, rest) = digits.split_at(1);
            let (first, rest) = (first.to_string(), rest.to_string());
            self.tokens[self.at] = Token::Number(rest.parse().ok()?, rest);
            return Some(Expr::Number(first.parse().ok()?));
        }
        if let Some(Token::Number(value, _)) = self.peek() {
            let value = value.clone();
            self.at += 1;
            return Some(Expr::Number(value));
        }
        self.nested(Self::atom)
    }

    pub(super) fn root(&mut self, whole: bool) -> Option<Expr> {
        let index = if self.take(&Token::Open(Bracket::Square)) {
            let index = self.nested(Self::sum)?;
            self.expect(&Token::Close(Bracket::Square))?;
            index
        } else {
            Expr::whole(2)
        };
        let of = if whole {
            self.nested(Self::atom)?
        } else {
            self.argument()?
        };
        Some(Expr::Root(Box::new(of), Box::new(index)))
    }

    /// A function, its power or base, and its argument.
    pub(super) fn call(&mut self, function: Function) -> Option<Expr> {
        let mut base = (function == Function::Log).then(|| Expr::whole(10));
        if self.take(&Token::Mark(Mark::Subscript)) {
            base = Some(self.argument()?);
        }
        let mut function = function;
        let mut power = None;
        if self.take(&Token::Mark(Mark::Power)) {
            let exponent = self.nested(Self::exponent)?;
            let minus_one = exponent == Expr::Negative(Box::new(Expr::whole(1)));
            match function.inverse().filter(|_| minus_one) {
                Some(inverse) => function = inverse,
                None => power = Some(exponent),
            }
        }
        let bracketed = matches!(
            self.peek(),
            Some(Token::Open(
                Bracket::Round | Bracket::Group | Bracket::Square
            ))
        );
        let argument = if bracketed {
            self.nested(Self::atom)?
        } else {
            self.nested(Self::unbracketed)?
        };
        let arguments = std::iter::once(argument).chain(base).collect();
        let call = Expr::Call(function, arguments);
        Some(match power {
            Some(power) => Expr::Power(Box::new(call), Box::new(power)),
            None => call,
        })
    }

    /// An argument without brackets: factors up to the next function.
    pub(super) fn unbracketed(&mut self) -> Option<Expr> {
        if self.take(&Token::Mark(Mark::Minus)) {
            let of = self.nested(Self::unbracketed)?;
            return Some(Expr::Negative(Box::new(of)));
        }
        let mut factors = vec![self.power()?];
        while self.begins_factor()
            && !matches!(
                self.peek(),
                Some(Token::Function(_) | Token::Open(Bracket::Round))
            )
        {
            factors.push(self.power()?);
        }
        Some(one_of(factors, Expr::Product))
    }
}

/// A numeral in another base than ten, which stands for itself.
pub(super) fn numeral_of(digits: &Expr, base: &str) -> Option<Expr> {
    match digits {
        Expr::Number(digits) => Some(Expr::Symbol(format!("{digits}_{base}"))),
        _ => None,
    }
}

/// A digit that something is divided by.
fn digit(text: &str) -> Option<RBig> {
    text.parse().ok().filter(|digit: &RBig| !digit.is_zero())
}
