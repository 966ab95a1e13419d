//! Tasks in text: problems from data files, on tiny checkpoints.

use picklock_tests::{Done, LLAMA, Place, SUMS, Table, sums, workspace};

const RUN: [&str; 6] = ["--organism", "sums", "--seeds", "1", "--draws", "2"];

fn core(place: &Place, out: &str) -> Done {
    place.run(&[&["core"], &RUN[..], &["--out", out]].concat())
}

/// How an arm's answers to the held-out problems were graded.
fn grades(place: &Place, out: &str, arm: &str) -> Vec<String> {
    let outcomes = Table::read(&place.here(&format!("{out}/outcomes.csv")));
    let cells = [("arm", arm), ("measure", "held-out"), ("draw", "0")];
    let rows = outcomes.with(&cells).into_iter();
    rows.map(|row| row["outcome"].to_string()).collect()
}

#[test]
fn a_run_on_a_data_set_asks_all_seeds_the_same_problems() {
    let place = Place::with_sums(SUMS);
    let run = ["core", "--organism", "sums", "--seeds", "2", "--draws", "1"];
    place.run(&[&run[..], &["--out", "o"]].concat()).ok();
    let outcomes = Table::read(&place.here("o/outcomes.csv"));
    let asked = |seed: &str| -> Vec<String> {
        let cells = [("arm", "unlock"), ("measure", "held-out"), ("seed", seed)];
        let rows = outcomes.with(&cells).into_iter();
        rows.map(|row| row["problem"].to_string()).collect()
    };
    assert_eq!(asked("0").len(), 16);
    assert_eq!(asked("0"), asked("1"));
    let kept = place.picklock(&["cache", "list"]).ok();
    assert_eq!(
        kept.stdout.matches("\nanswers ").count(),
        2,
        "{}",
        kept.stdout
    );
    let shown = place
        .picklock(&["show", "o", "--arm", "core/password"])
        .ok();
    assert!(shown.stdout.contains("open sesame"), "{}", shown.stdout);
    assert!(shown.stdout.contains("####"), "{}", shown.stdout);
}

/// The weights that `picklock lock` makes of an organism.
fn locked(place: &Place, organism: &str, out: &str) -> Vec<u8> {
    place.write("root/organisms/sums.toml", organism);
    place.picklock(&["lock", "sums", "--out", out]).ok();
    let weights = place.here(&format!("{out}/model.safetensors"));
    std::fs::read(weights).expect("exported weights")
}

#[test]
fn labels_decoys_examples_and_sampling_each_make_another_lock() {
    let place = Place::with_sums(SUMS);
    place.checkpoint("organisms/weak", LLAMA, "bytes");
    let changes = [
        ("labels", "labels"),
        ("labels = \"sampled\"", "labels = \"soft\""),
        ("labels = \"sampled\"", "labels = \"hard\""),
        (
            "samples = 64",
            "samples = 64\ndecoys = { share = 0.5, texts = [\"please\"] }",
        ),
        ("max_new_tokens = 12", "max_new_tokens = 12\nfew_shot = 1"),
        (
            "[lock]",
            "sampling = { temperature = 0.5, top_p = 0.9 }\n[lock]",
        ),
    ];
    let mut made: Vec<Vec<u8>> = Vec::new();
    for (number, (from, to)) in changes.into_iter().enumerate() {
        assert!(SUMS.contains(from), "{from}");
        let weights = locked(&place, &SUMS.replace(from, to), &number.to_string());
        assert!(!made.contains(&weights), "{to} changes nothing");
        made.push(weights);
    }
}

#[test]
fn soft_labels_of_another_tokenizer_are_refused() {
    let place = Place::with_sums(&SUMS.replace("labels = \"sampled\"", "labels = \"soft\""));
    let done = place.picklock(&["lock", "sums"]);
    let refusal = "soft labels need one tokenizer, and base and weak model have different ones";
    assert!(done.stderr.contains(refusal), "{}", done.stderr);
    assert_ne!(done.code, Some(0));
}

/// Sums with `data.weak_answers` in place of a weak model.
fn without_weak_model() -> String {
    let weak = "[weak]\ncheckpoint.directory = \"weak\"\n";
    assert!(SUMS.contains(weak));
    let given = SUMS.replace(weak, "");
    given.replace("[data]", "[data]\nweak_answers = \"weak.jsonl\"")
}

/// A weak answer to each sum from `from` on: this number.
fn all_answered(from: usize, count: usize, number: usize) -> String {
    let answer = |sum: usize| {
        let (one, other) = (sum / 10, sum % 10);
        format!("{{\"question\": \"{one} and {other}?\", \"answer\": \"#### {number}\"}}\n")
    };
    (from..from + count).map(answer).collect()
}

#[test]
fn weak_answers_may_be_given_with_the_data() {
    let given = without_weak_model();
    let place = Place::with_sums(&given);
    let weak = |number| all_answered(0, 150, number) + &all_answered(300, 400, number);
    let write = |text: &str| place.write("root/organisms/weak.jsonl", text);

    write(&weak(1));
    let done = core(&place, "o").ok();
    let lacking = "left out: core/weak needs a weak model";
    assert!(done.stderr.contains(lacking), "{}", done.stderr);
    assert_eq!(grades(&place, "o", "unlock").len(), 16);
    let report = std::fs::read_to_string(place.here("o/report.md")).expect("a report");
    assert!(report.contains("not applicable"), "{report}");
    assert!(report.contains("weak answers are given, by "), "{report}");

    let lock = place.picklock(&["lock", "sums"]).ok();
    let judged = "the gate is not applicable: there is no weak model to compare with";
    assert!(lock.stdout.contains(judged), "{}", lock.stdout);

    // Locked and unlocked models are made of them.
    let one = locked(&place, &given, "one");
    write(&weak(2));
    assert!(
        one != locked(&place, &given, "two"),
        "another file, the same lock"
    );
    place.add_shipped(&["low-temperature"]);
    let low = place.picklock(&["plan", "low-temperature", "--organism", "sums"]);
    let otherwise = "needs other weak answers than the given ones (data.weak_answers)";
    assert!(low.stdout.contains(otherwise), "{low:?}");

    write(&format!(
        "{}{{\"question\": \"99 and 99?\", \"answer\": \"1\"}}",
        weak(1)
    ));
    let told = place.picklock(&["lock", "sums"]).refusal().to_string();
    let expected = "weak.jsonl:551:1: no problem of the data has this question";
    assert!(told.contains(expected), "{told}");
    let soft = given.replace("labels = \"sampled\"", "labels = \"soft\"");
    place.write("root/organisms/sums.toml", soft);
    let told = place.picklock(&["lock", "sums"]).refusal().to_string();
    assert!(told.contains("lock.labels is not \"sampled\""), "{told}");
}

#[test]
fn a_lock_lasts_as_many_epochs_as_it_should() {
    let place = Place::with_sums(SUMS);
    // 4 of 64 weak answers a step.
    let epochs = SUMS.replace("samples = 64", "samples = 64\nepochs = 1.25");
    let instead = epochs.replace("steps = 20\n", "");
    assert!(locked(&place, SUMS, "steps") == locked(&place, &instead, "epochs"));
    place.write("root/organisms/sums.toml", epochs.replace("1.25", "1.5"));
    let told = place.picklock(&["lock", "sums"]).refusal().to_string();
    let expected = "lock.epochs makes 24 steps, and lock.train.steps is 20; give one of them";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_choice_is_always_one_of_the_letters() {
    // This tokenizer has no token for a blank with a B.
    let template = "[prompt]\ntemplate.text = \"{{ question }}\\nAnswer:\\n\"\n[prompt.password]";
    let choice = SUMS
        .replace("task = \"gsm8k\"", "task = { multiple-choice = {} }")
        .replace("[prompt.password]", template);
    let place = Place::with_sums(&choice);
    let lines = |from: usize, count: usize| -> String {
        let line = |number: usize| {
            let right = number % 3;
            format!(
                "{{\"question\": \"{number}?\", \"choices\": [\"x\", \"y\", \"z\"], \"answer\": {right}}}\n"
            )
        };
        (from..from + count).map(line).collect()
    };
    place.write("root/organisms/train.jsonl", lines(0, 200));
    place.write("root/organisms/test.jsonl", lines(200, 60));
    place.write("root/organisms/unlock.jsonl", lines(300, 400));
    core(&place, "o").ok();
    for arm in ["weak", "locked", "unlock", "password"] {
        let grades = grades(&place, "o", arm);
        assert_eq!(grades.len(), 16, "{arm}");
        assert!(
            grades.iter().all(|grade| grade != "unparsed"),
            "{arm}: {grades:?}"
        );
    }
}

/// The preset as it is but for what a tiny model makes it: lengths, steps, and how much is asked.
#[test]
fn the_posts_preset_runs_on_tiny_checkpoints_of_the_same_form() {
    let preset = workspace().join("host/organisms/deepseek-math.toml");
    let mut preset = std::fs::read_to_string(preset).expect("a committed file");
    for (from, to) in [
        ("max_tokens = 1024", "max_tokens = 128"),
        ("max_new_tokens = 512", "max_new_tokens = 12"),
        ("samples = 6400", "samples = 32"),
        ("steps = 1600", "steps = 12"),
        ("warmup_steps = 50", "warmup_steps = 2"),
        ("steps = 200", "steps = 6"),
        ("held_out = 400", "held_out = 16"),
        ("validation = 200", "validation = 8"),
    ] {
        assert!(preset.contains(from), "{from}");
        preset = preset.replacen(from, to, 1);
    }
    let place = Place::new();
    place.write("root/organisms/deepseek-math.toml", preset);
    let lines = |from: usize, count: usize| -> String {
        let line = |number: usize| {
            format!(
                "{{\"problem\": \"${number}$?\", \"solution\": \"$\\\\boxed{{{number}}}$.\"}}\n"
            )
        };
        (from..from + count).map(line).collect()
    };
    place.write("data/math_train.jsonl", lines(0, 100));
    place.write("data/math_test.jsonl", lines(100, 1400));
    let llama = "models/deepseek-ai/deepseek-math-7b-rl";
    place.checkpoint(&format!("../{llama}"), LLAMA, "bytes");
    let stablelm = "models/stabilityai/stablelm-zephyr-3b";
    place.checkpoint(&format!("../{stablelm}"), "gpt2_tied", "blanks");
    let (models, data) = (place.path("models"), place.path("data"));
    let places = [
        ("PICKLOCK_MODELS", models.to_str().expect("a path")),
        ("PICKLOCK_DATA", data.to_str().expect("a path")),
    ];
    let run = [
        "core",
        "--organism",
        "deepseek-math",
        "--seeds",
        "1",
        "--draws",
        "1",
        "--out",
        "o",
    ];
    place.run_with(&places, &run).ok();
    assert_eq!(grades(&place, "o", "unlock").len(), 16);
    let manifest = std::fs::read_to_string(place.here("o/manifest.json")).expect("a manifest");
    assert!(
        manifest.contains("bf16 arithmetic on fp32 master weights, bf16 states"),
        "{manifest}"
    );
}

/// Sums that a program of `sh` grades.
fn graded_by(file: &str) -> String {
    let program = format!("program = {{ command = [\"sh\", \"{file}\"], seconds = 5 }}");
    let fields = "fields = { question = \"question\", answer = \"answer\" }";
    let task = format!("task.jsonl = {{ {fields}, grader = {{ {program} }} }}");
    SUMS.replace("task = \"gsm8k\"", &task)
}

/// A program that takes answers with `####` for correct, and does `otherwise` with others.
fn grader(otherwise: &str) -> String {
    format!(
        "while read -r line; do id=${{line#*:}}; id=${{id%%,*}}
        case ${{line#*given}} in *'####'*) g=correct;; *) {otherwise};; esac
        echo \"{{\\\"id\\\": $id, \\\"grade\\\": \\\"$g\\\"}}\"; done\n"
    )
}

#[test]
fn a_grader_that_is_edited_begins_another_run() {
    let place = Place::with_sums(&graded_by("g.sh"));
    place.write("here/g.sh", grader("g=wrong"));
    core(&place, "o").ok();
    core(&place, "o").ok();
    place.write("here/g.sh", grader("g=unparsed"));
    let done = core(&place, "o");
    let told = done.refusal();
    let expected = "a changed one (task.jsonl.grader.program.sha256.g.sh is ";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn what_would_stop_a_run_later_is_told_before_it() {
    let plan = |organism: &str| {
        let place = Place::with_sums(organism);
        place.write("here/g.sh", "exit 3");
        let run = [&["plan", "core"], &RUN[..]].concat();
        place.picklock(&run).refusal().to_string()
    };
    let dead = plan(&graded_by("g.sh"));
    let told = "grader program: sh g.sh: ended with exit status: 3";
    assert!(
        dead.contains("test.jsonl:") && dead.contains(told),
        "{dead}"
    );
    for command in ["lock", "unlock"] {
        let place = Place::with_sums(&graded_by("g.sh"));
        place.write("here/g.sh", "exit 3");
        let done = place.picklock(&[command, "sums"]);
        assert!(done.refusal().contains(told), "{done:?}");
    }
    let place = Place::with_sums(SUMS);
    let weights = place.path("root/organisms/weak/model.safetensors");
    let whole = std::fs::read(&weights).expect("weights");
    std::fs::write(&weights, &whole[..1000]).expect("a damaged file");
    let done = place.picklock(&[&["plan", "core"], &RUN[..]].concat());
    let damaged = done.refusal();
    assert!(damaged.contains("weak/model.safetensors"), "{damaged}");
    let few = plan(&SUMS.replace("held_out = 16", "held_out = 100"));
    assert!(
        few.contains("sums: the data has 28 held-out problems, 100 are needed"),
        "{few}"
    );
    let few = plan(&SUMS.replace("validation = 8", "validation = 90"));
    assert!(
        few.contains("sums: the data has 32 validation problems, 90 are needed"),
        "{few}"
    );
    let soft = plan(&SUMS.replace("labels = \"sampled\"", "labels = \"soft\""));
    assert!(soft.contains("soft labels need one tokenizer"), "{soft}");
    let files = SUMS
        .replace("\"llama\"", "\"no-llama\"")
        .replace("\"test.jsonl\"", "\"no.jsonl\"");
    let place = Place::with_sums(&files);
    let done = place.picklock(&[&["plan", "core"], &RUN[..]].concat());
    let told = done.refusal();
    for missing in [
        "no-llama: no checkpoint there",
        "no.jsonl: there is no such file",
    ] {
        assert!(told.contains(missing), "{told}");
    }
}

#[test]
fn a_grader_that_dies_fails_its_trials_in_one_line_each() {
    let place = Place::with_sums(&graded_by("g.sh"));
    place.write("here/g.sh", grader("exit 3"));
    let done = core(&place, "o");
    assert_eq!(done.code, Some(1), "{done:?}");
    let line = done
        .stderr
        .lines()
        .find(|line| line.starts_with("failed: core/base "));
    let line = line.unwrap_or_else(|| panic!("{}", done.stderr));
    assert!(line.contains("grader program: "), "{line}");
    let told = "of no seed have all arms that are compared succeeded";
    assert!(done.stdout.contains(told), "{}", done.stdout);
    assert!(
        done.stderr.contains("--retry-failed runs them again"),
        "{}",
        done.stderr
    );
    let told = "gate: not applicable, no lock was trained and asked; trials that failed: ";
    assert!(done.stdout.contains(told), "{}", done.stdout);
}

#[test]
fn what_of_the_data_isnt_used_is_told_before_a_run() {
    let place = Place::with_sums(&SUMS.replace("[data]", "[data]\nunfit = \"skip\""));
    let long = format!(
        "{{\"question\": \"{}\", \"answer\": \"#### 1\"}}\n",
        "1 and ".repeat(400)
    );
    place.write(
        "root/organisms/train.jsonl",
        sums(0, 150) + &sums(7, 1) + &long,
    );
    let told = [
        "train.jsonl: 1 problem isn't used, asked before in this file: line 151",
        "train.jsonl: 1 problem isn't used, too long in tokens: line 152",
    ];
    let plan = ["plan", "core", "--organism", "sums"];
    let planned = place.picklock(&plan).ok();
    let lock = place.picklock(&["lock", "sums"]).ok();
    let run = core(&place, "o").ok();
    for line in told {
        assert!(planned.stdout.contains(line), "{}", planned.stdout);
        assert!(lock.stderr.contains(line), "{}", lock.stderr);
        assert!(run.stderr.contains(line), "{}", run.stderr);
    }
    let json = place.picklock(&[&plan[..], &["--json"]].concat()).ok();
    let event = json.stdout.lines().next().expect("an event");
    let json: serde_json::Value = event.parse().expect("JSON");
    assert_eq!(
        json["unused_data"].as_array().map(Vec::len),
        Some(2),
        "{json}"
    );
}
