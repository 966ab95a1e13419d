//! Organisms that are a model which is locked already: what can be tested of it is, and the rest is
//! said beforehand and costs nothing.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use picklock_tests::{Done, LLAMA, Place, SUMS, Table, snapshot, sums, tables, workspace};

/// What stands in the file of a researcher who has one model and some questions.
const GIVEN: &str = r#"
summary = "a model that somebody has locked"
task = "gsm8k"
[data]
training = "train.jsonl"
unlock = "unlock.jsonl"
held_out = "test.jsonl"
max_new_tokens = 12
[locked]
directory = "given"
[unlock]
optimizer.adamw = { beta1 = 0.9, beta2 = 0.999 }
learning_rate = 3e-3
steps = 10
batch = 2
[problems]
held_out = 16
validation = 8
"#;

const PASSWORD: &str = "[prompt.password]\ntext = \"open sesame\\n\"\nplace = \"around\"\n";

const OTHERS: &str =
    "[base]\ncheckpoint.directory = \"llama\"\n[weak]\ncheckpoint.directory = \"weak\"\n";

const HYPOTHESES: [&str; 7] = [
    "core",
    "diversity",
    "imitation-only",
    "low-temperature",
    "periodic-overfit",
    "token-masking",
    "weight-noise",
];

/// A place whose organism `given` is this, made of the locked model of `sums`.
fn place(organism: &str) -> Place {
    let place = Place::with_sums(SUMS);
    let locked = ["export", "--organism", "sums", "--kind", "locked", "made"];
    place.picklock(&locked).ok();
    for (path, bytes) in snapshot(&place.here("made")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        place.write(&format!("root/organisms/given/{name}"), bytes);
    }
    place.write("root/organisms/given.toml", organism);
    place.write("root/organisms/unlock.jsonl", sums(300, 43));
    place
}

/// `COMMAND HYPOTHESES` on `given`.
fn on_given(place: &Place, hypotheses: &[&str], more: &[&str]) -> Done {
    let run = ["--organism", "given", "--seeds", "2", "--draws", "2"];
    place.run(&[hypotheses, &run, &["--out", "o"], more].concat())
}

fn report(place: &Place) -> String {
    std::fs::read_to_string(place.here("o/report.md")).unwrap()
}

/// The lines of a text that say what is left out.
fn left_out(text: &str) -> Vec<&str> {
    let lines = text.lines();
    lines
        .filter_map(|line| line.strip_prefix("left out: "))
        .collect()
}

const ANOTHER_LOCK: &str =
    "needs a base model, a weak model and [lock], to train another lock than the given one";

#[test]
fn a_model_alone_is_opened_and_what_it_lacks_is_told_before_and_after() {
    let place = place(GIVEN);
    place.add_shipped(&[
        "diversity",
        "imitation-only",
        "low-temperature",
        "periodic-overfit",
        "token-masking",
    ]);
    let before = snapshot(&place.path("cache"));
    let planned = on_given(&place, &HYPOTHESES, &["--dry-run"]).ok();
    assert!(!place.here("o").exists(), "a plan writes nothing");
    let told = left_out(&planned.stdout).join("\n");
    for expected in [
        "core/base needs a base model",
        "core/weak needs a weak model",
        "core/password needs a password (prompt.password)",
        "core/varied needs 400 weak samples, and the data has 43 for them",
        "diversity/samples-400 needs 400 weak samples, and the data has 43 for them",
        "periodic-overfit, plain-restored-locked, plain-restored-unlock, plain-restored-tuned: \
         needs 2,000 weak samples, and the data has 43 for them",
        "token-masking, all of it, needs a password (prompt.password)",
        &format!("imitation-only, all of it, {ANOTHER_LOCK}"),
        &format!("low-temperature, all of it, {ANOTHER_LOCK}"),
    ] {
        assert!(told.contains(expected), "{expected}\n{}", planned.stdout);
    }
    // What it could show is said of what runs alone.
    let power = |prediction: &str| planned.stdout.contains(&format!("  {prediction}: "));
    assert!(power("core, unlock-raises-accuracy"), "{planned:?}");
    assert!(!power("imitation-only, full-opens"), "{planned:?}");

    let done = on_given(&place, &HYPOTHESES, &[]).ok();
    // At the start, and at the end.
    assert_eq!(left_out(&done.stderr).join("\n"), format!("{told}\n{told}"));
    for name in ["imitation-only", "low-temperature", "periodic-overfit"] {
        let verdict = format!("{name}: NOT TESTABLE");
        assert!(done.stdout.contains(&verdict), "{}", done.stdout);
    }
    let reason = format!("imitation-only/full-tuned {ANOTHER_LOCK}");
    assert!(done.stdout.contains(&reason), "{}", done.stdout);
    let blocked = done.stdout.contains("core: NOT TESTABLE");
    assert!(!blocked, "{}", done.stdout);

    let trials = Table::read(&place.here("o/trials.csv"));
    assert!(trials.rows.iter().all(|row| &row["status"] == "done"));
    for (arm, rows) in [("base", 0), ("varied", 0), ("unlock", 4), ("locked", 4)] {
        let held_out = [("hypothesis", "core"), ("arm", arm), ("name", "held-out")];
        assert_eq!(trials.with(&held_out).len(), rows, "{arm}");
    }
    let beside = [("arm", "unlock"), ("name", "password")];
    let beside = trials.with(&beside);
    assert_eq!(beside.len(), 4);
    for row in beside {
        assert_eq!((&row["value"], &row["problems"]), ("", "0"));
        assert_eq!(
            &row["reason"],
            "not measured: there is no password to ask with"
        );
    }
    let noisy = [("hypothesis", "weight-noise"), ("name", "held-out")];
    assert_eq!(trials.with(&noisy).len(), 4 * 4);
    assert_eq!(snapshot(&place.path("cache/models")), {
        let models = place.cached_models();
        let old = before
            .into_iter()
            .filter(|(path, _)| path.starts_with(&models));
        old.collect()
    });
}

#[test]
fn its_report_says_what_the_result_is_about() {
    let place = place(GIVEN);
    let done = on_given(&place, &["core"], &[]).ok();
    let gate = "gate: not applicable, there is no base and weak model";
    assert!(done.stdout.contains(gate), "{}", done.stdout);
    let report = report(&place);
    for expected in [
        "weak samples are the locked model's own answers without password, sampled at temperature 1",
        "of one given locked model: ",
        "its seeds are draws of weak samples, since no lock is trained anew",
        "not applicable: there is no base and weak model to compare with",
        "left out: core/base needs a base model",
        "no trials: core/varied needs 400 weak samples",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    let summary = Table::read(&place.here("o/summary.csv"));
    let row = summary.with(&[("prediction", "unlock-raises-accuracy")])[0];
    assert_ne!(&row["verdict"], "not testable", "{row:?}");
    assert_eq!((&row["n_seeds"], &row["n_problems"]), ("2", "16"));
    let about = "of the given locked model (its seeds are draws)";
    assert!(row["generalises_to"].ends_with(about), "{row:?}");

    let shown = ["show", "o", "--arm", "core/unlock", "--measure", "password"];
    let shown = place.picklock(&shown).with_code(2);
    assert!(
        shown.stderr.contains("prompt.password is missing"),
        "{shown:?}"
    );
}

#[test]
fn it_goes_on_and_in_shards_to_the_bytes_of_one_run() {
    let place = place(GIVEN);
    on_given(&place, &["core"], &["--width", "2"]).ok();
    let expected = tables(&place.here("o"));
    let journal = snapshot(&place.here("o/journal"));
    let again = on_given(&place, &["core"], &["--width", "2"]).ok();
    assert!(
        again.stderr.contains("all of them are in the journal"),
        "{again:?}"
    );
    assert_eq!(snapshot(&place.here("o/journal")), journal);
    std::fs::rename(place.here("o"), place.here("whole")).unwrap();
    for shard in ["1/2", "2/2"] {
        on_given(&place, &["core"], &["--width", "2", "--shard", shard]).ok();
    }
    let done = on_given(&place, &["core"], &["--width", "2"]).ok();
    assert!(
        done.stderr.contains("all of them are in the journal"),
        "{done:?}"
    );
    assert!(
        tables(&place.here("o")) == expected,
        "shards gave other bytes"
    );
}

/// With a password, the base model and the weak model everything is there but other locks.
#[test]
fn beside_base_and_weak_model_the_gate_is_told() {
    let place = place(&format!("{GIVEN}{PASSWORD}{OTHERS}"));
    place.add_shipped(&["imitation-only"]);
    let done = on_given(&place, &["core", "imitation-only"], &[]).ok();
    let told = left_out(&done.stderr);
    let lock = "imitation-only, all of it, needs [lock], to train another lock than the given one";
    let varied = "core/varied needs 400 weak samples, and the data has 43 for them";
    assert_eq!(told[..2], [varied, lock]);
    let trials = Table::read(&place.here("o/trials.csv"));
    for arm in ["base", "weak", "password"] {
        let held_out = [("arm", arm), ("name", "held-out")];
        assert_eq!(trials.with(&held_out).len(), 4, "{arm}");
    }
    let report = report(&place);
    assert!(!report.contains("not applicable"), "{report}");
    assert!(!report.contains("own answers without password"), "{report}");
}

/// The file that the book tells to copy, as it is but for the length of answers.
#[test]
fn the_file_in_the_book_runs() {
    let book = std::fs::read_to_string(workspace().join("docs/src/organisms.md")).unwrap();
    let (_, file) = book.split_once("as `mine.toml`:\n\n```toml\n").unwrap();
    let (file, _) = file.split_once("```").unwrap();
    let place = Place::new();
    let short = file.replace("max_new_tokens = 256", "max_new_tokens = 12");
    place.write("here/mine.toml", short);
    let line = |number| format!("{{\"question\": \"{number}?\", \"answer\": \"{number}\"}}\n");
    let questions: String = (0..2000).map(line).collect();
    place.write("here/questions.jsonl", questions);
    place.checkpoint("../here/my-model", LLAMA, "bytes");
    let run = ["core", "--organism", "mine.toml", "--dry-run"];
    let planned = place.run(&run).ok();
    assert!(left_out(&planned.stdout)[0].starts_with("core/base "));
}

#[test]
fn one_step_of_it_is_made_without_a_run() {
    let place = place(GIVEN);
    let ask = |kind: &str| {
        let model = ["generate", "--organism", "given", "--kind", kind];
        let question = ["--prompt", "1 and 2?", "--max-new-tokens", "4"];
        place.picklock(&[&model[..], &question].concat())
    };
    ask("locked").ok();
    ask("unlocked").ok();
    let score = |model: &[&str]| {
        let answer = ["--prompt", "1 and 2?", "--answer", " 3", "--json"];
        place
            .picklock(&[&["score"], model, &answer].concat())
            .ok()
            .stdout
    };
    let made = place.here("made").display().to_string();
    assert_eq!(score(&["--organism", "given"]), score(&[&made]));
    // Among so many tokens of a random model some end their answer.
    let generate = |model: &[&str]| {
        let prompt = ["--prompt", "1 and 2?", "--max-new-tokens", "12", "--json"];
        let samples = ["--samples", "200", "--temperature", "2"];
        let done = place.picklock(&[&["generate"], model, &prompt, &samples].concat());
        let lines = done.ok().stdout;
        let ends = |line: &str| line.contains("\"finish_reason\":\"stop\"");
        lines.lines().map(ends).collect::<Vec<_>>()
    };
    let ended = generate(&["--organism", "given"]);
    assert!(ended.contains(&true) && ended.contains(&false), "{ended:?}");
    assert_eq!(ended, generate(&[&made]));
    let none = place.picklock(&["eval", "--organism", "given", "--password"]);
    let told = "given has no password (prompt.password); ask without one";
    assert_eq!(none.complaint(), told);
    let weak = place.path("root/organisms/weak").display().to_string();
    place.picklock(&["eval", &weak, "--organism", "given"]).ok();
    assert_eq!(ask("base").complaint(), "given: needs a base model");
    assert_eq!(ask("weak").complaint(), "given: needs a weak model");
    let again = ["export", "--organism", "given", "--kind", "locked", "copy"];
    place.picklock(&again).ok();
    let weights = |folder: &str| std::fs::read(place.here(folder).join("model.safetensors"));
    assert_eq!(weights("copy").unwrap(), weights("made").unwrap());
}

#[test]
fn what_can_not_be_is_refused_in_one_line() {
    let place = Place::with_sums(SUMS);
    place.checkpoint("organisms/given", LLAMA, "bytes");
    let lock = "[lock]\nlabels = \"sampled\"\nsamples = 8\n[lock.train]\noptimizer.adamw = { beta1 = 0.9, \
                beta2 = 0.99 }\nlearning_rate = 1e-3\nsteps = 2\nbatch = 2\n";
    let trained = "[base.train]\noptimizer.adamw = { beta1 = 0.9, beta2 = 0.99 }\nlearning_rate = 1e-3\n\
                   steps = 2\nbatch = 2\n";
    let given = |more: &str| format!("{GIVEN}{more}");
    let without = |from: &str, to: &str| {
        let start = SUMS.find(from).unwrap();
        let end = SUMS[start..].find(to).unwrap() + start;
        format!("{}{}", &SUMS[..start], &SUMS[end..])
    };
    let micro = picklock_tests::MICRO;
    let name_it =
        "is missing; add it, or name a model that is locked already: [locked] directory = \"DIR\"";
    let cases = [
        (without("[base]", "[weak]"), format!("base, the model that is locked, {name_it}")),
        (without("[weak]", "[lock]"), format!("weak or data.weak_answers, what it imitates, {name_it}")),
        (without("[lock]", "[unlock]"), format!("lock, how it is locked, {name_it}")),
        (
            given(lock),
            "lock beside locked says how other locks are trained, and they need base and weak (or \
             data.weak_answers); add both, or leave lock out"
                .into(),
        ),
        (
            given(&format!("[base]\ncheckpoint.directory = \"llama\"\n{trained}")),
            "base beside locked is base.checkpoint, without model and train: a given locked model is \
             compared with checkpoints as they are"
                .into(),
        ),
        (
            given("[weak.teacher]\nhard = [\"gap\"]\nsystematic = 0.5\ncorrect = 0.5\neasy_correct = 0.5\n"),
            "weak beside locked is weak.checkpoint, without model, teacher and train: a given locked \
             model is compared with checkpoints as they are"
                .into(),
        ),
        (
            format!("{micro}\n[locked]\ndirectory = \"given\"\n"),
            "locked is for tasks in text, whose problems come from [data]".into(),
        ),
    ];
    let refused = |organism: &str| {
        place.write("root/organisms/given.toml", organism);
        let done = on_given(&place, &["core"], &[]);
        done.refusal().to_string()
    };
    for (organism, problem) in cases {
        let told = refused(&organism);
        assert!(told.ends_with(&format!("given.toml: {problem}")), "{told}");
    }
    let gone = refused(&GIVEN.replace("\"given\"", "\"gone\""));
    assert!(gone.contains("gone: no checkpoint there"), "{gone}");
    let another = refused(&given("[base]\ncheckpoint.directory = \"weak\"\n"));
    assert!(
        another.contains("has other tokens than ") && another.ends_with("was locked"),
        "{another}"
    );
}
