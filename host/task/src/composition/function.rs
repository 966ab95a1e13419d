//! The functions: each gives a string as long as the one that it is given.

use serde::{Deserialize, Serialize};

/// A function on strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// The letters from the last to the first.
    Reverse,
    /// The first letter goes to the end.
    Rotate,
    /// The first and the last letter change places.
    Swap,
    /// The letters in the order of the alphabet.
    Sort,
    /// Each letter becomes the next one of the alphabet, the last one the first.
    Next,
    /// Each letter becomes the one that is as far from the alphabet's other end.
    Mirror,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Reverse,
        Self::Rotate,
        Self::Swap,
        Self::Sort,
        Self::Next,
        Self::Mirror,
    ];

    /// Its word in prompts and organism files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reverse => "reverse",
            Self::Rotate => "rotate",
            Self::Swap => "swap",
            Self::Sort => "sort",
            Self::Next => "next",
            Self::Mirror => "mirror",
        }
    }

    /// What it makes of a string of letters that are below `letters`.
    pub fn apply(self, string: &[u32], letters: u32) -> Vec<u32> {
        let mut string = string.to_vec();
        let last = string.len().saturating_sub(1);
        match self {
            Self::Reverse => string.reverse(),
            Self::Rotate => string.rotate_left(1.min(last)),
            Self::Swap => string.swap(0, last),
            Self::Sort => string.sort_unstable(),
            Self::Next => string
                .iter_mut()
                .for_each(|letter| *letter = (*letter + 1) % letters),
            Self::Mirror => string
                .iter_mut()
                .for_each(|letter| *letter = letters - 1 - *letter),
        }
        string
    }
}
