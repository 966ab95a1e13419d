//! The real binary, killed at random: nothing is lost or doubled, and the bytes are the same.
//! `PICKLOCK_SOAK` sets the number of kills.

#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use picklock_tests::{Place, Table, children, has_ended, tables};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Signal, kill_process};

/// 4 blocks of 8 cohorts.
const RUN: [&str; 9] = [
    "core", "--seeds", "4", "--draws", "4", "--width", "4", "--out", "o",
];

#[derive(Default, Debug)]
struct Kills {
    supervisors: usize,
    workers: usize,
}

impl Kills {
    fn count(&self) -> usize {
        self.supervisors + self.workers
    }
}

#[test]
fn killed_at_random_it_ends_in_the_same_bytes() {
    let wanted = std::env::var("PICKLOCK_SOAK");
    let wanted: usize = wanted.map_or(12, |wanted| wanted.parse().unwrap());
    let place = Place::new();
    let start = Instant::now();
    place.run(&RUN).ok();
    // A kill within about a run's length, however fast the machine is today.
    let longest = start.elapsed().min(Duration::from_secs(6));
    let expected = tables(&place.here("o"));
    let trials = distinct_trials(&place);
    let mut rng = ChaCha8Rng::seed_from_u64(20_260_101);
    let (mut kills, mut ends) = (Kills::default(), 0);
    while kills.count() < wanted {
        std::fs::remove_dir_all(place.here("o")).unwrap();
        if rng.random_bool(0.3) {
            std::fs::remove_dir_all(place.cached_models()).unwrap();
        }
        while !until_the_end(&place, &mut rng, longest, wanted, &mut kills) {}
        ends += 1;
        assert!(
            tables(&place.here("o")) == expected,
            "other bytes after {kills:?}"
        );
        assert_eq!(distinct_trials(&place), trials);
    }
    println!("{kills:?}: {ends} runs ended, each with {trials} trials and the same bytes");
}

/// Starts the run, and kills its workers or it; `true` where it came to its end.
fn until_the_end(
    place: &Place,
    rng: &mut ChaCha8Rng,
    longest: Duration,
    wanted: usize,
    kills: &mut Kills,
) -> bool {
    let run = place.start(&RUN);
    let pid = run.pid();
    while kills.count() < wanted {
        let pause = longest.mul_f64(rng.random());
        let start = Instant::now();
        while start.elapsed() < pause && !has_ended(pid) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if has_ended(pid) {
            break;
        }
        let workers = children(pid);
        if workers.is_empty() || rng.random_bool(0.5) {
            run.signal(Signal::KILL);
            kills.supervisors += 1;
            break;
        }
        let worker = workers[rng.random_range(0..workers.len())];
        kills.workers += usize::from(kill_process(worker, Signal::KILL).is_ok());
    }
    let done = run.end();
    // Killed so often that it gave up: the same command goes on.
    let gave_up = done.stderr.contains("killed; give the same command again");
    assert!(matches!(done.code, Some(0) | None) || gave_up, "{done:?}");
    done.code == Some(0)
}

/// Trials in the tables, each of which must be there once and have gone well.
fn distinct_trials(place: &Place) -> usize {
    let table = Table::read(&place.here("o/trials.csv"));
    let mut rows = BTreeSet::new();
    for row in &table.rows {
        assert_eq!(&row["status"], "done", "{row:?}");
        let cells = ["hypothesis", "arm", "seed", "draw", "name"].map(|column| &row[column]);
        assert!(rows.insert(cells), "twice: {row:?}");
    }
    let trials: BTreeSet<_> = rows.iter().map(|cells| &cells[..4]).collect();
    trials.len()
}
