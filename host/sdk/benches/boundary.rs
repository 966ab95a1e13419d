//! What crossing the boundary costs; `host/benches/lab_call.rs` times whole calls.

use std::hint::black_box;

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

fn ask(lab: &LabBox) {
    let purpose = black_box("noise").into();
    let reply = lab.call(Request::RngKey { purpose }).into_result();
    assert!(black_box(reply).is_ok());
}

fn boundary(criterion: &mut Criterion) {
    let here = LabApi_TO::from_value(Here, TD_Opaque);
    criterion.bench_function("lab call, boundary alone", |bencher| {
        bencher.iter(|| ask(&here));
    });
}

criterion_group!(benches, boundary);
criterion_main!(benches);
