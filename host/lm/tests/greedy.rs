//! Greedy tokens of a real checkpoint are transformers'.
//!
//! `PICKLOCK_GREEDY` names a folder that `tests/peer/smollm2_greedy.py` made: the checkpoint in `hf`,
//! and for each type `greedy-TYPE.json`, with the reference's gap between the two largest logits at
//! each token. Without it the test says that it was skipped.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use picklock_lm::{Decoding, Device, Kind, Model, Rows, Side, generate, logits, runtime};
use serde::Deserialize;

/// A bfloat16 logit near 16 is a multiple of 1/8: two that are so near may change places.
const NEAR_TIE: f64 = 0.25;

#[derive(Deserialize)]
struct Reference {
    dtype: String,
    prompts: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
    gaps: Vec<Vec<f64>>,
    /// Prompts that were decoded at a time.
    together: usize,
}

fn device() -> Device {
    let name = std::env::var("PICKLOCK_DEVICE");
    runtime::parse_device(name.as_deref().unwrap_or("cpu")).unwrap()
}

fn answers(model: &Model, reference: &Reference) -> Vec<Vec<u32>> {
    let decoding = Decoding::greedy(reference.greedy[0].len());
    let answers = |prompts: &[Vec<u32>]| {
        let rows = Rows::from_ids(&[prompts.to_vec()], Side::Left, device()).unwrap();
        generate(model, &rows, &decoding, None).unwrap().remove(0)
    };
    let parts = reference.prompts.chunks(reference.together);
    parts.flat_map(answers).collect()
}

/// How often, the reference's tokens being given, its next one is the likeliest.
fn agreement(model: &Model, reference: &Reference) -> (usize, usize) {
    let (mut same, mut all) = (0, 0);
    for (prompt, greedy) in reference.prompts.iter().zip(&reference.greedy) {
        let row = [&prompt[..], &greedy[..]].concat();
        let rows = Rows::from_ids(&[vec![row]], Side::Right, device()).unwrap();
        let likeliest = logits(model, &rows).unwrap().argmax(-1, false).view([-1]);
        let first = prompt.len() as i64 - 1;
        let likeliest = likeliest.narrow(0, first, greedy.len() as i64);
        let likeliest = Vec::<i64>::try_from(likeliest).unwrap();
        let pairs = likeliest.iter().zip(greedy);
        same += pairs.filter(|(a, b)| **a == i64::from(**b)).count();
        all += greedy.len();
    }
    (same, all)
}

#[test]
fn greedy_tokens_are_those_of_transformers() {
    runtime::start(Some(1));
    let Some(folder) = std::env::var_os("PICKLOCK_GREEDY").map(PathBuf::from) else {
        println!("skipped: PICKLOCK_GREEDY names no folder");
        return;
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no references in {}", folder.display());
    for file in files {
        let text = std::fs::read(&file).unwrap();
        let reference: Reference = serde_json::from_slice(&text).unwrap();
        let kind = match reference.dtype.as_str() {
            "float32" => Kind::Float,
            "bfloat16" => Kind::BFloat16,
            other => panic!("{other}"),
        };
        let model = Model::load(&folder.join("hf"), device()).unwrap();
        let model = model.to_kind(kind).unwrap();
        let got = answers(&model, &reference);
        let mut same = 0;
        let mut widest = 0.0_f64;
        for (row, (got, expected)) in got.iter().zip(&reference.greedy).enumerate() {
            match (0..expected.len()).find(|&place| got[place] != expected[place]) {
                None => same += 1,
                Some(place) => widest = widest.max(reference.gaps[row][place]),
            }
        }
        let all = reference.greedy.len();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let pairs = got.iter().flatten().zip(reference.greedy.iter().flatten());
        let tokens = pairs.filter(|(a, b)| a == b).count();
        let (given, of) = agreement(&model, &reference);
        println!(
            "{name}: {same} of {all} rows equal, others leave it where the gap is {widest}; \
             {tokens} of {of} tokens, {given} where the ones before are given"
        );
        match reference.dtype.as_str() {
            "float32" => assert_eq!(same, all, "{name}"),
            _ => assert!(widest <= NEAR_TIE, "{name}: {widest}"),
        }
    }
}
