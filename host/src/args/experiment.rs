//! What is run: the arguments that `run`, `plan` and `submit` share.

use std::path::PathBuf;

use clap::Args;
use picklock_run::{Request, Site};

use crate::args::number::{COUNT, whole};

/// Hypotheses, an organism, and how often.
#[derive(Args)]
pub struct Experiment {
    /// Hypotheses to run. [default: all]
    pub hypotheses: Vec<String>,
    /// A preset, or the path of an organism file. [default: tiny]
    #[arg(long, value_name = "NAME")]
    pub organism: Option<String>,
    /// Replicates of the organism. [default: 4]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    pub seeds: Option<u32>,
    /// Choices of weak samples within each seed. [default: 4]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    pub draws: Option<u32>,
    /// Worker processes on a CPU. [default: one a core]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=1000), allow_negative_numbers = true)]
    pub workers: Option<u32>,
    /// Members (a seed and a draw each) that run side by side; fixed with the first trial.
    /// [default: about 8 on a CPU, 64 on a GPU]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    pub width: Option<u32>,
    /// Run failed trials again.
    #[arg(long)]
    pub retry_failed: bool,
    /// The run's folder. [default: results/ORGANISM, with the hypotheses' names where not all run]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Don't build the workspace's plugins first.
    #[arg(long)]
    pub no_build: bool,
    /// The root of all random streams. [default: 0]
    #[arg(long, value_name = "N", value_parser = whole::<u64>(0..=u64::MAX), allow_negative_numbers = true)]
    pub root_seed: Option<u64>,
}

impl Experiment {
    /// All of it, run here on a CPU.
    pub fn request(&self) -> Request<'_> {
        Request {
            hypotheses: &self.hypotheses,
            organism: self.organism.as_deref().unwrap_or("tiny"),
            seeds: self.seeds.unwrap_or(4),
            draws: self.draws.unwrap_or(4),
            devices: &[],
            workers: self.workers.map(|workers| workers as usize),
            width: self.width,
            shard: None,
            retry_failed: self.retry_failed,
            json: false,
            out: self.out.clone(),
            fresh: false,
            build: !self.no_build,
            dry_run: false,
            root_seed: self.root_seed.unwrap_or(0),
            site: Site::Here,
        }
    }
}
