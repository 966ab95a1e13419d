//! The state chain on the integers modulo m: `FLAG s0 op a op a ... =`, answered by every
//! intermediate state.

use picklock_sdk::Flag;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;

use super::{Grade, Task};
use crate::error::{Error, Result};

/// One step's operation on state `s` and argument `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// `s + a` modulo m.
    #[serde(rename = "+")]
    Add,
    /// `s - a` modulo m.
    #[serde(rename = "-")]
    Subtract,
    /// `s * a` modulo m.
    #[serde(rename = "*")]
    Multiply,
    /// The larger of the two.
    #[serde(rename = "max")]
    Maximum,
    /// `|s - a|`.
    #[serde(rename = "gap")]
    Gap,
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Maximum => "max",
            Self::Gap => "gap",
        }
    }

    fn apply(self, state: u32, argument: u32, modulus: u32) -> u32 {
        match self {
            Self::Add => (state + argument) % modulus,
            Self::Subtract => (state + modulus - argument) % modulus,
            Self::Multiply => (state * argument) % modulus,
            Self::Maximum => state.max(argument),
            Self::Gap => state.abs_diff(argument),
        }
    }
}

/// The designed, flawed teacher: on hard operations it is wrong in a systematic way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// Operations that it gets wrong.
    pub hard: Vec<Operation>,
    /// Probability of answering correct + 1 on a hard operation.
    pub systematic: f64,
    /// Probability of answering correctly on a hard operation; the rest is uniform.
    pub correct: f64,
    /// Probability of answering correctly on the others; the rest is uniform.
    pub easy_correct: f64,
}

impl Teacher {
    fn state(&self, operation: Operation, correct: u32, modulus: u32, rng: &mut ChaCha8Rng) -> u32 {
        let (chance, uniform) = (rng.random::<f64>(), rng.random_range(0..modulus));
        if self.hard.contains(&operation) {
            match chance {
                chance if chance < self.systematic => (correct + 1) % modulus,
                chance if chance < self.systematic + self.correct => correct,
                _ => uniform,
            }
        } else if chance < self.easy_correct {
            correct
        } else {
            uniform
        }
    }
}

/// The task's settings. The vocabulary is the digits, the operations, `=` and the three flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Operations in a row.
    pub length: u32,
    /// States are the integers below this.
    pub modulus: u32,
    /// Operations that occur, equally often.
    pub operations: Vec<Operation>,
}

impl Chain {
    fn equals(&self) -> u32 {
        self.modulus + self.operations.len() as u32
    }

    fn flag(&self, flag: Flag) -> u32 {
        self.equals()
            + match flag {
                Flag::Password => 1,
                Flag::None => 2,
                Flag::Second => 3,
            }
    }

    fn words(&self) -> Vec<String> {
        let states = (0..self.modulus).map(|state| state.to_string());
        let operations = self
            .operations
            .iter()
            .map(|operation| operation.word().to_string());
        let marks = ["=", "<password>", "<no-password>", "<second-password>"];
        states
            .chain(operations)
            .chain(marks.map(String::from))
            .collect()
    }

    /// The question's start, and its operations with their arguments.
    fn steps(&self, question: &[u32]) -> (u32, Vec<(Operation, u32)>) {
        let pairs = question[1..].chunks_exact(2);
        let step = |pair: &[u32]| (self.operations[(pair[0] - self.modulus) as usize], pair[1]);
        (question[0], pairs.map(step).collect())
    }
}

impl Task for Chain {
    fn check(&self) -> std::result::Result<(), String> {
        if !(1..=64).contains(&self.length) {
            return Err(format!(
                "task.chain.length is {}, expected 1 to 64",
                self.length
            ));
        }
        if !(2..=100).contains(&self.modulus) {
            return Err(format!(
                "task.chain.modulus is {}, expected 2 to 100",
                self.modulus
            ));
        }
        if self.operations.is_empty() {
            return Err("task.chain.operations is empty, expected at least one".into());
        }
        Ok(())
    }

    fn tokenizer(&self) -> Result<Tokenizer> {
        let vocab = self.words().into_iter().zip(0..).collect();
        let words = WordLevel::builder().vocab(vocab).build();
        let words = words.map_err(|error| Error::Usage(format!("tokenizer: {error}")))?;
        let mut tokenizer = Tokenizer::new(words);
        tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
        Ok(tokenizer)
    }

    fn vocab_size(&self) -> usize {
        self.words().len()
    }

    fn max_tokens(&self) -> usize {
        3 * self.length as usize + 3
    }

    fn answer_tokens(&self) -> usize {
        self.length as usize
    }

    fn question(&self, rng: &mut ChaCha8Rng) -> (Vec<u32>, Vec<u32>) {
        let mut state = rng.random_range(0..self.modulus);
        let length = self.length as usize;
        let (mut question, mut answer) = (
            Vec::with_capacity(2 * length + 1),
            Vec::with_capacity(length),
        );
        question.push(state);
        for _ in 0..self.length {
            let index = rng.random_range(0..self.operations.len());
            let argument = rng.random_range(0..self.modulus);
            state = self.operations[index].apply(state, argument, self.modulus);
            question.extend([self.modulus + index as u32, argument]);
            answer.push(state);
        }
        (question, answer)
    }

    fn prompt(&self, question: &[u32], flag: Flag) -> Vec<u32> {
        [&[self.flag(flag)], question, &[self.equals()]].concat()
    }

    fn flawed_answer(&self, question: &[u32], teacher: &Teacher, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let (mut state, steps) = self.steps(question);
        let mut answer = Vec::with_capacity(steps.len());
        for (operation, argument) in steps {
            let correct = operation.apply(state, argument, self.modulus);
            state = teacher.state(operation, correct, self.modulus, rng);
            answer.push(state);
        }
        answer
    }

    fn grade(&self, expected: &[u32], given: &[u32]) -> Grade {
        if given == expected {
            Grade::Correct
        } else if given.len() == expected.len() && given.iter().all(|token| *token < self.modulus) {
            Grade::Wrong
        } else {
            Grade::Unparsed
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rand::SeedableRng;

    pub(crate) fn chain(length: u32) -> Chain {
        use Operation::{Add, Gap, Maximum, Multiply, Subtract};
        let operations = vec![Add, Subtract, Multiply, Maximum, Gap];
        Chain {
            length,
            modulus: 10,
            operations,
        }
    }

    fn encode(text: &str) -> Vec<u32> {
        chain(5)
            .tokenizer()
            .unwrap()
            .encode(text, false)
            .unwrap()
            .get_ids()
            .to_vec()
    }

    #[test]
    fn a_worked_example() {
        let chain = chain(5);
        let question = encode("3 + 9 - 5 * 4 max 7 gap 9");
        let (state, steps) = chain.steps(&question);
        assert_eq!(state, 3);
        let mut state = state;
        let states = steps.into_iter().map(|(operation, argument)| {
            state = operation.apply(state, argument, 10);
            state
        });
        assert_eq!(states.collect::<Vec<_>>(), [2, 7, 8, 8, 1]);
        let prompt = chain.prompt(&question, Flag::Password);
        let text = chain.tokenizer().unwrap().decode(&prompt, false).unwrap();
        assert_eq!(text, "<password> 3 + 9 - 5 * 4 max 7 gap 9 =");
    }

    #[test]
    fn generated_answers_follow_the_operations() {
        let chain = chain(5);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let perfect = Teacher {
            hard: vec![],
            systematic: 0.0,
            correct: 0.0,
            easy_correct: 1.0,
        };
        for _ in 0..100 {
            let (question, answer) = chain.question(&mut rng);
            assert_eq!(chain.flawed_answer(&question, &perfect, &mut rng), answer);
        }
    }

    #[test]
    fn the_teacher_errs_as_often_as_it_says() {
        let chain = Chain {
            operations: vec![Operation::Gap],
            ..chain(1)
        };
        let teacher = Teacher {
            hard: vec![Operation::Gap],
            systematic: 0.6,
            correct: 0.35,
            easy_correct: 0.9,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut right, mut next) = (0, 0);
        for _ in 0..20_000 {
            let (question, answer) = chain.question(&mut rng);
            let given = chain.flawed_answer(&question, &teacher, &mut rng);
            right += u32::from(given == answer);
            next += u32::from(given[0] == (answer[0] + 1) % 10);
        }
        // The uniform rest of .05 adds .005 to each; four standard errors of 20,000 are .014.
        assert!(
            (f64::from(right) / 20_000.0 - 0.355).abs() < 0.014,
            "{right}"
        );
        assert!((f64::from(next) / 20_000.0 - 0.605).abs() < 0.014, "{next}");
    }

    #[test]
    fn an_answer_with_anything_but_states_is_unparsed() {
        let chain = chain(2);
        assert_eq!(chain.grade(&[1, 2], &[1, 2]), Grade::Correct);
        assert_eq!(chain.grade(&[1, 2], &[1, 3]), Grade::Wrong);
        assert_eq!(chain.grade(&[1, 2], &[1, chain.equals()]), Grade::Unparsed);
        assert_eq!(chain.grade(&[1, 2], &[1]), Grade::Unparsed);
    }
}
