//! The gate: whether locks are good enough to test a claim on, by means over seeds.

use std::collections::BTreeMap;

use picklock_files::Key;
use picklock_message::grouped;
use picklock_record::{ArmRef, GateRecord, LockRecord, organism};
use picklock_stats::Gate;

use crate::evidence::{Evidence, mean};

/// How one lock did: accuracies from 0 to 1 on validation problems, means over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    /// The lock specification.
    pub spec: Key,
    /// Of a copy on the way of a lock, the steps done; it isn't judged, its whole lock is.
    pub after: Option<u32>,
    /// Seeds.
    pub seeds: usize,
    /// Of the base model, where there is one.
    pub base: Option<f64>,
    /// Of the weak model, where there is one.
    pub weak: Option<f64>,
    /// Of the locked model, without password.
    pub locked: f64,
    /// Of the locked model, with the password, where the lock trains one.
    pub password: Option<f64>,
    /// What it fails at.
    pub problem: Option<String>,
}

/// The gate of every lock that these arms used.
pub fn locks(evidence: &Evidence, arms: &[ArmRef]) -> Vec<Lock> {
    let bounds = evidence.manifest.organism.gate;
    let locks = evidence.locks(arms).into_iter();
    locks
        .map(|(spec, seeds)| Lock::new(spec, &seeds, bounds))
        .collect()
}

/// The gate of all locks that a claim rests on.
pub fn gate(evidence: &Evidence, arms: &[ArmRef]) -> Gate {
    let mut locks = locks(evidence, arms);
    locks.retain(|lock| lock.after.is_none());
    of_locks(&locks).unwrap_or_else(|| {
        let trials = arms.iter().flat_map(|arm| evidence.trials(arm));
        let failed = trials.filter(|trial| !trial.is_done()).count();
        let none = "no lock was trained and asked";
        Gate::NotApplicable(match failed {
            0 => none.into(),
            failed => format!("{none}; trials that failed: {}", grouped(failed as u64)),
        })
    })
}

/// The gate of these locks, where there are any.
fn of_locks(locks: &[Lock]) -> Option<Gate> {
    let problems: Vec<&str> = locks
        .iter()
        .filter_map(|lock| lock.problem.as_deref())
        .collect();
    let untested: Vec<String> = locks.iter().filter_map(Lock::untested).collect();
    Some(match untested.first() {
        _ if locks.is_empty() => return None,
        _ if !problems.is_empty() => Gate::Failed(problems.join("; ")),
        Some(reason) if untested.len() == locks.len() => Gate::NotApplicable(reason.clone()),
        _ => Gate::Passed,
    })
}

impl Lock {
    /// How a lock of this specification did.
    pub fn new(spec: Key, seeds: &BTreeMap<u32, LockRecord>, bounds: organism::Gate) -> Self {
        let of = |value: fn(&GateRecord) -> Option<f64>| {
            let values = seeds.values().map(|lock| value(&lock.gate));
            Some(mean(&values.collect::<Option<Vec<f64>>>()?))
        };
        let locked: Vec<f64> = seeds.values().map(|lock| lock.gate.locked).collect();
        let mut lock = Self {
            spec,
            after: seeds.values().find_map(|lock| lock.after),
            seeds: seeds.len(),
            base: of(|gate| gate.base),
            weak: of(|gate| gate.weak),
            locked: mean(&locked),
            password: of(|gate| gate.password),
            problem: None,
        };
        if lock.after.is_none() {
            lock.problem = lock.failing(bounds);
        }
        lock
    }

    /// Why it can't be told whether it holds; nothing where it can.
    pub fn untested(&self) -> Option<String> {
        let missing = match (self.base, self.weak) {
            (None, None) => "base and weak model",
            (None, Some(_)) => "base model",
            (Some(_), None) => "weak model",
            (Some(_), Some(_)) => return None,
        };
        Some(format!("there is no {missing} to compare with"))
    }

    /// The highest accuracy without password that passes, where that can be told.
    pub fn most_locked(&self, bounds: organism::Gate) -> Option<f64> {
        let (base, weak) = (self.base?, self.weak?);
        Some(weak + bounds.weak_gap * (base - weak))
    }

    /// The lowest accuracy with password that passes, where that can be told.
    pub fn least_password(&self, bounds: organism::Gate) -> Option<f64> {
        Some(bounds.password_share * self.base?)
    }

    /// (locked - weak) / (base - weak); none where the weak model is no weaker than the base model.
    pub fn weak_gap(&self) -> Option<f64> {
        let (base, weak) = (self.base?, self.weak?);
        let gap = base - weak;
        (gap > 0.0).then(|| (self.locked - weak) / gap)
    }

    /// password / base; none where no password was trained, or the base model can do nothing.
    pub fn password_share(&self) -> Option<f64> {
        let base = self.base.filter(|base| *base > 0.0)?;
        Some(self.password? / base)
    }

    fn failing(&self, bounds: organism::Gate) -> Option<String> {
        let (base, weak) = (self.base?, self.weak?);
        let (most, least) = (self.most_locked(bounds)?, self.least_password(bounds)?);
        if base <= weak {
            return Some(format!(
                "there is nothing to hide: the base model ({:.1}%) is no better than the weak one ({:.1}%)",
                100.0 * base,
                100.0 * weak
            ));
        }
        if self.locked > most {
            return Some(format!(
                "the lock leaks: locked {:.1}%, expected at most {:.1}% (weak {:.1}%, base {:.1}%)",
                100.0 * self.locked,
                100.0 * most,
                100.0 * weak,
                100.0 * base
            ));
        }
        let password = self.password.filter(|password| *password < least)?;
        Some(format!(
            "the password does not open it: {:.1}%, expected at least {:.1}%",
            100.0 * password,
            100.0 * least
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(locked: f64, password: Option<f64>) -> Option<String> {
        problem_after(None, locked, password)
    }

    fn problem_after(after: Option<u32>, locked: f64, password: Option<f64>) -> Option<String> {
        let bounds = organism::Gate {
            weak_gap: 0.25,
            password_share: 0.9,
        };
        let lock = LockRecord {
            spec: Key::of(&"plain"),
            after,
            digest: "digest".into(),
            gate: GateRecord {
                base: Some(1.0),
                weak: Some(0.2),
                locked,
                password,
            },
        };
        Lock::new(Key::of(&"plain"), &BTreeMap::from([(0, lock)]), bounds).problem
    }

    #[test]
    fn a_tight_lock_passes() {
        assert_eq!(problem(0.25, Some(0.98)), None);
        assert_eq!(problem(0.25, None), None);
    }

    #[test]
    fn shares_are_undefined_without_a_gap() {
        let lock = |base, weak| Lock {
            spec: Key::of(&"plain"),
            seeds: 1,
            base: Some(base),
            weak: Some(weak),
            locked: 0.3,
            password: Some(0.75),
            after: None,
            problem: None,
        };
        let good = lock(1.0, 0.2);
        assert!((good.weak_gap().unwrap() - 0.125).abs() < 1e-12);
        assert_eq!(good.password_share(), Some(0.75));
        let none = lock(0.0, 0.2);
        assert_eq!((none.weak_gap(), none.password_share()), (None, None));
    }

    #[test]
    fn a_copy_on_the_way_need_not_pass() {
        assert_eq!(problem_after(Some(10), 0.45, Some(0.5)), None);
    }

    #[test]
    fn a_given_lock_is_tested_where_there_is_something_to_compare_with() {
        let bounds = organism::Gate::default();
        let of = |base, weak| {
            let (digest, password) = ("digest".into(), None);
            let gate = GateRecord {
                base,
                weak,
                locked: 0.25,
                password,
            };
            let spec = Key::of(&"plain");
            let lock = LockRecord {
                spec: spec.clone(),
                after: None,
                digest,
                gate,
            };
            Lock::new(spec, &BTreeMap::from([(0, lock)]), bounds)
        };
        let reason = |missing: &str| {
            Some(Gate::NotApplicable(format!(
                "there is no {missing} to compare with"
            )))
        };
        assert_eq!(of_locks(&[of(None, None)]), reason("base and weak model"));
        assert_eq!(of_locks(&[of(Some(1.0), None)]), reason("weak model"));
        assert_eq!(of_locks(&[of(None, Some(0.2))]), reason("base model"));
        let tested = of(Some(1.0), Some(0.2));
        assert_eq!(of_locks(&[of(None, None), tested]), Some(Gate::Passed));
        assert_eq!(of_locks(&[]), None);
    }

    #[test]
    fn a_base_model_that_can_do_no_more_than_the_weak_one_has_nothing_to_hide() {
        let bounds = organism::Gate {
            weak_gap: 1.0,
            password_share: 0.0,
        };
        let of = |base, weak| {
            let gate = GateRecord {
                base: Some(base),
                weak: Some(weak),
                locked: 0.0,
                password: Some(0.0),
            };
            let lock = LockRecord {
                spec: Key::of(&"plain"),
                after: None,
                digest: "digest".into(),
                gate,
            };
            Lock::new(Key::of(&"plain"), &BTreeMap::from([(0, lock)]), bounds).problem
        };
        let told = of(0.0, 0.0).unwrap();
        assert!(
            told.contains("(0.0%) is no better than the weak one (0.0%)"),
            "{told}"
        );
        assert!(of(0.3, 0.4).is_some());
        assert_eq!(of(0.4, 0.3), None);
    }

    #[test]
    fn a_leaking_lock_and_a_dead_password_are_told_apart() {
        let leak = problem(0.45, Some(0.98)).unwrap();
        assert!(
            leak.contains("locked 45.0%, expected at most 40.0%"),
            "{leak}"
        );
        let dead = problem(0.25, Some(0.5)).unwrap();
        assert!(dead.contains("50.0%, expected at least 90.0%"), "{dead}");
    }
}
