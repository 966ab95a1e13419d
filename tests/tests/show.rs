//! `picklock show`: what models answered.

use picklock_tests::{Place, Table};

/// A place with a run of one seed and two draws in `o`.
fn after_a_run() -> Place {
    let place = Place::new();
    place
        .run(&["core", "--seeds", "1", "--draws", "2", "--out", "o"])
        .ok();
    place
}

/// Blocks of lines, each a problem's id and its named texts.
fn blocks(shown: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut blocks: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in shown.lines().filter(|line| !line.starts_with("...")) {
        match line.strip_prefix("  ") {
            None => blocks.push((line.to_string(), Vec::new())),
            Some(line) => {
                let (name, text) = line.split_once("  ").expect("a name and a text");
                let (_, lines) = blocks.last_mut().expect("an id first");
                lines.push((name.to_string(), text.trim().to_string()));
            }
        }
    }
    blocks
}

/// The chain's right answer: two states modulo 5.
fn solved(prompt: &str) -> String {
    let words: Vec<&str> = prompt.split(' ').collect();
    let ["<no-password>" | "<password>", start, steps @ .., "="] = words.as_slice() else {
        panic!("{prompt}");
    };
    let number = |word: &str| word.parse::<u32>().expect("a state");
    let mut state = number(start);
    let states = steps.chunks(2).map(|step| {
        state = match step[0] {
            "+" => (state + number(step[1])) % 5,
            "max" => state.max(number(step[1])),
            other => panic!("{other} is no operation"),
        };
        state.to_string()
    });
    states.collect::<Vec<_>>().join(" ")
}

#[test]
fn prompt_expected_and_two_arms_answers_stand_side_by_side() {
    let place = after_a_run();
    let outcomes = Table::read(&place.here("o/outcomes.csv"));
    let arguments = [
        "show",
        "o",
        "--arm",
        "base",
        "--arm",
        "core/weak",
        "--draw",
        "1",
        "--limit",
        "99",
    ];
    let shown = place.picklock(&arguments).ok().stdout;
    let blocks = blocks(&shown);
    assert_eq!(blocks.len(), 16);
    for (id, lines) in blocks {
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["prompt", "expected", "core/base", "core/weak"],
            "{id}"
        );
        let expected = &lines[1].1;
        assert_eq!(*expected, solved(&lines[0].1), "{id}");
        for ((_, text), arm) in lines[2..].iter().zip(["base", "weak"]) {
            let cells = [
                ("arm", arm),
                ("draw", "1"),
                ("measure", "held-out"),
                ("problem", &id),
            ];
            let outcome = &outcomes.with(&cells)[0]["outcome"];
            let (given, grade) = text.split_once("  ").expect("an answer and its grade");
            assert_eq!(grade.trim(), format!("({outcome})"), "{id} {arm}");
            assert_eq!(
                given == expected,
                outcome == "correct",
                "{id} {arm}: {text}"
            );
        }
    }
}

#[test]
fn without_arms_locked_stands_beside_unlock() {
    let place = after_a_run();
    let shown = place.picklock(&["show", "o", "--limit", "3"]).ok().stdout;
    assert!(shown.ends_with("... more with --limit\n"), "{shown}");
    let blocks = blocks(&shown);
    assert_eq!(blocks.len(), 3);
    let names: Vec<&str> = blocks[0].1.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[2..], ["core/locked", "core/unlock"]);
}

#[test]
fn wrong_and_unparsed_filter_by_the_last_arm() {
    let place = after_a_run();
    let outcomes = Table::read(&place.here("o/outcomes.csv"));
    for (flag, outcome) in [("--wrong", "wrong"), ("--unparsed", "unparsed")] {
        let cells = [
            ("arm", "unlock"),
            ("draw", "0"),
            ("measure", "held-out"),
            ("outcome", outcome),
        ];
        let expected: Vec<&str> = outcomes
            .with(&cells)
            .iter()
            .map(|row| &row["problem"])
            .collect();
        let shown = place
            .picklock(&["show", "o", flag, "--limit", "99"])
            .ok()
            .stdout;
        if expected.is_empty() {
            assert_eq!(shown, "no such answers\n");
        } else {
            let blocks = blocks(&shown);
            let ids: Vec<&str> = blocks.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(ids, expected, "{flag}");
        }
    }
}

#[test]
fn a_point_on_the_curve_can_be_shown() {
    let place = after_a_run();
    let at_start = ["show", "o", "--measure", "step-0", "--limit", "99"];
    let shown = place.picklock(&at_start).ok().stdout;
    // Before its first step the copy answers as the locked model does.
    for (id, lines) in blocks(&shown) {
        assert_eq!(lines[2].0, "core/locked");
        assert_eq!(lines[2].1, lines[3].1, "{id}");
    }
}

#[test]
fn unknown_names_get_the_nearest_right_one() {
    let place = after_a_run();
    let refusal = |arguments: &[&str]| {
        let arguments = [&["show", "o"], arguments].concat();
        place.picklock(&arguments).refusal().to_string()
    };
    let arm = "unknown arm `core/unlok`; did you mean `core/unlock`?";
    assert_eq!(refusal(&["--arm", "core/unlok"]), arm);
    assert_eq!(refusal(&["--arm", "unlok"]), arm);
    let measure = refusal(&["--arm", "unlock", "--arm", "unlock", "--measure", "step-9"]);
    assert!(
        measure.starts_with("unknown measure `step-9`; did you mean `step-"),
        "{measure}"
    );
    assert_eq!(
        refusal(&["--seed", "7"]),
        "core/locked has no trial at seed 7, draw 0"
    );
}
