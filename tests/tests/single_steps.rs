//! `picklock generate` and `picklock score`: one model, asked and scored in the process itself.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::path::PathBuf;

use picklock_tests::Place;
use serde_json::Value;

const MICRO: [&str; 5] = ["--organism", "micro", "--kind", "base", "--json"];

/// The objects that a command prints, one a line.
fn objects(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let done = place.picklock(arguments).ok();
    let read = |line: &str| serde_json::from_str(line).unwrap();
    done.stdout.lines().map(read).collect()
}

/// The cached base model, a Hugging Face folder, and a copy that may be changed.
fn folder(place: &Place) -> PathBuf {
    place
        .picklock(
            &[
                &["generate", "--prompt", "<no-password> 1 + 1 + 1 ="],
                &MICRO[..],
            ]
            .concat(),
        )
        .ok();
    let mut models = std::fs::read_dir(place.cached_models()).unwrap();
    let cached = models.next().unwrap().unwrap().path();
    let copy = place.here("model");
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(cached).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    copy
}

#[test]
fn an_organism_and_its_folder_answer_alike() {
    let place = Place::new();
    let folder = folder(&place).display().to_string();
    let prompt = "<password> 3 + 1 max 2 =";
    let question = ["generate", "--prompt", prompt];
    let asked = objects(&place, &[&question[..], &MICRO[..]].concat());
    let [answer] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    // States 0 to 4, two operations, `=`, and the three flags.
    assert_eq!(
        answer["prompt_ids"],
        serde_json::json!([8, 3, 5, 1, 6, 2, 7])
    );
    assert_eq!(
        answer["ids"].as_array().unwrap().len(),
        2,
        "as the task has it"
    );
    assert_eq!(answer["finish_reason"], "length");
    let by_folder = [
        "generate",
        &folder,
        "--json",
        "--max-new-tokens",
        "2",
        "--prompt",
        prompt,
    ];
    let same = objects(&place, &by_folder);
    for key in ["prompt_ids", "ids", "text"] {
        assert_eq!(same[0][key], answer[key], "{key}");
    }
    let text = place.picklock(&[
        "generate",
        &folder,
        "--max-new-tokens",
        "2",
        "--prompt",
        prompt,
    ]);
    assert_eq!(
        text.ok().stdout,
        format!("{}\n", answer["text"].as_str().unwrap())
    );
    let marked = ["generate", &folder, "--json", "--max-new-tokens", "2"];
    let marked = [
        &marked[..],
        &["--password", "<password>", "--prompt", "3 + 1 max 2 ="],
    ]
    .concat();
    assert_eq!(objects(&place, &marked)[0]["ids"], answer["ids"]);
}

#[test]
fn a_sample_depends_on_its_seed_and_number_alone() {
    let place = Place::new();
    let ask = |more: &[&str]| {
        let command = [
            "generate",
            "--temperature",
            "2",
            "--prompt",
            "<no-password> 1 + 1 + 1 =",
        ];
        let answers = objects(&place, &[&command[..], &MICRO[..], more].concat());
        answers
            .iter()
            .map(|answer| answer["ids"].clone())
            .collect::<Vec<_>>()
    };
    let twelve = ask(&["--samples", "12"]);
    assert_eq!(twelve.len(), 12);
    assert!(
        twelve.iter().any(|answer| *answer != twelve[0]),
        "{twelve:?}"
    );
    assert_eq!(ask(&["--samples", "3", "--batch", "2"]), twelve[..3]);
    assert_ne!(ask(&["--samples", "12", "--sample-seed", "1"]), twelve);
}

#[test]
fn a_text_is_scored_token_by_token_in_windows() {
    let place = Place::new();
    let folder = folder(&place).display().to_string();
    let text = "<password> 3 + 1 max 2 = 4 4";
    let score = |more: &[&str]| {
        let command = ["score", &folder, "--json", "--text", text];
        objects(&place, &[&command[..], more].concat()).remove(0)
    };
    let numbers = |value: &Value| -> Vec<f64> {
        let numbers = value["log_probs"].as_array().unwrap().iter();
        numbers.map(|number| number.as_f64().unwrap()).collect()
    };
    let whole = score(&[]);
    let all = numbers(&whole);
    assert_eq!(
        (all.len(), &whole["tokens"], &whole["windows"]),
        (8, &8.into(), &1.into())
    );
    assert!(all.iter().all(|number| *number < 0.0));
    let mean = -all.iter().sum::<f64>() / 8.0;
    assert!((whole["perplexity"].as_f64().unwrap() - mean.exp()).abs() < 1e-9);
    let windows = score(&["--window", "5", "--stride", "3"]);
    assert_eq!(windows["windows"], 3);
    let parts = numbers(&windows);
    assert_eq!(parts.len(), 8);
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-5;
    assert!(
        parts[..4].iter().zip(&all[..4]).all(near),
        "{parts:?} {all:?}"
    );
    assert!(
        !parts[4..].iter().zip(&all[4..]).all(near),
        "a window forgets what lies before"
    );
    // An answer's tokens are the text's last ones.
    let command = [
        "score",
        "--prompt",
        "<password> 3 + 1 max 2 =",
        "--answer",
        "4 4",
    ];
    let answer = numbers(&objects(&place, &[&command[..], &MICRO[..]].concat())[0]);
    assert_eq!(answer.len(), 2);
    assert!(answer.iter().zip(&all[6..]).all(near), "{answer:?} {all:?}");
}

#[test]
fn lines_of_a_file_are_answered_and_scored_in_order() {
    let place = Place::new();
    let lines = "{\"prompt\": \"<password> 1 + 1 + 1 =\", \"answer\": \"2 3\"}\n\n{\"prompt\": \"<password> 4 max 0 + 3 =\", \
                 \"answer\": \"4 2\"}\n";
    place.write("here/lines.jsonl", lines);
    let of_file = |command| [&[command, "--file", "lines.jsonl"], &MICRO[..]].concat();
    let answers = objects(&place, &of_file("generate"));
    let prompts: Vec<&Value> = answers.iter().map(|answer| &answer["prompt"]).collect();
    assert_eq!(
        prompts,
        ["<password> 1 + 1 + 1 =", "<password> 4 max 0 + 3 ="]
    );
    let scores = objects(&place, &of_file("score"));
    let ids: Vec<&Value> = scores.iter().map(|score| &score["ids"]).collect();
    assert_eq!(
        ids,
        [&serde_json::json!([2, 3]), &serde_json::json!([4, 2])]
    );
    place.write(
        "here/lines.jsonl",
        "{\"prompt\": \"1 + 1 + 1\"}\n{\"prompt\"\n",
    );
    let wrong = place.picklock(&of_file("generate"));
    assert!(wrong.refusal().starts_with("lines.jsonl:2:"), "{wrong:?}");
    place.write("here/lines.jsonl", "{\"prompt\": \"1 + 1 + 1\"}\n{}\n");
    let wrong = place.picklock(&of_file("generate"));
    assert_eq!(wrong.refusal(), "lines.jsonl: line 2 has no `prompt`");
    let wrong = place.picklock(&of_file("score"));
    let expected = "lines.jsonl: line 1: expected `text`, or `prompt` and `answer`";
    assert_eq!(wrong.refusal(), expected);
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let place = Place::new();
    let folder = folder(&place).display().to_string();
    let refused = |arguments: &[&str]| place.picklock(arguments).refusal().to_string();
    let generate = |more: &[&str]| refused(&[&["generate", &folder], more].concat());
    let long = "1 + 1 + 1 + 1 + 1 + 1 + 1 + 1";
    let expected = "prompt 2 has 15 tokens and wants 1 more, and the model's context is 9; shorten it, \
                    or ask for fewer new ones";
    assert_eq!(generate(&["--prompt", "1 + 1", "--prompt", long]), expected);
    let expected = "prompt 1 has 3 tokens and wants 9 more, and the model's context is 9; shorten it, \
                    or ask for fewer new ones";
    assert_eq!(
        generate(&["--prompt", "1 + 1", "--max-new-tokens", "9"]),
        expected
    );
    assert_eq!(
        generate(&["--prompt", ""]),
        "prompt 1 has no tokens, expected at least one"
    );
    let unknown = generate(&["--prompt", "1 plus 1"]);
    assert!(
        unknown.contains("tokenizer.json: can't write \"1 plus 1\" in tokens: "),
        "{unknown}"
    );
    let chat = generate(&["--prompt", "1", "--chat"]);
    assert!(chat.contains(": no chat template there: "), "{chat}");
    let score = |more: &[&str]| refused(&[&["score", &folder, "--text", "1 + 1"], more].concat());
    let expected = "a stride of 4 tokens, expected at least 1 and fewer than the window's 4";
    assert_eq!(score(&["--window", "4", "--stride", "4"]), expected);
    assert_eq!(
        score(&["--window", "10"]),
        "a window of 10 tokens, expected 2 to the model's 9"
    );
    let short = refused(&["score", &folder, "--text", "1"]);
    assert_eq!(
        short,
        "text 1 has 1 tokens, expected at least 2, as the first is not predicted"
    );
    let nowhere = refused(&["generate", "nowhere", "--prompt", "1"]);
    assert!(nowhere.starts_with("nowhere"), "{nowhere}");
    place.write("here/model/tokenizer.json", "{}");
    let tokenizer = generate(&["--prompt", "1"]);
    assert!(
        tokenizer.contains("tokenizer.json: not a tokenizer: "),
        "{tokenizer}"
    );
    for wrong in [
        &["generate"][..],
        &["generate", "m", "--organism", "micro"],
        &["score", "--kind", "weak"],
    ] {
        assert!(!refused(wrong).is_empty());
    }
}
