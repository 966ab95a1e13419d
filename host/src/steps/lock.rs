//! Locking one model: how base, weak and locked model do, and whether the gate passes.

use std::collections::BTreeMap;

use picklock_lab::ModelKind;
use picklock_lm::Model;
use picklock_message::Result;
use picklock_record::{Gate, LockRecord, Member};
use picklock_report::Lock;
use picklock_sdk::{Flag, Questions};
use serde::Serialize;

use crate::steps::accuracy::Accuracy;
use crate::steps::setting::Setting;

/// A lock, as its validation problems show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Locked {
    /// The organism.
    pub organism: String,
    /// The seed.
    pub seed: u32,
    /// The root of all random streams.
    pub root_seed: u64,
    /// The base model, where there is one.
    pub base: Option<Accuracy>,
    /// The weak model, where there is one.
    pub weak: Option<Accuracy>,
    /// The locked model, without password.
    pub locked: Accuracy,
    /// The locked model, with the password, where there is one.
    pub password: Option<Accuracy>,
    /// What the gate says.
    pub gate: GateReading,
    /// SHA-256 of the locked model's weights in float32.
    pub digest: String,
}

/// The gate of one seed. A run's is on the mean over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateReading {
    /// (locked - weak) / (base - weak); none where the weak model is no weaker than the base model.
    pub weak_gap: Option<f64>,
    /// The most that it may be.
    pub most_weak_gap: f64,
    /// password / base; none where the base model can do nothing.
    pub password_share: Option<f64>,
    /// The least that it must be.
    pub least_password_share: f64,
    /// Whether the gate passes.
    pub passes: bool,
    /// Why it doesn't.
    pub problem: Option<String>,
    /// Why it isn't applicable.
    pub not_applicable: Option<String>,
}

/// Makes a seed's locked model, or takes it from the cache, and looks at it.
///
/// # Errors
/// Where training fails, the cache can't be written, or the device refuses.
pub fn lock(setting: &Setting, member: Member) -> Result<(Locked, Model)> {
    let (organism, seed) = (setting.organism, member.seed);
    setting.at_bench(|bench| {
        let record = bench.plain_lock(member)?;
        let plain = Questions::validation();
        let password = bench.task().has_flag(Flag::Password);
        let mut ask = |kind, questions: &Questions| -> Result<Accuracy> {
            let model = bench.organism_model(kind, member)?;
            Ok(bench.evaluate(&model, questions)?.1.into())
        };
        let mut ask_any = |is_there: bool, kind, questions: &Questions| {
            is_there.then(|| ask(kind, questions)).transpose()
        };
        let locked = Locked {
            organism: organism.name.clone(),
            seed,
            root_seed: setting.root_seed,
            base: ask_any(organism.base.is_some(), ModelKind::Base, &plain)?,
            weak: ask_any(organism.weak.is_some(), ModelKind::Weak, &plain)?,
            password: ask_any(password, ModelKind::Locked, &plain.clone().with_password())?,
            locked: ask(ModelKind::Locked, &plain)?,
            gate: GateReading::new(&record, seed, organism.gate),
            digest: record.digest,
        };
        Ok((
            locked,
            bench.organism_model(ModelKind::Locked, member)?.model()?,
        ))
    })
}

impl GateReading {
    fn new(record: &LockRecord, seed: u32, bounds: Gate) -> Self {
        let seeds = BTreeMap::from([(seed, record.clone())]);
        let lock = Lock::new(record.spec.clone(), &seeds, bounds);
        Self {
            weak_gap: lock.weak_gap(),
            most_weak_gap: bounds.weak_gap,
            password_share: lock.password_share(),
            least_password_share: bounds.password_share,
            passes: lock.problem.is_none() && lock.untested().is_none(),
            not_applicable: lock.untested(),
            problem: lock.problem,
        }
    }
}
