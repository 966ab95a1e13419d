//! From tokens to an expression: sums of products of powers, as TeX and people write them.

use dashu_ratio::RBig;

use super::expr::{Expr, Function};
use super::token::{Bracket, Mark, Token};
use super::unit::Unit;

/// The deepest that an expression may be nested.
const DEEPEST: u32 = 150;

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
    let expr = parser.sum()?;
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
        let mark = self.mark();
        match mark {
            Some(Mark::Plus) => {
                self.at += 1;
                self.nested(Self::signed)
            }
            Some(Mark::Minus) => {
                self.at += 1;
                let of = self.nested(Self::signed)?;
                Some(Expr::Negative(Box::new(of)))
            }
            Some(Mark::PlusMinus | Mark::MinusPlus) => {
                self.at += 1;
                let id = if self.coupled { 0 } else { self.signs };
                self.signs = self.signs.max(id + 1);
                Some(Expr::Sign {
                    id,
                    lower: mark == Some(Mark::MinusPlus),
                    of: Box::new(self.nested(Self::signed)?),
                })
            }
            _ => self.product(),
        }
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
        if let Some(Mark::Plus | Mark::Minus) = self.mark() {
            let minus = self.mark() == Some(Mark::Minus);
            self.at += 1;
            let of = self.nested(Self::factor)?;
            return Some(if minus {
                Expr::Negative(Box::new(of))
            } else {
                of
            });
        }
        self.power()
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
        loop {
            base = match self.mark() {
                Some(Mark::Power) => {
                    self.at += 1;
                    if self.degrees() {
                        Expr::Degrees(Box::new(base))
                    } else {
                        let exponent = self.nested(Self::exponent)?;
                        Expr::Power(Box::new(base), Box::new(exponent))
                    }
                }
                Some(Mark::Degree) => {
                    self.at += 1;
                    Expr::Degrees(Box::new(base))
                }
                Some(Mark::Percent) => {
                    self.at += 1;
                    Expr::Percent(Box::new(base))
                }
                Some(Mark::Subscript) => {
                    self.at += 1;
                    numeral_of(&base, &self.subscript()?)?
                }
                Some(Mark::Factorial) => {
                    self.at += 1;
                    Expr::Call(Function::Factorial, vec![base])
                }
                _ => return Some(base),
            };
        }
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
        if let Some(Mark::Minus) = self.mark() {
            self.at += 1;
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

    /// A numeral, with the fraction of a mixed number behind it.
    fn number(&mut self, value: RBig, digits: &str) -> Expr {
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
    fn proper_fraction(&self) -> Option<(RBig, usize)> {
        use Token::{Close, Number, Open};
        const OPEN: Token = Open(Bracket::Group);
        const CLOSE: Token = Close(Bracket::Group);
        let (above, below, length) = match &self.tokens[self.at..] {
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
            ] => (above, below, 3),
            [
                Token::Fraction,
                OPEN,
                Number(above, _),
                CLOSE,
                OPEN,
                Number(below, _),
                CLOSE,
                ..,
            ] => (above, below, 7),
            [
                Token::Fraction,
                OPEN,
                Number(above, _),
                CLOSE,
                Number(below, _),
                ..,
            ]
            | [
                Token::Fraction,
                Number(above, _),
                OPEN,
                Number(below, _),
                CLOSE,
                ..,
            ] => (above, below, 5),
            _ => return None,
        };
        let proper = above.is_int() && below.is_int() && !below.is_zero();
        proper.then(|| (above.clone() / below.clone(), length))
    }

    fn symbol(&mut self, mut name: String) -> Option<Expr> {
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
    fn subscript(&mut self) -> Option<String> {
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
                Token::Word(word) => match super::unit::number(&word) {
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
    fn argument(&mut self) -> Option<Expr> {
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

    fn root(&mut self, whole: bool) -> Option<Expr> {
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
    fn call(&mut self, function: Function) -> Option<Expr> {
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
    fn unbracketed(&mut self) -> Option<Expr> {
        if self.mark() == Some(Mark::Minus) {
            self.at += 1;
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

/// The only part as it is, several joined.
fn one_of(mut parts: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

/// A numeral in another base than ten, which stands for itself.
fn numeral_of(digits: &Expr, base: &str) -> Option<Expr> {
    match digits {
        Expr::Number(digits) => Some(Expr::Symbol(format!("{digits}_{base}"))),
        _ => None,
    }
}

/// A digit that something is divided by.
fn digit(text: &str) -> Option<RBig> {
    text.parse().ok().filter(|digit: &RBig| !digit.is_zero())
}
