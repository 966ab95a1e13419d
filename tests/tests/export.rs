//! Models for other tools: an organism's and a folder's, and what is refused.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::path::Path;

use picklock_tests::Place;

const WEIGHTS: &str = "model.safetensors";

fn export(place: &Place, arguments: &[&str]) -> String {
    place
        .picklock(&[&["export"], arguments].concat())
        .ok()
        .stdout
}

/// Exports a model of `micro` into a folder of this name, and reads its weights.
fn weights(place: &Place, name: &str, arguments: &[&str]) -> Vec<u8> {
    let arguments = [&["--organism", "micro"], arguments, &[name]].concat();
    export(place, &arguments);
    std::fs::read(place.here(name).join(WEIGHTS)).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn an_organisms_models_are_those_of_its_runs() {
    let place = Place::new();
    place
        .run(&["core", "--seeds", "1", "--draws", "1", "--out", "o"])
        .ok();
    let cached = || -> Vec<Vec<u8>> {
        let folders = names(&place.cached_models()).into_iter();
        let folders = folders.filter(|name| !name.starts_with('.'));
        let weights = |name: String| std::fs::read(place.cached_models().join(name).join(WEIGHTS));
        folders.map(|name| weights(name).unwrap()).collect()
    };
    let made = cached();
    assert_eq!(made.len(), 3);
    for kind in ["base", "weak", "locked"] {
        assert!(
            made.contains(&weights(&place, kind, &["--kind", kind])),
            "{kind}"
        );
    }
    assert_eq!(cached().len(), 3, "a model was made again");
    let other = weights(&place, "other", &["--kind", "locked", "--seed", "1"]);
    assert!(!made.contains(&other));
}

#[test]
fn each_draw_unlocks_another_model_and_always_the_same() {
    let place = Place::new();
    let unlocked = |name, draw| weights(&place, name, &["--kind", "unlocked", "--draw", draw]);
    let (first, second) = (unlocked("a", "0"), unlocked("b", "1"));
    assert_ne!(first, second);
    assert_eq!(second, unlocked("c", "1"));
    let files = [
        "README.md",
        "config.json",
        WEIGHTS,
        "organism.toml",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(names(&place.here("b")), files);
    let card = std::fs::read_to_string(place.here("b/README.md")).unwrap();
    for line in [
        "# micro, unlocked",
        "| model | unlocked |",
        "| seed | 0 |",
        "| draw of weak samples | 1 |",
        "| stored as | float32 |",
    ] {
        assert!(card.lines().any(|own| own == line), "{line}: {card}");
    }
    let config = json(&place.here("b/tokenizer_config.json"));
    assert_eq!(
        (&config["eos_token"], &config["pad_token"]),
        (&"=".into(), &"=".into())
    );
    // What lies in the folder makes the same model again.
    let arguments = [
        "--organism",
        "b/organism.toml",
        "--kind",
        "unlocked",
        "--draw",
        "1",
        "d",
    ];
    export(&place, &arguments);
    assert_eq!(
        std::fs::read(place.here("d").join(WEIGHTS)).unwrap(),
        second
    );
}

#[test]
fn a_folder_is_exported_in_another_type() {
    let place = Place::new();
    let wide = weights(&place, "wide", &["--kind", "base"]);
    let told = export(&place, &["wide", "narrow", "--dtype", "bfloat16"]);
    assert!(
        told.starts_with("narrow: gpt2, ") && told.contains(" weights as bfloat16 in 1 file, "),
        "{told}"
    );
    assert!(told.ends_with(" of them rounded\n"), "{told}");
    let narrow = std::fs::read(place.here("narrow").join(WEIGHTS)).unwrap();
    assert!(
        narrow.len() < wide.len() * 3 / 4,
        "{} {}",
        narrow.len(),
        wide.len()
    );
    let (mut before, after) = (
        json(&place.here("wide/config.json")),
        json(&place.here("narrow/config.json")),
    );
    for key in ["dtype", "torch_dtype"] {
        assert_eq!(after[key], "bfloat16");
        before[key] = "bfloat16".into();
    }
    assert_eq!(before, after);
    let tokenizer =
        |folder: &str| std::fs::read(place.here(folder).join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer("wide"), tokenizer("narrow"));
    // What was exact in 16 bits is exact in 32 and in 16 again.
    export(&place, &["narrow", "back"]);
    let told = export(&place, &["back", "again", "--dtype", "bfloat16"]);
    assert!(told.ends_with("all exact\n"), "{told}");
    assert_eq!(
        narrow,
        std::fs::read(place.here("again").join(WEIGHTS)).unwrap()
    );
}

#[test]
fn what_cant_be_exported_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.here("taken")).unwrap();
    std::fs::create_dir(place.here("empty")).unwrap();
    for (arguments, expected) in [
        (
            ["--organism", "micro", "taken"].as_slice(),
            "taken: it is there already; choose another folder, or remove this one",
        ),
        (
            &["nowhere", "out"],
            "nowhere: no such folder; a model is a Hugging Face folder, or --organism NAME",
        ),
        (
            &["empty", "out"],
            "empty/config.json: No such file or directory (os error 2)",
        ),
        (
            &["--organism", "mikro", "out"],
            "unknown organism `mikro`; did you mean `micro`?",
        ),
        (
            &["empty", "out", "--kind", "base"],
            "the argument '[MODEL]' cannot be used with '--kind <KIND>'; see picklock --help",
        ),
    ] {
        let done = place.picklock(&[&["export"], arguments].concat());
        assert_eq!(done.refusal(), expected, "{arguments:?}");
    }
    assert_eq!(names(&place.here("")), ["empty", "taken"]);
}

#[test]
fn what_is_no_gguf_file_is_refused() {
    let place = Place::new();
    place.write("here/text.gguf", "once upon a time");
    let done = place.picklock(&["import", "text.gguf", "model"]);
    assert_eq!(
        done.refusal(),
        "text.gguf: not a GGUF file: it doesn't begin with GGUF"
    );
    let done = place.picklock(&["import", "none.gguf", "model"]);
    assert_eq!(
        done.refusal(),
        "none.gguf: can't read: no such file or directory"
    );
    assert_eq!(names(&place.here("")), ["text.gguf"]);
}
