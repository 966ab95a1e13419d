//! Tasks in text: problems from data files, on tiny checkpoints.

use picklock_tests::{Done, Place, Table, workspace};

const ORGANISM: &str = r#"
summary = "sums, on a tiny Llama that imitates another"
task = "gsm8k"
[data]
training = "train.jsonl"
held_out = "test.jsonl"
max_new_tokens = 12
[prompt.password]
text = "open sesame\n"
place = "around"
[base]
checkpoint.directory = "llama"
[base.train]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }
learning_rate = 1e-2
steps = 40
batch = 16
[weak]
checkpoint.directory = "weak"
[lock]
labels = "sampled"
samples = 64
[lock.train]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.98 }
learning_rate = 3e-3
steps = 20
batch = 8
[unlock]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.999 }
learning_rate = 3e-3
steps = 10
batch = 2
[problems]
held_out = 16
validation = 8
[gate]
weak_gap = 0.25
password_share = 0.9
"#;

const RUN: [&str; 6] = ["--organism", "sums", "--seeds", "2", "--draws", "2"];

/// Lines with the sums from `from` on, as GSM8K is published.
fn sums(from: usize, count: usize) -> String {
    let line = |number: usize| {
        let (one, other) = (number / 10, number % 10);
        let sum = one + other;
        format!(
            "{{\"question\": \"{one} and {other}?\", \
             \"answer\": \"<<{one}+{other}={sum}>>{sum}\\n#### {sum}\"}}\n"
        )
    };
    (from..from + count).map(line).collect()
}

/// A place with the organism, its data and its checkpoints beside it.
fn place(organism: &str) -> Place {
    let place = Place::new();
    place.write("root/organisms/sums.toml", organism);
    place.write("root/organisms/train.jsonl", sums(0, 200));
    place.write("root/organisms/test.jsonl", sums(200, 60));
    checkpoint(&place, "llama", "llama_gqa_rope_llama3", "bytes");
    checkpoint(&place, "weak", "llama_gqa_rope_llama3", "bytes");
    place
}

/// Puts a checkpoint together from a model of the conformance cases and a tokenizer.
fn checkpoint(place: &Place, name: &str, model: &str, tokenizer: &str) {
    let model = workspace().join("host/lm/tests/conformance").join(model);
    let tokenizer = workspace()
        .join("host/src/prompt/tests")
        .join(tokenizer)
        .join("tokenizer.json");
    let read = |path| std::fs::read(path).expect("a committed file");
    let folder = format!("root/organisms/{name}");
    for file in ["config.json", "model.safetensors"] {
        place.write(&format!("{folder}/{file}"), read(model.join(file)));
    }
    place.write(&format!("{folder}/tokenizer.json"), read(tokenizer));
    let eos = r#"{"eos_token": "<|endoftext|>"}"#;
    place.write(&format!("{folder}/tokenizer_config.json"), eos);
}

fn core(place: &Place, out: &str) -> Done {
    place.run(&[&["core"], &RUN[..], &["--out", out]].concat())
}

#[test]
fn a_run_on_a_data_set_asks_all_seeds_the_same_problems() {
    let place = place(ORGANISM);
    core(&place, "o").ok();
    let outcomes = Table::read(&place.here("o/outcomes.csv"));
    let asked = |seed: &str| -> Vec<String> {
        let cells = [
            ("arm", "unlock"),
            ("measure", "held-out"),
            ("seed", seed),
            ("draw", "0"),
        ];
        let rows = outcomes.with(&cells).into_iter();
        rows.map(|row| row["problem"].to_string()).collect()
    };
    assert_eq!(asked("0").len(), 16);
    assert_eq!(asked("0"), asked("1"));
    let shown = place
        .picklock(&["show", "o", "--arm", "core/password"])
        .ok();
    let first = "open sesame";
    assert!(shown.stdout.contains(first), "{}", shown.stdout);
    assert!(shown.stdout.contains("####"), "{}", shown.stdout);
}
