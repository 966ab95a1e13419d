//! Problems of the data as tasks: their parts, prompts and answers.

use super::*;

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
    assert_eq!(task.to_base_tokens(&going_on).unwrap(), problem.answer);
    assert_eq!(task.to_base_tokens(&tail).unwrap(), tail);
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
    assert_eq!(task.to_base_tokens(&own.answer).unwrap(), problem.answer);
    let cut = &own.answer[..own.answer.len() - 1];
    let expected = &problem.answer[..problem.answer.len() - 1];
    assert_eq!(
        task.to_base_tokens(cut).unwrap(),
        expected,
        "an answer that hasn't ended"
    );
    let encoder = Encoder::open(&folder.path().join("blanks")).unwrap();
    let blank = encoder.tokens(" \n ").unwrap();
    let ended = task.to_base_tokens(&blank).unwrap();
    assert_eq!(ended.len(), 1, "blanks end at once: {ended:?}");
    assert!(task.stop().contains(&ended[0]));
    let same = open(&folder, &data(""), Some("bytes")).unwrap();
    assert!(same.shares_tokens() && same.for_weak().is_none());
}
