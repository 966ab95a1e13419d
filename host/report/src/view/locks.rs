//! The gate of every lock.

use picklock_files::Key;
use picklock_record::ArmRef;

use super::section::{Block, Section};
use crate::analysis::Lock;
use crate::evidence::Evidence;
use crate::numbers;
use crate::table::Table;

pub(super) fn section(evidence: &Evidence) -> Option<Section> {
    let arms = evidence.arms();
    let bounds = evidence.manifest.organism.gate;
    let columns = "lock | gate | #base | #weak | #locked | #at most | #password | #at least | \
        #seeds | used by";
    let mut table = Table::new("Accuracy on validation problems, means over seeds", columns);
    let columns = "lock | seed | #base | #weak | #locked | #password | digest of the weights";
    let mut seeds = Table::new("Each seed's lock", columns);
    let records = evidence.locks(&arms);
    let mut all: Vec<(Vec<String>, Lock)> = records
        .iter()
        .map(|(spec, seeds)| {
            let lock = Lock::new(spec.clone(), seeds, bounds);
            (users(evidence, &arms, spec), lock)
        })
        .collect();
    all.sort_by_key(|(users, _)| {
        let first = users.first();
        arms.iter().position(|arm| first == Some(&arm.to_string()))
    });
    // Nobody knows what a given model was trained with.
    let is_given = evidence.manifest.organism.locked.is_some();
    let no_password = if is_given { "" } else { "not trained" };
    for (users, lock) in &all {
        table.row([
            lock.spec.short().to_string(),
            judged(lock),
            share(lock.base),
            share(lock.weak),
            numbers::share(lock.locked),
            share(lock.most_locked(bounds)),
            lock.password
                .map_or_else(|| no_password.into(), numbers::share),
            share(lock.password.and(lock.least_password(bounds))),
            lock.seeds.to_string(),
            users.join(", "),
        ]);
        for (seed, record) in &records[&lock.spec] {
            seeds.row([
                lock.spec.short().to_string(),
                seed.to_string(),
                share(record.gate.base),
                share(record.gate.weak),
                numbers::share(record.gate.locked),
                share(record.gate.password),
                record.digest.chars().take(12).collect(),
            ]);
        }
    }
    if table.rows.is_empty() {
        return None;
    }
    let text = format!(
        "A claim is testable only on locks that hold: locked - weak at most {} of base - weak, and where a \
         password was trained, at least {} of base's accuracy with it. Bounds apply to means over seeds; no \
         seed is ever left out.",
        numbers::share(bounds.weak_gap),
        numbers::share(bounds.password_share)
    );
    let blocks = vec![Block::Text(text), Block::Table(table), Block::Folded(seeds)];
    Section::of("locks", "The gate of every lock", blocks)
}

/// What the gate says of a lock.
fn judged(lock: &Lock) -> String {
    if let Some(step) = lock.after {
        return format!("not judged: a copy after {step} steps");
    }
    let untested = || Some(format!("not applicable: {}", lock.untested()?));
    lock.problem
        .clone()
        .or_else(untested)
        .unwrap_or_else(|| "passed".into())
}

fn share(share: Option<f64>) -> String {
    share.map(numbers::share).unwrap_or_default()
}

/// The arms that used a lock.
fn users(evidence: &Evidence, arms: &[ArmRef], spec: &Key) -> Vec<String> {
    let uses = |arm: &&ArmRef| {
        let mut trials = evidence.trials(arm);
        trials.any(|trial| trial.locks.iter().any(|lock| lock.spec == *spec))
    };
    arms.iter().filter(uses).map(ToString::to_string).collect()
}
