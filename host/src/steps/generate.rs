//! Answers to prompts.

use std::time::Instant;

use picklock_lm::{Decoding, Rows, Side, Tensor};
use picklock_message::{Error, Result};
use picklock_record::Streams;
use rand::Rng;
use serde::Serialize;

use crate::steps::subject::Subject;

/// New tokens where nobody says how many, and the context has room for them.
const NEW_TOKENS: usize = 256;

/// How prompts are answered.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Answers to each prompt.
    pub samples: usize,
    /// The longest answer; `None` for the task's, else 256, or what the context leaves.
    pub max_new_tokens: Option<usize>,
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Samples are of the fewest likeliest tokens that have this probability together, above 0 to 1.
    pub top_p: f64,
    /// Chooses the samples: the same seed, the same samples, however many there are.
    pub seed: u64,
    /// Answers that are decoded together.
    pub batch: usize,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer<'a> {
    /// The question, as it was given.
    pub prompt: &'a str,
    /// Which of its answers, from 0.
    pub sample: usize,
    /// The model's tokens of the whole prompt.
    pub prompt_ids: &'a [u32],
    /// Tokens of the answer, with what ended it.
    pub ids: Vec<u32>,
    /// The answer, without what ended it.
    pub text: String,
    /// Why it ended.
    pub finish_reason: Finish,
    /// New tokens a second, of all answers that were decoded with it.
    pub tokens_per_s: f64,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The model ended it.
    Stop,
    /// It had reached its longest.
    Length,
}

/// A prompt's index, and which of its answers.
type Slot = (usize, usize);

/// Answers prompts, batch by batch, and tells each answer as it comes, in order.
///
/// # Errors
/// Where a prompt doesn't fit the model, or the device refuses.
pub fn generate(
    subject: &Subject,
    prompts: &[String],
    generation: &Generation,
    tell: &mut dyn FnMut(&Answer),
) -> Result<()> {
    let least = generation.max_new_tokens.unwrap_or(1);
    let (mut ids, mut room) = (Vec::new(), usize::MAX);
    for (number, prompt) in (1..).zip(prompts) {
        let tokens = subject.prompt(prompt)?;
        room = room.min(subject.room(&format!("prompt {number}"), &tokens, least)?);
        ids.push(tokens);
    }
    let usual = subject.answer_tokens().unwrap_or(NEW_TOKENS);
    let decoding = Decoding {
        max_new_tokens: generation.max_new_tokens.unwrap_or(usual).min(room),
        temperature: generation.temperature,
        top_p: generation.top_p,
        stop: subject.stop().to_vec(),
    };
    let samples = generation.samples;
    let slots: Vec<Slot> = (0..ids.len())
        .flat_map(|prompt| (0..samples).map(move |sample| (prompt, sample)))
        .collect();
    for batch in slots.chunks(generation.batch) {
        let started = Instant::now();
        let answers = decode(subject, &ids, batch, &decoding, generation.seed)?;
        let tokens: usize = answers.iter().map(Vec::len).sum();
        let tokens_per_s = tokens as f64 / started.elapsed().as_secs_f64();
        for (&(prompt, sample), answer) in batch.iter().zip(answers) {
            let stopped = answer.last().is_some_and(|id| decoding.stop.contains(id));
            tell(&Answer {
                prompt: &prompts[prompt],
                sample,
                prompt_ids: &ids[prompt],
                text: subject.text(&answer),
                ids: answer,
                finish_reason: if stopped {
                    Finish::Stop
                } else {
                    Finish::Length
                },
                tokens_per_s,
            });
        }
    }
    Ok(())
}

fn decode(
    subject: &Subject,
    prompts: &[Vec<u32>],
    batch: &[Slot],
    decoding: &Decoding,
    seed: u64,
) -> Result<Vec<Vec<u32>>> {
    let device = subject.model.device();
    let own = |(prompt, _): &Slot| prompts[*prompt].clone();
    let rows = Rows::from_ids(&[batch.iter().map(own).collect()], Side::Left, device)?;
    let uniforms = (decoding.temperature > 0.0)
        .then(|| numbers(batch, decoding, seed))
        .transpose()?;
    picklock_lm::generate(&subject.model, &rows, decoding, uniforms.as_ref())?
        .pop()
        .ok_or_else(|| Error::Worker("decoding gave no answers".into()))
}

/// What chooses the samples, `[1, row, token]`: each answer has a stream of its own.
fn numbers(batch: &[Slot], decoding: &Decoding, seed: u64) -> Result<Tensor> {
    let streams = Streams { root: seed };
    let draw = |(prompt, sample): &Slot| {
        let rng = streams.rng(&[&"generate", prompt, sample]);
        rng.random_iter::<f64>().take(decoding.max_new_tokens)
    };
    let numbers: Vec<f64> = batch.iter().flat_map(draw).collect();
    let size = [1, batch.len() as i64, decoding.max_new_tokens as i64];
    let numbers = Tensor::f_from_slice(&numbers).and_then(|numbers| numbers.f_view(size));
    Ok(numbers.map_err(picklock_lm::Error::from)?)
}
