//! Real files against transformers' numbers and the tokenizers' own cases.
//!
//! `PICKLOCK_MODELS` names a folder with any of `smollm2-135m-instruct-q4_1.gguf` (beside
//! `smollm2_ref.safetensors`, `smollm2_ref.json` and `smollm2_cases.json`) and
//! `qwen2.5-coder-0.5b-instruct-q4_k_m.gguf` (beside `qwen2_cases.json`). A test says what it lacks.

use std::path::PathBuf;

use picklock_lm::{Decoding, Device, Model, Rows, Side, Storage, generate, logits, runtime};
use serde::Deserialize;
use tempfile::TempDir;
use tokenizers::Tokenizer;

use crate::gguf::import;

const SMOLLM: &str = "smollm2-135m-instruct-q4_1.gguf";
const QWEN: &str = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";

/// The folder, where it holds these files.
fn files(names: &[&str]) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("PICKLOCK_MODELS").map(PathBuf::from) else {
        println!("skipped: PICKLOCK_MODELS names no folder");
        return None;
    };
    match names.iter().find(|name| !folder.join(name).exists()) {
        Some(lacking) => println!("skipped: {} has no {lacking}", folder.display()),
        None => return Some(folder),
    }
    None
}

fn imported(path: &std::path::Path) -> (TempDir, Model, Tokenizer) {
    runtime::start(Some(1));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("model");
    import(path, &folder, Storage::default()).unwrap();
    let model = Model::load(&folder, Device::Cpu).unwrap();
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    (home, model, tokenizer)
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    decoded: String,
}

fn check_cases(tokenizer: &Tokenizer, path: PathBuf) {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 240);
    for Case { text, ids, decoded } in cases {
        assert_eq!(
            tokenizer.encode(text.as_str(), false).unwrap().get_ids(),
            ids,
            "{text:?}"
        );
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), decoded, "{text:?}");
    }
}

#[derive(Deserialize)]
struct Prompt {
    prompt: String,
    greedy: String,
}

fn answer(model: &Model, tokenizer: &Tokenizer, prompt: &str, end: &str, most: usize) -> Vec<u32> {
    let ids = tokenizer.encode(prompt, true).unwrap().get_ids().to_vec();
    let rows = Rows::from_ids(&[vec![ids]], Side::Left, Device::Cpu).unwrap();
    let stop = vec![tokenizer.token_to_id(end).unwrap()];
    let decoding = Decoding {
        stop,
        ..Decoding::greedy(most)
    };
    generate(model, &rows, &decoding, None)
        .unwrap()
        .remove(0)
        .remove(0)
}

#[test]
fn smollm2_is_what_transformers_makes_of_it() {
    let names = [
        SMOLLM,
        "smollm2_ref.safetensors",
        "smollm2_ref.json",
        "smollm2_cases.json",
    ];
    let Some(folder) = files(&names) else { return };
    let (_home, model, tokenizer) = imported(&folder.join(SMOLLM));
    check_cases(&tokenizer, folder.join("smollm2_cases.json"));
    let reference = std::fs::read(folder.join("smollm2_ref.safetensors")).unwrap();
    let reference = safetensors::SafeTensors::deserialize(&reference).unwrap();
    let prompts = std::fs::read(folder.join("smollm2_ref.json")).unwrap();
    let prompts: Vec<Prompt> = serde_json::from_slice(&prompts).unwrap();
    for (index, Prompt { prompt, greedy }) in prompts.iter().enumerate() {
        let ids = tokenizer
            .encode(prompt.as_str(), true)
            .unwrap()
            .get_ids()
            .to_vec();
        let stored = reference.tensor(&format!("p{index}.input_ids")).unwrap();
        let stored = stored
            .data()
            .chunks(8)
            .map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]]));
        assert_eq!(ids, stored.collect::<Vec<_>>(), "{prompt}");
        let rows = Rows::from_ids(&[vec![ids]], Side::Right, Device::Cpu).unwrap();
        let got = Vec::<f32>::try_from(logits(&model, &rows).unwrap().reshape([-1])).unwrap();
        let expected = reference.tensor(&format!("p{index}.logits")).unwrap();
        let expected = expected
            .data()
            .chunks(4)
            .map(|number| f32::from_le_bytes([number[0], number[1], number[2], number[3]]));
        let off = got
            .iter()
            .zip(expected)
            .map(|(got, expected)| (got - expected).abs());
        let off = off.fold(0.0, f32::max);
        println!("prompt {index}: logits are up to {off:.1e} off");
        assert!(off < 1e-3, "{prompt}: {off}");
        let answer = answer(&model, &tokenizer, prompt, "<|im_end|>", 40);
        let answer = tokenizer.decode(&answer, false).unwrap();
        assert!(
            greedy.starts_with(answer.trim_end_matches("<|im_end|>")),
            "{answer:?}, expected {greedy:?}"
        );
        assert!(
            answer.len() > 20 || answer.len() + 10 >= greedy.len(),
            "{answer:?}"
        );
    }
}

#[test]
fn qwen_loads_and_answers() {
    let Some(folder) = files(&[QWEN, "qwen2_cases.json"]) else {
        return;
    };
    let (_home, model, tokenizer) = imported(&folder.join(QWEN));
    check_cases(&tokenizer, folder.join("qwen2_cases.json"));
    let question = "<|im_start|>user\nWhat is the capital of France? Answer in one word.<|im_end|>\n<|im_start|>assistant\n";
    let answer = answer(&model, &tokenizer, question, "<|im_end|>", 16);
    let answer = tokenizer.decode(&answer, true).unwrap();
    println!("{answer:?}");
    assert!(answer.contains("Paris"), "{answer:?}");
}
