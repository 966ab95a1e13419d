//! Weak samples: each draw's own problems, answered by the weak model or correctly.

use picklock_message::Result;
use picklock_record::Member;
use picklock_sdk::{LockSpec, Sample, Samples};
use picklock_task::{Part, Problem};
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, invalid};
use crate::making::{decode, padded};
use crate::operation::{Operation, Product};

/// Weak samples are decoded this many at a time, whatever their number, so that the first 2 of 400
/// are those of 2 to the bit.
const SAMPLES_AT_A_TIME: usize = 16;

impl Bench<'_> {
    /// The first samples of a stack of members.
    pub(super) fn samples(&mut self, stack: &[Operation], count: u32) -> Result<Vec<Product>> {
        if !(1..=100_000).contains(&count) {
            return Err(invalid(format!("{count} samples, expected 1 to 100,000")));
        }
        let members = stack.iter().filter_map(|operation| match operation {
            Operation::Samples {
                member, correct, ..
            } => Some((*member, *correct)),
            _ => None,
        });
        let members: Vec<(Member, bool)> = members.collect();
        let problems: Vec<Vec<Problem>> = members
            .iter()
            .map(|(member, _)| self.unlock_problems(*member, count))
            .collect::<Result<_>>()?;
        let answers = self.sampled_answers(&members, &problems)?;
        let product = |index: usize| {
            let samples = problems[index]
                .iter()
                .zip(&answers[index])
                .take(count as usize);
            let sample = |(problem, answer): (&Problem, &Vec<u32>)| Sample {
                problem: problem.id.as_str().into(),
                question: problem.question.clone().into(),
                answer: if members[index].1 {
                    problem.answer.clone()
                } else {
                    answer.clone()
                }
                .into(),
                weights: [].into_iter().collect(),
            };
            Product::Samples(Samples::new(samples.map(sample)))
        };
        Ok((0..members.len()).map(product).collect())
    }

    /// This draw's problems for weak samples, filled up to whole parts.
    fn unlock_problems(&self, member: Member, count: u32) -> Result<Vec<Problem>> {
        let Member { seed, draw: number } = member;
        let mut rng = self
            .maker
            .streams
            .rng(&[&"weak sample problems", &seed, &number]);
        let count = count as usize;
        let whole = count.next_multiple_of(SAMPLES_AT_A_TIME);
        let stock = self.task().stock(Part::Unlock).unwrap_or(whole);
        let problems = self
            .task()
            .draw(Part::Unlock, whole.min(stock).max(count), &mut rng)?;
        Ok(padded(&problems, SAMPLES_AT_A_TIME))
    }

    /// The model that answers weak samples: the weak model, or without one the locked model itself,
    /// which is weak without its password.
    fn asked_for_samples(&self, seed: u32) -> Operation {
        match self.maker.organism.weak {
            Some(_) => Operation::Weak { seed },
            None => Operation::Locked {
                seed,
                spec: LockSpec::plain(),
                after: None,
            },
        }
    }

    fn sampled_answers(
        &mut self,
        members: &[(Member, bool)],
        problems: &[Vec<Problem>],
    ) -> Result<Vec<Vec<Vec<u32>>>> {
        let mut answers = vec![Vec::new(); members.len()];
        if members.iter().all(|(_, correct)| *correct) {
            // Correct answers need no weak model; only the problems matter.
            return Ok(problems
                .iter()
                .map(|of| vec![Vec::new(); of.len()])
                .collect());
        }
        let streams = self.maker.streams;
        let stream = |(member, _): &(Member, bool)| {
            streams.rng(&[&"weak sample numbers", &member.seed, &member.draw])
        };
        let mut numbers: Vec<ChaCha8Rng> = members.iter().map(stream).collect();
        if let Some(imitated) = self.maker.without_model() {
            let task = self.task();
            let of_member = |(problems, numbers): (&Vec<Problem>, &mut ChaCha8Rng)| {
                let answer = |problem: &Problem| {
                    let taught = imitated.teacher_answer(task, &problem.question, 1.0, numbers);
                    taught.map(|taught| taught.answer)
                };
                problems.iter().map(answer).collect()
            };
            return problems.iter().zip(&mut numbers).map(of_member).collect();
        }
        let models: Vec<Operation> = members
            .iter()
            .map(|(member, _)| self.asked_for_samples(member.seed))
            .collect();
        let weak = self.perform_all(&models)?;
        let weak = self.residence.stack(&weak.iter().collect::<Vec<_>>())?;
        let (task, room) = (self.task(), &self.maker.room);
        let sampling = self.maker.organism.sampling();
        let own = task.for_weak().unwrap_or(task);
        for start in (0..problems[0].len()).step_by(SAMPLES_AT_A_TIME) {
            let part = |problems: &Vec<Problem>| -> Vec<Vec<u32>> {
                let part = &problems[start..start + SAMPLES_AT_A_TIME];
                part.iter()
                    .map(|problem| problem.question.clone())
                    .collect()
            };
            let questions: Vec<Vec<Vec<u32>>> = problems.iter().map(part).collect();
            let decoded = decode(own, &weak, &questions, sampling, Some(&mut numbers), room)?;
            for (answers, decoded) in answers.iter_mut().zip(decoded) {
                let taught = decoded.iter().map(|answer| task.to_base_tokens(answer));
                answers.extend(taught.collect::<Result<Vec<_>>>()?);
            }
        }
        Ok(answers)
    }
}
