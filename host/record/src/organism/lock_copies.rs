//! Copies of locks on their way: which steps of which lock a run asks for.

use picklock_message::Result;
use picklock_sdk::{LabError, LockSpec};
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::spec::Organism;

/// The steps at which a run asks for copies of its locks. Who knows them all trains each lock once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LockCopies(Vec<(LockSpec, u32)>);

impl LockCopies {
    /// Of `spec`, in order: those that are known, and `also`.
    pub fn of(&self, spec: &LockSpec, also: Option<u32>) -> Vec<u32> {
        let known = self.0.iter().filter(|(lock, _)| lock == spec);
        let mut steps: Vec<u32> = known.map(|(_, step)| *step).chain(also).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// What is kept of training `spec`: the copies, and the end.
    pub fn kinds(&self, spec: &LockSpec, also: Option<u32>) -> Vec<Kind> {
        let steps = self.of(spec, also).into_iter().map(Some).chain([None]);
        steps.map(|step| Kind::locked(spec, step)).collect()
    }
}

impl FromIterator<(LockSpec, u32)> for LockCopies {
    fn from_iter<I: IntoIterator<Item = (LockSpec, u32)>>(copies: I) -> Self {
        Self(copies.into_iter().collect())
    }
}

impl Organism {
    /// The steps of a lock.
    ///
    /// # Errors
    /// Where no lock is trained.
    pub fn lock_steps(&self, spec: &LockSpec) -> Result<u32> {
        let steps = self.lock()?.train.steps;
        Ok(spec.steps.into_option().unwrap_or(steps))
    }

    /// `step` where that is on the way through a lock; none where it is its end.
    ///
    /// # Errors
    /// Where no lock is trained, or it has fewer steps.
    pub fn step_on_the_way(
        &self,
        spec: &LockSpec,
        step: u32,
    ) -> std::result::Result<Option<u32>, LabError> {
        let steps = self.lock_steps(spec);
        let steps = steps.map_err(|error| LabError::invalid(error.to_string()))?;
        if step > steps {
            return Err(LabError::invalid(format!(
                "lock: a copy after {step} steps, expected at most its {steps}"
            )));
        }
        Ok((step < steps).then_some(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_lock_are_in_order_and_there_once() {
        let (plain, short) = (LockSpec::plain(), LockSpec::plain().steps(5));
        let asked = [(&plain, 9), (&short, 4), (&plain, 3), (&plain, 9)];
        let copies = asked.map(|(lock, step)| (lock.clone(), step));
        let copies = LockCopies::from_iter(copies);
        assert_eq!(copies.of(&plain, None), [3, 9]);
        assert_eq!(copies.of(&plain, Some(6)), [3, 6, 9]);
        assert_eq!(copies.of(&short, Some(4)), [4]);
    }
}
