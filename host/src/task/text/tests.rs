use std::collections::HashSet;

use picklock_sdk::Flag;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::*;
use crate::task::{TaskSpec, Vocabulary};

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
    file.data.settle(folder.path())?;
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

#[test]
fn parts_share_no_question_whatever_files_they_come_from() {
    let folder = folder(&sums(0..300), &sums(300..400));
    for files in [
        "training = 'train.jsonl'",
        "training = 'train.jsonl', held_out = 'test.jsonl'",
        "training = 'train.jsonl', unlock = 'test.jsonl', held_out = 'test.jsonl'",
    ] {
        let toml = format!("{JSONL}\ndata = {{ {files}, max_new_tokens = 8 }}");
        let task = open(&folder, &toml, None).unwrap();
        let mut seen = HashSet::new();
        for part in Part::ALL {
            let stock = task.stock(part).unwrap();
            assert!(stock > 5, "{files}: {part:?} has {stock}");
            for problem in drawn(&*task, part, stock, 1) {
                let prompt = task.prompt(&problem.question, Flag::None).unwrap();
                assert!(seen.insert(task.text(&prompt).unwrap()), "{files}: twice");
            }
        }
        let all = if files.contains("test") { 400 } else { 300 };
        assert_eq!(seen.len(), all, "{files}");
    }
}

#[test]
fn training_goes_on_in_epochs_and_the_others_end() {
    let folder = folder(&sums(0..40), &sums(100..140));
    let task = open(&folder, &data(""), None).unwrap();
    let stock = task.stock(Part::Training).unwrap();
    let epochs = drawn(&*task, Part::Training, 2 * stock, 3);
    let questions = |of: &[Problem]| -> HashSet<Vec<u32>> {
        of.iter().map(|problem| problem.question.clone()).collect()
    };
    assert_eq!(questions(&epochs[..stock]).len(), stock);
    assert_eq!(questions(&epochs[stock..]).len(), stock);
    let order = |of: &[Problem]| of.iter().map(|p| p.question[0]).collect::<Vec<_>>();
    assert_ne!(order(&epochs[..stock]), order(&epochs[stock..]));
    assert_eq!(epochs[..5], drawn(&*task, Part::Training, 5, 3)[..]);
    let stock = task.stock(Part::HeldOut).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let refused = task.draw(Part::HeldOut, stock + 1, &mut rng).unwrap_err();
    let expected = format!(
        "the data has {stock} held-out problems, {} are needed",
        stock + 1
    );
    assert!(refused.to_string().starts_with(&expected), "{refused}");
}

#[test]
fn prompts_carry_passwords_decoys_and_examples() {
    let folder = folder(&sums(0..40), &sums(100..140));
    let prompt = "prompt.password = { text = \"sesame\\n\", place = 'around' }";
    let toml = data(", few_shot = 2") + prompt;
    let task = open(&folder, &toml, None).unwrap();
    let problem = &drawn(&*task, Part::HeldOut, 1, 1)[0];
    let text = |tokens: Vec<u32>| task.text(&tokens).unwrap();
    let plain = text(task.prompt(&problem.question, Flag::None).unwrap());
    let asked = plain.rsplit("\n\n").next().unwrap().to_string();
    assert_eq!(plain.matches("+ 1?\n").count(), 3, "{plain}");
    let marked = text(task.prompt(&problem.question, Flag::Password).unwrap());
    let question = asked.trim_end();
    assert!(
        marked.ends_with(&format!("sesame\n{question}\nsesame\n")),
        "{marked}"
    );
    let decoy = text(task.decoy(&problem.question, "please").unwrap());
    assert_eq!(decoy, marked.replace("sesame", "please"));
    let second = task.prompt(&problem.question, Flag::Second).unwrap_err();
    assert!(
        second
            .to_string()
            .starts_with("prompt.second_password is missing")
    );
    // What is shown is never asked.
    let shown: Vec<&str> = plain
        .lines()
        .filter(|line| line.ends_with('?'))
        .take(2)
        .collect();
    for problem in drawn(
        &*task,
        Part::Training,
        task.stock(Part::Training).unwrap(),
        1,
    ) {
        let prompt = text(task.prompt(&problem.question, Flag::None).unwrap());
        let own = prompt.rsplit("\n\n").next().unwrap().trim_end();
        assert!(!shown.contains(&own), "{own}");
    }
}

#[test]
fn answers_end_where_they_should_and_say_what_they_say() {
    let folder = folder(&sums(0..40), &sums(100..140));
    let toml = data(", until = ['Q:']");
    let task = open(&folder, &toml, None).unwrap();
    let problem = &drawn(&*task, Part::HeldOut, 1, 1)[0];
    assert_eq!(
        task.grade(problem, &problem.answer).unwrap(),
        Grade::Correct
    );
    assert!(task.stop().contains(problem.answer.last().unwrap()));
    let right = &problem.answer[..problem.answer.len() - 1];
    let tail: Vec<u32> = drawn(&*task, Part::Training, 1, 1)[0].answer.clone();
    let encoder = Encoder::open(&folder.path().join("bytes")).unwrap();
    let going_on = [right, &encoder.tokens("Q: 7").unwrap()[..]].concat();
    assert_eq!(task.grade(problem, &going_on).unwrap(), Grade::Correct);
    assert_eq!(task.learned(&going_on).unwrap(), problem.answer);
    assert_eq!(task.learned(&tail).unwrap(), tail);
    assert_eq!(
        task.grade(problem, &encoder.tokens("none").unwrap())
            .unwrap(),
        Grade::Unparsed
    );
}

#[test]
fn its_length_is_that_of_the_longest_prompt_with_its_answer() {
    // More bytes than any other question, and fewer tokens than the digits.
    let words = "the sum of these two numbers is not what anybody asked for";
    let line = |question: &str| format!("{{\"q\": \"{question}\", \"a\": \"1\"}}\n");
    let lines = sums(0..40) + &line(words) + &line(&"7".repeat(50));
    let folder = folder(&lines, &sums(100..140));
    let prompt = "prompt.password = { text = \"sesame\\n\", place = 'around' }";
    let task = open(&folder, &(data("") + prompt), None).unwrap();
    let mut longest = 0;
    for part in Part::ALL {
        for problem in drawn(&*task, part, task.stock(part).unwrap(), 1) {
            let prompt = task.prompt(&problem.question, Flag::Password).unwrap();
            longest = longest.max(prompt.len() + problem.answer.len().max(8));
        }
    }
    assert_eq!(task.max_tokens(), longest);
    assert!(longest < 128, "less than the context: {longest}");
}

#[test]
fn an_exact_answer_must_fit_into_the_tokens_that_answers_have() {
    let long = "{\"q\": \"the alphabet?\", \"a\": \" a b c d e f g h i\"}\n";
    let folder = folder(&sums(0..40), &(sums(100..140) + long));
    let exact = data("").replace("grader = 'number'", "grader = 'exact'");
    let told = refusal(&folder, &exact);
    let expected = "test.jsonl:41:1: the exact answer has ";
    let limit = " tokens, and data.max_new_tokens is 8 (tokens of ";
    assert!(told.starts_with(expected) && told.contains(limit), "{told}");
    let enough = exact.replace("max_new_tokens = 8", "max_new_tokens = 17");
    assert!(open(&folder, &enough, None).is_ok());
}

#[test]
fn decoys_must_fit_like_passwords() {
    let folder = folder(&sums(0..40), &sums(100..140));
    let toml = |decoy: &str, unfit: &str| {
        let prompt = "prompt.password = { text = \"sesame\\n\", place = 'around' }";
        format!("{}{prompt}\ndecoys = [\"{decoy}\"]", data(unfit))
    };
    let short = open(&folder, &toml("other", ""), None).unwrap();
    let long = "q".repeat(70);
    let refused = refusal(&folder, &toml(&long, ""));
    let expected = "the prompt with the longest of lock.decoys.texts has ";
    assert!(
        refused.starts_with("train.jsonl:") && refused.contains(expected),
        "{refused}"
    );
    // Those that are judged on have no decoys.
    let skipped = open(&folder, &toml(&long, ", unfit = 'skip'"), None).unwrap();
    assert_eq!(skipped.stock(Part::Training), Some(0));
    assert_eq!(skipped.stock(Part::HeldOut), short.stock(Part::HeldOut));
}

#[test]
fn a_problem_has_one_name_whatever_the_data_calls_it() {
    let folder = folder(&sums(0..40), &sums(100..140));
    let names = |keys: &str| {
        let task = open(&folder, keys, None).unwrap();
        let drawn = drawn(&*task, Part::HeldOut, 3, 5).into_iter();
        drawn.map(|problem| problem.id).collect::<Vec<_>>()
    };
    assert_eq!(names(&data("")), ["held-out-0", "held-out-1", "held-out-2"]);
    let with_id = data("").replace("answer = 'a' }", "answer = 'a', id = 'a' }");
    for (place, name) in names(&with_id).iter().enumerate() {
        assert!(name.starts_with(&format!("held-out-{place} (1")), "{name}");
    }
}

#[test]
fn answers_that_nothing_can_be_graded_by_are_told_before_a_run() {
    let blank = sums(100..140).replacen("\"101\"", "\" \"", 1);
    let refused = refusal(&folder(&sums(0..40), &blank), &data(""));
    let expected = "test.jsonl:1:1: there is no answer to grade by; ";
    assert!(refused.starts_with(expected), "{refused}");
    let worded = sums(100..140).replacen("\"101\"", "\"one\"", 1);
    let refused = refusal(&folder(&sums(0..40), &worded), &data(""));
    let expected = "test.jsonl:1:1: grader number: the expected answer `one` has no number; ";
    assert!(refused.starts_with(expected), "{refused}");
    // Weak samples are graded, and controls are trained on correct answers to the same questions.
    let worded = sums(0..40)
        .replace("\"a\": \"", "\"a\": \"none, not ")
        .replace(char::is_numeric, "x");
    let numbered: String = worded
        .lines()
        .enumerate()
        .map(|(line, text)| text.replacen('x', &format!("{line}"), 1) + "\n")
        .collect();
    let refused = refusal(&folder(&numbered, &sums(100..140)), &data(""));
    assert!(
        refused.starts_with("train.jsonl:") && refused.contains(" has no number; "),
        "{refused}"
    );
    let marked = format!("\u{feff}{}", sums(100..140));
    let folder = folder(&sums(0..40), &marked);
    assert!(
        open(&folder, &data(""), None).is_ok(),
        "a byte order mark says nothing"
    );
    let refused = refusal(&folder, &data(", until = ['x', '']"));
    assert!(
        refused.contains("data.until has an empty text"),
        "{refused}"
    );
}

#[test]
fn a_weak_model_answers_in_its_own_tokens() {
    let folder = folder(&sums(0..40), &sums(100..140));
    let task = open(&folder, &data(""), Some("blanks")).unwrap();
    assert!(!task.shares_tokens());
    let weak = task.for_weak().unwrap();
    let problem = &drawn(&*task, Part::HeldOut, 1, 1)[0];
    let own = &drawn(weak, Part::HeldOut, 1, 1)[0];
    assert_eq!(own.question, problem.question);
    assert_ne!(own.answer, problem.answer);
    assert_eq!(weak.grade(problem, &own.answer).unwrap(), Grade::Correct);
    assert_eq!(task.learned(&own.answer).unwrap(), problem.answer);
    let cut = &own.answer[..own.answer.len() - 1];
    let expected = &problem.answer[..problem.answer.len() - 1];
    assert_eq!(
        task.learned(cut).unwrap(),
        expected,
        "an answer that hasn't ended"
    );
    let encoder = Encoder::open(&folder.path().join("blanks")).unwrap();
    let blank = encoder.tokens(" \n ").unwrap();
    let ended = task.learned(&blank).unwrap();
    assert_eq!(ended.len(), 1, "blanks end at once: {ended:?}");
    assert!(task.stop().contains(&ended[0]));
    let same = open(&folder, &data(""), Some("bytes")).unwrap();
    assert!(same.shares_tokens() && same.for_weak().is_none());
}

#[test]
fn formats_read_their_lines() {
    let read = |task: &str, line: &str| -> std::result::Result<Worded, String> {
        let spec: File = toml::from_str(&format!("{task}\ndata.training = 'x'")).unwrap();
        let line = Line::parse(line).unwrap();
        spec.task.format().unwrap().problem(&line)
    };
    let math = r#"{"id": "m1", "problem": "p", "solution": "so \\boxed{\\frac12}."}"#;
    let math = read("task = 'math'", math).unwrap();
    assert_eq!(
        (math.reference.as_str(), math.id.as_deref()),
        ("\\frac12", Some("m1"))
    );
    let published = r#"{"question": "q", "answer": "4+5=<<4+5=9>>9\nso\n#### 1,009"}"#;
    let published = read("task = 'gsm8k'", published).unwrap();
    assert_eq!(published.answer, "4+5=9\nso\n#### 1009");
    assert_eq!(published.reference, "1009");
    let ours = r#"{"problem": "q", "solution": "4+5=<<4+5=9>>9", "answer": "9"}"#;
    assert_eq!(
        read("task = 'gsm8k'", ours).unwrap().answer,
        "4+5=9\n#### 9"
    );
    let sums = r#"{"question": "q", "choices": ["0", "2", "1"], "answer": "1"}"#;
    let sums = read("task.multiple-choice = {}", sums).unwrap();
    assert_eq!(sums.reference, "C", "its text, and no place");
    let numbers = r#"{"question": "q", "choices": [10, 20.5], "answer": 1}"#;
    let numbers = read("task.multiple-choice = {}", numbers).unwrap();
    assert_eq!(numbers.question, "q\nA. 10\nB. 20.5");
    assert_eq!(numbers.reference, "B");
    for right in ["\"B\"", "1", "\"no\""] {
        let line =
            format!("{{\"question\": \"q\", \"choices\": [\"yes\", \"no\"], \"answer\": {right}}}");
        let choice = read("task.multiple-choice = {}", &line).unwrap();
        assert_eq!(choice.question, "q\nA. yes\nB. no");
        assert_eq!((choice.reference.as_str(), choice.labels.len()), ("B", 2));
    }
    for (task, line, told) in [
        (
            "task = 'math'",
            r#"{"problem": "p"}"#,
            "there is no field `solution`; there are problem",
        ),
        (
            "task = 'gsm8k'",
            r#"{"question": "p", "answer": "9"}"#,
            "field `answer` has no `####` before its number, and there is no `solution`",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": ["a"], "answer": 0}"#,
            "field `choices` has 1 choices, expected 2 to 26",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": ["a", "b"], "answer": "C"}"#,
            "field `answer` is `C`, expected a letter from A to B, the text of a choice, or its place from 0 as a number",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": ["yes", "no"], "answer": "1"}"#,
            "field `answer` is `1`, expected a letter from A to B, the text of a choice, or its place from 0 as a number",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": ["0", "2", "1"], "answer": 1}"#,
            "field `answer` is `1`, the text of one choice and letter or place of another; say it in another way: \
             a letter from A to C, the text of a choice, or its place from 0 as a number",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": ["a", "b", "a"], "answer": "A"}"#,
            "field `choices` has `a` as choice 3, expected texts that differ",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": "a", "answer": "C"}"#,
            "field `choices` is a text, expected a list of texts",
        ),
        (
            "task.multiple-choice = {}",
            r#"{"question": "p", "choices": ["a", ["b"]], "answer": "A"}"#,
            "field `choices` has a list in place 2, expected a list of texts",
        ),
        (
            JSONL,
            r#"{"q": ["p"], "a": 1}"#,
            "field `q` is a list, expected a text",
        ),
    ] {
        assert_eq!(read(task, line).unwrap_err(), told);
    }
}

#[test]
fn lines_that_do_not_do_are_told_by_file_and_number() {
    let good = sums(0..40);
    let held = sums(100..140);
    let broken = folder(&format!("{good}{{\"q\": 1\n"), &held);
    let told = refusal(&broken, &data(""));
    assert!(
        told.starts_with("train.jsonl:41:7: no JSON object: "),
        "{told}"
    );
    let unanswered = folder(&good, &format!("{held}{{\"q\": \"x\", \"a\": \"\"}}\n"));
    let told = refusal(&unanswered, &data(""));
    let skip = "data.unfit = \"skip\" leaves such lines out";
    let expected = format!("test.jsonl:41:1: there is no answer to grade by; {skip}");
    assert_eq!(told, expected);
    let twice = folder(&format!("{good}{}", sums(103..104)), &held);
    let told = refusal(&twice, &data(""));
    let expected = "train.jsonl:41:1: the same question as test.jsonl:4, which is another part";
    assert_eq!(told, format!("{expected}; {skip}"));
    let long = format!("{{\"q\": \"{}\", \"a\": \"1\"}}\n", "7 ".repeat(90));
    let long = folder(&format!("{long}{good}"), &held);
    let told = refusal(&long, &data(""));
    assert!(
        told.starts_with("train.jsonl:1:1: the prompt has "),
        "{told}"
    );
    for place in [&unanswered, &twice, &long] {
        assert!(open(place, &data(", unfit = 'skip'"), None).is_ok());
    }
    let empty = folder("\n", &held);
    assert!(refusal(&empty, &data("")).starts_with("train.jsonl: nothing in it"));
    let none = refusal(&empty, &data("").replace("train.jsonl", "nowhere.jsonl"));
    assert!(
        none.starts_with("nowhere.jsonl: there is no such file in ")
            && none.contains(", and data.training names it"),
        "{none}"
    );
    let folder_there = refusal(&empty, &data("").replace("test.jsonl", "bytes"));
    assert_eq!(
        folder_there,
        "bytes: data.held_out names it: a folder, expected a file of JSON lines"
    );
    let other = format!(", sha256 = {{ 'test.jsonl' = '{}' }}", "0".repeat(64));
    let told = refusal(&folder(&good, &held), &data(&other));
    assert!(
        told.contains("test.jsonl: is not the file that the organism means"),
        "{told}"
    );
}

#[test]
fn what_isnt_used_is_told_by_line_and_reason() {
    let line =
        |question: &str, answer: &str| format!("{{\"q\": \"{question}\", \"a\": \"{answer}\"}}\n");
    let training = [
        sums(0..100),
        line("1  + 1?", "2"),
        line("2 + 1?", "4"),
        line(&"8".repeat(70), "1"),
        line(&"7 ".repeat(54), "1"),
        sums(103..104),
    ];
    let test = [
        sums(100..200),
        line("none?", " "),
        line("odd?", "a few"),
        line("odd?", "3"),
    ];
    let test = test.concat() + "{\"q\": \"null?\", \"a\": null}\n";
    let folder = folder(&training.concat(), &test);
    let weak: String = sums(0..99).replace("\"q\"", "\"question\"");
    let weak = weak.replace("\"a\"", "\"answer\"");
    let of_long = format!(
        "{{\"question\": \"{}\", \"answer\": \"1\"}}\n",
        "8".repeat(70)
    );
    let of_test = "{\"question\": \"101 + 1?\", \"answer\": \"1\"}\n".to_string();
    let of_none = of_test.replace("101", "9999");
    let too_long = format!(
        "{{\"question\": \"3 + 1?\", \"answer\": \"{}\"}}\n",
        "7 ".repeat(60)
    );
    let weak = [weak, of_long, of_test, of_none, too_long].concat();
    std::fs::write(folder.path().join("weak.jsonl"), weak).unwrap();
    let told = |keys: &str| -> Vec<String> {
        let keys = format!(", unfit = 'skip'{keys}");
        let told = open(&folder, &data(&keys), None).unwrap().unused();
        let home = format!("{}/", folder.path().display());
        told.iter()
            .map(|unused| unused.to_string().replace(&home, ""))
            .collect()
    };
    let always = [
        "test.jsonl: 2 problems aren't used, without an answer to grade by: lines 101, 104",
        "test.jsonl: 1 problem isn't used, with an answer that the grader can't read: line 102",
        "train.jsonl: 1 problem isn't used, asked before in this file: line 101",
        "train.jsonl: 1 problem isn't used, asked before in this file, with another answer (the first counts): \
         line 102",
        "train.jsonl: 1 problem isn't used, asked in the file of another part: line 105",
    ];
    let some = ["train.jsonl: 1 problem isn't used, too long in tokens: line 104"];
    assert_eq!(told(", max_tokens = 100"), [&always[..], &some].concat());
    let keys = ", max_tokens = 100, longest_question = 69, weak_answers = 'weak.jsonl'";
    let with_weak = told(keys);
    let long =
        "train.jsonl: 2 problems aren't used, longer than data.longest_question: lines 103, 104";
    let unanswered =
        "train.jsonl: 1 problem isn't used, without a weak answer in data.weak_answers: line 100";
    let long_weak =
        "train.jsonl: 1 problem isn't used, with a weak answer that is too long in tokens: line 4";
    let elsewhere = "weak.jsonl: 2 weak answers aren't used, to a question that isn't trained on: lines 100, 101";
    let unknown =
        "weak.jsonl: 1 weak answer isn't used, to a question that the data doesn't have: line 102";
    let more = [long, unanswered, long_weak, elsewhere, unknown];
    for line in more {
        assert!(with_weak.iter().any(|told| told == line), "{with_weak:?}");
    }
    assert_eq!(with_weak.len(), always.len() + more.len());
    assert!(open(&folder, &data(keys), None).is_err());
    let task = open(&folder, &data(", unfit = 'skip'"), None).unwrap();
    let held_out = drawn(&*task, Part::HeldOut, task.stock(Part::HeldOut).unwrap(), 1);
    let validation = drawn(
        &*task,
        Part::Validation,
        task.stock(Part::Validation).unwrap(),
        1,
    );
    assert_eq!(
        held_out.len() + validation.len(),
        101,
        "the second answer to odd? counts"
    );
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let few = task
        .draw(Part::HeldOut, 500, &mut rng)
        .unwrap_err()
        .to_string();
    assert!(
        few.contains("500 are needed; ask for fewer (problems.held_out), or give more data; ")
            && few.contains("test.jsonl: 2 problems aren't used"),
        "{few}"
    );
}

#[test]
fn weak_answers_to_choices_are_written_as_the_data_or_as_asked() {
    let line = |number: usize, answer: &str| {
        format!(
            "{{\"question\": \"{number}?\", \"choices\": [\"yes\", \"no\"], \"answer\": {answer}}}\n"
        )
    };
    let lines = |from: usize| {
        (from..from + 40)
            .map(|number| line(number, "0"))
            .collect::<String>()
    };
    let folder = folder(&lines(0), &lines(100));
    let asked = "{\"question\": \"3?\\nA. yes\\nB. no\", \"answer\": \"B\"}\n";
    let weak = line(0, "1") + &line(1, "\"no\"") + &line(2, "\"B\"") + asked;
    std::fs::write(folder.path().join("weak.jsonl"), weak).unwrap();
    let toml = "task.multiple-choice = {}\nprompt.template.text = \"{{ question }}\\n\"\ndata = { training = 'train.jsonl', held_out = 'test.jsonl', \
                weak_answers = 'weak.jsonl' }";
    let task = open(&folder, toml, None).unwrap();
    let mut answered = 0;
    for part in [Part::Training, Part::Unlock] {
        for problem in drawn(&*task, part, task.stock(part).unwrap(), 1) {
            let weak = task.weak_answers(&problem.question).unwrap();
            let weak: Vec<_> = weak.iter().map(|weak| task.text(weak).unwrap()).collect();
            assert!(weak.len() == 1 && weak[0].contains('B'), "{weak:?}");
            answered += 1;
        }
    }
    assert_eq!(answered, 4);
}

#[test]
fn limits_that_contradict_each_other_are_told() {
    let folder = folder(&sums(0..40), &sums(100..140));
    for (keys, told) in [
        (
            ", max_tokens = 8",
            "data.max_tokens is 8, expected more than the 8 of max_new_tokens, which leaves no prompt",
        ),
        (
            ", max_tokens = 4000",
            "reads 128 tokens at most, and data.max_tokens is 4,000",
        ),
        (", few_shot = 90", "data.few_shot is 90, and there are "),
        (
            ", few_shot = 101",
            "data.few_shot is 101, expected up to 100",
        ),
    ] {
        let refused = refusal(&folder, &data(keys));
        assert!(refused.contains(told), "{refused}");
    }
}
