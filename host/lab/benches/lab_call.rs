//! What a lab call costs a plugin beside the work itself: the boundary, the way to the executor's
//! thread and back, and the executor's own part, on models that are known already.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RVec};
use criterion::{Criterion, criterion_group, criterion_main};
use picklock_lab::{Bench, Cache, Cohort, DecodingRoom, Maker};
use picklock_lm::{Device, runtime};
use picklock_record::{LockCopies, Member, Organism, Outcome, Streams};
use picklock_sdk::abi::{HypothesisApi, HypothesisApi_TO, HypothesisBox, LabBox, guarded};
use picklock_sdk::{Arm, LabError, Reply, Request};

const MICRO: &str = include_str!("../../../tests/src/micro.toml");

/// Nanoseconds that the slowest member took for its calls.
static TOOK: AtomicU64 = AtomicU64::new(0);

/// Makes the same call over and over: the arm's name says which, its parameter how often.
struct Calls;

impl HypothesisApi for Calls {
    fn arms(&self) -> RResult<RVec<Arm>, LabError> {
        RResult::ROk(RVec::new())
    }

    fn run(&self, lab: LabBox, arm: Arm) -> RResult<(), LabError> {
        guarded(|| {
            let call = |request: &Request| lab.call(request.clone()).into_result();
            let Reply::Models(models) = call(&Request::Base)? else {
                return Err(LabError::failed("no model"));
            };
            let (from, to) = (models[0], models[0]);
            let request = match arm.name() {
                "samples" => Request::WeakSamples { count: 2 },
                "distance" => Request::Distance { from, to },
                _ => Request::RngKey {
                    purpose: "noise".into(),
                },
            };
            // Known from here on; members of a cohort have waited for each other.
            call(&Request::Distance { from, to })?;
            call(&Request::WeakSamples { count: 2 })?;
            let start = Instant::now();
            for _ in 0..arm.number("calls")? as u64 {
                black_box(call(&request)?);
            }
            TOOK.fetch_max(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            Ok(())
        })
    }
}

fn lab_calls(criterion: &mut Criterion) {
    runtime::start(Some(1));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = Path::new("micro.toml");
    let organism: Organism = picklock_files::toml_file::parse(path, MICRO).expect("an organism");
    let task = organism.open_task().expect("a task");
    let maker = Maker {
        organism: &organism,
        task: &*task,
        streams: Streams { root: 7 },
        device: Device::Cpu,
        room: DecodingRoom::new(Device::Cpu, None),
        environment: "benchmark",
        cache: &Cache::at(folder.path()),
        width: 8,
        copies: &LockCopies::default(),
        notify: &|_, _, _| std::ops::ControlFlow::Continue(()),
        warn: &|_| {},
    };
    let hypothesis: HypothesisBox = HypothesisApi_TO::from_value(Calls, TD_Opaque);
    let hypothesis = Arc::new(hypothesis);
    let mut bench = Bench::new(maker, 8);
    for count in [1, 8] {
        let draws = 0..count;
        let members: Vec<Member> = draws.map(|draw| Member { seed: 0, draw }).collect();
        for name in ["key", "samples", "distance"] {
            let title = format!("lab call, {name}, {count} side by side");
            criterion.bench_function(&title, |bencher| {
                bencher.iter_custom(|calls| {
                    let arm = Arm::new(name).with("calls", calls as f64 / f64::from(count));
                    TOOK.store(0, Ordering::Relaxed);
                    let cohort = Cohort {
                        hypothesis: &hypothesis,
                        name: "benchmark",
                        arm: &arm,
                        members: &members,
                        time_limit: Duration::from_mins(1),
                    };
                    for record in cohort.run(&mut bench).expect("no member hangs") {
                        assert_eq!(record.outcome, Outcome::Done);
                    }
                    Duration::from_nanos(TOOK.load(Ordering::Relaxed))
                });
            });
        }
    }
}

criterion_group!(benches, lab_calls);
criterion_main!(benches);
