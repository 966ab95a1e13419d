//! Unlocking one model: a copy memorises the samples of a draw, and answers before and after are
//! compared.

use picklock_grade::Grade;
use picklock_lab::{Bench, ModelKind, UnlockSamples};
use picklock_lm::Model;
use picklock_message::{Error, Result};
use picklock_record::{Measure, Member};
use picklock_sdk::{Flag, Questions, Sample};
use picklock_stats::{McNemar, Pairs, mcnemar};
use picklock_task::Problem;
use serde::Serialize;

use crate::steps::accuracy::{Accuracy, LEVEL};
use crate::steps::setting::Setting;
use crate::steps::shown::Shown;

/// An unlocking, as the seed's held-out problems show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unlocked {
    /// The organism.
    pub organism: String,
    /// The seed.
    pub seed: u32,
    /// The draw of the samples.
    pub draw: u32,
    /// The root of all random streams.
    pub root_seed: u64,
    /// Steps of training.
    pub steps: u32,
    /// Its learning rate.
    pub learning_rate: f64,
    /// What was memorised, in order.
    pub samples: Vec<Shown>,
    /// The locked model.
    pub locked: Accuracy,
    /// Its unlocked copy.
    pub unlocked: Accuracy,
    /// The difference in percentage points, by McNemar's exact test: it speaks of other problems for
    /// these very models.
    pub effect: McNemar,
}

/// Unlocks a copy of a member's locked model by its organism's recipe.
///
/// # Errors
/// Where training fails, the cache can't be written, or the device refuses.
pub fn unlock(
    setting: &Setting,
    member: Member,
    unlock_samples: UnlockSamples,
) -> Result<(Unlocked, Model)> {
    setting.at_bench(|bench| {
        let (copy, samples) = bench.unlocked(member, unlock_samples)?;
        let right = UnlockSamples {
            correct: true,
            ..unlock_samples
        };
        let right = bench.unlock_samples(member, right)?;
        let samples = samples
            .iter()
            .zip(right.iter())
            .map(|(sample, right)| memorised(bench, sample, right))
            .collect::<Result<_>>()?;
        let locked = bench.organism_model(ModelKind::Locked, member)?;
        let questions = Questions::held_out();
        let (before, locked) = bench.evaluate(&locked, &questions)?;
        let (after, unlocked) = bench.evaluate(&copy, &questions)?;
        let recipe = &setting.organism.unlock;
        let unlocked = Unlocked {
            organism: setting.organism.name.clone(),
            seed: member.seed,
            draw: member.draw,
            root_seed: setting.root_seed,
            steps: recipe.steps,
            learning_rate: recipe.learning_rate,
            samples,
            locked: locked.into(),
            unlocked: unlocked.into(),
            effect: effect(&before, &after)?,
        };
        Ok((unlocked, copy.model()?))
    })
}

fn memorised(bench: &Bench, sample: &Sample, right: &Sample) -> Result<Shown> {
    let task = bench.task();
    let problem = Problem {
        id: sample.problem.to_string(),
        question: sample.question.to_vec(),
        answer: right.answer.to_vec(),
    };
    let grade = task.grade(&problem, &sample.answer)?;
    Shown::new(task, (&problem, Flag::None), (&sample.answer, grade))
}

/// What changed from one model's answers to the other's.
fn effect(before: &Measure, after: &Measure) -> Result<McNemar> {
    let is_right = |grade| grade == Grade::Correct.letter();
    let pairs = before
        .grades
        .chars()
        .map(is_right)
        .zip(after.grades.chars().map(is_right));
    let count = |pair| pairs.clone().filter(|one| *one == pair).count() as u64;
    let pairs = Pairs {
        gained: count((false, true)),
        lost: count((true, false)),
        problems: pairs.clone().count() as u64,
    };
    mcnemar(pairs, LEVEL).map_err(|error| Error::Usage(format!("effect: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_between_right_and_not_right_counts() {
        let measure = |grades: &str| Measure {
            name: String::new(),
            questions: Questions::held_out(),
            grades: grades.into(),
            answers: Vec::new(),
        };
        let effect = effect(&measure("ccwwuuwu"), &measure("cwcuwcww")).unwrap();
        let pairs = Pairs {
            gained: 2,
            lost: 1,
            problems: 8,
        };
        assert_eq!(effect.pairs, pairs);
        assert!((effect.estimate - 12.5).abs() < 1e-12);
    }
}
