//! Sets of real numbers, as pieces of the line in order: intervals, points, and what unions and
//! inequalities make of them.

use std::cmp::Ordering;

use super::answer::{Answer, Scalar};
use super::expr::{Expr, Point};
use super::token::Relation;
use super::value::{Arithmetic, Value};

/// An end of a piece.
#[derive(Clone, Debug)]
enum End {
    Below,
    At(Value),
    Above,
}

impl End {
    fn rank(&self) -> u8 {
        match self {
            Self::Below => 0,
            Self::At(_) => 1,
            Self::Above => 2,
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::At(one), Self::At(other)) => one.order(other),
            _ => Some(self.rank().cmp(&other.rank())),
        }
    }

    /// A total order, in which numbers that are equal but for rounding may differ.
    fn place(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::At(one), Self::At(other)) => one.place(other),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// A piece of the line.
#[derive(Clone, Debug)]
struct Piece {
    low: End,
    high: End,
    closed_low: bool,
    closed_high: bool,
}

/// A set of real numbers: pieces in order that don't touch.
#[derive(Clone, Debug)]
pub struct Region(Vec<Piece>);

impl Region {
    /// The set that an answer is, where it is one of real numbers. A list's numbers are points.
    pub fn of(answer: &Answer, arithmetic: &mut Arithmetic) -> Option<Self> {
        match answer {
            Answer::Tuple {
                items,
                closed: [closed_low, closed_high],
            } => {
                let [Answer::Scalar(low), Answer::Scalar(high)] = &items[..] else {
                    return None;
                };
                let piece = Piece {
                    low: end(low, arithmetic)?,
                    high: end(high, arithmetic)?,
                    closed_low: *closed_low,
                    closed_high: *closed_high,
                };
                Self::joined(vec![piece])
            }
            Answer::Union(items) | Answer::List(items) => {
                let mut pieces = Vec::new();
                for item in items {
                    pieces.extend(Self::of(item, arithmetic)?.0);
                }
                Self::joined(pieces)
            }
            Answer::Scalar(point) => {
                let End::At(at) = end(point, arithmetic)? else {
                    return None;
                };
                Some(Self(vec![Piece::point(at)]))
            }
            Answer::Without(from, what) => {
                let from = Self::of(from, arithmetic)?;
                from.without(&Self::of(what, arithmetic)?)
            }
            Answer::Relation { sides, relations } => Self::solved(sides, relations, arithmetic),
            _ => None,
        }
    }

    /// The numbers of which relations between a variable and numbers hold.
    fn solved(
        sides: &[Answer],
        relations: &[Relation],
        arithmetic: &mut Arithmetic,
    ) -> Option<Self> {
        let variable = |side: &Answer| matches!(side, Answer::Scalar(scalar) if matches!(scalar.value, Expr::Symbol(_)));
        let place = sides.iter().position(variable)?;
        let mut piece = Piece {
            low: End::Below,
            high: End::Above,
            closed_low: false,
            closed_high: false,
        };
        match (place, sides, relations) {
            (0, [_, Answer::Scalar(other)], [relation]) => {
                let at = end(other, arithmetic)?;
                if *relation == Relation::Unequal {
                    let End::At(at) = at else { return None };
                    return Self(vec![piece]).without(&Self(vec![Piece::point(at)]));
                }
                piece.bound(*relation, at)?;
            }
            (1, [Answer::Scalar(other), _], [relation]) => {
                piece.bound(relation.swapped(), end(other, arithmetic)?)?;
            }
            (1, [Answer::Scalar(left), _, Answer::Scalar(right)], [first, second]) => {
                piece.bound(first.swapped(), end(left, arithmetic)?)?;
                piece.bound(*second, end(right, arithmetic)?)?;
            }
            _ => return None,
        }
        Self::joined(vec![piece])
    }

    /// The union of pieces; none where one is no interval.
    fn joined(mut pieces: Vec<Piece>) -> Option<Self> {
        for piece in &pieces {
            match piece.low.order(&piece.high)? {
                Ordering::Less => {}
                Ordering::Equal if piece.closed_low && piece.closed_high => {}
                _ => return None,
            }
        }
        let mut joined: Vec<Piece> = Vec::new();
        pieces.sort_by(|one, other| one.low.place(&other.low));
        for piece in pieces {
            let Some(last) = joined.last_mut() else {
                joined.push(piece);
                continue;
            };
            let touches = match last.high.order(&piece.low)? {
                Ordering::Less => false,
                Ordering::Equal => last.closed_high || piece.closed_low,
                Ordering::Greater => true,
            };
            if !touches {
                joined.push(piece);
                continue;
            }
            if last.low.order(&piece.low)? == Ordering::Equal {
                last.closed_low |= piece.closed_low;
            }
            match last.high.order(&piece.high)? {
                Ordering::Less => {
                    last.high = piece.high;
                    last.closed_high = piece.closed_high;
                }
                Ordering::Equal => last.closed_high |= piece.closed_high,
                Ordering::Greater => {}
            }
        }
        Some(Self(joined))
    }

    /// This set without another's points; none where the other isn't of points alone.
    fn without(self, other: &Self) -> Option<Self> {
        let mut pieces = self.0;
        for piece in &other.0 {
            let End::At(at) = &piece.low else { return None };
            if piece.low.order(&piece.high)? != Ordering::Equal {
                return None;
            }
            let mut left = Vec::new();
            for piece in pieces {
                left.extend(piece.without(at)?);
            }
            pieces = left;
        }
        Some(Self(pieces))
    }

    /// Whether both are the same set.
    pub fn same(&self, other: &Self) -> bool {
        let same = |(one, other): (&Piece, &Piece)| {
            one.closed_low == other.closed_low
                && one.closed_high == other.closed_high
                && one.low.order(&other.low) == Some(Ordering::Equal)
                && one.high.order(&other.high) == Some(Ordering::Equal)
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl Piece {
    fn point(at: Value) -> Self {
        Self {
            low: End::At(at.clone()),
            high: End::At(at),
            closed_low: true,
            closed_high: true,
        }
    }

    /// Bounds it by what its numbers are to `at`.
    fn bound(&mut self, relation: Relation, at: End) -> Option<()> {
        let closed = matches!(relation, Relation::AtMost | Relation::AtLeast);
        match relation {
            Relation::Less | Relation::AtMost => (self.high, self.closed_high) = (at, closed),
            Relation::Greater | Relation::AtLeast => (self.low, self.closed_low) = (at, closed),
            _ => return None,
        }
        Some(())
    }

    /// What is left of it without a point.
    fn without(self, at: &Value) -> Option<Vec<Self>> {
        let at = End::At(at.clone());
        let (low, high) = (self.low.order(&at)?, at.order(&self.high)?);
        let mut piece = self;
        Some(match (low, high) {
            (Ordering::Less, Ordering::Less) => {
                let mut right = piece.clone();
                (piece.high, piece.closed_high) = (at.clone(), false);
                (right.low, right.closed_low) = (at, false);
                vec![piece, right]
            }
            (Ordering::Equal, Ordering::Equal) => Vec::new(),
            _ => {
                piece.closed_low &= low != Ordering::Equal;
                piece.closed_high &= high != Ordering::Equal;
                vec![piece]
            }
        })
    }
}

fn end(scalar: &Scalar, arithmetic: &mut Arithmetic) -> Option<End> {
    match &scalar.value {
        Expr::Infinity => return Some(End::Above),
        Expr::Negative(of) if **of == Expr::Infinity => return Some(End::Below),
        value if !value.is_constant() || value.signs() > 0 => return None,
        _ => {}
    }
    let value = scalar.value.at(Point(0), arithmetic)?;
    value.is_real().then_some(End::At(value))
}
