//! What lines of data say, and what is told of those that don't do.

use super::*;

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
