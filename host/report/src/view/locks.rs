//! The gate of every lock.

use picklock_files::Key;
use picklock_record::ArmRef;

use super::{Block, Section, Table};
use crate::evidence::Evidence;
use crate::gate::{Lock, locks};
use crate::numbers;

pub(super) fn section(evidence: &Evidence) -> Option<Section> {
    let arms = evidence.arms();
    let bounds = evidence.manifest.organism.gate;
    let columns = [
        "lock",
        "gate",
        "#base",
        "#weak",
        "#locked",
        "#at most",
        "#password",
        "#at least",
        "#seeds",
        "used by",
    ];
    let mut table = Table::new(
        "Accuracy on validation problems, means over seeds",
        &columns,
    );
    let mut seeds = Table::new(
        "Each seed's lock",
        &[
            "lock",
            "seed",
            "#base",
            "#weak",
            "#locked",
            "#password",
            "digest of the weights",
        ],
    );
    let mut all: Vec<(Vec<String>, Lock)> = locks(evidence, &arms)
        .into_iter()
        .map(|lock| (users(evidence, &arms, &lock.spec), lock))
        .collect();
    all.sort_by_key(|(users, _)| {
        arms.iter()
            .position(|arm| users.first() == Some(&arm.to_string()))
    });
    // Nobody knows what a given model was trained with.
    let no_password = match evidence.manifest.organism.locked {
        None => "not trained",
        Some(_) => "",
    };
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
        for (seed, record) in &evidence.locks(&arms)[&lock.spec] {
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
    let untested = lock.untested();
    let untested = untested.map(|reason| format!("not applicable: {reason}"));
    let problem = lock.problem.clone().or(untested);
    problem.unwrap_or_else(|| "passed".into())
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
