//! `picklock report`: everything that derives from a journal, from the journal alone.

use std::collections::BTreeSet;

use picklock_tests::{BOTH, Page, Place, Table, snapshot, workspace};

/// What is derived, besides the pictures.
const DERIVED: [&str; 5] = [
    "trials.csv",
    "outcomes.csv",
    "summary.csv",
    "report.html",
    "report.md",
];

#[test]
fn deleted_files_come_back_in_the_same_bytes() {
    let place = Place::new();
    let tables = place
        .run(&[&BOTH[..], &["--out", "o"]].concat())
        .ok()
        .stdout
        .replace("\nwritten to o\n", "");
    let before = snapshot(&place.here("o"));
    for name in DERIVED {
        std::fs::remove_file(place.here("o").join(name)).unwrap();
    }
    std::fs::remove_dir_all(place.here("o/figures")).unwrap();
    // Neither models nor plugins are needed.
    std::fs::remove_dir_all(place.path("cache")).unwrap();
    std::fs::remove_dir_all(place.path("root")).unwrap();
    let done = place.picklock(&["report", "o"]).ok();
    assert_eq!((done.stdout, done.stderr.as_str()), (tables, ""));
    assert!(snapshot(&place.here("o")) == before, "the files differ");
}

#[test]
fn what_is_no_run_has_no_report() {
    let place = Place::new();
    for command in ["report", "show"] {
        let done = place.picklock(&[command, "nowhere"]);
        assert_eq!(
            done.refusal(),
            "nowhere: no run folder: it has no manifest.json"
        );
    }
    std::fs::create_dir(place.here("broken")).unwrap();
    place.write("here/broken/manifest.json", "{ \"format\": 1");
    let done = place.picklock(&["report", "broken"]);
    assert!(
        done.refusal()
            .starts_with("broken/manifest.json:1:13: EOF while parsing an object; "),
        "{}",
        done.stderr
    );
    place.write("here/broken/manifest.json", "{ \"format\": 99 }");
    let done = place.picklock(&["report", "broken"]);
    let expected = "broken/manifest.json: format 99, this picklock reads 2";
    assert!(done.refusal().starts_with(expected), "{}", done.stderr);
}

#[test]
fn the_committed_run_is_what_its_journal_says() {
    let place = Place::new();
    let committed = snapshot(&workspace().join("results/reference/tiny"));
    place.put_reference("reference");
    for name in ["summary.csv", "trials.csv", "report.html", "report.md"] {
        std::fs::remove_file(place.here("reference").join(name)).unwrap();
    }
    std::fs::remove_dir_all(place.here("reference/figures")).unwrap();
    place.picklock(&["report", "reference"]).ok();
    for (path, bytes) in committed {
        let name = path
            .strip_prefix(workspace().join("results/reference/tiny"))
            .unwrap();
        let made = std::fs::read(place.here("reference").join(name)).unwrap();
        assert!(made == bytes, "{}", name.display());
    }
}

#[test]
fn the_page_says_what_the_summary_says() {
    let place = Place::new();
    place.put_reference("reference");
    place.picklock(&["report", "reference"]).ok();
    let page = Page::read(&place.here("reference/report.html"));
    let verdicts = page.rows("verdicts");
    let summary = Table::read(&place.here("reference/summary.csv"));
    let markdown = std::fs::read_to_string(place.here("reference/report.md")).unwrap();
    for row in &summary.rows {
        let claim = verdicts
            .iter()
            .find(|cells| cells[0].starts_with(&row["hypothesis"]));
        let claim = claim.expect("a row for the claim");
        assert_eq!(claim[1], row["claim_verdict"].to_uppercase(), "{claim:?}");
        let adjusted = format!("{:.4}", row.number("p_adjusted"));
        assert_eq!(claim[4], adjusted, "{claim:?}");

        let prediction = verdicts
            .iter()
            .find(|cells| cells[0].starts_with(&row["prediction"]));
        let prediction = prediction.expect("a row for the prediction");
        assert_eq!(prediction[1], row["verdict"], "{prediction:?}");
        let [effect, low, high] = ["estimate_pp", "ci_low_pp", "ci_high_pp"]
            .map(|column| format!("{:+.1}", row.number(column)));
        let effect = format!("{effect} ({low} to {high})");
        assert!(markdown.contains(&effect), "{effect}");
        let effect = effect.replace('-', "\u{2212}");
        assert!(
            prediction[2].starts_with(&effect),
            "{effect} {prediction:?}"
        );
        assert_eq!(prediction[5], "4 × 4 × 256");
        let reason = &row["reason"];
        assert!(page.text.contains(reason), "{reason}");
        assert!(markdown.contains(reason), "{reason}");
    }
}

#[test]
fn the_page_has_every_part_in_order() {
    let place = Place::new();
    place.put_reference("reference");
    place.picklock(&["report", "reference"]).ok();
    let page = Page::read(&place.here("reference/report.html"));
    let expected = [
        "Verdicts",
        "All effects",
        "core",
        "weight-noise",
        "Every arm",
        "Unparsed answers",
        "Answers to read",
        "The gate of every lock",
        "Null control",
        "Sensitivity checks",
        "Deviations from the pre-registration",
        "Manifest, and how to reproduce it",
    ];
    assert_eq!(page.headings(), expected);
    let figures: Vec<&str> = page
        .all("figure")
        .iter()
        .map(|tag| tag.attribute("id"))
        .collect();
    let expected = [
        "all-effects",
        "core-arms",
        "core-step",
        "core-held-out",
        "weight-noise-arms",
        "weight-noise-scale",
        "weight-noise-relative-scale",
    ];
    assert_eq!(figures, expected);
    for tag in page.all("svg") {
        assert_eq!(tag.attribute("role"), "img");
        assert!(tag.attribute("aria-label").len() > 20, "{}", tag.text);
    }
    // Each is drawn once, for all widths, and has its numbers beneath.
    assert_eq!(page.all("svg").len(), figures.len());
    assert_eq!(
        page.html
            .matches("<summary>The numbers behind it</summary>")
            .count(),
        figures.len()
    );
    for name in figures {
        assert!(
            place
                .here("reference/figures")
                .join(format!("{name}.svg"))
                .exists(),
            "{name}"
        );
    }
    let run = "target/debug/picklock run core weight-noise --organism tiny --seeds 4 --draws 4";
    assert!(page.text.contains(run));
    assert!(page.text.contains("the update's norm"));
}

#[test]
fn the_page_stands_alone_and_its_links_lead_somewhere() {
    let place = Place::new();
    place.put_reference("reference");
    place.picklock(&["report", "reference"]).ok();
    let page = Page::read(&place.here("reference/report.html"));
    for forbidden in [
        "http://", "https://", "url(", "@import", "<script", "<link", " src=", "<iframe",
    ] {
        assert!(!page.html.contains(forbidden), "{forbidden}");
    }
    let ids: Vec<&str> = page.attributes("id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    let links = page.attributes("href");
    assert!(links.len() > 10);
    for link in links {
        let target = link.strip_prefix('#').expect("a link inside the page");
        assert!(unique.contains(target), "{link}");
    }
}

#[test]
fn every_file_and_column_is_documented() {
    let place = Place::new();
    place.put_reference("reference");
    place.picklock(&["report", "reference"]).ok();
    let documented = std::fs::read_to_string(workspace().join("docs/src/files.md")).unwrap();
    for name in DERIVED {
        assert!(documented.contains(name), "{name}");
    }
    for name in ["summary.csv", "trials.csv", "outcomes.csv"] {
        let table = Table::read(&place.here("reference").join(name));
        for column in table.header.split(',') {
            assert!(
                documented.contains(&format!("`{column}`")),
                "{name}: {column}"
            );
        }
    }
}

#[test]
fn a_hypothesis_of_ones_own_has_its_section_and_pictures() {
    let place = Place::with_fixture(&["steady"], "");
    place
        .run(&["tests", "--seeds", "2", "--draws", "2", "--out", "o"])
        .ok();
    let page = Page::read(&place.here("o/report.html"));
    assert_eq!(
        page.headings()[..4],
        ["Verdicts", "All effects", "core", "tests"]
    );
    let figures = page.all("figure");
    let ids: Vec<&str> = figures.iter().map(|tag| tag.attribute("id")).collect();
    assert!(ids.contains(&"tests-arms"), "{ids:?}");
    // Core's arms ran for comparison, and its claim isn't judged.
    assert!(page.text.contains("Not judged here"), "{}", page.text);
    let claims = page.rows("verdicts");
    assert!(
        claims.iter().all(|row| !row[0].starts_with("core")),
        "{claims:?}"
    );
    assert!(
        page.text
            .contains("A plugin of the tests does what it says.")
    );
}
