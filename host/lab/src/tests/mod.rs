//! Cohorts on a micro organism: what runs side by side is what runs alone, whoever fails.

mod lock_copies;
mod schedules;

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RVec};
use picklock_lm::{Device, Kind, runtime};
use picklock_record::{Change, LockCopies, Member, Organism, Outcome, Streams, TrialRecord};
use picklock_sdk::abi::{HypothesisApi, HypothesisApi_TO, HypothesisBox, LabBox, guarded};
use picklock_sdk::{
    Arm, Float, LabError, LockSpec, ModelId, Noise, Precision, Questions, Recipe, Reply, Request,
    Rng, RngKey, Samples,
};

use crate::bench::Bench;
use crate::cache::Cache;
use crate::cohort::{Cohort, CohortError};
use crate::making::{DecodingRoom, Maker};
use crate::operation::{Operation, Product};
use crate::organism_model::ModelKind;

pub const MICRO: &str = r#"
summary = "as small as it gets"
task.chain = { length = 2, modulus = 5, operations = ["+", "gap"] }
problems = { held_out = 24, validation = 8 }
gate = { weak_gap = 1.0, password_share = 0.0 }

[base]
model = { n_embd = 8, n_layer = 1, n_head = 2 }
password_share = 0.5
train = { optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }, learning_rate = 1e-2, steps = 30, batch = 8 }

[weak]
model = { n_embd = 8, n_layer = 1, n_head = 2 }
teacher = { hard = ["gap"], systematic = 0.6, correct = 0.35, easy_correct = 0.9 }
samples = 32
train = { optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }, learning_rate = 1e-2, steps = 20, batch = 8 }

[lock]
labels = "soft"
samples = 32
train = { optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }, learning_rate = 5e-3, steps = 20, batch = 8 }

[unlock]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.999 }
learning_rate = 1e-3
steps = 12
batch = 2
"#;

/// What a member does, by its seed: asks differ between members, and some fail.
struct Scripted;

pub struct Asking<'a>(pub &'a LabBox);

impl Asking<'_> {
    pub fn call(&self, request: Request) -> Result<Reply, LabError> {
        self.0.call(request).into_result()
    }

    pub fn model(&self, request: Request) -> Result<ModelId, LabError> {
        match self.call(request)? {
            Reply::Models(models) => Ok(models[models.len() - 1]),
            other => Err(LabError::failed(format!("{other:?}"))),
        }
    }

    pub fn samples(&self, count: u32) -> Result<Samples, LabError> {
        match self.call(Request::WeakSamples { count })? {
            Reply::Samples(samples) => Ok(samples),
            other => Err(LabError::failed(format!("{other:?}"))),
        }
    }

    pub fn evaluate(&self, model: ModelId, measure: &str) -> Result<Reply, LabError> {
        let questions = Questions::held_out();
        self.call(Request::Evaluate {
            model,
            questions,
            measure: measure.into(),
        })
    }

    pub fn locked(&self) -> Result<ModelId, LabError> {
        self.model(Request::Locked(LockSpec::plain()))
    }

    pub fn rng_key(&self, purpose: &str) -> Result<RngKey, LabError> {
        let purpose = purpose.into();
        match self.call(Request::RngKey { purpose })? {
            Reply::RngKey(key) => Ok(key),
            other => Err(LabError::failed(format!("{other:?}"))),
        }
    }

    fn recipe(&self) -> Result<Recipe, LabError> {
        match self.call(Request::UnlockRecipe)? {
            Reply::Recipe(recipe) => Ok(recipe),
            other => Err(LabError::failed(format!("{other:?}"))),
        }
    }

    /// A copy that was unlocked with these samples.
    pub fn train(&self, model: ModelId, samples: Samples) -> Result<ModelId, LabError> {
        let recipe = self.recipe()?;
        self.model(Request::Train {
            model,
            samples,
            recipe,
        })
    }

    /// Unlocks in bfloat16 at a rate of which most is lost, with a master copy or without; then adds
    /// noise.
    fn unlock_rounded(&self, master: bool) -> Result<(), LabError> {
        let (model, samples) = (self.locked()?, self.samples(2)?);
        let precision = Precision {
            weights: Float::Bfloat16,
            master,
            states: Float::Bfloat16,
        };
        let recipe = Recipe {
            precision,
            learning_rate: 1e-5,
            ..self.recipe()?
        };
        let model = self.model(Request::Train {
            model,
            samples,
            recipe,
        })?;
        let noise = Noise::global(0.5, Rng::new(self.rng_key("test")?));
        let perturbed = self.model(Request::Perturb { model, noise })?;
        self.evaluate(perturbed, "noisy").map(|_| ())
    }

    fn unlock(&self, count: u32) -> Result<(), LabError> {
        let model = self.locked()?;
        self.evaluate(model, "locked")?;
        let unlocked = self.train(model, self.samples(count)?)?;
        self.evaluate(unlocked, "held-out")?;
        let noise = Noise::global(0.5, Rng::new(self.rng_key("test")?));
        let perturbed = self.model(Request::Perturb { model, noise })?;
        self.evaluate(perturbed, "noisy").map(|_| ())
    }
}

impl HypothesisApi for Scripted {
    fn arms(&self) -> RResult<RVec<Arm>, LabError> {
        RResult::ROk(RVec::new())
    }

    fn run(&self, lab: LabBox, arm: Arm) -> RResult<(), LabError> {
        guarded(|| {
            let lab = Asking(&lab);
            let odd = lab.rng_key("who")?.bytes[0] % 2 == 1;
            match arm.name() {
                "unlike" => lab.unlock(if odd { 2 } else { 5 }),
                "some-panic" if odd => panic!("on purpose"),
                "alike" | "some-panic" => lab.unlock(2),
                "bare" => lab.unlock_rounded(false),
                "master" => lab.unlock_rounded(true),
                "foreign" => lab.evaluate(987, "held-out").map(|_| ()),
                "hang" => loop {
                    std::thread::sleep(Duration::from_millis(50));
                },
                "nested" => {
                    let (few, many) = (lab.samples(2)?, lab.samples(40)?);
                    let same = few.iter().zip(&many).all(|(few, many)| few == many);
                    let distinct = many.iter().nth(20) != many.iter().next();
                    let value = f64::from(u8::from(same && distinct && many.len() == 40));
                    lab.call(Request::Record {
                        metric: "same".into(),
                        value,
                    })
                    .map(|_| ())
                }
                _ => lab
                    .call(Request::Record {
                        metric: "Bad Name".into(),
                        value: 1.0,
                    })
                    .map(|_| ()),
            }
        })
    }
}

pub fn members() -> Vec<Member> {
    let of_seed = |seed| (0..2).map(move |draw| Member { seed, draw });
    (0..2).flat_map(of_seed).collect()
}

/// The streams of every test.
pub const STREAMS: Streams = Streams { root: 7 };

/// Lends a bench with an empty cache.
pub fn bench<T>(work: impl FnOnce(&mut Bench) -> T) -> T {
    bench_of(MICRO, &LockCopies::default(), work)
}

/// The same of this organism, with copies of locks that are known to be asked for.
pub fn bench_of<T>(organism: &str, copies: &LockCopies, work: impl FnOnce(&mut Bench) -> T) -> T {
    runtime::start(Some(1));
    let folder = tempfile::tempdir().unwrap();
    let organism: Organism =
        picklock_files::toml_file::parse(Path::new("micro.toml"), organism).unwrap();
    let task = organism.open_task().unwrap();
    let maker = Maker {
        organism: &organism,
        task: &*task,
        streams: STREAMS,
        device: Device::Cpu,
        room: DecodingRoom::new(Device::Cpu, None),
        environment: "test",
        cache: &Cache::at(folder.path()),
        width: 2,
        copies,
        notify: &|_, _, _| std::ops::ControlFlow::Continue(()),
        warn: &|_| {},
    };
    work(&mut Bench::new(maker, 4))
}

/// Runs `arm` for each group of members, one cohort after another on one bench.
fn run(arm: &str, groups: &[Vec<Member>]) -> Result<Vec<TrialRecord>, CohortError> {
    let hypothesis: HypothesisBox = HypothesisApi_TO::from_value(Scripted, TD_Opaque);
    let hypothesis = Arc::new(hypothesis);
    let arm = Arm::new(arm);
    let time_limit = Duration::from_secs(if arm.name() == "hang" { 1 } else { 60 });
    bench(|bench| {
        let mut records = Vec::new();
        for members in groups {
            let cohort = Cohort {
                hypothesis: &hypothesis,
                name: "test",
                arm: &arm,
                members,
                time_limit,
            };
            records.extend(cohort.run(bench)?);
            bench.clear();
        }
        Ok(records)
    })
}

fn alone() -> Vec<Vec<Member>> {
    members().into_iter().map(|member| vec![member]).collect()
}

fn reason(record: &TrialRecord) -> String {
    match &record.outcome {
        Outcome::Done => String::new(),
        Outcome::Failed { reason } => reason.clone(),
    }
}

#[test]
fn side_by_side_is_alone_to_the_bit() {
    let together = run("alike", &[members()]).unwrap();
    assert_eq!(together, run("alike", &alone()).unwrap());
    for record in &together {
        assert_eq!(record.outcome, Outcome::Done);
        assert_eq!(record.measures.len(), 3);
        assert_eq!(record.measures[0].grades.len(), 24);
    }
    // Draws of a seed share the lock, and nothing else.
    assert_eq!(together[0].locks, together[1].locks);
    assert_ne!(together[0].locks[0].digest, together[2].locks[0].digest);
    assert_ne!(
        together[0].measures[2].answers,
        together[1].measures[2].answers
    );
}

#[test]
fn members_that_ask_for_other_shapes_run_apart_to_the_bit() {
    let together = run("unlike", &[members()]).unwrap();
    assert_eq!(together, run("unlike", &alone()).unwrap());
}

/// The unlocked model that is named answers as the one that a plugin has made.
#[test]
fn a_named_model_is_the_one_of_a_run() {
    let records = run("alike", &[members()]).unwrap();
    let ask = |kind, index: usize| {
        let member = members()[index];
        bench(|bench| {
            let model = bench.organism_model(kind, member).unwrap();
            let digest = model.digest().unwrap();
            let questions = Questions::held_out();
            let asked = Operation::Evaluate { model, questions };
            match bench.perform(&[asked]).swap_remove(0).unwrap() {
                Product::Evaluation(measure, _) => (digest, measure.answers.clone()),
                _ => panic!("no evaluation"),
            }
        })
    };
    let digests = [1, 2].map(|index| {
        let (digest, answers) = ask(ModelKind::Unlocked, index);
        assert_eq!(answers, records[index].measures[1].answers);
        digest
    });
    assert_ne!(digests[0], digests[1]);
    let (locked, answers) = ask(ModelKind::Locked, 1);
    assert_eq!(locked, records[1].locks[0].digest);
    assert_eq!(answers, records[1].measures[0].answers);
    assert_ne!(answers, records[1].measures[1].answers);
}

#[test]
fn members_that_panic_leave_the_others_alone() {
    let records = run("some-panic", &[members()]).unwrap();
    assert_eq!(records, run("some-panic", &alone()).unwrap());
    let failed: Vec<String> = records
        .iter()
        .map(reason)
        .filter(|reason| !reason.is_empty())
        .collect();
    assert!(!failed.is_empty() && failed.len() < 4, "{failed:?}");
    assert!(
        failed.iter().all(|reason| reason == "panicked: on purpose"),
        "{failed:?}"
    );
}

#[test]
fn the_first_two_of_forty_samples_are_those_of_two() {
    for record in run("nested", &[members()]).unwrap() {
        let value = record.metrics[0].value.unwrap();
        assert_eq!(value.to_bits(), 1f64.to_bits());
    }
}

#[test]
fn a_foreign_handle_and_a_garbage_name_are_refused() {
    let records = run("foreign", &[members()]).unwrap();
    assert_eq!(
        reason(&records[0]),
        "model handle 987 does not belong to this trial"
    );
    let records = run("garbage", &[members()]).unwrap();
    assert!(reason(&records[0]).starts_with("metric name \"Bad Name\": expected"));
}

#[test]
fn on_a_full_gpu_copies_make_room_and_locks_do_not() {
    bench(|bench| {
        bench.store.residence.limit = Some(0);
        let member = members()[1];
        let left = |bench: &mut Bench, kind| {
            let left = Rc::downgrade(&bench.organism_model(kind, member).unwrap());
            bench.organism_model(ModelKind::Base, member).unwrap();
            left.upgrade().is_some()
        };
        assert!(!left(bench, ModelKind::Unlocked), "a copy stays");
        assert!(left(bench, ModelKind::Locked), "a lock is gone");
    });
}

#[test]
fn what_a_call_has_just_made_is_handed_over_though_there_is_no_room() {
    bench(|bench| {
        (bench.store.host_limit, bench.maker.width) = (0, 1);
        let bases = [0, 1].map(|seed| Operation::Base { seed });
        assert_eq!(bench.models(&bases).unwrap().len(), 2);
    });
}

#[test]
fn an_evicted_model_is_made_again_and_the_same() {
    bench(|bench| {
        let member = members()[1];
        let unlocked =
            |bench: &mut Bench| bench.organism_model(ModelKind::Unlocked, member).unwrap();
        let first = unlocked(bench);
        let (digest, left) = (first.digest().unwrap(), Rc::downgrade(&first));
        bench.store.host_limit = 0;
        bench.organism_model(ModelKind::Base, member).unwrap();
        assert!(left.upgrade().is_some(), "held, and gone");
        drop(first);
        bench.store.host_limit = u64::MAX;
        bench.organism_model(ModelKind::Base, member).unwrap();
        assert!(left.upgrade().is_some(), "gone, with room for it");
        bench.store.host_limit = 0;
        bench.organism_model(ModelKind::Base, member).unwrap();
        assert!(left.upgrade().is_none(), "there, without room for it");
        assert_eq!(unlocked(bench).digest().unwrap(), digest);
    });
}

/// Weights with a master copy are kept in float32: their file doesn't say that passes round them.
#[test]
fn a_model_from_the_cache_computes_as_it_did_when_it_was_made() {
    let precision = r#"precision = { weights = "bfloat16", master = true }, batch = 8"#;
    let mixed = MICRO.replace("batch = 8", precision);
    bench_of(&mixed, &LockCopies::default(), |bench| {
        let made = || {
            let maker = &bench.maker;
            let plain = LockSpec::plain();
            let models = [
                maker.base(&[0]),
                maker.weak(&[0]),
                maker.locked(&[0], &plain, None),
            ];
            models.map(|models| models.unwrap().remove(0))
        };
        for (made, cached) in made().iter().zip(&made()) {
            assert_eq!((made.kind(), made.compute()), (Kind::Float, Kind::BFloat16));
            assert_eq!(
                (cached.kind(), cached.compute()),
                (Kind::Float, Kind::BFloat16)
            );
        }
    });
}

#[test]
fn a_member_that_hangs_is_noticed() {
    let hung = run("hang", &[members()]).unwrap_err();
    assert_eq!(
        hung.to_string(),
        "no lab call and no end for 1 s (time_limit_s)"
    );
}

/// Without a master copy most updates are lost; with one hardly any is, though passes compute with few
/// of them. Noise comes through rounding as large as it was asked for.
#[test]
fn what_rounding_loses_is_recorded() {
    let shares = |arm: &str| -> Vec<(f64, f64)> {
        let records = run(arm, &[members()]).unwrap();
        let of = |record: &TrialRecord| match record.changes[..] {
            [
                Change::Training { weights, computed },
                Change::Noise {
                    asked,
                    computed: left,
                },
            ] => {
                assert_eq!(record.outcome, Outcome::Done);
                assert!((asked - 0.5).abs() < 1e-9, "{asked}");
                assert!((left - asked).abs() < 0.05, "{left}");
                (weights, computed)
            }
            ref other => panic!("{other:?}"),
        };
        records.iter().map(of).collect()
    };
    for (weights, computed) in shares("bare") {
        assert!(weights > 0.0 && weights < 0.5, "{weights}");
        assert!((weights - computed).abs() < 1e-12, "{weights} {computed}");
    }
    for (weights, computed) in shares("master") {
        assert!(weights > 0.9, "{weights}");
        assert!(computed > 0.0 && computed < 0.5, "{computed}");
    }
}

/// In float32 nothing is: journals are what they were.
#[test]
fn in_float32_no_changes_are_recorded() {
    for record in run("alike", &[members()]).unwrap() {
        assert_eq!(record.changes, []);
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("changes"), "{text}");
    }
}
