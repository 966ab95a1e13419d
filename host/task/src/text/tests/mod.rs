//! Tasks in text, on small files and tokenizers.

mod lines;
mod problems;
mod unused;

use std::collections::HashSet;

use picklock_sdk::Flag;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::*;
use crate::{TaskSpec, Vocabulary};

/// A byte-level tokenizer of 403 tokens, and one that puts blanks in front, of 360.
const TOKENIZERS: [&str; 2] = ["bytes", "blanks"];

/// A folder with a training and a test file of sums, and a checkpoint's tokenizer by each name.
fn folder(training: &str, test: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("train.jsonl", training);
    write("test.jsonl", test);
    for name in TOKENIZERS {
        let to = folder.path().join(name);
        std::fs::create_dir(&to).unwrap();
        let from = format!("{}/src/prompt/tests/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(format!("{from}/tokenizer.json"), to.join("tokenizer.json")).unwrap();
        let end = if name == "bytes" {
            "<|endoftext|>"
        } else {
            "</s>"
        };
        let config = format!("{{\"eos_token\": \"{end}\"}}");
        std::fs::write(to.join("tokenizer_config.json"), config).unwrap();
    }
    folder
}

fn sums(numbers: std::ops::Range<u32>) -> String {
    let line = |one: u32| format!("{{\"q\": \"{one} + 1?\", \"a\": \"{}\"}}\n", one + 1);
    numbers.map(line).collect()
}

const JSONL: &str = "task.jsonl = { fields = { question = 'q', answer = 'a' }, grader = 'number' }";

#[derive(serde::Deserialize)]
struct File {
    task: TaskSpec,
    data: Data,
    #[serde(default)]
    prompt: Option<PromptSpec>,
    #[serde(default)]
    decoys: Vec<String>,
}

/// Opens the task of a TOML text in a folder, with the weak model's tokenizer if it is another one.
fn open(folder: &TempDir, toml: &str, weak: Option<&str>) -> Result<Box<dyn Task>> {
    let mut file: File = toml::from_str(toml).unwrap();
    file.data.record_digests(folder.path())?;
    let checkpoint = |name: &str| Checkpoint {
        directory: folder.path().join(name),
        vocab_size: 512,
        context: 128,
    };
    let given = Given {
        prompt: file.prompt.as_ref(),
        data: Some(&file.data),
        vocabulary: Vocabulary::Full,
        decoys: &file.decoys,
    };
    file.task.check(&given).map_err(Error::Usage)?;
    let weak = weak.map(checkpoint);
    file.task
        .open(&given, Some(&checkpoint("bytes")), weak.as_ref())
}

fn data(keys: &str) -> String {
    let files = "training = 'train.jsonl', held_out = 'test.jsonl', max_new_tokens = 8";
    format!("{JSONL}\ndata = {{ {files}{keys} }}\n")
}

fn drawn(task: &dyn Task, part: Part, count: usize, seed: u64) -> Vec<Problem> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    task.draw(part, count, &mut rng).unwrap()
}

fn refusal(folder: &TempDir, toml: &str) -> String {
    let refused = open(folder, toml, None).err().expect("a refusal");
    let folder = format!("{}/", folder.path().display());
    refused.to_string().replace(&folder, "")
}
