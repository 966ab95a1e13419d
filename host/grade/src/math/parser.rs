//! From tokens to an expression: sums of products of powers, as TeX and people write them.

mod atom;

use super::expr::{Expr, Function};
use super::token::{Bracket, Mark, Token};
use super::unit::Unit;
use atom::numeral_of;

/// The deepest that brackets and the levels of precedence between them may be nested.
const DEEPEST: u32 = 150;

/// The deepest that an expression may be, of which a row of signs or powers makes a tall one without any
/// nesting here: what walks it must do with a thread's stack of 2 MiB, without optimisation too.
const TALLEST: usize = 100;

/// An expression, and what was said of its unit on the way.
pub struct Parsed {
    /// The expression.
    pub expr: Expr,
    /// The tokens that follow it.
    pub rest: Vec<Token>,
    /// Dollars, where their sign was met.
    pub unit: Unit,
}

/// Reads the longest expression that `tokens` begin with; none where they begin with none.
pub fn expression(tokens: &[Token]) -> Option<Parsed> {
    let lower = tokens.contains(&Token::Mark(Mark::MinusPlus));
    let mut parser = Parser {
        tokens: tokens.to_vec(),
        at: 0,
        depth: 0,
        bars: 0,
        signs: 0,
        coupled: lower,
        dollars: false,
    };
    let expr = parser.sum().filter(|expr| expr.height() <= TALLEST)?;
    Some(Parsed {
        expr,
        rest: parser.tokens.split_off(parser.at),
        unit: if parser.dollars {
            Unit::named("dollar")
        } else {
            Unit::default()
        },
    })
}

/// Reads all of `tokens` as an expression without unit.
pub fn whole(tokens: &[Token]) -> Option<Expr> {
    let parsed = expression(tokens)?;
    parsed.rest.is_empty().then_some(parsed.expr)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    /// Bars of absolute values that are open.
    bars: u32,
    /// Open signs met so far.
    signs: u32,
    /// Whether all of them are chosen together, as where there is a `∓`.
    coupled: bool,
    dollars: bool,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn mark(&self) -> Option<Mark> {
        match self.peek() {
            Some(Token::Mark(mark)) => Some(*mark),
            _ => None,
        }
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Takes the next token where it is one of these marks.
    fn take_mark(&mut self, marks: &[Mark]) -> Option<Mark> {
        let mark = self.mark().filter(|mark| marks.contains(mark))?;
        self.at += 1;
        Some(mark)
    }

    fn expect(&mut self, token: &Token) -> Option<()> {
        self.take(token).then_some(())
    }

    /// Does something one level further in.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn sum(&mut self) -> Option<Expr> {
        let mut terms = vec![self.nested(Self::signed)?];
        while let Some(Mark::Plus | Mark::Minus | Mark::PlusMinus | Mark::MinusPlus) = self.mark() {
            terms.push(self.nested(Self::signed)?);
        }
        Some(one_of(terms, Expr::Sum))
    }

    /// A product with the signs before it.
    fn signed(&mut self) -> Option<Expr> {
        let signs = [Mark::Plus, Mark::Minus, Mark::PlusMinus, Mark::MinusPlus];
        let Some(mark) = self.take_mark(&signs) else {
            return self.product();
        };
        let id = if self.coupled { 0 } else { self.signs };
        if matches!(mark, Mark::PlusMinus | Mark::MinusPlus) {
            self.signs = self.signs.max(id + 1);
        }
        let of = self.nested(Self::signed)?;
        Some(match mark {
            Mark::Plus => of,
            Mark::Minus => Expr::Negative(Box::new(of)),
            _ => Expr::Sign {
                id,
                lower: mark == Mark::MinusPlus,
                of: Box::new(of),
            },
        })
    }

    fn product(&mut self) -> Option<Expr> {
        let mut factors = vec![self.nested(Self::power)?];
        loop {
            match self.mark() {
                Some(Mark::Times) => {
                    self.at += 1;
                    factors.push(self.nested(Self::factor)?);
                }
                Some(Mark::Over) => {
                    // What follows may be a unit: `5 mi/hr`.
                    let start = self.at;
                    self.at += 1;
                    let Some(below) = self.nested(Self::factor) else {
                        self.at = start;
                        break;
                    };
                    let above = one_of(factors, Expr::Product);
                    factors = vec![Expr::Quotient(Box::new(above), Box::new(below))];
                }
                _ if self.begins_factor() => factors.push(self.nested(Self::power)?),
                _ => break,
            }
        }
        Some(one_of(factors, Expr::Product))
    }

    /// A power that may have signs before it, as in `2 \cdot -3`.
    fn factor(&mut self) -> Option<Expr> {
        match self.take_mark(&[Mark::Plus, Mark::Minus]) {
            None => self.power(),
            Some(Mark::Plus) => self.nested(Self::factor),
            Some(_) => Some(Expr::Negative(Box::new(self.nested(Self::factor)?))),
        }
    }

    /// Whether the next token begins a factor that is multiplied without a sign.
    fn begins_factor(&self) -> bool {
        match self.peek() {
            Some(Token::Number(..)) => {
                let before = self
                    .at
                    .checked_sub(1)
                    .and_then(|before| self.tokens.get(before));
                !matches!(before, Some(Token::Number(..)))
            }
            Some(Token::Mark(Mark::Bar)) => self.bars == 0,
            Some(Token::Mark(mark)) => matches!(mark, Mark::Infinity | Mark::Dollar),
            Some(Token::Open(bracket)) => *bracket != Bracket::Curly,
            Some(token) => matches!(
                token,
                Token::Symbol(_)
                    | Token::Function(_)
                    | Token::Fraction
                    | Token::Binomial
                    | Token::Root { .. }
            ),
            None => false,
        }
    }

    fn power(&mut self) -> Option<Expr> {
        let base = self.nested(Self::atom)?;
        self.raised(base)
    }

    /// What stands behind a base: powers, degrees, per cent, factorials, the base of a numeral.
    fn raised(&mut self, mut base: Expr) -> Option<Expr> {
        use Mark::{Degree, Factorial, Percent, Power, Subscript};
        while let Some(mark) = self.take_mark(&[Power, Degree, Percent, Subscript, Factorial]) {
            base = match mark {
                Power if !self.degrees() => {
                    let exponent = self.nested(Self::exponent)?;
                    Expr::Power(Box::new(base), Box::new(exponent))
                }
                Percent => Expr::Percent(Box::new(base)),
                Subscript => numeral_of(&base, &self.subscript()?)?,
                Factorial => Expr::Call(Function::Factorial, vec![base]),
                _ => Expr::Degrees(Box::new(base)),
            };
        }
        Some(base)
    }

    /// Takes the circle of `^\circ`, in braces or not.
    fn degrees(&mut self) -> bool {
        let start = self.at;
        let group = self.take(&Token::Open(Bracket::Group));
        let found = self.take(&Token::Mark(Mark::Degree))
            && (!group || self.take(&Token::Close(Bracket::Group)));
        if !found {
            self.at = start;
        }
        found
    }

    fn exponent(&mut self) -> Option<Expr> {
        if self.take(&Token::Mark(Mark::Minus)) {
            let of = self.nested(Self::exponent)?;
            return Some(Expr::Negative(Box::new(of)));
        }
        self.atom()
    }

    fn atom(&mut self) -> Option<Expr> {
        let token = self.peek()?.clone();
        self.at += 1;
        match token {
            Token::Number(value, digits) => Some(self.number(value, &digits)),
            Token::Symbol(name) => self.symbol(name),
            Token::Function(function) => self.call(function),
            Token::Fraction => {
                let (above, below) = (self.argument()?, self.argument()?);
                Some(Expr::Quotient(Box::new(above), Box::new(below)))
            }
            Token::Binomial => {
                let arguments = vec![self.argument()?, self.argument()?];
                Some(Expr::Call(Function::Binomial, arguments))
            }
            Token::Root { whole } => self.root(whole),
            Token::Open(bracket) => self.bracketed(bracket),
            Token::Mark(Mark::Bar) => self.absolute(),
            Token::Mark(Mark::Infinity) => Some(Expr::Infinity),
            Token::Mark(Mark::Dollar) => {
                self.dollars = true;
                self.atom()
            }
            _ => None,
        }
    }

    fn bracketed(&mut self, bracket: Bracket) -> Option<Expr> {
        let bars = std::mem::take(&mut self.bars);
        let inside = self.sum()?;
        self.bars = bars;
        self.expect(&Token::Close(bracket))?;
        let function = match bracket {
            Bracket::Curly => return None,
            Bracket::Floor => Function::Floor,
            Bracket::Ceiling => Function::Ceiling,
            _ => return Some(inside),
        };
        Some(Expr::Call(function, vec![inside]))
    }

    fn absolute(&mut self) -> Option<Expr> {
        self.bars += 1;
        let inside = self.sum()?;
        self.bars -= 1;
        self.expect(&Token::Mark(Mark::Bar))?;
        Some(Expr::Call(Function::Abs, vec![inside]))
    }
}

/// The only part as it is, several joined.
fn one_of(mut parts: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}
