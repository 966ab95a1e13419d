//! `picklock cache`: the trained models that are kept, and which go.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use picklock_lab::{Cache, Entry, Rule};
use picklock_message::quantity::{GIB, bytes};
use picklock_message::{Exit, Result, say, sayln};

use crate::args::number::real;
use crate::output::table;

/// List and prune the trained models that runs share.
#[derive(Args)]
pub struct CacheOf {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show every model: what it is, its size, and how long it has not been used.
    List,
    /// Remove models, the longest unused first; nothing that a live run uses. With no option, down
    /// to the limit (`PICKLOCK_CACHE_LIMIT`, in GiB; 20 where it is not set).
    Prune {
        /// Keep at most so many GiB.
        #[arg(long, value_name = "N", value_parser = real(0.0..=1e6), allow_negative_numbers = true)]
        keep_gb: Option<f64>,
        /// Remove what has not been used for so many days.
        #[arg(long, value_name = "DAYS", value_parser = real(0.0..=1e6), allow_negative_numbers = true)]
        older_than: Option<f64>,
    },
}

impl CacheOf {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the cache can't be read or written.
    pub fn main(&self) -> Result<Exit> {
        let cache = Cache::of_user()?;
        let rule = match &self.command {
            Command::List => {
                list(&cache)?;
                return Ok(Exit::Done);
            }
            Command::Prune {
                keep_gb: None,
                older_than: None,
            } => Rule::of_user()?,
            Command::Prune {
                keep_gb,
                older_than,
            } => Rule {
                bytes: keep_gb.map(|gib| (gib * GIB) as u64),
                unused: older_than.map(|days| Duration::from_secs_f64(days * 86_400.0)),
            },
        };
        sayln!("{}", cache.prune(&rule)?.in_words());
        Ok(Exit::Done)
    }
}

/// Shows every model, and the limit.
fn list(cache: &Cache) -> Result<()> {
    let entries = cache.entries()?;
    let header = [
        "model", "organism", "seed", "lock", "size", "unused", "folder",
    ];
    say!("{}", table(header, entries.iter().map(row)));
    let total = entries.iter().map(|entry| entry.bytes).sum();
    let limit = match Rule::of_user()?.bytes {
        Some(limit) => format!("the limit is {}", bytes(limit)),
        None => "there is no limit".to_string(),
    };
    let (count, folder) = (entries.len(), cache.path().display());
    sayln!("{count} models, {} in {folder}; {limit}", bytes(total));
    Ok(())
}

fn row(entry: &Entry) -> [String; 7] {
    let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
    let [model, organism, seed, lock] = match &entry.origin {
        Some(origin) => [
            Some(origin.kind.name().to_string()),
            Some(origin.organism.clone()),
            Some(origin.seed.to_string()),
            origin.kind.lock(),
        ],
        None => [const { None }; 4],
    }
    .map(|text| text.unwrap_or_else(|| "-".into()));
    let (size, unused) = (bytes(entry.bytes), unused(entry.used));
    let name = name.chars().take(12).collect();
    [model, organism, seed, lock, size, unused, name]
}

fn unused(since: SystemTime) -> String {
    match since.elapsed().unwrap_or_default().as_secs() {
        seconds @ 0..=5400 => format!("{} min", seconds / 60),
        seconds @ 5401..=172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
