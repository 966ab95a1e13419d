//! Problems, and the parts that keep what is trained on apart from what is judged on.

use picklock_grade::Grade;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A question and its correct answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name within the seed: `held-out-17`.
    pub id: String,
    /// Tokens of the question, without password.
    pub question: Vec<u32>,
    /// Tokens of the correct answer.
    pub answer: Vec<u32>,
}

impl Problem {
    /// The grade of an answer that is right only token by token; another is wrong where it `is_answer`
    /// at all.
    pub fn compare(&self, given: &[u32], is_answer: impl FnOnce() -> bool) -> Grade {
        if given == self.answer {
            Grade::Correct
        } else if is_answer() {
            Grade::Wrong
        } else {
            Grade::Unparsed
        }
    }
}

/// The part of all possible problems that one comes from. A question's hash decides its part, so
/// that the parts are disjoint whatever is drawn from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Base, weak model and lock are trained on these.
    Training,
    /// Weak samples for unlocking.
    Unlock,
    /// Searches and the gate look at these.
    Validation,
    /// Judged on.
    HeldOut,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 4] = [
        Self::Training,
        Self::Unlock,
        Self::Validation,
        Self::HeldOut,
    ];

    /// The part that a question belongs to.
    fn of(question: &[u32]) -> Self {
        Self::among(&Self::ALL, question)
    }

    /// The part that a question belongs to where there are only some, which share all questions among
    /// them.
    pub fn among(parts: &[Self], question: &[u32]) -> Self {
        let mut hash = Sha256::new();
        // A call of the hash costs more than a token's bytes.
        let mut bytes = [0; 256];
        for tokens in question.chunks(bytes.len() / 4) {
            for (place, token) in bytes.chunks_exact_mut(4).zip(tokens) {
                place.copy_from_slice(&token.to_le_bytes());
            }
            hash.update(&bytes[..4 * tokens.len()]);
        }
        let hash = hash.finalize();
        let number = hash
            .iter()
            .take(4)
            .rev()
            .fold(0, |number, byte| number << 8 | u32::from(*byte));
        let mut rest = number % parts.iter().map(|part| part.share()).sum::<u32>().max(1);
        for part in parts {
            if rest < part.share() {
                return *part;
            }
            rest -= part.share();
        }
        Self::HeldOut
    }

    /// Its share of all questions, in sixteenths.
    fn share(self) -> u32 {
        match self {
            Self::Training => 10,
            _ => 2,
        }
    }

    /// Whether answers to its problems are graded: those of models, or weak samples.
    pub fn is_graded(self) -> bool {
        self != Self::Training
    }

    /// What problems' names begin with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Unlock => "unlock",
            Self::Validation => "validation",
            Self::HeldOut => "held-out",
        }
    }
}

/// A question and its correct answer.
pub type QuestionAnswer = (Vec<u32>, Vec<u32>);

/// The next `count` problems of `part` from the random questions, each with its answer, of a task that
/// makes them.
pub fn generated(
    question: &dyn Fn(&mut ChaCha8Rng) -> QuestionAnswer,
    part: Part,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Problem> {
    std::iter::repeat_with(|| question(rng))
        .filter(|(question, _)| Part::of(question) == part)
        .take(count)
        .enumerate()
        .map(|(index, (question, answer))| Problem {
            id: format!("{}-{index}", part.name()),
            question,
            answer,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::tests::chain;
    use rand::SeedableRng;

    #[test]
    fn a_part_is_of_the_hash_of_all_tokens() {
        for length in [1, 21, 64, 65, 129] {
            let question: Vec<u32> = (0..length).map(|token| token * 70_000).collect();
            let bytes: Vec<u8> = question
                .iter()
                .flat_map(|token| token.to_le_bytes())
                .collect();
            let expected = match Sha256::digest(&bytes)[0] % 16 {
                0..10 => Part::Training,
                10..12 => Part::Unlock,
                12..14 => Part::Validation,
                _ => Part::HeldOut,
            };
            assert_eq!(Part::of(&question), expected, "{length} tokens");
        }
    }

    #[test]
    fn parts_are_disjoint_and_streams_repeat() {
        let chain = chain(2);
        let draw_all = |part, seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            generated(&|rng| chain.random(rng), part, 300, &mut rng)
        };
        let held_out = draw_all(Part::HeldOut, 1);
        assert_eq!(held_out, draw_all(Part::HeldOut, 1));
        for part in [Part::Training, Part::Unlock, Part::Validation] {
            let others = draw_all(part, 1);
            let shared = |problem: &Problem| others.iter().any(|o| o.question == problem.question);
            assert!(!held_out.iter().any(shared), "{part:?}");
        }
    }
}
