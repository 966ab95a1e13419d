//! What `picklock run`, `plan` and `submit` are asked for.

use std::path::PathBuf;

use picklock_record::Shard;

/// What is asked for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Request<'a> {
    /// Names of hypotheses; none means all.
    pub hypotheses: &'a [String],
    /// A preset's name, or a path.
    pub organism: &'a str,
    /// Replicates.
    pub seeds: u32,
    /// Choices of weak samples within each.
    pub draws: u32,
    /// `cpu`, or GPUs as in `cuda:N`.
    pub devices: &'a [String],
    /// Worker processes on a CPU; none means one a core.
    pub workers: Option<usize>,
    /// How many members run side by side, where it isn't left to the host.
    pub width: Option<u32>,
    /// The part that this process runs; none means all.
    pub shard: Option<Shard>,
    /// Whether failed trials are run again.
    pub retry_failed: bool,
    /// Whether events are printed instead of tables.
    pub json: bool,
    /// The run's folder, where it isn't the default.
    pub out: Option<PathBuf>,
    /// Whether an old folder is moved aside.
    pub fresh: bool,
    /// Whether the workspace's plugins are built.
    pub build: bool,
    /// Whether it is only looked at.
    pub dry_run: bool,
    /// The root of all random streams.
    pub root_seed: u64,
    /// Where it is run.
    pub site: Site,
}

/// Where a request is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Site {
    /// On this machine.
    #[default]
    Here,
    /// On the nodes of a cluster, whose devices this machine need not have: it is planned as for so
    /// many GPUs, or for CPUs where that is 0.
    Nodes {
        /// GPUs.
        gpus: u32,
        /// Bytes of memory of each, where that is known.
        memory: Option<u64>,
    },
}
