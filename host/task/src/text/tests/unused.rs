//! What of the data isn't used, and weak answers that are given with it.

use super::*;

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
