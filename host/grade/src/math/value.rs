//! Values: exact rationals for as long as possible, else complex numbers of 320 bits.

use std::cmp::Ordering;

use dashu_base::BitTest;
use dashu_cmplx::{CBig, CfpResult, ConstCache, Context, FBig};
use dashu_float::round::mode::HalfEven;
use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

type Complex = CBig<HalfEven, 2>;
type Real = FBig<HalfEven, 2>;
type Function = fn(&Context<HalfEven>, &Complex, Option<&mut ConstCache>) -> CfpResult<HalfEven, 2>;

/// Bits of a complex number's parts: some 96 decimal digits.
const PRECISION: usize = 320;
/// Two values are one where they differ by less than this power of two, relative to the larger.
const AGREEMENT: isize = -250;
/// The most bits of an exact numerator or denominator, so that no answer costs more than moments.
const MOST_BITS: usize = 1 << 14;
/// Arguments beyond this power of two are not given to exponentials and sines, which would first
/// reduce them.
const LARGEST_ARGUMENT: isize = 40;
/// The largest number whose factorial is taken.
const LARGEST_FACTORIAL: usize = 1000;

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A rational number.
    Exact(RBig),
    /// Any other.
    Float(Complex),
}

/// What values are computed with: constants already known, and how much may still be spent.
pub struct Arithmetic {
    constants: ConstCache,
    /// Exponentials, logarithms and the like that may still be computed.
    left: u32,
    /// Whether a root, logarithm or power has left the real numbers since this was last cleared.
    pub left_reals: bool,
}

impl Default for Arithmetic {
    fn default() -> Self {
        Self {
            constants: ConstCache::default(),
            left: 400,
            left_reals: false,
        }
    }
}

const CONTEXT: Context<HalfEven> = Context::new(PRECISION);

impl Value {
    /// A whole number.
    pub fn whole(number: i64) -> Self {
        Self::Exact(RBig::from(number))
    }

    /// The imaginary unit.
    pub fn i() -> Self {
        Self::Float(Complex::from_parts(real(0), real(1)))
    }

    /// A real number.
    fn of_real(number: Real) -> Self {
        Self::Float(Complex::from_parts(number, real(0)))
    }

    fn complex(&self) -> Complex {
        match self {
            Self::Exact(ratio) => {
                Complex::from_parts(ratio.to_float::<HalfEven, 2>(PRECISION).value(), real(0))
            }
            Self::Float(complex) => complex.clone(),
        }
    }

    fn is_zero(&self) -> bool {
        match self {
            Self::Exact(ratio) => ratio.is_zero(),
            Self::Float(complex) => size(complex).is_none_or(|size| size < AGREEMENT),
        }
    }

    /// The whole number that this is, where it is one that fits.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Exact(ratio) if ratio.is_int() => i64::try_from(ratio.numerator()).ok(),
            _ => None,
        }
    }

    /// The real number that this is, but for rounding.
    fn real(&self) -> Option<Real> {
        let (re, im) = self.complex().into_parts();
        let small = exponent(&im).is_none_or(|im| im < AGREEMENT + exponent(&re).unwrap_or(0));
        small.then_some(re)
    }

    /// Whether this is a real number, but for rounding.
    pub fn is_real(&self) -> bool {
        self.real().is_some()
    }

    /// A total order by the real parts, as they are rounded.
    pub fn place(&self, other: &Self) -> Ordering {
        self.complex().re().cmp(other.complex().re())
    }

    /// How two real numbers are ordered.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        if self.agrees(other) {
            return Some(Ordering::Equal);
        }
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => Some(one.cmp(other)),
            _ => Some(self.real()?.cmp(&other.real()?)),
        }
    }

    /// Whether both are the same number, to 75 decimal digits where they aren't rational.
    pub fn agrees(&self, other: &Self) -> bool {
        if let (Self::Exact(one), Self::Exact(other)) = (self, other) {
            return one == other;
        }
        let (one, other) = (self.complex(), other.complex());
        let Ok(difference) = CONTEXT.sub(&one, &other) else {
            return false;
        };
        let Some(difference) = size(&difference.value()) else {
            return true;
        };
        let larger = size(&one).max(size(&other)).unwrap_or(0);
        difference < AGREEMENT + larger || larger < AGREEMENT
    }

    /// The sum.
    pub fn add(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => exact(one + other),
            _ => float(CONTEXT.add(&self.complex(), &other.complex())),
        }
    }

    /// The product.
    pub fn mul(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => exact(one * other),
            _ => float(CONTEXT.mul(&self.complex(), &other.complex())),
        }
    }

    /// The negative.
    pub fn neg(&self) -> Self {
        match self {
            Self::Exact(ratio) => Self::Exact(-ratio.clone()),
            Self::Float(complex) => Self::Float(-complex.clone()),
        }
    }

    /// The quotient; none by zero.
    pub fn div(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => exact(one / other),
            _ => float(CONTEXT.div(&self.complex(), &other.complex())),
        }
    }

    /// The absolute value.
    pub fn abs(&self) -> Option<Self> {
        if let Self::Exact(ratio) = self {
            return Some(if *ratio < RBig::ZERO {
                self.neg()
            } else {
                self.clone()
            });
        }
        let (re, im) = self.complex().into_parts();
        let squares = &re * &re + &im * &im;
        float(CONTEXT.sqrt(&Complex::from_parts(squares, real(0))))
    }

    /// The whole number below, or with `up` above.
    pub fn round(&self, up: bool) -> Option<Self> {
        match self {
            Self::Exact(ratio) => {
                let whole = if up { ratio.ceil() } else { ratio.floor() };
                Some(Self::Exact(RBig::from(whole)))
            }
            Self::Float(_) => {
                let real = self.real()?;
                if exponent(&real).is_some_and(|size| size > LARGEST_ARGUMENT) {
                    return None;
                }
                let whole = if up { real.ceil() } else { real.floor() };
                Some(Self::of_real(whole))
            }
        }
    }

    /// The product of the first whole numbers.
    pub fn factorial(&self) -> Option<Self> {
        let number = usize::try_from(self.integer()?).ok()?;
        if number > LARGEST_FACTORIAL {
            return None;
        }
        let product = (2..=number).fold(UBig::ONE, |product, factor| product * factor);
        Some(Self::Exact(RBig::from(product)))
    }

    /// How many ways there are to choose `chosen` things from this many.
    pub fn choose(&self, chosen: &Self) -> Option<Self> {
        let rest = self.add(&chosen.neg())?;
        let orders = chosen.factorial()?.mul(&rest.factorial()?)?;
        self.factorial()?.div(&orders)
    }
}

impl Arithmetic {
    fn spend(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }

    /// Half of a full turn.
    pub fn pi(&mut self) -> Value {
        Value::of_real(self.constants.pi::<2, HalfEven>(PRECISION).value())
    }

    /// `base` to the power of `exponent`.
    pub fn power(&mut self, base: &Value, exponent: &Value) -> Option<Value> {
        if let Some(whole) = exponent.integer() {
            return power(base, whole);
        }
        if base.is_zero() {
            return None;
        }
        if let Value::Exact(ratio) = exponent
            && let Ok(above) = i64::try_from(ratio.numerator())
            && let Ok(below @ ..=64) = usize::try_from(ratio.denominator())
        {
            let root = self.root(base, below, false)?;
            return power(&root, above);
        }
        self.spend()?;
        self.left_reals |= !is_positive(base);
        let log = self.ln(base)?;
        self.exp(&log.mul(exponent)?)
    }

    /// The `index`th root: that of a negative number is the real one where `real` says so and there
    /// is one, else the principal one.
    pub fn root(&mut self, value: &Value, index: usize, real: bool) -> Option<Value> {
        if let Value::Exact(ratio) = value
            && let Some(root) = exact_root(ratio, index)
        {
            return Some(root);
        }
        if is_positive(value) {
            return Some(real_root(value, index));
        }
        if real && index % 2 == 1 && is_positive(&value.neg()) {
            return Some(real_root(&value.neg(), index).neg());
        }
        self.left_reals = true;
        if index == 2 {
            return float(CONTEXT.sqrt(&value.complex()));
        }
        let log = self.ln(value)?;
        self.exp(&log.div(&Value::whole(index as i64))?)
    }

    /// The exponential.
    pub fn exp(&mut self, value: &Value) -> Option<Value> {
        self.computed(Context::exp, value)
    }

    /// The natural logarithm.
    pub fn ln(&mut self, value: &Value) -> Option<Value> {
        self.spend()?;
        if value.is_zero() {
            return None;
        }
        self.left_reals |= !is_positive(value);
        float(CONTEXT.log(&value.complex(), Some(&mut self.constants)))
    }

    /// The sine.
    pub fn sin(&mut self, value: &Value) -> Option<Value> {
        self.computed(Context::sin, value)
    }

    /// The cosine.
    pub fn cos(&mut self, value: &Value) -> Option<Value> {
        self.computed(Context::cos, value)
    }

    /// The angle of this sine.
    pub fn arcsin(&mut self, value: &Value) -> Option<Value> {
        self.computed(Context::asin, value)
    }

    /// The angle of this tangent.
    pub fn arctan(&mut self, value: &Value) -> Option<Value> {
        self.computed(Context::atan, value)
    }

    /// A function of an argument that isn't too large for it.
    fn computed(&mut self, function: Function, value: &Value) -> Option<Value> {
        self.spend()?;
        let value = value.complex();
        size(&value)
            .is_none_or(|size| size.abs() <= LARGEST_ARGUMENT)
            .then(|| float(function(&CONTEXT, &value, Some(&mut self.constants))))?
    }
}

fn real(number: i64) -> Real {
    Real::from(number).with_precision(PRECISION).value()
}

fn exact(ratio: RBig) -> Option<Value> {
    (bits(&ratio) <= MOST_BITS).then_some(Value::Exact(ratio))
}

/// The bits of the longer of numerator and denominator.
fn bits(ratio: &RBig) -> usize {
    let below = ratio.denominator().bit_len();
    ratio.numerator().bit_len().max(below)
}

fn float(result: CfpResult<HalfEven, 2>) -> Option<Value> {
    let complex = result.ok()?.value();
    complex.is_finite().then_some(Value::Float(complex))
}

/// The power of two just above a number's size; none for zero.
fn exponent(real: &Real) -> Option<isize> {
    let repr = real.repr();
    let bits = repr.significand().bit_len() as isize;
    (bits > 0).then(|| repr.exponent().saturating_add(bits))
}

fn size(complex: &Complex) -> Option<isize> {
    let (re, im) = complex.clone().into_parts();
    exponent(&re).max(exponent(&im))
}

fn is_positive(value: &Value) -> bool {
    match value {
        Value::Exact(ratio) => *ratio >= RBig::ZERO,
        Value::Float(_) => value.real().is_some_and(|real| real >= Real::ZERO),
    }
}

/// A power by a whole number.
fn power(base: &Value, exponent: i64) -> Option<Value> {
    match base {
        Value::Exact(ratio) => {
            if ratio.is_zero() {
                return (exponent > 0).then(|| base.clone());
            }
            // The powers of 1 and -1 cost nothing.
            if ratio.is_one() || (-ratio.clone()).is_one() {
                return exact(ratio.pow(exponent.rem_euclid(2) as isize));
            }
            let affordable = exponent.unsigned_abs() <= (MOST_BITS / bits(ratio)) as u64;
            affordable.then(|| exact(ratio.pow(exponent as isize)))?
        }
        Value::Float(complex) => float(CONTEXT.powi(complex, IBig::from(exponent))),
    }
}

fn exact_root(ratio: &RBig, index: usize) -> Option<Value> {
    if *ratio < RBig::ZERO || index == 0 {
        return None;
    }
    let above = UBig::try_from(ratio.numerator().clone()).ok()?;
    let root = |number: &UBig| {
        let root = number.nth_root(index);
        (root.pow(index) == *number).then_some(root)
    };
    let (above, below) = (root(&above)?, root(ratio.denominator())?);
    Some(Value::Exact(RBig::from_parts(above.into(), below)))
}

fn real_root(value: &Value, index: usize) -> Value {
    let (re, _) = value.complex().into_parts();
    Value::of_real(if index == 2 {
        re.sqrt()
    } else {
        re.nth_root(index)
    })
}
