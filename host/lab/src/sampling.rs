//! Weak samples: each draw's own problems, answered by the weak model or correctly.

use std::rc::Rc;

use picklock_message::Result;
use picklock_record::Member;
use picklock_sdk::{LabError, LockSpec, Sample, Samples};
use picklock_task::{Part, Problem};
use rand_chacha::ChaCha8Rng;

use crate::cached_model::CachedModel;
use crate::making::{decode, padded};
use crate::operation::{Operation, Product};
use crate::operations::Operations;

/// Weak samples are decoded this many at a time, whatever their number, so that the first 2 of 400
/// are those of 2 to the bit.
const SAMPLES_AT_A_TIME: usize = 16;

/// A member, and whether its samples are answered correctly.
type Draw = (Member, bool);

impl Operations<'_> {
    /// The models that must answer a stack's samples, one for each member; none where answers are
    /// correct, or come from elsewhere. It is the weak model, or without one the locked model itself,
    /// which is weak without its password.
    ///
    /// # Errors
    /// Where too few or too many are requested.
    pub fn answering_models(&self, stack: &[Operation], count: u32) -> Result<Vec<Operation>> {
        if !(1..=100_000).contains(&count) {
            let problem = format!("{count} samples, expected 1 to 100,000");
            return Err(LabError::invalid(problem).into());
        }
        let draws = draws(stack);
        if all_correct(&draws) || self.maker.without_model().is_some() {
            return Ok(Vec::new());
        }
        let operation = |(Member { seed, .. }, _): Draw| match self.maker.organism.weak {
            Some(_) => Operation::Weak { seed },
            None => Operation::locked(seed, &LockSpec::plain()),
        };
        Ok(draws.into_iter().map(operation).collect())
    }

    /// The first samples of a stack of members, answered by `models` where that is necessary.
    ///
    /// # Errors
    /// Where the task hasn't got as many, a question has no answer, or the device refuses.
    pub fn samples(
        &self,
        stack: &[Operation],
        count: u32,
        models: &[Rc<CachedModel>],
    ) -> Result<Vec<Product>> {
        let (draws, count) = (draws(stack), count as usize);
        let problems = draws
            .iter()
            .map(|(member, _)| self.problems(*member, count));
        let problems: Vec<Vec<Problem>> = problems.collect::<Result<_>>()?;
        // Where all answers are correct, only the problems matter.
        let answers = if all_correct(&draws) {
            Vec::new()
        } else {
            self.sampled_answers(&draws, &problems, models)?
        };
        let product = |(draw, problems): (usize, &Vec<Problem>)| {
            let sample = |(index, problem): (usize, &Problem)| {
                let (_, correct) = draws[draw];
                let answer = if correct {
                    &problem.answer
                } else {
                    &answers[draw][index]
                };
                Sample {
                    problem: problem.id.as_str().into(),
                    question: problem.question.clone().into(),
                    answer: answer.clone().into(),
                    weights: [].into_iter().collect(),
                }
            };
            let samples = problems.iter().take(count).enumerate().map(sample);
            Product::Samples(Samples::new(samples))
        };
        Ok(problems.iter().enumerate().map(product).collect())
    }

    /// This draw's problems for samples, filled up to whole parts.
    fn problems(&self, Member { seed, draw }: Member, count: usize) -> Result<Vec<Problem>> {
        let streams = self.maker.streams;
        let mut rng = streams.rng(&[&"weak sample problems", &seed, &draw]);
        let whole = count.next_multiple_of(SAMPLES_AT_A_TIME);
        let stock = self.task().stock(Part::Unlock).unwrap_or(whole);
        let drawn = whole.min(stock).max(count);
        let problems = self.task().draw(Part::Unlock, drawn, &mut rng)?;
        Ok(padded(&problems, SAMPLES_AT_A_TIME))
    }

    /// Answers of the weak model, or what stands in for it, `[member][problem]`.
    fn sampled_answers(
        &self,
        draws: &[Draw],
        problems: &[Vec<Problem>],
        models: &[Rc<CachedModel>],
    ) -> Result<Vec<Vec<Vec<u32>>>> {
        let streams = self.maker.streams;
        let stream =
            |(Member { seed, draw }, _): &Draw| streams.rng(&[&"weak sample numbers", seed, draw]);
        let mut numbers: Vec<ChaCha8Rng> = draws.iter().map(stream).collect();
        let task = self.task();
        if let Some(imitated) = self.maker.without_model() {
            let of_member = |(problems, numbers): (&Vec<Problem>, &mut ChaCha8Rng)| {
                let answer = |problem: &Problem| {
                    let question = &problem.question;
                    Ok(imitated
                        .teacher_answer(task, question, 1.0, numbers)?
                        .answer)
                };
                problems.iter().map(answer).collect()
            };
            return problems.iter().zip(&mut numbers).map(of_member).collect();
        }
        let weak = self.residence.stack(&models.iter().collect::<Vec<_>>())?;
        let (own, room) = (task.for_weak().unwrap_or(task), &self.maker.room);
        let sampling = self.maker.organism.sampling();
        let mut answers = vec![Vec::new(); draws.len()];
        for start in (0..problems[0].len()).step_by(SAMPLES_AT_A_TIME) {
            let questions = |problems: &Vec<Problem>| -> Vec<Vec<u32>> {
                let part = problems[start..start + SAMPLES_AT_A_TIME].iter();
                part.map(|problem| problem.question.clone()).collect()
            };
            let questions: Vec<Vec<Vec<u32>>> = problems.iter().map(questions).collect();
            let decoded = decode(own, &weak, &questions, sampling, Some(&mut numbers), room)?;
            for (answers, decoded) in answers.iter_mut().zip(decoded) {
                for answer in &decoded {
                    answers.push(task.to_base_tokens(answer)?);
                }
            }
        }
        Ok(answers)
    }
}

fn draws(stack: &[Operation]) -> Vec<Draw> {
    let draws = stack.iter().filter_map(|operation| match operation {
        Operation::Samples {
            member, correct, ..
        } => Some((*member, *correct)),
        _ => None,
    });
    draws.collect()
}

fn all_correct(draws: &[Draw]) -> bool {
    draws.iter().all(|(_, correct)| *correct)
}
