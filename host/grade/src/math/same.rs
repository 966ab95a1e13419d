//! Whether two answers are the same.

mod forms;

use super::answer::{Answer, Scalar};
use super::expr::{Expr, Point};
use super::region::Region;
use super::token::Relation;
use super::value::{Arithmetic, Value};
use forms::{
    difference, expanded, forwards, hundredths, is_set, letters_as_unit, name, parts, plain,
    without_base,
};

/// Points at which expressions with variables are compared, and how many of them must say something.
const POINTS: u64 = 16;
const ENOUGH: u32 = 7;
const LEAST: u32 = 2;
/// The most open signs that are tried out, and the most things that a list may hold.
const MOST_SIGNS: u32 = 4;
const MOST_ITEMS: usize = 64;

/// Whether `given` says the same as `expected`.
pub fn same(expected: &Answer, given: &Answer) -> bool {
    Comparison(Arithmetic::default()).answers(expected, given)
}

struct Comparison(Arithmetic);

impl Comparison {
    fn answers(&mut self, one: &Answer, other: &Answer) -> bool {
        if one == other {
            return true;
        }
        let is_list = |answer: &Answer| matches!(answer, Answer::List(_));
        let (ones, others) = (expanded(one), expanded(other));
        if is_list(one) || is_list(other) || ones.len() > 1 || others.len() > 1 {
            return self.lists(&ones, &others) || self.regions(one, other);
        }
        self.single(one, other)
    }

    fn single(&mut self, one: &Answer, other: &Answer) -> bool {
        match (one, other) {
            (Answer::Scalar(one), Answer::Scalar(other)) => self.scalars(one, other),
            (Answer::Text(text), answer) | (answer, Answer::Text(text)) => {
                plain(answer) == Some(text.as_str())
            }
            (Answer::Relation { .. }, Answer::Relation { .. }) => {
                self.relations(one, other) || self.regions(one, other)
            }
            (relation @ Answer::Relation { .. }, answer)
            | (answer, relation @ Answer::Relation { .. }) => {
                let bare = self.bare(relation);
                bare.is_some_and(|bare| self.answers(&bare, answer)) || self.regions(one, other)
            }
            (
                Answer::Tuple { items, closed },
                Answer::Tuple {
                    items: others,
                    closed: ends,
                },
            ) => closed == ends && self.in_order(items, others),
            (
                Answer::Matrix { rows, bars },
                Answer::Matrix {
                    rows: others,
                    bars: other,
                },
            ) => {
                let mut pairs = rows.iter().zip(others);
                bars == other
                    && rows.len() == others.len()
                    && pairs.all(|(row, other)| self.in_order(row, other))
            }
            (Answer::Matrix { rows, bars: false }, tuple @ Answer::Tuple { .. })
            | (tuple @ Answer::Tuple { .. }, Answer::Matrix { rows, bars: false }) => {
                self.vector(rows, tuple)
            }
            (Answer::Ratio { .. }, _) | (_, Answer::Ratio { .. }) => self.ratios(one, other),
            (Answer::Union(parts), Answer::Union(others)) => {
                self.regions(one, other) || self.in_any_order(parts, others)
            }
            _ => self.regions(one, other),
        }
    }

    fn in_order(&mut self, ones: &[Answer], others: &[Answer]) -> bool {
        ones.len() == others.len()
            && ones
                .iter()
                .zip(others)
                .all(|(one, other)| self.answers(one, other))
    }

    fn in_any_order(&mut self, ones: &[Answer], others: &[Answer]) -> bool {
        if ones.len() != others.len() || ones.len() > MOST_ITEMS {
            return false;
        }
        let mut left: Vec<&Answer> = others.iter().collect();
        ones.iter().all(|one| {
            let found = left.iter().position(|other| self.answers(one, other));
            found.map(|index| left.swap_remove(index)).is_some()
        })
    }

    /// Lists are sets with repetitions, but `x = 1, y = 2` is `1, 2` in this order alone.
    fn lists(&mut self, ones: &[Answer], others: &[Answer]) -> bool {
        let names = |answers: &[Answer]| {
            let names: Option<Vec<&Answer>> = answers.iter().map(name).collect();
            names.is_some_and(|names| names.windows(2).any(|two| two[0] != two[1]))
        };
        if names(ones) != names(others) {
            return self.in_order(ones, others);
        }
        self.in_any_order(ones, others)
    }

    /// A column of numbers is a vector, as a tuple is.
    fn vector(&mut self, rows: &[Vec<Answer>], tuple: &Answer) -> bool {
        let Answer::Tuple {
            items,
            closed: [false, false],
        } = tuple
        else {
            return false;
        };
        let mut pairs = rows.iter().zip(items);
        rows.len() == items.len()
            && pairs.all(|(row, item)| matches!(&row[..], [only] if self.answers(only, item)))
    }

    /// Compares sets of real numbers. Two tuples are none of them unless something else says so.
    fn regions(&mut self, one: &Answer, other: &Answer) -> bool {
        if !is_set(one) && !is_set(other) {
            return false;
        }
        let [one, other] = [one, other].map(|answer| Region::of(answer, &mut self.0));
        matches!((one, other), (Some(one), Some(other)) if one.same(&other))
    }

    fn ratios(&mut self, one: &Answer, other: &Answer) -> bool {
        let (Some((ones, unit)), Some((others, other_unit))) = (parts(one), parts(other)) else {
            return false;
        };
        // Proportional: `a : b` is `c : d` where a d = b c.
        let first = |parts: &[Expr]| parts[0].clone();
        let times = |one: Expr, other: &Expr| Expr::Product(vec![one, other.clone()]);
        unit.agrees(&other_unit)
            && ones.len() == others.len()
            && ones.iter().zip(&others).all(|(part, other)| {
                self.values(&times(first(&others), part), &times(first(&ones), other))
            })
    }

    fn scalars(&mut self, expected: &Scalar, given: &Scalar) -> bool {
        if expected.unit.agrees(&given.unit) && self.values(&expected.value, &given.value) {
            return true;
        }
        let percent = |scalar: &Scalar| scalar.unit.is("percent");
        if percent(expected) && given.unit.is_none() {
            return self.values(&hundredths(&expected.value), &given.value);
        }
        if percent(given) && expected.unit.is_none() {
            return self.values(&expected.value, &hundredths(&given.value));
        }
        self.with_letters_as_unit(expected, given)
            || self.with_letters_as_unit(given, expected)
            || without_base(expected, given)
    }

    /// Reads the `m` of `5m` as a unit, where the other answer has one.
    fn with_letters_as_unit(&mut self, one: &Scalar, other: &Scalar) -> bool {
        if !one.unit.is_none() || other.unit.is_none() {
            return false;
        }
        let Some((value, unit)) = letters_as_unit(&one.value) else {
            return false;
        };
        unit.agrees(&other.unit) && self.values(&value, &other.value)
    }

    /// Whether two expressions have the same value: exactly where they are rational, else to 75
    /// digits, and with variables at several points.
    fn values(&mut self, one: &Expr, other: &Expr) -> bool {
        if one == other {
            return true;
        }
        if one.is_constant() && other.is_constant() {
            let mut of = |expr: &Expr| expr.at(Point(0), &mut self.0);
            return matches!((of(one), of(other)), (Some(one), Some(other)) if one.agrees(&other));
        }
        self.everywhere(&[one, other], |values| values[0].agrees(&values[1]))
    }

    /// Whether `holds` of the values of expressions at all points where they have one; where no
    /// imaginary unit stands in them, a real one.
    fn everywhere(&mut self, exprs: &[&Expr], mut holds: impl FnMut(&[Value]) -> bool) -> bool {
        let complex = exprs.iter().any(|expr| expr.any(&|part| *part == Expr::I));
        let mut seen = 0;
        for point in 0..POINTS {
            self.0.left_reals = false;
            let values = exprs.iter().map(|expr| expr.at(Point(point), &mut self.0));
            let values: Option<Vec<Value>> = values.collect();
            let Some(values) = values.filter(|_| complex || !self.0.left_reals) else {
                continue;
            };
            if !holds(&values) {
                return false;
            }
            seen += 1;
            if seen == ENOUGH {
                break;
            }
        }
        seen >= LEAST
    }

    /// Whether two relations hold of the same: their sides are the same, or the differences of their
    /// sides are proportional, as in `y = 2x` and `2x - y = 0`.
    fn relations(&mut self, one: &Answer, other: &Answer) -> bool {
        let (Some((ones, first)), Some((others, second))) = (forwards(one), forwards(other)) else {
            return false;
        };
        if first != second {
            return false;
        }
        if self.in_order(&ones, &others) {
            return true;
        }
        let (
            [Answer::Scalar(left), Answer::Scalar(right)],
            [Answer::Scalar(other_left), Answer::Scalar(other_right)],
        ) = (&ones[..], &others[..])
        else {
            return false;
        };
        let one = difference(&left.value, &right.value);
        let other = difference(&other_left.value, &other_right.value);
        self.proportional(&one, &other, first[0].is_order())
    }

    /// Whether the quotient of two expressions is the same everywhere, and positive where asked.
    fn proportional(&mut self, one: &Expr, other: &Expr, positive: bool) -> bool {
        let quotient = Expr::Quotient(Box::new(one.clone()), Box::new(other.clone()));
        let zero = Value::whole(0);
        let mut first: Option<Value> = None;
        self.everywhere(&[&quotient], |values| {
            let value = &values[0];
            if value.agrees(&zero)
                || (positive && value.order(&zero) != Some(std::cmp::Ordering::Greater))
            {
                return false;
            }
            first.get_or_insert_with(|| value.clone()).agrees(value)
        })
    }

    /// What an equation says beyond a name: `5` of `x = 5`, `2/3` of `2/3 \approx 0.67`.
    fn bare(&mut self, answer: &Answer) -> Option<Answer> {
        let Answer::Relation { sides, relations } = answer else {
            return None;
        };
        let equals = |relation: &Relation| matches!(relation, Relation::Equal | Relation::About);
        if !relations.iter().all(equals) {
            return None;
        }
        let named = usize::from(name(answer).is_some());
        let exact = relations[named..]
            .iter()
            .take_while(|relation| **relation == Relation::Equal);
        let last = named + exact.count();
        let values = &sides[named..=last];
        // Without a name it must be true to count.
        let holds = named == 1 || values.windows(2).all(|two| self.answers(&two[0], &two[1]));
        holds.then(|| sides[last].clone())
    }
}
