//! `picklock run`: plan, say what it will cost, run what the journal lacks, report.

use std::path::{Path, PathBuf};

use clap::Args;

use super::number::{COUNT, whole};
use crate::batch::{self, Event, Request, Shard};
use crate::error::Result;
use crate::plugins::Roots;

/// Run hypotheses on an organism and judge them; the same command again goes on where it stopped.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Run {
    /// Hypotheses to run. [default: all]
    hypotheses: Vec<String>,
    /// A preset, or the path of an organism file.
    #[arg(long, default_value = "tiny", value_name = "NAME")]
    organism: String,
    /// Replicates of the organism.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    seeds: u32,
    /// Choices of weak samples within each seed.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    draws: u32,
    /// Where models run: cpu, or GPUs as in cuda:0,cuda:1, each with a worker process.
    #[arg(
        long,
        visible_alias = "device",
        default_value = "cpu",
        value_name = "DEVICE,...",
        value_delimiter = ','
    )]
    devices: Vec<String>,
    /// Worker processes on a CPU. [default: one a core]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=1000), allow_negative_numbers = true)]
    workers: Option<u32>,
    /// Members (a seed and a draw each) that run side by side; fixed with the first trial.
    /// [default: about 8 on a CPU, 64 on a GPU]
    #[arg(long, value_name = "N", value_parser = whole::<u32>(COUNT), allow_negative_numbers = true)]
    width: Option<u32>,
    /// Run one of N parts of the plan; all parts share the run's folder, and may run at once.
    #[arg(
        long,
        value_name = "I/N",
        conflicts_with = "fresh",
        allow_hyphen_values = true
    )]
    shard: Option<Shard>,
    /// Run failed trials again.
    #[arg(long)]
    retry_failed: bool,
    /// Print events as JSON lines instead of tables.
    #[arg(long)]
    json: bool,
    /// The run's folder. [default: results/ORGANISM, with the hypotheses' names where not all run]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Move an old run folder aside and start afresh.
    #[arg(long)]
    fresh: bool,
    /// Don't build the workspace's plugins first.
    #[arg(long)]
    no_build: bool,
    /// Only say what would be run and what it would cost, as `picklock plan`.
    #[arg(long)]
    dry_run: bool,
    /// The root of all random streams.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(0..=u64::MAX), allow_negative_numbers = true)]
    root_seed: u64,
}

impl Run {
    /// Runs the command; `true` where some trial failed.
    ///
    /// # Errors
    /// Where the input is bad, or the run can't go on.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        match self.dry_run {
            true => self.outlook(None, roots),
            false => self.told(batch::run(&self.request(), roots)),
        }
    }

    /// Says what would be run and what it would cost; `true` where some plugin is refused.
    ///
    /// # Errors
    /// Where the input is bad, or the folder belongs to another run.
    pub fn outlook(&self, from: Option<&Path>, roots: &Roots) -> Result<bool> {
        let request = Request {
            dry_run: true,
            ..self.request()
        };
        self.told(batch::outlook(&request, from, roots))
    }

    /// Tells an error to machines too.
    fn told(&self, done: Result<bool>) -> Result<bool> {
        if let (true, Err(error)) = (self.json, &done) {
            let message = &error.to_string();
            Event::Error { message }.print();
        }
        done
    }

    /// What is asked for.
    fn request(&self) -> Request<'_> {
        Request {
            hypotheses: &self.hypotheses,
            organism: &self.organism,
            seeds: self.seeds,
            draws: self.draws,
            devices: &self.devices,
            workers: self.workers.map(|workers| workers as usize),
            width: self.width,
            shard: self.shard,
            retry_failed: self.retry_failed,
            json: self.json,
            out: self.out.clone(),
            fresh: self.fresh,
            build: !self.no_build,
            dry_run: self.dry_run,
            root_seed: self.root_seed,
        }
    }
}
