//! Prompts on a device, and the answers that stacks of models give to them.

use picklock_lm::{Decoding, Device, Kind, Model, Rows, Side, Tensor};
use picklock_message::Result;
use picklock_record::Sampling;
use picklock_sdk::Flag;
use picklock_task::Task;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::decoding_room::DecodingRoom;

/// The prompts of a stack, in the parts that they are answered in.
pub struct Prompts(Vec<Part>);

struct Part {
    /// `[replica, prompt, token]`.
    rows: Rows,
    /// Where only some tokens may answer: `[replica, prompt, label]`, filled up with -1.
    labels: Option<Tensor>,
}

impl Prompts {
    /// The prompts of `questions` with a flag, in parts of so many sequences over all replicas.
    /// Replica r is asked `questions[indices[r]]`.
    ///
    /// # Errors
    /// Where a question has no prompt of this flag, or the device refuses.
    pub fn new(
        task: &dyn Task,
        questions: &[Vec<Vec<u32>>],
        flag: Flag,
        (indices, sequences): (&[usize], usize),
        device: Device,
    ) -> Result<Self> {
        let part = |questions: Vec<Vec<Vec<u32>>>| {
            let prompt = |question: &Vec<u32>| task.prompt(question, flag);
            let prompts = nested(&questions, &prompt)?;
            let labels = nested(&questions, &|question: &Vec<u32>| task.labels(question))?;
            let labels = filled(&labels, device)?;
            Ok(Part {
                rows: Rows::from_ids(&prompts, Side::Left, device)?.select(indices)?,
                labels: labels.map(|labels| select(&labels, indices)).transpose()?,
            })
        };
        let parts = parts(questions, indices.len(), sequences).into_iter();
        Ok(Self(parts.map(part).collect::<Result<_>>()?))
    }
}

/// Answers of the stack `model` to prompts, `[replica][prompt]`, each with the token that ended it as
/// its last. Above temperature 0 `numbers` gives each replica's random numbers.
///
/// # Errors
/// Where the device refuses.
pub fn decode_prompts(
    task: &dyn Task,
    model: &Model,
    prompts: &Prompts,
    sampling: Sampling,
    numbers: Option<&mut [ChaCha8Rng]>,
    room: &DecodingRoom,
) -> Result<Vec<Vec<Vec<u32>>>> {
    let Sampling { temperature, top_p } = sampling;
    let decoding = Decoding {
        temperature,
        top_p,
        stop: task.stop().to_vec(),
        ..Decoding::greedy(task.answer_tokens())
    };
    let mut numbers = numbers.filter(|_| temperature > 0.0);
    let mut answers: Vec<Vec<Vec<u32>>> = vec![Vec::new(); model.replicas() as usize];
    for Part { rows, labels } in &prompts.0 {
        let tokens = labels.as_ref().map_or(task.answer_tokens(), |_| 1);
        let uniforms = numbers
            .as_deref_mut()
            .map(|numbers| uniforms(numbers, rows, tokens, model))
            .transpose()?;
        let run = |rows: &Rows, uniforms: Option<&Tensor>| {
            Ok(picklock_lm::generate(model, rows, &decoding, uniforms)?)
        };
        let decoded = match labels {
            Some(labels) => chosen(model, rows, labels, temperature, uniforms.as_ref())?,
            None => room.in_halves(rows, uniforms.as_ref(), &run)?,
        };
        for (answers, decoded) in answers.iter_mut().zip(decoded) {
            answers.extend(decoded);
        }
    }
    Ok(answers)
}

/// Each replica's next random numbers, `[replica, prompt, token]`.
fn uniforms(
    numbers: &mut [ChaCha8Rng],
    rows: &Rows,
    tokens: usize,
    model: &Model,
) -> Result<Tensor> {
    let size = rows.tokens.size();
    let count = size[1] as usize * tokens;
    let draw = |rng: &mut ChaCha8Rng| -> Vec<f64> { (0..count).map(|_| rng.random()).collect() };
    let flat: Vec<f64> = numbers.iter_mut().flat_map(draw).collect();
    let uniforms = Tensor::from_slice(&flat)
        .f_view([size[0], size[1], tokens as i64])
        .and_then(|uniforms| uniforms.f_to_device(model.device()));
    Ok(uniforms.map_err(picklock_lm::Error::from)?)
}

/// Of each prompt the label that is likeliest next, or at a temperature one by the prompt's number.
fn chosen(
    model: &Model,
    rows: &Rows,
    labels: &Tensor,
    temperature: f64,
    uniforms: Option<&Tensor>,
) -> Result<Vec<Vec<Vec<u32>>>> {
    let among = if temperature > 0.0 { temperature } else { 1.0 };
    let choose = || -> picklock_lm::Result<Vec<i64>> {
        let size = rows.tokens.size();
        let options = (Kind::Int64, model.device());
        let last = Tensor::f_full([size[0], size[1], 1], size[2] - 1, options)?;
        let all = picklock_lm::distributions(model, rows, &last, among)?.f_squeeze_dim(2)?;
        let own = all
            .f_gather(-1, &labels.f_clamp_min(0)?, false)?
            .f_to_kind(Kind::Double)?
            .f_masked_fill(&labels.f_lt(0)?, 0.0)?;
        let sum = |tensor: &Tensor, kind| tensor.f_sum_dim_intlist(-1, true, kind);
        let chosen = match uniforms {
            None => own.f_argmax(-1, true)?,
            Some(uniforms) => {
                let sums = own.f_cumsum(-1, Kind::Double)?;
                let bound = uniforms.f_mul(&sum(&own, Kind::Double)?)?;
                let before = sum(&sums.f_le_tensor(&bound)?, Kind::Int64)?;
                let last = sum(&labels.f_ge(0)?, Kind::Int64)?.f_sub_scalar(1)?;
                before.f_minimum(&last)?
            }
        };
        let tokens = labels.f_gather(-1, &chosen, false)?.f_reshape([-1])?;
        Ok(Vec::<i64>::try_from(&tokens.f_to_device(Device::Cpu)?)?)
    };
    let batch = rows.tokens.size()[1] as usize;
    let chosen = choose()?.into_iter();
    let answers: Vec<Vec<u32>> = chosen.map(|token| vec![token as u32]).collect();
    Ok(answers.chunks(batch.max(1)).map(<[_]>::to_vec).collect())
}

/// Does something with every question, `[replica][question]`.
fn nested<T>(
    questions: &[Vec<Vec<u32>>],
    make: &dyn Fn(&Vec<u32>) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    questions
        .iter()
        .map(|questions| questions.iter().map(make).collect())
        .collect()
}

/// Labels `[replica][question][label]` filled up with -1; none where nobody has any.
fn filled(labels: &[Vec<Vec<u32>>], device: Device) -> Result<Option<Tensor>> {
    let most = labels.iter().flatten().map(Vec::len).max().unwrap_or(0);
    if most == 0 {
        return Ok(None);
    }
    let fill = |labels: &Vec<u32>| -> Vec<i64> {
        let labels = labels.iter().map(|label| i64::from(*label));
        labels.chain(std::iter::repeat(-1)).take(most).collect()
    };
    let flat: Vec<i64> = labels.iter().flatten().flat_map(fill).collect();
    let size = [labels.len() as i64, labels[0].len() as i64, most as i64];
    let filled = Tensor::f_from_slice(&flat)
        .and_then(|flat| flat.f_view(size)?.f_to_device(device))
        .map_err(picklock_lm::Error::from)?;
    Ok(Some(filled))
}

/// The labels at these indices.
fn select(labels: &Tensor, indices: &[usize]) -> Result<Tensor> {
    let indices: Vec<i64> = indices.iter().map(|index| *index as i64).collect();
    let selected = Tensor::f_from_slice(&indices)
        .and_then(|indices| labels.f_index_select(0, &indices.f_to_device(labels.device())?));
    Ok(selected.map_err(picklock_lm::Error::from)?)
}

/// Cuts `[replica][row]` along the rows into parts of so many sequences over so many replicas.
pub(super) fn parts(
    rows: &[Vec<Vec<u32>>],
    replicas: usize,
    sequences: usize,
) -> Vec<Vec<Vec<Vec<u32>>>> {
    let count = rows.first().map_or(0, Vec::len);
    let size = (sequences / replicas.max(1)).max(1);
    let part = |start: usize| {
        let end = (start + size).min(count);
        rows.iter().map(|rows| rows[start..end].to_vec()).collect()
    };
    (0..count).step_by(size).map(part).collect()
}
