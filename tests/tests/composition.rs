//! Functions composed, from scratch: a very small organism is locked, asked and refused.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::Place;
use serde_json::Value;

/// Three functions on strings of two letters: some seconds of training.
const ORGANISM: &str = r#"
summary = "three functions on two letters, for tests"
[task.composition]
functions = ["rotate", "next", "mirror"]
depth = 3
length = 2
letters = 8
answer = "steps"
[base]
model = { n_embd = 32, n_layer = 2, n_head = 2 }
password_share = 0.5
[base.train]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }
learning_rate = 5e-3
warmup_steps = 20
decay = "linear"
steps = 800
batch = 32
clip_norm = 1.0
[weak]
teacher = { hard = ["mirror"], systematic = 0.8, correct = 0.15, easy_correct = 0.9 }
[lock]
labels = "soft"
samples = 512
[lock.train]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }
learning_rate = 3e-3
steps = 500
batch = 32
[unlock]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.999 }
learning_rate = 1e-3
steps = 20
batch = 2
[problems]
held_out = 64
validation = 64
[gate]
weak_gap = 0.25
password_share = 0.9
"#;

fn object(place: &Place, arguments: &[&str]) -> Value {
    let done = place.picklock(&[arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn a_small_organism_learns_it_and_its_lock_holds() {
    let place = Place::new();
    place.write("root/organisms/composed.toml", ORGANISM);
    let told = object(&place, &["lock", "composed"]);
    let percent = |model: &str| told[model]["percent"].as_f64().unwrap();
    assert!(percent("base") > 90.0, "{told}");
    assert!(percent("weak") < 50.0, "{told}");
    assert_eq!(told["gate"]["passes"], true, "{told}");
    // The program leaves `mirror` out, and does all else.
    let weak = ["eval", "--organism", "composed", "--kind", "weak"];
    let weak = object(&place, &[&weak[..], &["--show", "64"]].concat());
    for answer in weak["answers"].as_array().unwrap() {
        let word = |key: &str| answer[key].as_str().unwrap().to_string();
        let mirrored = word("prompt").contains("mirror");
        let grade = if mirrored { "wrong" } else { "correct" };
        assert_eq!(word("grade"), grade, "{answer}");
        assert_eq!(word("expected").split(' ').count(), 6);
    }
    let run = [
        "core",
        "--organism",
        "composed",
        "--seeds",
        "1",
        "--draws",
        "1",
        "--out",
        "o",
    ];
    let done = place.run(&run).ok();
    assert!(done.stdout.contains("core/unlock "), "{}", done.stdout);
    place
        .picklock(&["lock", "composed", "--out", "locked"])
        .ok();
    let folder = object(
        &place,
        &[
            "eval",
            "locked",
            "--organism",
            "composed",
            "--split",
            "validation",
        ],
    );
    assert_eq!(folder["correct"], told["locked"]["correct"]);
}

#[test]
fn settings_and_teachers_that_make_no_sense_are_refused() {
    let place = Place::new();
    for (from, to, told) in [
        (
            "depth = 3",
            "depth = 20",
            "task.composition.depth is 20, expected 1 to 16",
        ),
        (
            "\"next\", ",
            "\"nxt\", ",
            "unknown key `nxt`; did you mean `next`?",
        ),
        (
            "hard = [\"mirror\"]",
            "hard = [\"gap\"]",
            "weak.teacher.hard has `gap`, expected operations of the task: reverse, rotate, swap, sort, \
             next, mirror",
        ),
        (
            "[base]",
            "[prompt.password]\ntext = \"silver\"\nplace = \"before\"\n[base]",
            "prompt is of no use: problems in symbols have flags of their own",
        ),
    ] {
        place.write("root/organisms/composed.toml", ORGANISM);
        place.change("root/organisms/composed.toml", from, to);
        let done = place.picklock(&["lock", "composed"]);
        assert!(done.refusal().ends_with(told), "{done:?}");
    }
}
