//! Simulates how often each method errs, and writes what docs/src/calibration.md shows.
//!
//! `calibrate FOLDER [WORLDS]` writes `calibration.csv`, `calibration-table.md` and `calibration.svg`
//! into FOLDER, the same bytes whatever the number of cores. The bootstrap judges a fifth of the worlds.

mod page;
mod selection;
mod tally;
mod world;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use selection::Selected;
use tally::{Method, Tally, tally};
use world::{Dominant, World};

const SEEDS: [usize; 4] = [3, 4, 8, 16];
const METHODS: [Method; 4] = [
    Method::T,
    Method::TwoWay,
    Method::Bootstrap,
    Method::SignFlip,
];
/// Where accuracies lie, and the control's without and with an effect.
const ACCURACIES: [(&str, [f64; 2]); 3] = [
    ("near 0", [0.05, 0.05]),
    ("middle", [0.5, 0.45]),
    ("near 1", [0.95, 0.85]),
];

/// A method in a kind of world.
#[derive(Clone, Copy)]
struct Cell {
    world: World,
    accuracy: (&'static str, [f64; 2]),
    method: Method,
    /// Of its worlds; the methods see the same ones.
    key: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: calibrate FOLDER [WORLDS]")?);
    let worlds = arguments.next().map_or(Ok(10_000), |count| count.parse())?;
    let cells = cells();
    let tallies: Vec<Tally> = on_all_cores(cells.len(), |index| {
        let cell = &cells[index];
        let worlds = match cell.method {
            Method::Bootstrap => worlds / 5,
            _ => worlds,
        };
        tally(&cell.world, cell.accuracy.1, cell.method, worlds, cell.key)
    });
    let selected: Vec<Selected> = on_all_cores(3 * SEEDS.len(), |index| {
        let (seeds, key) = (SEEDS[index % SEEDS.len()], 1_000 + index as u64);
        match index / SEEDS.len() {
            0 => selection::best_of_scales(seeds, worlds, key),
            kind => selection::gate(seeds, worlds, kind == 1, key),
        }
    })
    .concat();
    let rows: Vec<(Cell, Tally)> = cells.into_iter().zip(tallies).collect();
    std::fs::write(folder.join("calibration.csv"), page::csv(&rows, &selected))?;
    std::fs::write(
        folder.join("calibration-table.md"),
        page::tables(&rows, &selected),
    )?;
    std::fs::write(folder.join("calibration.svg"), page::plot(&rows)?)?;
    Ok(())
}

fn cells() -> Vec<Cell> {
    let (mut cells, mut key) = (Vec::new(), 0);
    for shared in [false, true] {
        for dominant in [Dominant::Seed, Dominant::Draw, Dominant::Problem] {
            for accuracy in ACCURACIES {
                for seeds in SEEDS {
                    let world = World {
                        dominant,
                        shared,
                        seeds,
                    };
                    let methods = METHODS
                        .into_iter()
                        .filter(|m| shared || *m != Method::TwoWay);
                    cells.extend(methods.map(|method| Cell {
                        world,
                        accuracy,
                        method,
                        key,
                    }));
                    key += 1;
                }
            }
        }
    }
    cells
}

/// The results of all jobs in their order, whichever core they ran on.
fn on_all_cores<T: Send>(jobs: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, T)> {
        let claim = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < jobs);
        std::iter::from_fn(claim)
            .map(|index| (index, job(index)))
            .collect()
    };
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let running: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let joined = running.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
