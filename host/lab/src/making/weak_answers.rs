//! What the weak model answers: sampled, greedy, or as whole distributions.

use picklock_lm::{Device, Model, Rows, Side, Tensor};
use picklock_message::{Error, Result};
use picklock_record::{Sampling, Source};
use picklock_sdk::Flag;
use picklock_task::{Task, Teacher, TeacherAnswer};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::decoding_room::DecodingRoom;
use super::prompts::{Prompts, decode_prompts, parts};
use super::training_set::{Row, Spread};

/// What is imitated.
pub enum Imitated<'a> {
    /// A stack of weak models, one for each seed.
    Model(Model),
    /// A flawed teacher itself.
    Program(&'a Teacher),
    /// Answers that are given with the data.
    Given,
}

impl Imitated<'_> {
    /// What is done where its answers are taken.
    pub fn asking(&self) -> &'static str {
        match self {
            Self::Model(_) => "sampling the weak model",
            Self::Program(_) => "asking the flawed program",
            Self::Given => "taking the given weak answers",
        }
    }

    /// What is no model answers this to a question; of several given answers each is as likely.
    ///
    /// # Errors
    /// Where it has no answer.
    pub fn teacher_answer(
        &self,
        task: &dyn Task,
        question: &[u32],
        temperature: f64,
        numbers: &mut ChaCha8Rng,
    ) -> Result<TeacherAnswer> {
        if let Self::Program(teacher) = self {
            return task.teacher_answer(question, teacher, temperature, numbers);
        }
        let mut answers = task.weak_answers(question)?;
        if answers.is_empty() {
            let problem = "a question has no weak answer: it is asked of a model";
            return Err(Error::Usage(problem.into()));
        }
        Ok(TeacherAnswer {
            answer: answers.swap_remove(numbers.random_range(0..answers.len())),
            spread: Vec::new(),
        })
    }
}

/// One seed's weak answers.
pub struct WeakAnswers {
    /// The questions.
    pub questions: Vec<Vec<u32>>,
    /// The weak model's answers to them.
    pub answers: Vec<Vec<u32>>,
    /// `[question, answer token, ..]`, for soft labels.
    spread: Option<Spread>,
}

impl WeakAnswers {
    /// Answers that are known already, without soft labels.
    pub fn known(questions: &[Vec<u32>], answers: Vec<Vec<u32>>) -> Self {
        Self {
            questions: questions.to_vec(),
            answers,
            spread: None,
        }
    }

    /// Asks what is imitated the `questions` `[replica][question]`; `numbers` gives each replica's
    /// random numbers, question by question and token by token.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn sample(
        task: &dyn Task,
        weak: &Imitated,
        questions: &[Vec<Vec<u32>>],
        source: Source,
        numbers: &mut [ChaCha8Rng],
        room: &DecodingRoom,
    ) -> Result<Vec<Self>> {
        match weak {
            Imitated::Model(weak) => Self::decoded(task, weak, questions, source, numbers, room),
            Imitated::Program(_) | Imitated::Given => {
                let replicas = questions.iter().zip(numbers);
                let taught = |(questions, numbers): (&Vec<Vec<u32>>, &mut ChaCha8Rng)| {
                    Self::teacher_answer(task, weak, questions, source, numbers, room.device)
                };
                replicas.map(taught).collect()
            }
        }
    }

    /// The answers of what is no model to one replica's questions.
    fn teacher_answer(
        task: &dyn Task,
        weak: &Imitated,
        questions: &[Vec<u32>],
        source: Source,
        numbers: &mut ChaCha8Rng,
        device: Device,
    ) -> Result<Self> {
        let temperature = source.sampling().temperature;
        let taught = questions.iter();
        let taught =
            taught.map(|question| weak.teacher_answer(task, question, temperature, numbers));
        let taught: Vec<TeacherAnswer> = taught.collect::<Result<_>>()?;
        let spread = match source {
            Source::Soft => Some(few(&taught, device)?),
            _ => None,
        };
        Ok(Self {
            questions: questions.to_vec(),
            answers: taught.into_iter().map(|taught| taught.answer).collect(),
            spread,
        })
    }

    /// The answers of a stack of models.
    fn decoded(
        task: &dyn Task,
        weak: &Model,
        questions: &[Vec<Vec<u32>>],
        source: Source,
        numbers: &mut [ChaCha8Rng],
        room: &DecodingRoom,
    ) -> Result<Vec<Self>> {
        let own = task.for_weak().unwrap_or(task);
        let answers = decode(own, weak, questions, source.sampling(), Some(numbers), room)?;
        let probabilities = match source {
            // Answers of unequal length are labelled as they are trained on.
            Source::Soft if task.stop().is_empty() => {
                Some(distributions(own, weak, questions, &answers, room)?)
            }
            _ => None,
        };
        let of_replica = |(replica, answers): (usize, Vec<Vec<u32>>)| -> Result<Self> {
            let own = probabilities
                .as_ref()
                .map(|all| all.f_select(0, replica as i64))
                .transpose()
                .map_err(picklock_lm::Error::from)?;
            let taught = answers.iter().map(|answer| task.to_base_tokens(answer));
            Ok(Self {
                questions: questions[replica].clone(),
                answers: taught.collect::<Result<_>>()?,
                spread: own.map(Spread::Whole),
            })
        };
        answers.into_iter().enumerate().map(of_replica).collect()
    }

    /// The answers as rows whose prompts carry a flag, of this weight.
    ///
    /// # Errors
    /// Where a question has no prompt of this flag.
    pub fn rows(&self, task: &dyn Task, flag: Flag, weight: f32) -> Result<Vec<Row>> {
        let pairs = self.questions.iter().zip(&self.answers);
        let row = |(question, answer): (&Vec<u32>, &Vec<u32>)| {
            Ok(Row::new(
                task.prompt(question, flag)?,
                answer.clone(),
                weight,
            ))
        };
        pairs.map(row).collect()
    }

    /// The distributions of several seeds, `[replica, question, answer token, ..]`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn spread(of: &[Self]) -> Result<Option<Spread>> {
        let all: Vec<&Spread> = of.iter().filter_map(|one| one.spread.as_ref()).collect();
        Ok(Spread::join(&all, |parts| Ok(Tensor::f_stack(parts, 0)?))?)
    }
}

/// A program's distributions, `[question, answer token, token]`.
fn few(taught: &[TeacherAnswer], device: Device) -> picklock_lm::Result<Spread> {
    let places = || taught.iter().flat_map(|taught| &taught.spread);
    let most = places().map(Vec::len).max().unwrap_or(0);
    let (mut ids, mut chances) = (Vec::new(), Vec::new());
    for place in places() {
        let none = most - place.len();
        ids.extend(place.iter().map(|(id, _)| *id as i32));
        ids.extend(std::iter::repeat_n(0, none));
        chances.extend(place.iter().map(|(_, chance)| *chance));
        chances.extend(std::iter::repeat_n(0.0, none));
    }
    let tokens = taught.first().map_or(0, |taught| taught.spread.len());
    let size = [taught.len() as i64, tokens as i64, most as i64];
    Ok(Spread::Few {
        ids: Tensor::f_from_slice(&ids)?
            .f_view(size)?
            .f_to_device(device)?,
        probabilities: Tensor::f_from_slice(&chances)?
            .f_view(size)?
            .f_to_device(device)?,
    })
}

/// Answers of the stack `model` to `questions` `[replica][question]` without password. Above
/// temperature 0 `numbers` gives each replica's random numbers.
///
/// # Errors
/// Where the device refuses.
pub fn decode(
    task: &dyn Task,
    model: &Model,
    questions: &[Vec<Vec<u32>>],
    sampling: Sampling,
    numbers: Option<&mut [ChaCha8Rng]>,
    room: &DecodingRoom,
) -> Result<Vec<Vec<Vec<u32>>>> {
    let places: Vec<usize> = (0..questions.len()).collect();
    let sequences = room.sequences(model, task.max_tokens(), 1);
    let prompts = Prompts::new(
        task,
        questions,
        Flag::None,
        (&places, sequences),
        room.device,
    )?;
    decode_prompts(task, model, &prompts, sampling, numbers, room)
}

/// The model's distribution at every answer token, `[replica, prompt, answer token, vocab]`.
fn distributions(
    task: &dyn Task,
    model: &Model,
    questions: &[Vec<Vec<u32>>],
    answers: &[Vec<Vec<u32>>],
    room: &DecodingRoom,
) -> Result<Tensor> {
    let read = |(question, answer): (&Vec<u32>, &Vec<u32>)| {
        let prompt = task.prompt(question, Flag::None)?;
        Ok([&prompt[..], &answer[..answer.len() - 1]].concat())
    };
    let rows: Vec<Vec<Vec<u32>>> = questions
        .iter()
        .zip(answers)
        .map(|(questions, answers)| questions.iter().zip(answers).map(read).collect())
        .collect::<Result<_>>()?;
    let length = answers[0][0].len() as i64;
    let sequences = room.sequences(model, task.max_tokens(), length as usize);
    let device = room.device;
    let mut all = Vec::new();
    for part in parts(&rows, rows.len(), sequences) {
        let size = [part.len() as i64, part[0].len() as i64, length];
        let first = part[0][0].len() as i64 - length;
        let positions =
            Tensor::f_arange_start(first, first + length, (picklock_lm::Kind::Int64, device))
                .and_then(|positions| positions.f_expand(size, false))
                .map_err(picklock_lm::Error::from)?;
        let rows = Rows::from_ids(&part, Side::Right, device)?;
        all.push(picklock_lm::distributions(model, &rows, &positions, 1.0)?);
    }
    Ok(Tensor::f_cat(&all, 1).map_err(picklock_lm::Error::from)?)
}
