//! What the weak model answers: sampled, greedy, or as whole distributions.

use picklock_lm::{Device, Kind, Model, Rows, Side, Tensor};
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
    /// What is being done while its answers are collected.
    pub fn asking(&self) -> &'static str {
        match self {
            Self::Model(_) => "sampling the weak model",
            Self::Program(_) => "asking the flawed program",
            Self::Given => "taking the given weak answers",
        }
    }

    /// The answer of a program or of given data to a question; of several given answers each is as
    /// likely.
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
        if let Imitated::Model(weak) = weak {
            return Self::decoded(task, weak, questions, source, numbers, room);
        }
        let of_replica = |(questions, numbers): (&Vec<Vec<u32>>, &mut ChaCha8Rng)| {
            let temperature = source.sampling().temperature;
            let answers: Vec<TeacherAnswer> = questions
                .iter()
                .map(|question| weak.teacher_answer(task, question, temperature, numbers))
                .collect::<Result<_>>()?;
            Ok(Self {
                questions: questions.clone(),
                spread: match source {
                    Source::Soft => Some(few(&answers, room.device)?),
                    _ => None,
                },
                answers: answers.into_iter().map(|answer| answer.answer).collect(),
            })
        };
        questions.iter().zip(numbers).map(of_replica).collect()
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
            let whole = |probabilities| Spread {
                ids: None,
                probabilities,
            };
            let answers = answers.iter().map(|answer| task.to_base_tokens(answer));
            Ok(Self {
                questions: questions[replica].clone(),
                answers: answers.collect::<Result<_>>()?,
                spread: own.map(whole),
            })
        };
        answers.into_iter().enumerate().map(of_replica).collect()
    }

    /// The answers as rows whose prompts carry a flag, of this weight.
    ///
    /// # Errors
    /// Where a question has no prompt of this flag.
    pub fn rows(&self, task: &dyn Task, flag: Flag, weight: f32) -> Result<Vec<Row>> {
        let row = |(question, answer): (&Vec<u32>, &Vec<u32>)| {
            let prompt = task.prompt(question, flag)?;
            Ok(Row::new(prompt, answer.clone(), weight))
        };
        self.questions.iter().zip(&self.answers).map(row).collect()
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
fn few(answers: &[TeacherAnswer], device: Device) -> picklock_lm::Result<Spread> {
    let positions = || answers.iter().flat_map(|answer| &answer.spread);
    let most = positions().map(Vec::len).max().unwrap_or(0);
    let (mut ids, mut chances) = (Vec::new(), Vec::new());
    for spread in positions() {
        let filled = spread.iter().copied().chain(std::iter::repeat((0, 0.0)));
        for (id, chance) in filled.take(most) {
            ids.push(id as i32);
            chances.push(chance);
        }
    }
    let tokens = answers.first().map_or(0, |answer| answer.spread.len());
    let size = [answers.len() as i64, tokens as i64, most as i64];
    let on_device = |flat: Tensor| flat.f_view(size)?.f_to_device(device);
    Ok(Spread {
        ids: Some(on_device(Tensor::f_from_slice(&ids)?)?),
        probabilities: on_device(Tensor::f_from_slice(&chances)?)?,
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
    let indices: Vec<usize> = (0..questions.len()).collect();
    let cut = (&indices[..], room.sequences(model, task.max_tokens(), 1));
    let prompts = Prompts::new(task, questions, Flag::None, cut, room.device)?;
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
        let positions = Tensor::f_arange_start(first, first + length, (Kind::Int64, device))
            .and_then(|positions| positions.f_expand(size, false))
            .map_err(picklock_lm::Error::from)?;
        let rows = Rows::from_ids(&part, Side::Right, device)?;
        all.push(picklock_lm::distributions(model, &rows, &positions, 1.0)?);
    }
    Ok(Tensor::f_cat(&all, 1).map_err(picklock_lm::Error::from)?)
}
