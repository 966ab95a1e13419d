//! `lock-epochs` on a tiny organism: one lock a seed, copies on its way, and the curve against epochs.

use std::collections::{BTreeMap, BTreeSet};

use picklock_tests::{Page, Place, Table, built_plugin, workspace};

const RUN: [&str; 7] = ["lock-epochs", "--seeds", "2", "--draws", "2", "--out", "o"];

/// A place that has the hypothesis too.
fn place() -> Place {
    let place = Place::new();
    let text = std::fs::read(workspace().join("hypotheses/lock-epochs.toml"));
    place.write(
        "root/hypotheses/lock-epochs.toml",
        text.expect("a committed file"),
    );
    place.put("lock-epochs", &built_plugin("lock-epochs"));
    place.trust(&["core", "lock-epochs"]);
    place
}

/// How often workers say in their logs that they have made a locked model.
fn locks_made(place: &Place) -> usize {
    let logs = std::fs::read_dir(place.here("o/logs")).expect("a run's logs");
    let log = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).expect("a log");
    let logs: Vec<String> = logs.map(|file| log(file.expect("a log"))).collect();
    let lines = logs.iter().flat_map(|log| log.lines());
    let made = lines.filter(|line| line.contains("made") && line.contains("\"locked\""));
    made.count()
}

#[test]
fn every_point_is_a_copy_of_one_lock_a_seed() {
    let place = place();
    place.run(&[&RUN[..], &["--workers", "1"]].concat()).ok();
    assert_eq!(
        locks_made(&place),
        1,
        "both seeds are locked in one stack, once"
    );
    let trials = Table::read(&place.here("o/trials.csv"));
    let mut digests: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for row in trials.with(&[("hypothesis", "lock-epochs"), ("name", "held-out")]) {
        let (_, point) = row["arm"].rsplit_once('-').unwrap();
        let copies = digests.entry((point, &row["seed"])).or_default();
        copies.insert(&row["locked_digest"]);
    }
    assert_eq!(digests.len(), 4 * 2);
    assert!(
        digests.values().all(|copies| copies.len() == 1),
        "{digests:?}"
    );
    let distinct: BTreeSet<_> = digests.values().flatten().collect();
    assert_eq!(distinct.len(), 4 * 2);
    for seed in ["0", "1"] {
        let core = [("hypothesis", "core"), ("arm", "locked"), ("seed", seed)];
        let whole: BTreeSet<&str> = trials
            .with(&core)
            .iter()
            .map(|row| &row["locked_digest"])
            .collect();
        assert_eq!(
            digests[&("4", seed)],
            whole,
            "the last point is the locked model"
        );
    }
    let steps = trials.with(&[("arm", "unlock-2"), ("name", "lock-step")]);
    assert!(steps.iter().all(|row| &row["value"] == "15.0"), "{steps:?}");
}

#[test]
fn the_curve_is_drawn_against_lock_epochs() {
    let place = place();
    place.run(&RUN).ok();
    let page = Page::read(&place.here("o/report.html"));
    let figures = page.all("figure");
    let mut ids = figures.iter().map(|tag| tag.attribute("id"));
    assert!(ids.any(|id| id == "lock-epochs-by-lock_share"));
    let svg =
        std::fs::read_to_string(place.here("o/figures/lock-epochs-by-lock_share.svg")).unwrap();
    // Half of a batch of 16 in each of 30 steps, of 64 weak answers.
    for text in [
        "lock epochs",
        "locked",
        "unlock",
        "password",
        "weak",
        "3.75",
        "0.9375",
    ] {
        assert!(svg.contains(&format!(">{text}<")), "{text}: {svg}");
    }
    let markdown = std::fs::read_to_string(place.here("o/report.md")).unwrap();
    let point = markdown
        .lines()
        .find(|line| line.starts_with("| unlock | 1.88 |"));
    let point = point.expect("the unlocked copy at half of the lock");
    let seeds = Table::read(&place.here("o/trials.csv"));
    let rows = seeds.with(&[("arm", "unlock-2"), ("name", "held-out")]);
    let mean = rows.iter().map(|row| row.number("value")).sum::<f64>() / rows.len() as f64;
    assert!(
        point.contains(&format!("| {:.1}% (", 100.0 * mean)),
        "{point}"
    );
    // The gate judges whole locks alone, and shows what the copies did.
    assert!(
        markdown.contains("not judged: a copy after 15 steps"),
        "{markdown}"
    );
}

#[test]
fn points_are_moved_and_left_out_by_the_pre_registration_alone() {
    let place = place();
    place.change(
        "root/hypotheses/lock-epochs.toml",
        "lock_share = 0.5 ",
        "lock_share = 0.1 ",
    );
    place.run(&RUN).ok();
    let trials = Table::read(&place.here("o/trials.csv"));
    let steps = trials.with(&[("arm", "locked-2"), ("name", "lock-step")]);
    assert!(steps.iter().all(|row| &row["value"] == "3.0"), "{steps:?}");
    let show = [
        "show",
        "o",
        "--arm",
        "lock-epochs/locked-2",
        "--arm",
        "lock-epochs/password-1",
    ];
    let shown = place.picklock(&show).ok().stdout;
    assert!(shown.contains("lock-epochs/locked-2 "), "{shown}");
}
