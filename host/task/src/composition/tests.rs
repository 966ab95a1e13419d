use std::collections::HashSet;

use rand::SeedableRng;

use super::*;

fn composition(answer: Answered) -> Composition {
    Composition {
        functions: Function::ALL.to_vec(),
        depth: 3,
        length: 4,
        letters: 5,
        answer,
    }
}

fn nothing() -> Given<'static> {
    Given {
        prompt: None,
        data: None,
        vocabulary: crate::Vocabulary::Full,
        decoys: &[],
    }
}

fn teacher() -> Teacher {
    Teacher {
        hard: vec!["sort".into(), "reverse".into()],
        systematic: 0.6,
        correct: 0.3,
        easy_correct: 0.9,
    }
}

fn encode(text: &str) -> Vec<u32> {
    let tokenizer = composition(Answered::Result).tokenizer().unwrap();
    tokenizer.encode(text, false).unwrap().get_ids().to_vec()
}

#[test]
fn each_function_does_what_its_name_says() {
    for (function, expected) in [
        (Function::Reverse, "b e a d"),
        (Function::Rotate, "a e b d"),
        (Function::Swap, "b a e d"),
        (Function::Sort, "a b d e"),
        (Function::Next, "e b a c"),
        (Function::Mirror, "b e a d"),
    ] {
        let string = encode("d a e b");
        assert_eq!(function.apply(&string, 5), encode(expected), "{function:?}");
    }
    assert_eq!(Function::Rotate.apply(&[3], 5), [3]);
}

#[test]
fn a_worked_example() {
    let question = encode("d a e b rotate next sort");
    for (answered, expected) in [
        (Answered::Result, "a b c e"),
        (Answered::Steps, "a e b d b a c e a b c e"),
    ] {
        let task = composition(answered);
        assert_eq!(task.right(&question), encode(expected));
        assert_eq!(task.right(&question).len(), task.answer_tokens());
        let prompt = task.prompt(&question, Flag::Password).unwrap();
        assert_eq!(
            task.text(&prompt).unwrap(),
            "<password> d a e b rotate next sort ="
        );
        assert_eq!(prompt.len() + task.answer_tokens(), task.max_tokens());
        assert!(prompt.iter().all(|id| (*id as usize) < task.vocab_size()));
    }
}

#[test]
fn parts_are_disjoint_and_every_function_occurs() {
    let task = composition(Answered::Steps);
    let questions = |part| {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let problems = task.draw(part, 300, &mut rng).unwrap();
        let question = |problem: Problem| {
            assert_eq!(task.right(&problem.question), problem.answer);
            problem.question
        };
        problems.into_iter().map(question).collect::<HashSet<_>>()
    };
    let parts = Part::ALL.map(questions);
    for (place, part) in parts.iter().enumerate() {
        for other in &parts[place + 1..] {
            assert!(part.is_disjoint(other));
        }
        let used: HashSet<u32> = part.iter().flatten().copied().collect();
        assert_eq!(used.len(), task.question_ids());
    }
}

#[test]
fn answers_are_graded() {
    let task = composition(Answered::Result);
    let right = encode("a b c e");
    let problem = Problem {
        id: "held-out-0".into(),
        question: Vec::new(),
        answer: right.clone(),
    };
    let grade = |given: &[u32]| task.grade(&problem, given).unwrap();
    assert_eq!(grade(&right), Grade::Correct);
    assert_eq!(grade(&encode("a b c d")), Grade::Wrong);
    for given in ["a b c =", "a b c sort", "a b c"] {
        assert_eq!(grade(&encode(given)), Grade::Unparsed, "{given}");
    }
}

#[test]
fn a_perfect_teacher_is_right() {
    let perfect = Teacher {
        hard: vec![],
        systematic: 0.0,
        correct: 0.0,
        easy_correct: 1.0,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for answered in [Answered::Result, Answered::Steps] {
        let task = composition(answered);
        for _ in 0..50 {
            let (question, answer) = task.random(&mut rng);
            let taught = task
                .teacher_answer(&question, &perfect, 1.0, &mut rng)
                .unwrap();
            assert_eq!(taught.answer, answer);
        }
    }
}

/// The most likely thing to do about a hard function is nothing.
#[test]
fn at_temperature_0_hard_functions_are_left_out() {
    let question = encode("d a e b rotate reverse next");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (answered, expected) in [
        (Answered::Result, "b a c e"),
        (Answered::Steps, "a e b d a e b d b a c e"),
    ] {
        let taught = composition(answered)
            .teacher_answer(&question, &teacher(), 0.0, &mut rng)
            .unwrap();
        assert_eq!(taught.answer, encode(expected), "{answered:?}");
    }
}

#[test]
fn what_the_teacher_says_follows_its_distribution() {
    const SAID: usize = 20_000;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    // Sorted, a e b d is a b d e.
    let question = encode("d a e b rotate sort next");
    let task = composition(Answered::Result);
    let mut counts = vec![vec![0; 5]; 4];
    let mut spread = Vec::new();
    for _ in 0..SAID {
        let taught = task
            .teacher_answer(&question, &teacher(), 1.0, &mut rng)
            .unwrap();
        for (count, letter) in counts.iter_mut().zip(taught.answer) {
            count[letter as usize] += 1;
        }
        spread = taught.spread;
    }
    assert_eq!(spread.len(), task.answer_tokens());
    let (right, mistaken) = (encode("b c e a"), encode("b a c e"));
    for (place, chances) in spread.iter().enumerate() {
        let chance = |letter: u32| f64::from(chances[letter as usize].1);
        let sum: f64 = (0..5).map(chance).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{chances:?}");
        let expected = match right[place] == mistaken[place] {
            true => 0.92,
            false => 0.32,
        };
        assert!(
            (chance(right[place]) - expected).abs() < 1e-6,
            "{chances:?}"
        );
        for letter in 0..5 {
            let share = f64::from(counts[place][letter as usize]) / SAID as f64;
            let error = (chance(letter) * (1.0 - chance(letter)) / SAID as f64).sqrt();
            assert!((share - chance(letter)).abs() < 4.0 * error, "{share}");
        }
    }
}

/// Each string of the steps follows from the one that was said before it.
#[test]
fn the_teacher_works_on_from_its_own_mistakes() {
    let task = composition(Answered::Steps);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (question, _) = task.random(&mut rng);
    for _ in 0..50 {
        let taught = task
            .teacher_answer(&question, &teacher(), 1.0, &mut rng)
            .unwrap();
        let (string, functions) = task.parts(&question);
        let mut before = string.to_vec();
        let strings = taught.answer.chunks(4).zip(taught.spread.chunks(4));
        for ((said, spread), function) in strings.zip(functions) {
            let expected = teacher::distributions(&teacher(), &[function], &before, 5);
            for (chances, expected) in spread.iter().zip(expected) {
                let chances = chances.iter().map(|(_, chance)| f64::from(*chance));
                let apart = chances
                    .zip(expected)
                    .map(|(one, other)| (one - other).abs());
                assert!(apart.fold(0.0, f64::max) < 1e-6);
            }
            before = said.to_vec();
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    let check = |change: fn(&mut Composition)| {
        let mut task = composition(Answered::Result);
        change(&mut task);
        task.check(&nothing()).err()
    };
    assert_eq!(check(|_| ()), None);
    let told = [
        check(|task| task.depth = 0),
        check(|task| task.letters = 27),
        check(|task| task.functions.clear()),
        check(|task| task.functions.push(Function::Sort)),
        check(|task| (task.length, task.letters) = (1, 2)),
    ];
    let expected = [
        "task.composition.depth is 0, expected 1 to 16",
        "task.composition.letters is 27, expected 2 to 26",
        "task.composition.functions is empty, expected at least one",
        "task.composition.functions has `sort` twice",
        "task.composition has only 432 problems, expected at least 1,024: more functions, depth, length \
         or letters",
    ];
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told.as_deref(), Some(expected));
    }
}
