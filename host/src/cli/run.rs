//! `picklock run`: plan, say what it will cost, run what the journal lacks, report.

use std::path::Path;

use clap::Args;
use picklock_message::{Error, Exit, Result};
use picklock_record::{Roots, Shard};
use picklock_run::{Event, Request};

use crate::args::experiment::Experiment;

/// Run hypotheses on an organism and judge them; the same command again goes on where it stopped.
#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    experiment: Experiment,
    /// Where models run: cpu, GPUs as in cuda:0,cuda:1, each with a worker process, or slurm: what
    /// Slurm gave this job.
    #[arg(
        long,
        visible_alias = "device",
        default_value = "cpu",
        value_name = "DEVICE,...",
        value_delimiter = ','
    )]
    devices: Vec<String>,
    /// Run one of N parts of the plan; all parts share the run's folder, and may run at once.
    #[arg(
        long,
        value_name = "I/N",
        conflicts_with = "fresh",
        allow_hyphen_values = true
    )]
    shard: Option<Shard>,
    /// Print events as JSON lines instead of tables.
    #[arg(long)]
    json: bool,
    /// Move an old run folder aside and start afresh.
    #[arg(long)]
    fresh: bool,
    /// The version of the picklock that submitted this, where one did: another one is refused.
    #[arg(long, value_name = "VERSION", hide = true)]
    submitted_by: Option<String>,
    /// Only say what would be run and what it would cost, as `picklock plan`.
    #[arg(long)]
    dry_run: bool,
}

impl Run {
    /// Runs the command; [`Exit::SomeFailed`] where some trial failed.
    ///
    /// # Errors
    /// Where the input is bad, or the run can't go on.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        self.check_version()?;
        if self.dry_run {
            return self.outlook(None, roots);
        }
        self.ended(picklock_run::run(&self.request(), roots))
    }

    /// Says what would be run and what it would cost; [`Exit::SomeFailed`] where some plugin is refused.
    ///
    /// # Errors
    /// Where the input is bad, or the folder belongs to another run.
    pub fn outlook(&self, from: Option<&Path>, roots: &Roots) -> Result<Exit> {
        let request = Request {
            dry_run: true,
            ..self.request()
        };
        self.ended(picklock_run::plan(&request, from, roots))
    }

    /// Refuses to run what another picklock has submitted.
    fn check_version(&self) -> Result<()> {
        let this = env!("CARGO_PKG_VERSION");
        let other = self.submitted_by.as_ref().filter(|other| *other != this);
        other.map_or(Ok(()), |other| {
            Err(Error::Usage(format!(
                "this is picklock {this}, and the run was submitted by picklock {other}; give both the \
                 same one (`picklock` in slurm.toml says where nodes find it)"
            )))
        })
    }

    /// How the command ends; with `--json` an error is an event too.
    fn ended(&self, exit: Result<Exit>) -> Result<Exit> {
        if let (true, Err(error)) = (self.json, &exit) {
            let message = &error.to_string();
            Event::Error { message }.print();
        }
        exit
    }

    fn request(&self) -> Request<'_> {
        Request {
            devices: &self.devices,
            shard: self.shard,
            json: self.json,
            fresh: self.fresh,
            dry_run: self.dry_run,
            ..self.experiment.request()
        }
    }
}
