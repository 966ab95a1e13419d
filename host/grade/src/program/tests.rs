use std::time::Instant;

use super::*;

/// A program of `sh` that answers every line by `script`, in which `$line` is the question and
/// `$id` its number.
fn program(script: &str, seconds: f64) -> Program {
    let script = format!("while read -r line; do id=${{line#*:}}; id=${{id%%,*}}; {script}; done");
    command(&["sh", "-c", &script], seconds)
}

fn command(command: &[&str], seconds: f64) -> Program {
    let command = command.iter().map(ToString::to_string).collect();
    Settings {
        command,
        seconds,
        sha256: BTreeMap::new(),
    }
    .try_into()
    .unwrap()
}

const GOOD: &str = r#"
    case $line in *'"given":"right"'*) g=correct;; *'"given":""'*) g=unparsed;; *) g=wrong;; esac
    echo "{\"id\": $id, \"grade\": \"$g\", \"pid\": $$}""#;

#[test]
fn a_program_grades_one_answer_after_the_other() {
    let program = program(GOOD, 10.0);
    for _ in 0..3 {
        assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
        assert_eq!(
            program.grade("x", "two\nlines \"quoted\""),
            Ok(Grade::Wrong)
        );
        assert_eq!(program.grade("x", ""), Ok(Grade::Unparsed));
    }
    assert_eq!(program.state.lock().unwrap().asked, 9);
}

#[test]
fn threads_share_one_process() {
    let counted = tempfile::tempdir().unwrap();
    let starts = counted.path().join("starts");
    let script = format!(
        "echo >> {}; while read -r line; do id=${{line#*:}}; id=${{id%%,*}}; {GOOD}; done",
        starts.display()
    );
    let program = command(&["sh", "-c", &script], 10.0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let program = program.clone();
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
                    assert_eq!(program.grade("x", "no"), Ok(Grade::Wrong));
                }
            });
        }
    });
    assert_eq!(std::fs::read_to_string(starts).unwrap(), "\n");
}

#[test]
fn a_program_that_hangs_is_ended_and_started_anew() {
    let program = program(
        &format!("case $line in *hang*) sleep 600;; esac; {GOOD}"),
        2.0,
    );
    let start = Instant::now();
    assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
    let told = "sh: no answer within 2 seconds".to_string();
    assert_eq!(program.grade("x", "hang"), Err(told));
    assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
    assert!(start.elapsed().as_secs() < 30);
}

#[test]
fn one_that_neither_reads_nor_writes_keeps_nobody_waiting() {
    let program = command(&["sleep", "600"], 0.2);
    let long = "x".repeat(1 << 20);
    let told = "sleep: no answer within 0.2 seconds".to_string();
    assert_eq!(program.grade("x", &long), Err(told));
}

#[test]
fn one_that_dies_says_its_last_words() {
    let script =
        format!("case $line in *die*) echo 'no module named sympy' >&2; exit 3;; esac; {GOOD}");
    let program = program(&script, 10.0);
    let told = "sh: ended with exit status: 3: no module named sympy".to_string();
    assert_eq!(program.grade("x", "die"), Err(told));
    assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
}

#[test]
fn one_that_dies_once_costs_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let died = folder.path().join("died");
    let script = format!(
        "[ -e {0} ] || {{ touch {0}; exit 9; }}; {GOOD}",
        died.display()
    );
    let program = program(&script, 10.0);
    assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
    assert!(died.exists());
}

#[test]
fn a_program_that_is_not_what_it_was_grades_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("g.sh");
    let looped = format!("while read -r line; do id=${{line#*:}}; id=${{id%%,*}}; {GOOD}; done");
    std::fs::write(&script, &looped).unwrap();
    let name = script.to_str().unwrap();
    let mut program = command(&["sh", name], 10.0);
    program.record_digests().unwrap();
    let noted = |program: &Program| program.settings.sha256.keys().cloned().collect::<Vec<_>>();
    assert_eq!(noted(&program), [name]);
    assert_eq!(program.grade("x", "right"), Ok(Grade::Correct));
    let read: Program = toml::from_str(&toml::to_string(&program).unwrap()).unwrap();
    assert_eq!(read, program);
    std::fs::write(&script, format!("{looped} # edited")).unwrap();
    let told = read.grade("x", "right").unwrap_err();
    assert!(
        told.contains("g.sh is not the file that the organism means"),
        "{told}"
    );
    let told = program.record_digests().unwrap_err().to_string();
    assert!(
        told.contains("is not the file that the organism means"),
        "{told}"
    );
}

#[test]
fn rubbish_is_shown() {
    let rubbish = |script: &str| program(script, 10.0).grade("x", "y").unwrap_err();
    let expected = r#"sh: expected {"id": 1, "grade": "correct" | "wrong" | "unparsed"}, got "#;
    assert_eq!(rubbish("echo yes"), format!("{expected}`yes`"));
    assert_eq!(
        rubbish(r#"echo '{"id": 7, "grade": "wrong"}'"#),
        format!("{expected}an answer to 7")
    );
    assert_eq!(
        rubbish(r#"echo '{"id": 1, "grade": "right"}'"#),
        format!("{expected}`{{\"id\": 1, \"grade\": \"right\"}}`")
    );
    assert_eq!(
        rubbish("head -c 300 /dev/zero; echo").len(),
        expected.len() + "``...".len() + 60
    );
}

#[test]
fn one_that_always_fails_is_given_up() {
    let program = command(&["picklock-no-such-program"], 10.0);
    let told = "picklock-no-such-program: can't be started: no such file or directory";
    for _ in 0..MOST_FAILURES {
        assert_eq!(program.grade("x", "y"), Err(told.to_string()));
    }
    let told = "picklock-no-such-program: not asked again after 3 failures in a row, the last: \
                can't be started: no such file or directory";
    assert_eq!(program.grade("x", "y"), Err(told.to_string()));
}
