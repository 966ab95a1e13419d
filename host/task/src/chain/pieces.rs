//! The pieces that prompts and answers in words are spelt in.

use picklock_message::Result;

use super::{Chain, Operation};
use crate::prompt::Encoder;

/// What prompts and answers are made of, in the model's ids.
pub(super) struct Pieces {
    /// The password, and the second one.
    pub password: Vec<u32>,
    pub second: Vec<u32>,
    /// `Work modulo 10:`
    pub head: Vec<u32>,
    /// ` 4`, by state.
    pub states: Vec<Vec<u32>>,
    /// ` plus`, in the order of the task's operations.
    pub operations: Vec<Vec<u32>>,
    /// What ends a prompt.
    pub tail: Vec<u32>,
    /// `4` at the start of a line, by state.
    pub starts: Vec<Vec<u32>>,
    /// ` =`
    pub equals: Vec<u32>,
    /// What ends a line.
    pub end: Vec<u32>,
}

impl Pieces {
    /// The pieces of a task, whose passwords are these texts.
    ///
    /// # Errors
    /// Where the tokenizer has no token for some of them.
    pub fn new(chain: &Chain, passwords: [&str; 2], encoder: &Encoder) -> Result<Self> {
        let spell = |text: &str| encoder.tokens(text);
        let states = |before: &str| -> Result<Vec<Vec<u32>>> {
            (0..chain.modulus)
                .map(|state| spell(&format!("{before}{state}")))
                .collect()
        };
        let operations = chain.operations.iter();
        let operations = operations.map(|operation| spell(&format!(" {}", word(*operation))));
        let [password, second] = passwords;
        Ok(Self {
            password: spell(password)?,
            second: spell(second)?,
            head: spell(&format!("Work modulo {}:", chain.modulus))?,
            states: states(" ")?,
            operations: operations.collect::<Result<_>>()?,
            tail: spell("\nSteps:\n")?,
            starts: states("")?,
            equals: spell(" =")?,
            end: spell("\n")?,
        })
    }

    /// Whether every state, and every operation, has as many tokens as the others, and states differ
    /// in their last one alone.
    pub fn check(&self) -> std::result::Result<(), String> {
        for (what, pieces) in [
            ("digits after a space", &self.states),
            ("digits", &self.starts),
            ("operations", &self.operations),
        ] {
            if let Some(other) = pieces.iter().find(|piece| piece.len() != pieces[0].len()) {
                return Err(format!(
                    "spells {what} in {} and in {} tokens, expected as many for each",
                    pieces[0].len(),
                    other.len()
                ));
            }
        }
        let front = |piece: &Vec<u32>| piece[..piece.len().saturating_sub(1)].to_vec();
        let alike = |piece| front(piece) == front(&self.states[0]);
        if self
            .states
            .iter()
            .all(|piece| !piece.is_empty() && alike(piece))
        {
            Ok(())
        } else {
            Err("spells digits in tokens that differ in more than the last".into())
        }
    }

    /// Tokens of a line.
    pub fn line(&self) -> usize {
        let states = self.starts[0].len() + 2 * self.states[0].len();
        states + self.operations[0].len() + self.equals.len() + self.end.len()
    }

    pub fn all(&self) -> impl Iterator<Item = &Vec<u32>> {
        let several = [&self.states, &self.operations, &self.starts];
        let prompt = [&self.password, &self.second, &self.head];
        let line = [&self.tail, &self.equals, &self.end];
        prompt
            .into_iter()
            .chain(line)
            .chain(several.into_iter().flatten())
    }

    /// Puts each id's place in `ids` in its place.
    pub fn rename(&mut self, ids: &[u32]) {
        let several = [&mut self.states, &mut self.operations, &mut self.starts];
        let prompt = [&mut self.password, &mut self.second, &mut self.head];
        let line = [&mut self.tail, &mut self.equals, &mut self.end];
        let all = prompt
            .into_iter()
            .chain(line)
            .chain(several.into_iter().flatten());
        for id in all.flatten() {
            *id = ids.partition_point(|known| *known < *id) as u32;
        }
    }
}

/// The word of an operation.
pub(super) fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Add => "plus",
        Operation::Subtract => "minus",
        Operation::Multiply => "times",
        Operation::Maximum => "max",
        Operation::Gap => "gap",
    }
}
