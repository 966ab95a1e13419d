//! Units and other words behind a number: `cm^2`, `square inches`, `miles per hour`, `ways`.

use std::collections::{BTreeMap, BTreeSet};

use super::token::{Mark, Token};

/// Units under all their names, of which the first stands for them.
const UNITS: &str = "\
    meter metre m, centimeter centimetre cm, millimeter millimetre mm, kilometer kilometre \
    km, inch inches in, foot feet ft, yard yd, mile mi, acre, gram gm g, kilogram kg, \
    milligram mg, pound lb lbs, ounce oz, ton, liter litre l, milliliter millilitre ml, \
    gallon gal, quart, pint, cup, second sec s, minute min, hour hr h, day, week, month, \
    year yr, am, pm, dollar usd, cent, euro, degree deg, radian rad, percent, unit";
/// Units that are made of others: their name, and the others with their powers.
const COMPOSED: &[(&str, &[(&str, i64)])] = &[
    ("mph", &[("mile", 1), ("hour", -1)]),
    ("kph", &[("kilometer", 1), ("hour", -1)]),
    ("kmh", &[("kilometer", 1), ("hour", -1)]),
    ("cc", &[("centimeter", 3)]),
];
/// Words that say nothing of what is counted.
const FILLING: &str = "a an the of in and are is there total different possible";
/// Words for powers.
const POWERS: [(&str, i64); 4] = [("square", 2), ("sq", 2), ("cubic", 3), ("cu", 3)];

/// What a number counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Units, with their powers.
    units: BTreeMap<&'static str, i64>,
    /// Other words, in the singular.
    nouns: BTreeSet<String>,
}

impl Unit {
    /// A unit by the name that stands for it.
    pub fn named(name: &'static str) -> Self {
        Self {
            units: BTreeMap::from([(name, 1)]),
            nouns: BTreeSet::new(),
        }
    }

    /// Reads the tokens behind a number; none where they are no unit.
    pub fn read(tokens: &[Token]) -> Option<Self> {
        let mut unit = Self::default();
        let (mut sign, mut power, mut last) = (1, 1, None);
        let mut tokens = tokens.iter();
        while let Some(token) = tokens.next() {
            match token {
                Token::Mark(Mark::Over) => sign = -1,
                Token::Mark(Mark::Period | Mark::Times) => {}
                Token::Mark(Mark::Power) => unit.raise(last, exponent(&mut tokens)?)?,
                Token::Word(word) => match word.as_str() {
                    "per" => sign = -1,
                    "squared" => unit.raise(last, 2)?,
                    "cubed" => unit.raise(last, 3)?,
                    _ if is_listed(FILLING, word) && word != "in" => {}
                    _ => {
                        if let Some((_, of)) = POWERS.iter().find(|(name, _)| name == word) {
                            power = *of;
                        } else {
                            last = unit.take(word, sign * power);
                            power = 1;
                        }
                    }
                },
                _ => return None,
            }
        }
        Some(unit)
    }

    /// Adds a word, and says which unit it is and to what power.
    fn take(&mut self, word: &str, power: i64) -> Option<(&'static str, i64)> {
        let Some(parts) = units(word) else {
            self.nouns.insert(singular(word).to_string());
            return None;
        };
        for (name, of) in &parts {
            *self.units.entry(name).or_default() += of * power;
        }
        parts.first().map(|(name, _)| (*name, power))
    }

    /// Raises the unit last read.
    fn raise(&mut self, last: Option<(&'static str, i64)>, to: i64) -> Option<()> {
        let (name, power) = last?;
        *self.units.entry(name).or_default() += power * (to - 1);
        Some(())
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.units.is_empty() && self.nouns.is_empty()
    }

    /// Whether it is this unit and nothing else.
    pub fn is(&self, name: &'static str) -> bool {
        *self == Self::named(name)
    }

    /// Whether both may stand behind one answer: units are the same, and one's other words are
    /// among the other's. Where one says nothing, the other may say what it likes.
    pub fn agrees(&self, other: &Self) -> bool {
        let measured = |unit: &Self| {
            let mut units = unit.units.clone();
            units.remove("unit");
            units
        };
        let (one, two) = (measured(self), measured(other));
        let silent =
            |units: &BTreeMap<_, _>, unit: &Self| units.is_empty() && unit.nouns.is_empty();
        if silent(&one, self) || silent(&two, other) {
            return true;
        }
        one == two && (self.nouns.is_subset(&other.nouns) || other.nouns.is_subset(&self.nouns))
    }

    /// Both together.
    pub fn with(mut self, other: Self) -> Self {
        if self.units != other.units {
            for (name, power) in other.units {
                *self.units.entry(name).or_default() += power;
            }
        }
        self.nouns.extend(other.nouns);
        self
    }
}

fn exponent<'a>(tokens: &mut impl Iterator<Item = &'a Token>) -> Option<i64> {
    let mut sign = 1;
    loop {
        match tokens.next()? {
            Token::Number(_, digits) => {
                return digits.parse::<i64>().ok().map(|power| sign * power);
            }
            Token::Mark(Mark::Minus) => sign = -1,
            Token::Open(_) | Token::Close(_) => {}
            _ => return None,
        }
    }
}

/// Whether a word is in a list, whose words have a space between them.
pub fn is_listed(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(singular) if singular.len() > 2 && !singular.ends_with('s') => singular,
        _ => word,
    }
}

/// The units that a word is.
fn units(word: &str) -> Option<Vec<(&'static str, i64)>> {
    let named = |names: &&str| is_listed(names, word) || is_listed(names, singular(word));
    if let Some(names) = UNITS.split(", ").find(named) {
        return Some(vec![(names.split(' ').next()?, 1)]);
    }
    let composed = COMPOSED.iter().find(|(name, _)| *name == word)?;
    Some(composed.1.to_vec())
}

/// Whether a word is a unit, or says something of one, or joins things.
pub fn is_known(word: &str) -> bool {
    let joins = ["and", "or", "per", "squared", "cubed"].contains(&word);
    let power = POWERS.iter().any(|(name, _)| *name == word);
    joins || power || units(word).is_some()
}

/// The number that a word is, or multiplies by.
pub fn number(word: &str) -> Option<i64> {
    const SMALL: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen \
                         fourteen fifteen sixteen seventeen eighteen nineteen twenty";
    let small = SMALL.split(' ').position(|name| name == word);
    small.map(|number| number as i64)
}

/// The number that a word multiplies by, as in `3 million`.
pub fn multiplier(word: &str) -> Option<i64> {
    Some(match word {
        "hundred" => 100,
        "thousand" => 1000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        "trillion" => 1_000_000_000_000,
        "dozen" => 12,
        _ => return None,
    })
}
