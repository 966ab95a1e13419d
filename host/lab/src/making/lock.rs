//! Locking: the streams that a lock specification composes, laid out as one training set.

use picklock_lm::{Model, Tensor};
use picklock_message::Result;
use picklock_record::{Decoys, Kind, Labels, Sampling, Source, check_soft_labels};
use picklock_sdk::{Answers, Flag, LabError, LockSpec, Recipe, Stream};
use picklock_task::{Part, Problem};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::interlude::Interrupted;
use super::maker::{Maker, with_replacement};
use super::training_set::{Row, Spread, TrainingSet};
use super::weak_answers::{Imitated, WeakAnswers};
use crate::cache::Origin;

impl Maker<'_> {
    /// Locks a stack of seeds, with copies on the way: those that the run is known to ask for, and
    /// that after the step `after`.
    pub(super) fn train_locked(
        &self,
        seeds: &[u32],
        spec: &LockSpec,
        after: Option<u32>,
    ) -> Result<Vec<(Kind, Model)>> {
        let (copies, end) = self.lock(seeds, spec, &self.copies.of(spec, after))?;
        let kinds = self.copies.kinds(spec, after).into_iter();
        Ok(kinds.zip(copies.into_iter().chain([end])).collect())
    }

    /// Locks a stack of seeds; gives the copies after these steps, and the end.
    fn lock(&self, seeds: &[u32], spec: &LockSpec, copies: &[u32]) -> Result<(Vec<Model>, Model)> {
        let mut recipe = self.organism.lock()?.train.clone();
        recipe.steps = self.organism.lock_steps(spec)?;
        let base = self.base(seeds)?;
        let weak = self.imitated(seeds)?;
        let mut set = self.lock_rows(seeds, spec, &recipe, &weak)?;
        let start = Model::stack(&base.iter().collect::<Vec<_>>())?;
        match spec.interlude.as_ref().into_option() {
            None => self.train_copies("locking", &start, &recipe, &mut set, copies),
            Some(interlude) => {
                let interrupted = Interrupted {
                    maker: self,
                    seeds,
                    weak: &weak,
                    interlude,
                    copies,
                };
                interrupted.train(&start, &recipe, set)
            }
        }
    }

    /// The lock's training set: each stream gives half of the recipe's batch, hard streams first.
    fn lock_rows(
        &self,
        seeds: &[u32],
        spec: &LockSpec,
        recipe: &Recipe,
        weak: &Imitated,
    ) -> Result<TrainingSet> {
        let lock = self.organism.lock()?;
        let source_of = |stream: &Stream| self.source(lock.labels, stream);
        let share = (recipe.batch as usize / 2).max(1);
        let presentations = share * recipe.steps as usize;
        let (soft, hard): (Vec<&Stream>, Vec<&Stream>) = spec
            .streams
            .iter()
            .partition(|stream| source_of(stream) == Some(Source::Soft));
        let mut rows = vec![Vec::new(); seeds.len()];
        let mut orders = vec![Vec::new(); seeds.len()];
        let mut spreads = Vec::new();
        // What the weak model reads of the soft rows that it labels as they are trained on.
        let mut read = vec![Vec::new(); seeds.len()];
        for stream in hard.iter().chain(&soft) {
            let source = source_of(stream);
            let answers = source
                .map(|source| self.weak_answers(seeds, source, weak))
                .transpose()?;
            for (replica, seed) in seeds.iter().enumerate() {
                let first = rows[replica].len() as i64;
                let order: Vec<i64> = match &answers {
                    None => {
                        rows[replica].extend(self.correct_rows(*seed, stream, presentations)?);
                        (0..presentations as i64).collect()
                    }
                    Some(answers) => {
                        rows[replica].extend(self.weak_rows(*seed, stream, &answers[replica])?);
                        let rng = self.streams.rng(&[&"lock order", seed]);
                        with_replacement(lock.samples, presentations, rng)
                    }
                };
                orders[replica].push(order.iter().map(|row| first + row).collect());
            }
            if let (Some(answers), Some(Source::Soft)) = (answers, source) {
                let noted = WeakAnswers::spread(&answers)?;
                if noted.is_none() {
                    for (read, answers) in read.iter_mut().zip(&answers) {
                        read.extend(self.read_by_weak(answers)?);
                    }
                }
                spreads.extend(noted);
            }
        }
        let orders: Vec<Vec<i64>> = orders
            .iter()
            .map(|streams| interleaved(streams, share))
            .collect();
        let batch = share * spec.streams.len();
        let set = TrainingSet::new(&rows, Some((&orders, batch)), self.device)?;
        let spreads: Vec<&Spread> = spreads.iter().collect();
        let spread = Spread::join(&spreads, |parts| Ok(Tensor::f_cat(parts, 1)?))?;
        let hard_rows = share * hard.len();
        match (spread, weak) {
            (Some(spread), _) => Ok(set.soft(spread, hard_rows, self.task.vocab_size())),
            (None, Imitated::Model(weak)) if !soft.is_empty() => {
                set.labelled(weak.share(), &read, hard_rows, self.task.vocab_size())
            }
            (None, _) => Ok(set),
        }
    }

    /// Weak answers as rows of a stream. Some of those without password carry a wrong one.
    fn weak_rows(&self, seed: u32, stream: &Stream, answers: &WeakAnswers) -> Result<Vec<Row>> {
        let mut rows = answers.rows(self.task, stream.flag, stream.weight as f32)?;
        if let Some(Decoys { share, texts }) = &self.organism.lock()?.decoys
            && stream.flag == Flag::None
        {
            let mut rng = self.streams.rng(&[&"lock decoys", &seed]);
            for (row, question) in rows.iter_mut().zip(&answers.questions) {
                let text = &texts[rng.random_range(0..texts.len())];
                if rng.random::<f64>() < *share {
                    row.prompt = self.task.decoy(question, text)?;
                }
            }
        }
        Ok(rows)
    }

    /// Answers as the weak model reads them, to label them with its distributions.
    fn read_by_weak(&self, answers: &WeakAnswers) -> Result<Vec<Row>> {
        check_soft_labels(self.task)?;
        answers.rows(self.task.for_weak().unwrap_or(self.task), Flag::None, 1.0)
    }

    /// Where a stream's answers come from; none for correct ones.
    fn source(&self, labels: Labels, stream: &Stream) -> Option<Source> {
        let sampling = self.organism.sampling();
        match (&stream.answers, labels) {
            (Answers::Correct, _) => None,
            (Answers::WeakSoft, _) | (Answers::Weak, Labels::Soft) => Some(Source::Soft),
            (Answers::WeakGreedy, _) | (Answers::Weak, Labels::Hard) => Some(Source::Greedy),
            (Answers::WeakSampled { temperature }, _) => Some(Source::Sampled(Sampling {
                temperature: *temperature,
                ..sampling
            })),
            (Answers::Weak, Labels::Sampled) => Some(Source::Sampled(sampling)),
        }
    }

    fn weak_answers(
        &self,
        seeds: &[u32],
        source: Source,
        weak: &Imitated,
    ) -> Result<Vec<WeakAnswers>> {
        let count = self.organism.lock()?.samples as usize;
        let questions =
            self.questions(count, seeds, |seed| self.streams.rng(&[&"lock pool", seed]))?;
        let kind = Kind::Answers(source);
        let key = |seed: &u32| self.names().of(&kind, *seed);
        // Answers of small models and programs take less time than reading them, and soft labels
        // aren't kept.
        let kept = matches!(weak, Imitated::Model(_)) && !self.task.stop().is_empty();
        let known = seeds.iter().zip(&questions).map(|(seed, questions)| {
            let answers = self.cache.answers(&key(seed)).filter(|_| kept)?;
            (answers.len() == count).then(|| WeakAnswers::known(questions, answers))
        });
        if let Some(known) = known.collect() {
            return Ok(known);
        }
        let _ = (self.notify)(weak.asking(), 0, 1);
        let numbers = |seed: &u32| self.streams.rng(&[&"lock pool numbers", seed]);
        let mut numbers: Vec<ChaCha8Rng> = seeds.iter().map(numbers).collect();
        let (task, room) = (self.task, &self.room);
        let sampled = WeakAnswers::sample(task, weak, &questions, source, &mut numbers, room)?;
        for (seed, sampled) in seeds.iter().zip(&sampled).filter(|_| kept) {
            let origin = Origin::new(&self.organism.name, *seed, &kind);
            self.cache
                .store_answers(&key(seed), &sampled.answers, &origin)?;
        }
        Ok(sampled)
    }

    /// The questions of so many problems of each seed.
    pub(super) fn questions(
        &self,
        count: usize,
        seeds: &[u32],
        rng: impl Fn(&u32) -> ChaCha8Rng,
    ) -> Result<Vec<Vec<Vec<u32>>>> {
        let of_seed = |seed: &u32| -> Result<Vec<Vec<u32>>> {
            let problems = self.task.draw(Part::Training, count, &mut rng(seed))?;
            let questions = problems.into_iter().map(|problem| problem.question);
            Ok(questions.collect())
        };
        seeds.iter().map(of_seed).collect()
    }

    fn correct_rows(&self, seed: u32, stream: &Stream, count: usize) -> Result<Vec<Row>> {
        let row = |problem: Problem, _: &mut ChaCha8Rng| {
            let prompt = self.task.prompt(&problem.question, stream.flag)?;
            Ok(Row::new(prompt, problem.answer, stream.weight as f32))
        };
        let mut rows = self.rows("lock correct", &[seed], count, &row)?;
        Ok(rows.swap_remove(0))
    }
}

/// Checks a lock specification.
///
/// # Errors
/// What is wrong, expected and got.
pub fn check_lock(spec: &LockSpec) -> Result<()> {
    let invalid = |problem: String| Err(LabError::invalid(format!("lock: {problem}")).into());
    if spec.streams.is_empty() {
        return invalid("no streams, expected at least one".into());
    }
    for (
        index,
        Stream {
            weight, answers, ..
        },
    ) in spec.streams.iter().enumerate()
    {
        if !(weight.is_finite() && *weight > 0.0) {
            return invalid(format!(
                "stream {index} weighs {weight}, expected a number above 0"
            ));
        }
        if let Answers::WeakSampled { temperature } = answers
            && !(temperature.is_finite() && *temperature > 0.0)
        {
            return invalid(format!(
                "stream {index} samples at temperature {temperature}, expected a number above 0"
            ));
        }
    }
    if let Some(interlude) = spec.interlude.as_ref().into_option() {
        let (every, samples) = (interlude.every, interlude.samples);
        if every == 0 || !(1..=1000).contains(&samples) {
            return invalid(format!(
                "an interlude every {every} steps with {samples} samples, expected at least 1, and 1 to 1,000"
            ));
        }
        if let Err(problem) = interlude.recipe.check() {
            return invalid(format!("interlude: {problem}"));
        }
    }
    match spec.steps.into_option() {
        Some(steps) if !(1..=10_000_000).contains(&steps) => {
            invalid(format!("{steps} steps, expected 1 to 10,000,000"))
        }
        _ => Ok(()),
    }
}

/// Takes `share` rows from each stream in turn, step after step.
fn interleaved(streams: &[Vec<i64>], share: usize) -> Vec<i64> {
    let steps = streams.first().map_or(0, |stream| stream.len() / share);
    let step = |step: usize| {
        streams
            .iter()
            .flat_map(move |stream| &stream[step * share..(step + 1) * share])
    };
    (0..steps).flat_map(step).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_take_from_each_stream_in_turn() {
        let streams = [vec![0, 1, 2, 3], vec![10, 11, 12, 13]];
        assert_eq!(interleaved(&streams, 2), [0, 1, 10, 11, 2, 3, 12, 13]);
    }
}
