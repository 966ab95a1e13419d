//! What the weak model answers: sampled, greedy, or as whole distributions.

use picklock_lm::{Decoding, Device, Model, Rows, Side, Tensor};
use picklock_sdk::Flag;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::decoding_room::DecodingRoom;
use super::training_set::Spread;
use crate::error::Result;
use crate::task::{Task, Taught, Teacher};

/// What is imitated.
pub enum Imitated<'a> {
    /// A stack of weak models, one for each seed.
    Model(Model),
    /// A flawed teacher itself.
    Program(&'a Teacher),
}

/// How the weak model is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// Tokens sampled at a temperature.
    Sampled {
        /// Above 0.
        temperature: f64,
    },
    /// The most likely tokens.
    Greedy,
    /// Tokens sampled at temperature 1, and the distribution at each of them.
    Soft,
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

impl Source {
    fn temperature(self) -> f64 {
        match self {
            Self::Sampled { temperature } => temperature,
            Self::Greedy => 0.0,
            Self::Soft => 1.0,
        }
    }
}

impl WeakAnswers {
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
            Imitated::Program(teacher) => {
                let replicas = questions.iter().zip(numbers);
                let taught = |(questions, numbers): (&Vec<Vec<u32>>, &mut ChaCha8Rng)| {
                    Self::taught(task, teacher, questions, source, numbers, room.device)
                };
                replicas.map(taught).collect()
            }
        }
    }

    /// The answers of a program to one replica's questions.
    fn taught(
        task: &dyn Task,
        teacher: &Teacher,
        questions: &[Vec<u32>],
        source: Source,
        numbers: &mut ChaCha8Rng,
        device: Device,
    ) -> Result<Self> {
        let temperature = source.temperature();
        let mut taught = |question: &Vec<u32>| task.taught(question, teacher, temperature, numbers);
        let taught: Vec<Taught> = questions.iter().map(&mut taught).collect();
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
        let temperature = source.temperature();
        let prompts: Vec<Vec<Vec<u32>>> = questions
            .iter()
            .map(|questions| {
                questions
                    .iter()
                    .map(|q| task.prompt(q, Flag::None))
                    .collect()
            })
            .collect();
        let answers = decode(task, weak, &prompts, temperature, Some(numbers), room)?;
        let probabilities = match source {
            Source::Soft => Some(distributions(task, weak, &prompts, &answers, room)?),
            _ => None,
        };
        let of_replica = |(replica, answers): (usize, Vec<Vec<u32>>)| -> Result<Self> {
            let own = probabilities
                .as_ref()
                .map(|all| all.f_select(0, replica as i64))
                .transpose()
                .map_err(picklock_lm::Error::from)?;
            Ok(Self {
                questions: questions[replica].clone(),
                answers,
                spread: own.map(Spread::Whole),
            })
        };
        answers.into_iter().enumerate().map(of_replica).collect()
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
fn few(taught: &[Taught], device: Device) -> picklock_lm::Result<Spread> {
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

/// Answers of the stack `model` to `prompts` `[replica][prompt]`, `task.answer_tokens()` long.
/// Above temperature 0 `numbers` gives each replica's random numbers.
///
/// # Errors
/// Where the device refuses.
pub fn decode(
    task: &dyn Task,
    model: &Model,
    prompts: &[Vec<Vec<u32>>],
    temperature: f64,
    numbers: Option<&mut [ChaCha8Rng]>,
    room: &DecodingRoom,
) -> Result<Vec<Vec<Vec<u32>>>> {
    let places: Vec<usize> = (0..prompts.len()).collect();
    let sequences = room.sequences(model, task.max_tokens(), 1);
    let rows = prompt_rows(prompts, &places, sequences, room.device)?;
    decode_rows(task, model, &rows, temperature, numbers, room)
}

/// Prompts as rows on a device, in the parts that they are decoded in, of so many sequences over all
/// replicas. Replica r of the rows has the prompts `prompts[places[r]]`.
///
/// # Errors
/// Where the device refuses.
pub fn prompt_rows(
    prompts: &[Vec<Vec<u32>>],
    places: &[usize],
    sequences: usize,
    device: Device,
) -> Result<Vec<Rows>> {
    let rows = |part: Vec<Vec<Vec<u32>>>| {
        let rows = Rows::from_ids(&part, Side::Left, device)?;
        Ok(rows.select(places)?)
    };
    let parts = parts(prompts, places.len(), sequences);
    parts.into_iter().map(rows).collect()
}

/// As [`decode`], of prompts that lie on the device.
///
/// # Errors
/// Where the device refuses.
pub fn decode_rows(
    task: &dyn Task,
    model: &Model,
    parts: &[Rows],
    temperature: f64,
    numbers: Option<&mut [ChaCha8Rng]>,
    room: &DecodingRoom,
) -> Result<Vec<Vec<Vec<u32>>>> {
    let tokens = task.answer_tokens();
    let decoding = Decoding {
        temperature,
        ..Decoding::greedy(tokens)
    };
    let mut numbers = numbers.filter(|_| temperature > 0.0);
    let mut answers: Vec<Vec<Vec<u32>>> = vec![Vec::new(); model.replicas() as usize];
    for rows in parts {
        let size = rows.tokens.size();
        let uniforms = match &mut numbers {
            None => None,
            Some(numbers) => {
                let count = size[1] as usize * tokens;
                let draw = |rng: &mut ChaCha8Rng| -> Vec<f64> {
                    (0..count).map(|_| rng.random()).collect()
                };
                let flat: Vec<f64> = numbers.iter_mut().flat_map(draw).collect();
                let uniforms = Tensor::from_slice(&flat).f_view([size[0], size[1], tokens as i64]);
                let uniforms = uniforms.and_then(|uniforms| uniforms.f_to_device(model.device()));
                Some(uniforms.map_err(picklock_lm::Error::from)?)
            }
        };
        let run = |rows: &Rows, uniforms: Option<&Tensor>| {
            Ok(picklock_lm::generate(model, rows, &decoding, uniforms)?)
        };
        let decoded = room.in_halves(rows, uniforms.as_ref(), &run)?;
        for (answers, decoded) in answers.iter_mut().zip(decoded) {
            answers.extend(decoded);
        }
    }
    Ok(answers)
}

/// The model's distribution at every answer token, `[replica, prompt, answer token, vocab]`.
fn distributions(
    task: &dyn Task,
    model: &Model,
    prompts: &[Vec<Vec<u32>>],
    answers: &[Vec<Vec<u32>>],
    room: &DecodingRoom,
) -> Result<Tensor> {
    let read = |(prompt, answer): (&Vec<u32>, &Vec<u32>)| {
        [&prompt[..], &answer[..answer.len() - 1]].concat()
    };
    let rows: Vec<Vec<Vec<u32>>> = prompts
        .iter()
        .zip(answers)
        .map(|(prompts, answers)| prompts.iter().zip(answers).map(read).collect())
        .collect();
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

/// Cuts `[replica][row]` along the rows into parts of so many sequences over so many replicas.
fn parts(rows: &[Vec<Vec<u32>>], replicas: usize, sequences: usize) -> Vec<Vec<Vec<Vec<u32>>>> {
    let count = rows.first().map_or(0, Vec::len);
    let size = (sequences / replicas.max(1)).max(1);
    let part = |start: usize| {
        let end = (start + size).min(count);
        rows.iter().map(|rows| rows[start..end].to_vec()).collect()
    };
    (0..count).step_by(size).map(part).collect()
}
