//! A run of any size without models: what the reader of a large journal is measured on.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::path::Path;
use std::time::{Duration, Instant};

use picklock_files::Key;
use picklock_record::{
    GateRecord, LockRecord, Manifest, Measure, Member, Metric, Outcome, Roots, Segment, Trial,
    TrialRecord, journal,
};
use picklock_sdk::{HELD_OUT, Questions};

/// How large a run is.
#[derive(Clone, Copy)]
struct Size {
    seeds: u32,
    draws: u32,
    problems: u32,
}

/// Writes a run of the committed run's 14 arms.
fn write(run: &Path, size: Size) {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/reference/tiny");
    let mut manifest = Manifest::read(Path::new(reference)).unwrap();
    (manifest.seeds, manifest.planned_seeds) = (size.seeds, size.seeds);
    manifest.draws = size.draws;
    manifest.organism.problems.held_out = size.problems;
    for folder in ["hypotheses", "journal"] {
        std::fs::create_dir_all(run.join(folder)).unwrap();
    }
    for hypothesis in &manifest.hypotheses {
        let name = format!("hypotheses/{}.toml", hypothesis.name);
        std::fs::copy(Path::new(reference).join(&name), run.join(name)).unwrap();
        for (index, arm) in hypothesis.arms.iter().enumerate() {
            for members in manifest.members().chunks(64) {
                let trial = |member: &Member| Trial {
                    id: manifest.trial_id(hypothesis, arm, *member),
                    record: record(*member, index, size.problems),
                };
                let trials = members.iter().map(trial).collect();
                let segment = Segment::new(&hypothesis.name, arm.name(), trials);
                journal::write(&run.join("journal"), &segment).unwrap();
            }
        }
    }
    manifest.write(run).unwrap();
}

fn record(member: Member, arm: usize, problems: u32) -> TrialRecord {
    let of = |problem: u32| (member.seed * 31 + member.draw * 7 + problem * 13 + arm as u32) % 17;
    let grade = |problem| match of(problem) {
        0 => 'u',
        chance if chance as usize > 4 + arm => 'w',
        _ => 'c',
    };
    let answer = |problem| (0..8).map(|token| of(problem + token)).collect();
    TrialRecord {
        changes: Vec::new(),
        locks: vec![LockRecord {
            spec: Key::of(&"plain"),
            after: None,
            digest: Key::of(&member.seed).to_string(),
            gate: GateRecord {
                base: Some(1.0),
                weak: Some(0.2),
                locked: 0.25,
                password: Some(1.0),
            },
        }],
        metrics: vec![Metric {
            name: "update-norm".into(),
            value: Some(1.0 + f64::from(member.draw)),
        }],
        measures: vec![Measure {
            name: HELD_OUT.into(),
            questions: Questions::held_out(),
            grades: (0..problems).map(grade).collect(),
            answers: (0..problems).map(answer).collect(),
        }],
        ..TrialRecord::new(member, Outcome::Done)
    }
}

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kibibytes = line.split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// Time and memory of a report.
fn measured(run: &Path) -> (Duration, u64) {
    let (before, started) = (peak(), Instant::now());
    picklock_report::write(run, &Roots::discover(&[]).unwrap(), true).unwrap();
    (started.elapsed(), peak() - before)
}

/// `PICKLOCK_SYNTHETIC=DIR` keeps the run for a look with other tools.
#[test]
fn ten_thousand_trials_take_under_ten_seconds_and_a_gibibyte() {
    let folder = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("PICKLOCK_SYNTHETIC");
    let run = kept.as_ref().map_or(folder.path(), Path::new);
    let size = Size {
        seeds: 179,
        draws: 4,
        problems: 500,
    };
    write(run, size);
    let (time, memory) = measured(run);
    println!("{time:?}, {memory} bytes more than before");
    assert!(time < Duration::from_secs(10), "{time:?}");
    assert!(memory < 1 << 30, "{memory} bytes");
    let rows = std::fs::read_to_string(run.join("outcomes.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 14 * 179 * 4 * 500);
}
