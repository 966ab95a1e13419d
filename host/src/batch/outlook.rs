//! The outlook on a run: its trials, what they would cost, and what they could show.

use std::fmt::Write;
use std::path::Path;

use super::prepare::{Planned, Prepared, Request};
use super::progress::readable;
use crate::error::Result;
use crate::plugins::Roots;
use crate::report::{Evidence, Power, size};

/// Prints what a run would hold, cost and show, with the noise of an earlier run where one is given; `true` where some plugin is refused.
///
/// # Errors
/// Where the input is bad, or the folder belongs to another run.
pub fn outlook(request: &Request, from: Option<&Path>, roots: &Roots) -> Result<bool> {
    let from = from.map(Evidence::read).transpose()?;
    let prepared = request.prepare(roots)?;
    let planned = prepared.plan(request.shard, request.fresh)?;
    say!("{}", text(&prepared, &planned));
    let manifest = &prepared.manifest;
    let power = Power {
        registrations: &prepared.judged,
        size: size(&manifest.organism, manifest.seeds, manifest.draws),
        from,
    };
    say!("\n{}", power.detectable());
    let mut hypotheses = prepared.manifest.hypotheses.iter();
    Ok(hypotheses.any(|hypothesis| hypothesis.refused.is_some()))
}

fn text(prepared: &Prepared, planned: &Planned) -> String {
    let manifest = &prepared.manifest;
    let Planned { plan, costs, .. } = planned;
    let mut text = format!(
        "{}: {} seeds x {} draws x {} problems, on {}, into {}\n\n",
        manifest.organism.name,
        manifest.seeds,
        manifest.draws,
        manifest.organism.problems.held_out,
        manifest.environment.device,
        prepared.path.display()
    );
    let mut line = |cells: [&str; 5]| {
        let [name, arms, trials, open, time] = cells;
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<20} {arms:>5} {trials:>7} {open:>7}  {time}");
    };
    line(["hypothesis", "arms", "trials", "to run", "time"]);
    for hypothesis in &manifest.hypotheses {
        let of = || plan.blocks.iter().flat_map(|block| &block.cohorts);
        let of = || of().filter(|cohort| cohort.hypothesis == hypothesis.name);
        let open: usize = of().map(|cohort| cohort.members.len()).sum();
        let seconds: f64 = of().map(|cohort| costs.of(cohort)).sum();
        let time = match &hypothesis.refused {
            Some(reason) => format!("refused: {reason}"),
            None => readable(seconds),
        };
        let trials = hypothesis.arms.len() * manifest.members().len();
        line([
            &hypothesis.name,
            &hypothesis.arms.len().to_string(),
            &trials.to_string(),
            &open.to_string(),
            &time,
        ]);
    }
    let open = plan.trials - plan.done;
    let time = readable(costs.total());
    line([
        "in all",
        "",
        &plan.trials.to_string(),
        &open.to_string(),
        &time,
    ]);
    let geometry = manifest.geometry;
    let _ = writeln!(
        text,
        "\n{} cohorts of up to {} trials side by side, in {} blocks of {} seeds, on {} worker processes\n\
         about {} in all, evaluation included, and {} of memory for each worker's models",
        plan.cohorts(),
        geometry.width,
        plan.blocks.len(),
        geometry.seeds_per_block,
        prepared.devices.len().clamp(1, plan.blocks.len().max(1)),
        time,
        bytes(costs.memory),
    );
    for reason in &planned.guessed {
        let _ = writeln!(text, "of that, a guess: {reason}");
    }
    text
}

fn bytes(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.0} MB", (bytes / 1e6).max(1.0)),
    }
}
