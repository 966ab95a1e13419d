//! One run, or a shard of one, from a request to a report.

use std::path::Path;
use std::sync::atomic::Ordering;

use picklock_message::{Exit, Result, duration, sayln, shell, tell};
use picklock_record::{Roots, RunFolder, Shard, journal, set_failed_aside};

use crate::event::{End, Event};
use crate::joining::write_or_join;
use crate::outlook::Outlook;
use crate::planning::PlannedRun;
use crate::prepare::PreparedRun;
use crate::progress::Progress;
use crate::request::Request;
use crate::supervisor::{STOP, Supervisor};
use crate::tally::Tallies;

/// Runs what the journal lacks, then reports.
///
/// # Errors
/// Where the input is bad, the folder belongs to another run, or the run can't go on. What was
/// finished is in the journal.
pub fn run(request: &Request, roots: &Roots) -> Result<Exit> {
    let mut prepared = request.prepare(roots)?;
    let mut folder = RunFolder::claim(&prepared.path, request.fresh, request.shard)?;
    prepared.path.clone_from(&folder.path);
    prepared.manifest = write_or_join(
        &folder,
        prepared.manifest,
        request.shard,
        &prepared.judged,
        &prepared.registrations,
    )?;
    folder.share()?;
    let batch = Batch {
        prepared: &prepared,
        request,
    };
    let end = batch.run()?;
    match request.shard {
        Some(shard) => Ok(batch.end_shard(shard, &end)),
        None => batch.report(&end, roots),
    }
}

/// A run whose folder is claimed.
struct Batch<'a> {
    prepared: &'a PreparedRun,
    request: &'a Request<'a>,
}

impl Batch<'_> {
    /// Runs what is left of the plan.
    fn run(&self) -> Result<End> {
        let prepared = self.prepared;
        let journal = prepared.path.join("journal");
        if self.request.retry_failed {
            let count = set_failed_aside(&journal, &prepared.manifest, self.request.shard)?;
            self.note(&format!("{count} failed trials are run again"));
        }
        self.mend(&journal)?;
        let planned = prepared.plan(self.request)?;
        self.announce(&planned);
        let plan = planned.plan;
        if plan.done == plan.trials {
            return Ok(End::default());
        }
        // A second handler can't be set; the first does the same.
        let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
        let supervisor = Supervisor {
            run: &prepared.path,
            manifest: &prepared.manifest,
            shard: self.request.shard,
            plugins: prepared.plugins.clone(),
            copies: planned.copies,
            devices: prepared.devices.clone(),
        };
        let tallies = Tallies::new(&plan, planned.costs, prepared.devices.len());
        let mut progress = Progress::new(tallies, self.request.json);
        let result = supervisor.run(&plan, &mut progress);
        let end = progress.end();
        result?;
        if !self.request.json {
            tell!("{} trials in {}", end.trials, duration(end.seconds));
        }
        Ok(end)
    }

    /// Sets damaged segments aside; their trials are run again.
    fn mend(&self, journal: &Path) -> Result<()> {
        for path in journal::segments(journal)? {
            if let Err(damaged) = journal::read::<serde::de::IgnoredAny>(&path)? {
                let aside = journal::set_aside(&damaged.path, "damaged")?;
                let aside = aside.file_name().unwrap_or_default().display();
                self.note(&format!(
                    "{damaged}; set aside as {aside}, its trials are run again"
                ));
            }
        }
        Ok(())
    }

    /// Says what will be done and about how long it takes.
    fn announce(&self, planned: &PlannedRun) {
        let (manifest, plan) = (&self.prepared.manifest, &planned.plan);
        let shard = self.request.shard;
        if self.request.json {
            return Event::Plan(&Outlook::new(self.prepared, planned, shard)).print();
        }
        let hypotheses = &manifest.hypotheses;
        let arms: usize = hypotheses.iter().map(|h| h.arms.len()).sum();
        let names: Vec<&str> = hypotheses.iter().map(|h| h.name.as_str()).collect();
        let all = arms * manifest.members().len();
        let part = match shard {
            None => format!("{} trials", plan.trials),
            Some(shard) => format!("{all} trials, of which shard {shard} has {}", plan.trials),
        };
        tell!(
            "{}: {} ({arms} arms) x {} seeds x {} draws = {part}, into {}",
            manifest.organism.name,
            names.join(" + "),
            manifest.seeds,
            manifest.draws,
            self.prepared.path.display()
        );
        match plan.trials - plan.done {
            0 if plan.trials == 0 => tell!(
                "nothing for this shard: the plan has {} blocks; with fewer shards, or a smaller --width \
                 in a new folder, there is more for each",
                manifest
                    .seeds
                    .div_ceil(manifest.geometry.seeds_per_block.max(1))
            ),
            0 => tell!("all of them are in the journal"),
            open => tell!(
                "{open} to run in {} cohorts on {} ({} worker processes), about {}",
                plan.cohorts(),
                self.request.devices.join(" and "),
                plan.workers(self.prepared.devices.len()),
                duration(planned.costs.total())
            ),
        }
        for note in planned.notes() {
            tell!("{note}");
        }
        for line in manifest.left_out_lines() {
            tell!("left out: {line}");
        }
    }

    /// Says how a shard ended, and what is next.
    fn end_shard(&self, shard: Shard, end: &End) -> Exit {
        let next = format!(
            "when all shards are done, the same command without --shard reports; picklock status {}",
            shell::path(&self.prepared.path)
        );
        if self.request.json {
            let end = End {
                next,
                ..end.clone()
            };
            Event::End(&end).print();
        } else {
            let (trials, failed) = (end.trials, end.failed);
            sayln!("shard {shard}: {trials} trials run, {failed} failed; {next}");
        }
        Exit::failed_if(end.failed > 0)
    }

    /// Derives the run's files, and says what failed.
    fn report(&self, end: &End, roots: &Roots) -> Result<Exit> {
        let run = &self.prepared.path;
        let failed = picklock_report::write(run, roots, self.request.json)?;
        let next = match failed.len() {
            0 => format!("written to {}", run.display()),
            count => format!(
                "{count} trials failed; trials.csv has every reason, --retry-failed runs them again"
            ),
        };
        let exit = Exit::failed_if(self.prepared.manifest.has_refused() || !failed.is_empty());
        if self.request.json {
            let failed = failed.len();
            let end = End {
                failed,
                next,
                ..end.clone()
            };
            Event::End(&end).print();
            return Ok(exit);
        }
        sayln!("\nwritten to {}", run.display());
        for reason in failed.iter().take(5) {
            tell!("failed: {reason}");
        }
        if !failed.is_empty() {
            tell!("{next}");
        }
        Ok(exit)
    }

    /// Something that a reader should know.
    fn note(&self, text: &str) {
        if self.request.json {
            Event::Note { text }.print();
        } else {
            tell!("{text}");
        }
    }
}
