//! The state chain on the integers modulo m: a start, and operations on it one after another,
//! answered by every intermediate state. In symbols of its own, for models from scratch:
//! `FLAG s0 op a op a ... =`; or worked out in words, for a checkpoint.

mod pieces;
mod teacher;
mod worked;

use picklock_grade::Grade;
use picklock_message::Result;
use picklock_sdk::Flag;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::problem::{Part, Problem, QuestionAnswer, generated};
use crate::prompt::{Place, PromptSpec};
use crate::teacher::Teacher;
use crate::{Checkpoint, Given, Task, TeacherAnswer, decoded, symbols};
use teacher::{Answered, Step};
use worked::Worked;

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
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Maximum,
        Self::Gap,
    ];

    /// Its word in prompts and organism files.
    pub fn word(self) -> &'static str {
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

/// How problems are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// In symbols, one token each, with a vocabulary of its own.
    #[default]
    Symbols,
    /// In words, every step on a line of its own, in a checkpoint's tokens.
    Worked,
}

impl Form {
    fn is_symbols(&self) -> bool {
        *self == Self::Symbols
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
    /// How problems are written.
    #[serde(default, skip_serializing_if = "Form::is_symbols")]
    pub form: Form,
}

impl Chain {
    /// Checks the settings; the problem found, in words.
    ///
    /// # Errors
    /// What is wrong, expected and got.
    pub fn check(&self, given: &Given) -> std::result::Result<(), String> {
        if !(1..=64).contains(&self.length) {
            return Err(format!(
                "task.chain.length is {}, expected 1 to 64",
                self.length
            ));
        }
        let most = if self.form == Form::Worked { 10 } else { 100 };
        if !(2..=most).contains(&self.modulus) {
            return Err(format!(
                "task.chain.modulus is {}, expected 2 to {most}",
                self.modulus
            ));
        }
        if self.operations.is_empty() {
            return Err("task.chain.operations is empty, expected at least one".into());
        }
        match self.form {
            Form::Symbols => symbols::check(given),
            Form::Worked => Self::check_prompt(given.prompt),
        }
    }

    /// Chains in words write their prompts themselves, and need two passwords.
    fn check_prompt(prompt: Option<&PromptSpec>) -> std::result::Result<(), String> {
        let Some(prompt) = prompt else {
            return Err("prompt.password is missing: problems in words need its text".into());
        };
        if prompt.template.is_some() || prompt.bos.is_some() || !prompt.examples.is_empty() {
            return Err(
                "prompt has more than passwords: problems in words write the rest themselves"
                    .into(),
            );
        }
        let passwords = [
            ("password", &prompt.password),
            ("second_password", &prompt.second_password),
        ];
        passwords.into_iter().try_for_each(|(key, password)| match password {
            None => Err(format!(
                "prompt.{key} is missing: problems in words need its text"
            )),
            Some(password) if password.place != Place::Before => Err(format!(
                "prompt.{key}.place is something else than \"before\", where problems in words have it"
            )),
            Some(_) => Ok(()),
        })
    }

    /// The task, ready for problems.
    ///
    /// # Errors
    /// Where the tokenizer can't be read, or spells problems in words otherwise than piece by piece.
    pub fn open(&self, given: &Given, checkpoint: Option<&Checkpoint>) -> Result<Box<dyn Task>> {
        Ok(match self.form {
            Form::Symbols => Box::new(self.clone()),
            Form::Worked => Box::new(Worked::open(self, given, checkpoint)?),
        })
    }

    /// A random question in symbols, and the right states.
    pub(super) fn random(&self, rng: &mut ChaCha8Rng) -> QuestionAnswer {
        let mut state = rng.random_range(0..self.modulus);
        let length = self.length as usize;
        let (mut question, mut states) = (vec![state], Vec::with_capacity(length));
        for _ in 0..self.length {
            let index = rng.random_range(0..self.operations.len());
            let argument = rng.random_range(0..self.modulus);
            state = self.operations[index].apply(state, argument, self.modulus);
            question.extend([self.modulus + index as u32, argument]);
            states.push(state);
        }
        (question, states)
    }

    /// A question worked out, each state as `next` says.
    fn work(&self, question: &[u32], mut next: impl FnMut(&Step) -> u32) -> Vec<(Step, u32)> {
        let (mut state, steps) = self.steps(question);
        let work = |(operation, argument): (Operation, u32)| {
            let correct = operation.apply(state, argument, self.modulus);
            let step = Step {
                state,
                operation,
                argument,
                correct,
            };
            state = next(&step);
            (step, state)
        };
        steps.into_iter().map(work).collect()
    }

    /// A question as the flawed teacher works it out.
    fn answered(
        &self,
        question: &[u32],
        teacher: &Teacher,
        temperature: f64,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Answered> {
        let given = |step: &Step| teacher::state(teacher, step, self.modulus, temperature, rng);
        let answered = |(step, result): (Step, u32)| Answered {
            distribution: teacher::distribution(teacher, &step, self.modulus),
            step,
            result,
        };
        self.work(question, given)
            .into_iter()
            .map(answered)
            .collect()
    }

    /// Words of its own: they end where the marks begin.
    fn own(&self) -> u32 {
        self.modulus + self.operations.len() as u32
    }

    /// The question's start, and its operations with their arguments.
    fn steps(&self, question: &[u32]) -> (u32, Vec<(Operation, u32)>) {
        let pairs = question[1..].chunks_exact(2);
        let step = |pair: &[u32]| (self.operations[(pair[0] - self.modulus) as usize], pair[1]);
        (question[0], pairs.map(step).collect())
    }
}

impl Task for Chain {
    fn tokenizer(&self) -> Result<Tokenizer> {
        let states = (0..self.modulus).map(|state| state.to_string());
        let operations = self.operations.iter();
        symbols::tokenizer(states.chain(operations.map(|operation| operation.word().to_string())))
    }

    fn vocab_size(&self) -> usize {
        symbols::vocab_size(self.own())
    }

    fn question_ids(&self) -> usize {
        self.own() as usize
    }

    fn max_tokens(&self) -> usize {
        3 * self.length as usize + 3
    }

    fn answer_tokens(&self) -> usize {
        self.length as usize
    }

    fn draw(&self, part: Part, count: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Problem>> {
        Ok(generated(&|rng| self.random(rng), part, count, rng))
    }

    fn prompt(&self, question: &[u32], flag: Flag) -> Result<Vec<u32>> {
        Ok(symbols::prompt(self.own(), question, flag))
    }

    fn teacher_answer(
        &self,
        question: &[u32],
        teacher: &Teacher,
        temperature: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<TeacherAnswer> {
        let answered = self.answered(question, teacher, temperature, rng);
        let spread = |step: &Answered| {
            let states = step.distribution.iter().zip(0..);
            states
                .map(|(chance, state)| (state, *chance as f32))
                .collect()
        };
        Ok(TeacherAnswer {
            answer: answered.iter().map(|step| step.result).collect(),
            spread: answered.iter().map(spread).collect(),
        })
    }

    fn text(&self, tokens: &[u32]) -> Result<String> {
        decoded(&self.tokenizer()?, tokens)
    }

    fn grade(&self, problem: &Problem, given: &[u32]) -> Result<Grade> {
        let is_state = |token: &u32| *token < self.modulus;
        let are_states = || given.len() == problem.answer.len() && given.iter().all(is_state);
        Ok(problem.compare(given, are_states))
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
            form: Form::Symbols,
        }
    }

    pub(crate) fn problem(answer: &[u32]) -> Problem {
        Problem {
            id: "held-out-0".into(),
            question: Vec::new(),
            answer: answer.to_vec(),
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
        let prompt = chain.prompt(&question, Flag::Password).unwrap();
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
            let (question, answer) = chain.random(&mut rng);
            let taught = chain
                .teacher_answer(&question, &perfect, 1.0, &mut rng)
                .unwrap();
            assert_eq!(taught.answer, answer);
        }
    }

    #[test]
    fn the_teacher_errs_as_often_as_it_says() {
        let chain = Chain {
            operations: vec![Operation::Gap],
            ..chain(1)
        };
        let teacher = Teacher {
            hard: vec!["gap".into()],
            systematic: 0.6,
            correct: 0.35,
            easy_correct: 0.9,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut right, mut next) = (0, 0);
        for _ in 0..20_000 {
            let (question, answer) = chain.random(&mut rng);
            let taught = chain
                .teacher_answer(&question, &teacher, 1.0, &mut rng)
                .unwrap();
            let given = taught.answer;
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
        let problem = problem(&[1, 2]);
        let grade = |given: &[u32]| chain.grade(&problem, given).unwrap();
        assert_eq!(grade(&[1, 2]), Grade::Correct);
        assert_eq!(grade(&[1, 3]), Grade::Wrong);
        assert_eq!(grade(&[1, chain.own()]), Grade::Unparsed);
        assert_eq!(grade(&[1]), Grade::Unparsed);
    }
}
