//! The same command gives the same bytes.

use picklock_tests::{BOTH, Place, snapshot, tables};

/// The CSV files of a run of 2 seeds and 2 draws, one after the other.
fn run(place: &Place, out: &str, more: &[&str]) -> String {
    let arguments = [&BOTH, &["--out", out][..], more].concat();
    place.run(&arguments).ok();
    tables(&place.here(out))
}

#[test]
fn the_same_command_elsewhere_gives_the_same_bytes() {
    let (one, other) = (Place::new(), Place::new());
    assert_eq!(run(&one, "o", &[]), run(&other, "another-folder", &[]));
}

#[test]
fn models_from_the_cache_give_the_same_bytes_as_fresh_ones() {
    let place = Place::new();
    let fresh = run(&place, "fresh", &[]);
    let made = snapshot(&place.cached_models());
    assert!(
        made.len() >= 2 * 3,
        "base, weak and lock of two seeds: {:?}",
        made.keys()
    );
    assert_eq!(run(&place, "cached", &[]), fresh);
    assert_eq!(snapshot(&place.cached_models()), made);
}

#[test]
fn another_root_seed_gives_other_models_and_problems() {
    let place = Place::new();
    let digests = |csv: &str| -> Vec<String> {
        let cells = csv.split([',', '\n']).filter(|cell| cell.len() == 64);
        let mut digests: Vec<String> = cells.map(String::from).collect();
        digests.sort();
        digests.dedup();
        digests
    };
    let zero = run(&place, "zero", &[]);
    let one = run(&place, "one", &["--root-seed", "1"]);
    assert_eq!((digests(&zero).len(), digests(&one).len()), (2, 2));
    assert!(
        digests(&zero)
            .iter()
            .all(|digest| !digests(&one).contains(digest))
    );
    let shown = |out| place.picklock(&["show", out, "--limit", "16"]).ok().stdout;
    assert_ne!(shown("zero"), shown("one"));
}

#[test]
fn a_damaged_model_in_the_cache_is_made_again() {
    let place = Place::new();
    let fresh = run(&place, "fresh", &[]);
    let made = snapshot(&place.cached_models());
    for (path, bytes) in &made {
        if path.ends_with("model.safetensors") {
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }
    }
    let done = place.run(&[&BOTH[..], &["--out", "again"]].concat()).ok();
    assert_eq!(tables(&place.here("again")), fresh);
    let again = done
        .stderr
        .matches("a cached model is made again: ")
        .count();
    let models = made
        .keys()
        .filter(|path| path.ends_with("config.json"))
        .count();
    assert_eq!(again, models, "{}", done.stderr);
    assert_eq!(snapshot(&place.cached_models()), made);
}
