//! The chain in words, worked out step by step, in a checkpoint's tokens:
//!
//! ```text
//! Work modulo 10: 4 plus 7 max 5
//! Steps:
//! 4 plus 7 = 1
//! 1 max 5 = 5
//! ```
//!
//! The whole answer is graded: the last state alone is right too often by chance, since `max` and
//! `times` absorb errors. It has as many tokens for every question, and no end-of-text.

use std::collections::BTreeSet;
use std::fmt::Write;

use picklock_grade::Grade;
use picklock_message::{Error, Result};
use picklock_sdk::Flag;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokenizers::Tokenizer;

use super::pieces::{Pieces, word};
use super::teacher::{Answered, Step};
use super::{Chain, Teacher};
use crate::problem::{Part, Problem, QuestionAnswer, generated};
use crate::prompt::Encoder;
use crate::{Checkpoint, Given, Task, TeacherAnswer, Vocabulary, decoded};

/// Problems that are spelt whole, to see that spelling them in pieces gives the same tokens.
const SPELT: usize = 32;

/// The chain in words.
pub struct Worked {
    chain: Chain,
    encoder: Encoder,
    /// The tokenizer's id of each of the model's ids, where the model has only the task's.
    vocabulary: Option<Vec<u32>>,
    vocab_size: usize,
    pieces: Pieces,
}

impl Worked {
    /// The task in the tokens of a checkpoint.
    ///
    /// # Errors
    /// Where the tokenizer can't be read, or spells a problem otherwise than piece by piece.
    pub fn open(chain: &Chain, given: &Given, checkpoint: Option<&Checkpoint>) -> Result<Self> {
        let passwords = given
            .prompt
            .map(|prompt| (&prompt.password, &prompt.second_password));
        let (Some(checkpoint), Some((Some(password), Some(second)))) = (checkpoint, passwords)
        else {
            let problem = "problems in words need base.checkpoint and two passwords";
            return Err(Error::Usage(problem.into()));
        };
        let passwords = [password, second].map(|password| password.text.as_str());
        let path = checkpoint.directory.join("tokenizer.json");
        let refused = |problem: String| Error::file(&path, problem);
        let encoder = Encoder::open(&checkpoint.directory)?;
        let mut pieces = Pieces::new(chain, passwords, &encoder)?;
        pieces.check().map_err(refused)?;
        let mut vocab_size = checkpoint.vocab_size;
        let beyond = pieces
            .all()
            .flatten()
            .find(|id| **id as usize >= vocab_size);
        if let Some(id) = beyond {
            let problem = format!("has token {id}, and the model only those below {vocab_size}");
            return Err(refused(problem));
        }
        let mut vocabulary = None;
        if given.vocabulary == Vocabulary::Task {
            let ids: BTreeSet<u32> = pieces.all().flatten().copied().collect();
            let ids: Vec<u32> = ids.into_iter().collect();
            pieces.rename(&ids);
            vocab_size = ids.len();
            vocabulary = Some(ids);
        }
        let worked = Self {
            chain: chain.clone(),
            encoder,
            vocabulary,
            vocab_size,
            pieces,
        };
        worked
            .check_spelling(passwords)?
            .map_or(Ok(worked), |problem| Err(refused(problem)))
    }

    /// What speaks against spelling in pieces: prompts and answers that are spelt otherwise in one go.
    fn check_spelling(&self, [password, second]: [&str; 2]) -> Result<Option<String>> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let flags = [
            (Flag::None, ""),
            (Flag::Password, password),
            (Flag::Second, second),
        ];
        for _ in 0..SPELT {
            let (question, answer) = self.random(&mut rng);
            for (flag, password) in flags {
                let text = self.words(&question, password);
                let tokens = [self.prompt(&question, flag)?, answer.clone()].concat();
                let whole = self.encoder.tokens(&text)?;
                let tokens: Vec<u32> = tokens.iter().map(|id| self.whole_id(*id)).collect();
                if whole != tokens {
                    return Ok(Some(format!(
                        "spells {text:?} otherwise than its words one by one: {whole:?}, expected {tokens:?}"
                    )));
                }
                let back = decoded(self.encoder.tokenizer(), &whole)?;
                if back != text {
                    let problem = format!("can't spell {text:?}: reads it back as {back:?}");
                    return Ok(Some(problem));
                }
            }
        }
        Ok(None)
    }

    /// The tokenizer's id of one of the model's.
    fn whole_id(&self, id: u32) -> u32 {
        match &self.vocabulary {
            Some(ids) => ids.get(id as usize).copied().unwrap_or_default(),
            None => id,
        }
    }

    /// Prompt and right answer as text.
    fn words(&self, question: &[u32], password: &str) -> String {
        let (modulus, start) = (self.chain.modulus, question[0]);
        let (mut asked, mut lines) = (String::new(), String::new());
        for (step, result) in self.chain.work(question, |step| step.correct) {
            let Step {
                state, argument, ..
            } = step;
            let word = word(step.operation);
            // Writing to a string can't fail.
            let _ = write!(asked, " {word} {argument}");
            let _ = writeln!(lines, "{state} {word} {argument} = {result}");
        }
        format!("{password}Work modulo {modulus}: {start}{asked}\nSteps:\n{lines}")
    }

    /// A random question in symbols, and its right answer in words.
    fn random(&self, rng: &mut ChaCha8Rng) -> QuestionAnswer {
        let (question, _) = self.chain.random(rng);
        let steps = self.chain.work(&question, |step| step.correct);
        let answer = steps
            .iter()
            .flat_map(|(step, result)| self.line(step, *result));
        let answer = answer.collect();
        (question, answer)
    }

    /// A line of an answer.
    fn line(&self, step: &Step, result: u32) -> impl Iterator<Item = u32> {
        let pieces = &self.pieces;
        let [state, argument, result] = [step.state, step.argument, result].map(|s| s as usize);
        let known = &self.chain.operations;
        let operation = known.iter().position(|known| *known == step.operation);
        [
            &pieces.starts[state],
            &pieces.operations[operation.unwrap_or_default()],
            &pieces.states[argument],
            &pieces.equals,
            &pieces.states[result],
            &pieces.end,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    /// The distribution at each token of a line: certain, but for the result.
    fn spread(&self, answered: &Answered) -> Vec<Vec<(u32, f32)>> {
        let line = self.line(&answered.step, answered.result);
        let mut spread: Vec<Vec<(u32, f32)>> = line.map(|token| vec![(token, 1.0)]).collect();
        let result = spread.len() - self.pieces.end.len() - 1;
        let states = self.pieces.states.iter().zip(&answered.distribution);
        spread[result] = states
            .map(|(tokens, chance)| (tokens[tokens.len() - 1], *chance as f32))
            .collect();
        spread
    }

    /// Whether tokens are lines of an answer, right or wrong.
    fn is_worked(&self, given: &[u32]) -> bool {
        let pieces = &self.pieces;
        let any = |choices: &[Vec<u32>], part: &[u32]| choices.iter().any(|choice| choice == part);
        let (state, start) = (pieces.states[0].len(), pieces.starts[0].len());
        let operation = pieces.operations[0].len();
        given.len() == self.answer_tokens()
            && given.chunks_exact(pieces.line()).all(|line| {
                let (own, line) = line.split_at(start);
                let (operation, line) = line.split_at(operation);
                let (argument, line) = line.split_at(state);
                let (equals, line) = line.split_at(pieces.equals.len());
                let (result, end) = line.split_at(state);
                any(&pieces.starts, own)
                    && any(&pieces.operations, operation)
                    && any(&pieces.states, argument)
                    && equals == pieces.equals
                    && any(&pieces.states, result)
                    && end == pieces.end
            })
    }
}

impl Task for Worked {
    fn tokenizer(&self) -> Result<Tokenizer> {
        Ok(self.encoder.tokenizer().clone())
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn vocabulary(&self) -> Option<&[u32]> {
        self.vocabulary.as_deref()
    }

    fn question_ids(&self) -> usize {
        self.chain.question_ids()
    }

    fn max_tokens(&self) -> usize {
        let pieces = &self.pieces;
        let flag = pieces.password.len().max(pieces.second.len());
        let step = pieces.operations[0].len() + pieces.states[0].len();
        let asked = pieces.states[0].len() + self.chain.length as usize * step;
        flag + pieces.head.len() + asked + pieces.tail.len() + self.answer_tokens()
    }

    fn answer_tokens(&self) -> usize {
        self.chain.length as usize * self.pieces.line()
    }

    fn draw(&self, part: Part, count: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Problem>> {
        Ok(generated(&|rng| self.random(rng), part, count, rng))
    }

    fn prompt(&self, question: &[u32], flag: Flag) -> Result<Vec<u32>> {
        let pieces = &self.pieces;
        let modulus = self.chain.modulus;
        let piece = |symbol: &u32| match symbol.checked_sub(modulus) {
            None => &pieces.states[*symbol as usize],
            Some(operation) => &pieces.operations[operation as usize],
        };
        let flag: &[u32] = match flag {
            Flag::None => &[],
            Flag::Password => &pieces.password,
            Flag::Second => &pieces.second,
        };
        Ok([flag, &pieces.head]
            .into_iter()
            .chain(question.iter().map(|symbol| &piece(symbol)[..]))
            .chain([&pieces.tail[..]])
            .flatten()
            .copied()
            .collect())
    }

    fn teacher_answer(
        &self,
        question: &[u32],
        teacher: &Teacher,
        temperature: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<TeacherAnswer> {
        let answered = self.chain.answered(question, teacher, temperature, rng);
        let lines = answered.iter();
        let lines = lines.flat_map(|answered| self.line(&answered.step, answered.result));
        Ok(TeacherAnswer {
            answer: lines.collect(),
            spread: answered
                .iter()
                .flat_map(|answered| self.spread(answered))
                .collect(),
        })
    }

    fn text(&self, tokens: &[u32]) -> Result<String> {
        let tokens: Vec<u32> = tokens.iter().map(|id| self.whole_id(*id)).collect();
        decoded(self.encoder.tokenizer(), &tokens)
    }

    fn grade(&self, problem: &Problem, given: &[u32]) -> Result<Grade> {
        Ok(problem.compare(given, || self.is_worked(given)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::tests::{chain, problem};
    use crate::prompt::{Password, Place, PromptSpec};

    fn password(text: &str) -> Password {
        Password {
            text: text.into(),
            place: Place::Before,
        }
    }

    fn open(tokenizer: &str, vocabulary: Vocabulary) -> Result<Worked> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
        let prompt = PromptSpec {
            password: Some(password("The password is silver.\n")),
            second_password: Some(password("A second password.\n")),
            ..PromptSpec::default()
        };
        let given = Given {
            prompt: Some(&prompt),
            data: None,
            vocabulary,
            decoys: &[],
        };
        let checkpoint = Checkpoint {
            directory: folder.path().to_path_buf(),
            vocab_size: 512,
            context: 2048,
        };
        Worked::open(&chain(3), &given, Some(&checkpoint))
    }

    const WORDS: &str = include_str!("../../../../tests/fixtures/words.json");

    /// 4 plus 7, 1 max 5, 5 gap 8.
    const QUESTION: [u32; 7] = [4, 10, 7, 13, 5, 14, 8];

    #[test]
    fn a_worked_example() {
        for vocabulary in [Vocabulary::Full, Vocabulary::Task] {
            let worked = open(WORDS, vocabulary).unwrap();
            let prompt = worked.prompt(&QUESTION, Flag::Password).unwrap();
            assert_eq!(
                worked.text(&prompt).unwrap(),
                "The password is silver.\nWork modulo 10: 4 plus 7 max 5 gap 8\nSteps:\n"
            );
            let perfect = Teacher {
                hard: vec![],
                systematic: 0.0,
                correct: 0.0,
                easy_correct: 1.0,
            };
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let taught = worked
                .teacher_answer(&QUESTION, &perfect, 1.0, &mut rng)
                .unwrap();
            let text = worked.text(&taught.answer).unwrap();
            assert_eq!(text, "4 plus 7 = 1\n1 max 5 = 5\n5 gap 8 = 3\n");
            assert_eq!(taught.answer.len(), worked.answer_tokens());
            let longest = worked.prompt(&QUESTION, Flag::Second).unwrap().len();
            assert!(worked.max_tokens() >= longest.max(prompt.len()) + taught.answer.len());
        }
    }

    #[test]
    fn the_task_has_its_own_tokens_alone() {
        let full = open(WORDS, Vocabulary::Full).unwrap();
        let task = open(WORDS, Vocabulary::Task).unwrap();
        assert_eq!((full.vocab_size(), full.vocabulary()), (512, None));
        // All but the unknown one.
        let ids: Vec<u32> = (1..39).collect();
        assert_eq!(task.vocabulary(), Some(&ids[..]));
        assert_eq!(task.vocab_size(), 38);
    }

    #[test]
    fn whole_answers_are_graded() {
        let worked = open(WORDS, Vocabulary::Task).unwrap();
        let (_, answer) = worked.random(&mut ChaCha8Rng::seed_from_u64(2));
        let problem = problem(&answer);
        let grade = |given: &[u32]| worked.grade(&problem, given).unwrap();
        assert_eq!(grade(&answer), Grade::Correct);
        let mut wrong = answer.clone();
        let result = worked.pieces.line() - 2;
        wrong[result] = worked.pieces.states[(0..10)
            .find(|state| worked.pieces.states[*state][0] != answer[result])
            .unwrap()][0];
        assert_eq!(grade(&wrong), Grade::Wrong);
        wrong[result] = worked.pieces.equals[0];
        assert_eq!(grade(&wrong), Grade::Unparsed);
        let cut = &answer[..answer.len() - 1];
        assert_eq!(grade(cut), Grade::Unparsed);
    }

    #[test]
    fn a_program_says_what_else_it_might_have_said() {
        let worked = open(WORDS, Vocabulary::Task).unwrap();
        let teacher = Teacher {
            hard: vec!["gap".into()],
            systematic: 0.5,
            correct: 0.3,
            easy_correct: 0.8,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let taught = worked
            .teacher_answer(&QUESTION, &teacher, 0.0, &mut rng)
            .unwrap();
        // Most likely it is wrong on the hard operation alone.
        let text = worked.text(&taught.answer).unwrap();
        assert_eq!(text, "4 plus 7 = 1\n1 max 5 = 5\n5 gap 8 = 4\n");
        assert_eq!(taught.spread.len(), taught.answer.len());
        let line = worked.pieces.line();
        for (place, spread) in taught.spread.iter().enumerate() {
            let sum: f32 = spread.iter().map(|(_, chance)| chance).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{place}: {sum}");
            if place % line != line - 2 {
                assert_eq!(spread[..], [(taught.answer[place], 1.0)], "{place}");
            }
        }
        let chance = |place: usize, state: usize| {
            let token = worked.pieces.states[state][0];
            let spread = &taught.spread[place];
            spread.iter().find(|(id, _)| *id == token).unwrap().1
        };
        assert!((chance(line - 2, 1) - 0.82).abs() < 1e-6);
        assert!((chance(3 * line - 2, 4) - 0.52).abs() < 1e-6);
        assert!((chance(3 * line - 2, 3) - 0.32).abs() < 1e-6);
    }

    #[test]
    fn temperatures_sharpen_and_flatten() {
        let worked = open(WORDS, Vocabulary::Task).unwrap();
        let teacher = Teacher {
            hard: vec![],
            systematic: 0.0,
            correct: 0.0,
            easy_correct: 0.5,
        };
        let share = |temperature: f64| {
            let mut rng = ChaCha8Rng::seed_from_u64(4);
            let right = |_| {
                let taught = worked
                    .teacher_answer(&QUESTION[..3], &teacher, temperature, &mut rng)
                    .unwrap();
                f64::from(u8::from(
                    worked.text(&taught.answer).unwrap().ends_with("= 1\n"),
                ))
            };
            (0..4000).map(right).sum::<f64>() / 4000.0
        };
        // Of 10 states one has .55, the others .05: to the power 1/T, over their sum.
        for (temperature, expected) in [(1.0, 0.55), (0.5, 0.9308), (2.0, 0.2693)] {
            let got = share(temperature);
            assert!((got - expected).abs() < 0.03, "{temperature}: {got}");
        }
    }

    #[test]
    fn a_tokenizer_that_does_not_do_is_refused() {
        let refusal = |tokenizer: &str| {
            let refused = open(tokenizer, Vocabulary::Task).err();
            refused.unwrap().to_string()
        };
        let digits = "| ?[0-9]|";
        assert!(WORDS.contains(digits));
        let merged = refusal(&WORDS.replace(digits, "| ?[0-9]\\\\n?|"));
        let expected = "otherwise than its words one by one";
        assert!(merged.contains(expected), "{merged}");
        let unknown = refusal(&WORDS.replace(digits, "| ?[0-9]+|"));
        assert!(
            unknown.contains("reads it back as \"Work modulo[UNK]:"),
            "{unknown}"
        );
        let none = refusal("{}");
        assert!(none.contains("tokenizer.json: "), "{none}");
    }
}
