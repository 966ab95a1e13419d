//! What a lab call costs: the boundary alone, and with an executor on another thread that answers
//! at once. The host's own share is timed in `host/src/lab/tests.rs`.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, channel};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::RResult;
use criterion::{Criterion, criterion_group, criterion_main};
use picklock_sdk::abi::{LabApi, LabApi_TO, LabBox, guarded};
use picklock_sdk::{LabError, Reply, Request, RngKey};

fn answer() -> Reply {
    Reply::RngKey(RngKey { bytes: [7; 32] })
}

/// Answers in place.
struct Here;

impl LabApi for Here {
    fn call(&self, request: Request) -> RResult<Reply, LabError> {
        guarded(|| {
            black_box(request);
            Ok(answer())
        })
    }
}

/// Asks another thread, as a trial asks the executor.
struct Elsewhere {
    requests: Sender<Request>,
    replies: Receiver<Reply>,
}

impl LabApi for Elsewhere {
    fn call(&self, request: Request) -> RResult<Reply, LabError> {
        let gone = || LabError::failed("the executor is gone");
        guarded(|| {
            self.requests.send(request).map_err(|_| gone())?;
            self.replies.recv().map_err(|_| gone())
        })
    }
}

fn ask(lab: &LabBox) {
    let purpose = black_box("noise").into();
    let reply = lab.call(Request::RngKey { purpose }).into_result();
    assert!(black_box(reply).is_ok());
}

fn lab_calls(criterion: &mut Criterion) {
    let here = LabApi_TO::from_value(Here, TD_Opaque);
    criterion.bench_function("lab call, boundary alone", |bencher| {
        bencher.iter(|| ask(&here));
    });
    let (requests, inbox) = channel();
    let (outbox, replies) = channel();
    let executor = std::thread::spawn(move || {
        while let Ok(request) = inbox.recv() {
            black_box::<Request>(request);
            // Nobody listens any more once the benchmark has ended.
            let _ = outbox.send(answer());
        }
    });
    let elsewhere = LabApi_TO::from_value(Elsewhere { requests, replies }, TD_Opaque);
    criterion.bench_function("lab call, with a bare executor", |bencher| {
        bencher.iter(|| ask(&elsewhere));
    });
    drop(elsewhere);
    executor.join().expect("the executor ends with its inbox");
}

criterion_group!(benches, lab_calls);
criterion_main!(benches);
