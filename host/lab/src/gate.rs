//! What the gate looks at: accuracies of locked models, and of the base and weak models of their seeds.

use std::rc::Rc;

use picklock_files::Key;
use picklock_message::Result;
use picklock_record::{GateRecord, LockRecord};
use picklock_sdk::{Flag, LockSpec, Questions};

use crate::bench::Bench;
use crate::cached_model::CachedModel;
use crate::operation::Operation;

impl Bench<'_> {
    /// The records of locked models of one specification, one each; for copies on the way then as many
    /// of the whole locks, which are judged in their place.
    ///
    /// # Errors
    /// Where a model can't be made or evaluated.
    pub fn lock_records(
        &mut self,
        locked: &[Rc<CachedModel>],
        spec: &LockSpec,
        after: Option<u32>,
    ) -> Result<Vec<LockRecord>> {
        let organism = self.maker.organism;
        let base = organism.base.as_ref();
        let base = base.map(|_| self.seed_accuracies(locked, |seed| Operation::Base { seed }));
        let weak = organism.weak.as_ref();
        let weak = weak.map(|_| self.seed_accuracies(locked, |seed| Operation::Weak { seed }));
        let (base, weak) = (base.transpose()?, weak.transpose()?);
        let plain = Questions::validation();
        let without = self.accuracies(locked, &plain)?;
        let mut streams = spec.streams.iter();
        let trained = streams.any(|stream| stream.flag == Flag::Password);
        let with = (trained && self.task().has_flag(Flag::Password))
            .then(|| self.accuracies(locked, &plain.with_password()))
            .transpose()?;
        let record = |(index, model): (usize, &Rc<CachedModel>)| {
            Ok(LockRecord {
                spec: match after {
                    None => Key::of(spec),
                    Some(step) => Key::of(&(spec, step)),
                },
                after,
                digest: model.digest()?,
                gate: GateRecord {
                    base: base.as_ref().map(|base| base[index]),
                    weak: weak.as_ref().map(|weak| weak[index]),
                    locked: without[index],
                    password: with.as_ref().map(|with| with[index]),
                },
            })
        };
        let records: Result<Vec<_>> = locked.iter().enumerate().map(record).collect();
        let mut records = records?;
        if after.is_some() {
            let seeds = locked.iter().map(|model| model.lineage.seed);
            let whole: Vec<_> = seeds.map(|seed| Operation::locked(seed, spec)).collect();
            let whole = self.models(&whole)?;
            records.extend(self.lock_records(&whole, spec, None)?);
        }
        Ok(records)
    }

    /// Accuracies of other models of the seeds of locked ones.
    fn seed_accuracies(
        &mut self,
        locked: &[Rc<CachedModel>],
        operation: impl Fn(u32) -> Operation,
    ) -> Result<Vec<f64>> {
        let operations = locked.iter().map(|model| operation(model.lineage.seed));
        let models = self.models(&operations.collect::<Vec<_>>())?;
        self.accuracies(&models, &Questions::validation())
    }

    fn accuracies(
        &mut self,
        models: &[Rc<CachedModel>],
        questions: &Questions,
    ) -> Result<Vec<f64>> {
        let evaluations = self.evaluations(models, questions)?.into_iter();
        Ok(evaluations.map(|(_, score)| score.accuracy()).collect())
    }
}
