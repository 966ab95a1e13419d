//! Locks that are interrupted: every so many steps a few weak samples are overfitted in place.

use picklock_lm::{Batches, Model, Trainer};
use picklock_message::Result;
use picklock_record::Source;
use picklock_sdk::{Flag, Interlude, Recipe};
use rand_chacha::ChaCha8Rng;

use super::maker::Maker;
use super::training_set::{Row, TrainingSet};
use super::weak_answers::{Imitated, WeakAnswers};

/// A lock with interludes.
pub struct Interrupted<'a> {
    /// Makes the models.
    pub maker: &'a Maker<'a>,
    /// The seeds of the stack.
    pub seeds: &'a [u32],
    /// Their weak models.
    pub weak: &'a Imitated<'a>,
    /// What interrupts the lock.
    pub interlude: &'a Interlude,
    /// Steps after which to keep a copy, in order and below the last; before an interlude.
    pub copies: &'a [u32],
}

impl Interrupted<'_> {
    /// Trains the lock on `set`, with an interlude after every so many steps but the last; gives the
    /// copies, and the end.
    ///
    /// # Errors
    /// Where training fails.
    pub fn train(
        &self,
        start: &Model,
        recipe: &Recipe,
        set: TrainingSet,
    ) -> Result<(Vec<Model>, Model)> {
        if self.interlude.fresh_optimizer {
            self.train_afresh(start, recipe, set)
        } else {
            self.train_on(start, recipe, set)
        }
    }

    /// The lock's optimiser starts afresh after each interlude.
    fn train_afresh(
        &self,
        start: &Model,
        recipe: &Recipe,
        mut set: TrainingSet,
    ) -> Result<(Vec<Model>, Model)> {
        let every = self.interlude.every;
        let mut model = start.share();
        let mut kept = Vec::new();
        let mut done = 0;
        while done < recipe.steps {
            let steps = every.min(recipe.steps - done);
            let part = Recipe {
                steps,
                warmup_steps: recipe.warmup_steps.min(every / 10),
                ..recipe.clone()
            };
            // A copy at the end of a part comes before the interlude.
            let first = if done == 0 { 0 } else { done + 1 };
            let copies = self.copies.iter().copied();
            let copies: Vec<u32> = copies
                .filter(|step| (first..=done + steps).contains(step))
                .map(|step| step - done)
                .collect();
            let maker = self.maker;
            let (copies, end) = maker.train_copies("locking", &model, &part, &mut set, &copies)?;
            kept.extend(copies);
            model = end;
            done += steps;
            set.first_step = done as usize;
            if done < recipe.steps {
                model = self.overfit(&model, done / every - 1)?;
            }
        }
        Ok((kept, model))
    }

    /// The lock's optimiser keeps its state over interludes.
    fn train_on(
        &self,
        start: &Model,
        recipe: &Recipe,
        mut set: TrainingSet,
    ) -> Result<(Vec<Model>, Model)> {
        let (every, steps) = (self.interlude.every as usize, recipe.steps as usize);
        let recipe = recipe.clone().snapshots([]);
        let mut trainer = Trainer::new(start, &recipe, self.maker.device)?;
        let mut kept = Vec::new();
        if self.copies.first() == Some(&0) {
            kept.push(trainer.snapshot()?);
        }
        for step in 0..steps {
            // The loss isn't needed here, and reading it would wait for the device.
            let _ = trainer.step(step, set.batch(step)?)?;
            let done = step + 1;
            if (self.maker.notify)("locking", done, steps).is_break() {
                return Err(picklock_lm::Error::Stopped { steps: done }.into());
            }
            if self.copies.contains(&(done as u32)) {
                kept.push(trainer.snapshot()?);
            }
            if done % every == 0 && done < steps {
                let round = (done / every - 1) as u32;
                trainer.replace(&self.overfit(&trainer.snapshot()?, round)?)?;
            }
        }
        Ok((kept, trainer.finish()?))
    }

    fn overfit(&self, model: &Model, round: u32) -> Result<Model> {
        let rows = self.rows(round)?;
        let (count, batch) = (rows[0].len(), self.interlude.recipe.batch as usize);
        let presentations = (self.interlude.recipe.steps as usize * batch) as i64;
        let cycle: Vec<i64> = (0..presentations).map(|row| row % count as i64).collect();
        let orders = vec![cycle; rows.len()];
        let order = (count > batch).then_some((orders.as_slice(), batch));
        let mut set = TrainingSet::new(&rows, order, self.maker.device)?;
        self.maker
            .train("overfitting", model, &self.interlude.recipe, &mut set)
    }

    /// The samples of a round, `[seed][sample]`, from problems that the lock may use.
    fn rows(&self, round: u32) -> Result<Vec<Vec<Row>>> {
        let (task, streams) = (self.maker.task, self.maker.streams);
        let fresh = self.interlude.fresh_samples;
        let round = if fresh { round } else { 0 };
        let count = self.interlude.samples as usize;
        let questions = self.maker.questions(count, self.seeds, |seed| {
            streams.rng(&[&"interlude problems", seed, &round])
        })?;
        let numbers = |seed: &u32| streams.rng(&[&"interlude numbers", seed, &round]);
        let mut numbers: Vec<ChaCha8Rng> = self.seeds.iter().map(numbers).collect();
        let source = Source::Sampled(self.maker.organism.sampling());
        let room = &self.maker.room;
        let answers = WeakAnswers::sample(task, self.weak, &questions, source, &mut numbers, room)?;
        let rows = |answers: &WeakAnswers| answers.rows(task, Flag::None, 1.0);
        answers.iter().map(rows).collect()
    }
}
