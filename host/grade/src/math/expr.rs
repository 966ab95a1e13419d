//! Expressions, and what they are worth at a point.

use dashu_ratio::RBig;

use super::value::{Arithmetic, Value};

/// A mathematical expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(RBig),
    /// A variable; also a numeral of a base (`776_8`), which stands for itself.
    Symbol(String),
    /// The ratio of a circle's circumference to its diameter.
    Pi,
    /// Euler's number.
    E,
    /// The imaginary unit.
    I,
    /// Infinity, which has no value.
    Infinity,
    /// A sum.
    Sum(Vec<Expr>),
    /// A product.
    Product(Vec<Expr>),
    /// A quotient.
    Quotient(Box<Expr>, Box<Expr>),
    /// A negative.
    Negative(Box<Expr>),
    /// `±`, or with `lower` `∓`: signs of one number are chosen together.
    Sign {
        /// Its number.
        id: u32,
        /// Whether it is the other sign.
        lower: bool,
        /// What it stands before.
        of: Box<Expr>,
    },
    /// A power.
    Power(Box<Expr>, Box<Expr>),
    /// A root and its index.
    Root(Box<Expr>, Box<Expr>),
    /// An angle in degrees.
    Degrees(Box<Expr>),
    /// So many hundredths.
    Percent(Box<Expr>),
    /// A function of its arguments.
    Call(Function, Vec<Expr>),
}

/// A function that can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Ln,
    /// The second argument is the base.
    Log,
    Exp,
    Abs,
    Floor,
    Ceiling,
    Factorial,
    Binomial,
}

impl Function {
    /// The function of this name, as TeX and people write it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sin" => Self::Sin,
            "cos" => Self::Cos,
            "tan" => Self::Tan,
            "cot" => Self::Cot,
            "sec" => Self::Sec,
            "csc" => Self::Csc,
            "arcsin" | "asin" => Self::Arcsin,
            "arccos" | "acos" => Self::Arccos,
            "arctan" | "atan" => Self::Arctan,
            "sinh" => Self::Sinh,
            "cosh" => Self::Cosh,
            "tanh" => Self::Tanh,
            "ln" => Self::Ln,
            "log" => Self::Log,
            "exp" => Self::Exp,
            "abs" => Self::Abs,
            _ => return None,
        })
    }

    /// The function that takes it back, where `f^{-1}` means that.
    pub fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Sin => Self::Arcsin,
            Self::Cos => Self::Arccos,
            Self::Tan => Self::Arctan,
            _ => return None,
        })
    }
}

/// Where expressions are evaluated: every symbol has a value that follows from its name.
#[derive(Clone, Copy, Debug)]
pub struct Point(pub u64);

impl Point {
    /// A symbol's value: at every second point a small whole number above 1, for powers and
    /// factorials, else a fraction of either sign.
    fn of(self, symbol: &str) -> Value {
        let mut random = scatter(self.0 ^ 0x5eed);
        for byte in symbol.bytes() {
            random = scatter(random ^ u64::from(byte));
        }
        if self.0 % 2 == 1 {
            return Value::whole(2 + (random % 29) as i64);
        }
        let above = 1 + (random >> 8) as i64 % 100_000;
        // The first two fractions have both signs, whatever chance says.
        let minus = match self.0 {
            0 | 2 => self.0 == 2,
            _ => random & 1 == 1,
        };
        let above = if minus { -above } else { above };
        Value::Exact(RBig::from_parts(
            above.into(),
            (1 + (random >> 40) % 1000).into(),
        ))
    }
}

/// A step of the generator `SplitMix64` (Steele, Lea and Flood, 2014).
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Expr {
    /// A whole number.
    pub fn whole(number: i64) -> Self {
        Self::Number(RBig::from(number))
    }

    /// Its parts.
    fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Sum(parts) | Self::Product(parts) | Self::Call(_, parts) => {
                parts.iter().collect()
            }
            Self::Quotient(one, other) | Self::Power(one, other) | Self::Root(one, other) => {
                vec![one, other]
            }
            Self::Negative(of) | Self::Sign { of, .. } | Self::Degrees(of) | Self::Percent(of) => {
                vec![of]
            }
            _ => Vec::new(),
        }
    }

    /// How many expressions stand in one another.
    pub fn height(&self) -> usize {
        let parts = self.parts().into_iter().map(Self::height);
        1 + parts.max().unwrap_or(0)
    }

    /// Whether any part of it is such.
    pub fn any(&self, is: &impl Fn(&Self) -> bool) -> bool {
        is(self) || self.parts().into_iter().any(|part| part.any(is))
    }

    /// Whether it has the same value everywhere.
    pub fn is_constant(&self) -> bool {
        !self.any(&|part| matches!(part, Self::Symbol(_)))
    }

    /// How many signs it leaves open.
    pub fn signs(&self) -> u32 {
        let own = match self {
            Self::Sign { id, .. } => id + 1,
            _ => 0,
        };
        let parts = self.parts().into_iter().map(Self::signs).max();
        own.max(parts.unwrap_or(0))
    }

    /// The expression with its open signs chosen by the bits of `signs`.
    pub fn signed(&self, signs: u32) -> Self {
        let of = |part: &Self| part.signed(signs);
        let boxed = |part: &Self| Box::new(of(part));
        let all = |parts: &[Self]| parts.iter().map(of).collect();
        match self {
            Self::Sign {
                id,
                lower,
                of: part,
            } => {
                if (signs >> id & 1 == 1) == *lower {
                    of(part)
                } else {
                    Self::Negative(boxed(part))
                }
            }
            Self::Sum(parts) => Self::Sum(all(parts)),
            Self::Product(parts) => Self::Product(all(parts)),
            Self::Call(function, parts) => Self::Call(*function, all(parts)),
            Self::Quotient(above, below) => Self::Quotient(boxed(above), boxed(below)),
            Self::Power(base, exponent) => Self::Power(boxed(base), boxed(exponent)),
            Self::Root(value, index) => Self::Root(boxed(value), boxed(index)),
            Self::Negative(part) => Self::Negative(boxed(part)),
            Self::Degrees(part) => Self::Degrees(boxed(part)),
            Self::Percent(part) => Self::Percent(boxed(part)),
            _ => self.clone(),
        }
    }

    /// Its value at a point; none where there is none, a sign is open, or it would take too long.
    pub fn at(&self, point: Point, arithmetic: &mut Arithmetic) -> Option<Value> {
        let mut of = |part: &Self| part.at(point, arithmetic);
        match self {
            Self::Number(ratio) => Some(Value::Exact(ratio.clone())),
            Self::Symbol(name) => Some(point.of(name)),
            Self::Pi => Some(arithmetic.pi()),
            Self::E => arithmetic.exp(&Value::whole(1)),
            Self::I => Some(Value::i()),
            Self::Infinity | Self::Sign { .. } => None,
            Self::Sum(parts) => parts
                .iter()
                .try_fold(Value::whole(0), |sum, part| sum.add(&of(part)?)),
            Self::Product(parts) => parts
                .iter()
                .try_fold(Value::whole(1), |product, part| product.mul(&of(part)?)),
            Self::Quotient(above, below) => of(above)?.div(&of(below)?),
            Self::Negative(part) => Some(of(part)?.neg()),
            Self::Power(base, exponent) if **base == Self::E => {
                let exponent = of(exponent)?;
                arithmetic.exp(&exponent)
            }
            Self::Power(base, exponent) => {
                let (base, exponent) = (of(base)?, of(exponent)?);
                arithmetic.power(&base, &exponent)
            }
            Self::Root(value, index) => {
                let (value, index) = (of(value)?, usize::try_from(of(index)?.integer()?).ok()?);
                let index = (1..=64).contains(&index).then_some(index)?;
                arithmetic.root(&value, index, true)
            }
            Self::Percent(part) => of(part)?.div(&Value::whole(100)),
            Self::Degrees(part) => {
                let turns = of(part)?.div(&Value::whole(180))?;
                turns.mul(&arithmetic.pi())
            }
            Self::Call(function, arguments) => {
                let arguments: Option<Vec<Value>> = arguments.iter().map(of).collect();
                call(*function, &arguments?, arithmetic)
            }
        }
    }
}

fn call(function: Function, arguments: &[Value], arithmetic: &mut Arithmetic) -> Option<Value> {
    let x = arguments.first()?;
    let one = Value::whole(1);
    match function {
        Function::Sin => arithmetic.sin(x),
        Function::Cos => arithmetic.cos(x),
        Function::Tan => arithmetic.sin(x)?.div(&arithmetic.cos(x)?),
        Function::Cot => arithmetic.cos(x)?.div(&arithmetic.sin(x)?),
        Function::Sec => one.div(&arithmetic.cos(x)?),
        Function::Csc => one.div(&arithmetic.sin(x)?),
        Function::Arcsin => arithmetic.arcsin(x),
        Function::Arccos => {
            let right_angle = arithmetic.pi().div(&Value::whole(2))?;
            right_angle.add(&arithmetic.arcsin(x)?.neg())
        }
        Function::Arctan => arithmetic.arctan(x),
        Function::Sinh | Function::Cosh | Function::Tanh => hyperbolic(function, x, arithmetic),
        Function::Ln => arithmetic.ln(x),
        Function::Log => arithmetic.ln(x)?.div(&arithmetic.ln(arguments.get(1)?)?),
        Function::Exp => arithmetic.exp(x),
        Function::Abs => x.abs(),
        Function::Floor => x.round(false),
        Function::Ceiling => x.round(true),
        Function::Factorial => x.factorial(),
        Function::Binomial => x.choose(arguments.get(1)?),
    }
}

fn hyperbolic(function: Function, x: &Value, arithmetic: &mut Arithmetic) -> Option<Value> {
    let (rise, fall) = (arithmetic.exp(x)?, arithmetic.exp(&x.neg())?);
    let (sine, cosine) = (rise.add(&fall.neg())?, rise.add(&fall)?);
    match function {
        Function::Sinh => sine.div(&Value::whole(2)),
        Function::Cosh => cosine.div(&Value::whole(2)),
        _ => sine.div(&cosine),
    }
}
