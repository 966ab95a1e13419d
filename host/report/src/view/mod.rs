//! The view: everything that a report shows, in words, once. HTML, Markdown and the terminal render
//! the same view, so that a number can't differ between them.

mod answers;
mod arms;
mod checks;
mod claims;
mod curves;
mod deviations;
mod effects;
mod hypotheses;
mod locks;
mod null_control;
mod parsed;
mod provenance;
mod section;

use picklock_record::Organism;

use crate::analysis::Analysis;
use crate::evidence::Evidence;
use crate::table::Table;

pub use claims::{ClaimView, PredictionView};
pub use section::{Block, Section};

/// A report.
pub struct View {
    /// What was run, as a title.
    pub title: String,
    /// How much of it, on what: a line each.
    pub facts: Vec<String>,
    /// What is missing, damaged or has changed: a line each.
    pub notes: Vec<String>,
    /// The claims with their verdicts.
    pub claims: Vec<ClaimView>,
    /// Every arm's accuracy and effect.
    pub arms: Table,
    /// What follows, in order.
    pub sections: Vec<Section>,
}

impl View {
    /// Puts a run into words. `changed` are the hypotheses whose files are no longer what the run
    /// was registered by.
    pub fn new(analysis: &Analysis, changed: &[String]) -> Self {
        let evidence = analysis.evidence;
        let manifest = &evidence.manifest;
        let seeds = manifest.seeds;
        let claims = analysis
            .claims
            .iter()
            .map(|claim| ClaimView::new(claim, seeds));
        let claims: Vec<ClaimView> = claims.collect();
        let task = manifest.organism.open_task();
        let task = task.map_err(|error| format!("can't be put into words here: {error}"));
        let arms = arms::table(analysis);
        let mut sections = vec![effects::section(analysis)];
        sections.extend(hypotheses::sections(analysis, &claims));
        sections.extend([
            arms::section(&arms),
            parsed::section(analysis),
            answers::section(evidence, task.as_deref()),
            locks::section(evidence),
            null_control::section(evidence),
            checks::section(analysis),
            deviations::section(analysis, changed),
            provenance::section(manifest),
        ]);
        let changed = changed.iter().map(|name| {
            format!(
                "hypotheses/{name}.toml has changed since this run began; judged by the run's copy"
            )
        });
        Self {
            title: format!("What opens {}: a picklock report", manifest.organism.name),
            facts: vec![
                format!(
                    "{}: {seeds} seeds x {} draws x {} problems, on {}",
                    manifest.organism.name,
                    manifest.draws,
                    manifest.organism.problems.held_out,
                    manifest.environment.device
                ),
                imitated(&manifest.organism),
                generalises_to(evidence),
            ],
            notes: changed
                .chain(evidence.notes.iter().cloned())
                .chain(task.err().map(|reason| format!("answers {reason}")))
                .collect(),
            claims,
            arms,
            sections: sections.into_iter().flatten().collect(),
        }
    }
}

/// What the locks imitate, and weak samples are of.
fn imitated(organism: &Organism) -> String {
    let data = organism.data.as_ref();
    if let Some(file) = data.and_then(|data| data.weak_answers.as_ref()) {
        return format!("weak answers are given, by {}", file.display());
    }
    let Some(weak) = &organism.weak else {
        return "weak samples are the locked model's own answers without password, sampled at \
                temperature 1"
            .to_string();
    };
    match (&weak.checkpoint, &weak.teacher) {
        (None, Some(_)) if weak.is_program() => {
            "what is imitated is a designed, flawed teacher itself, a program".to_string()
        }
        (_, Some(_)) => "the weak model learned from a designed, flawed teacher".to_string(),
        (Some(checkpoint), None) => {
            format!("the weak model is {}", checkpoint.directory.display())
        }
        (None, None) => String::new(),
    }
}

/// What intervals and p-values speak of.
fn generalises_to(evidence: &Evidence) -> String {
    let to = match (
        evidence.manifest.seeds,
        evidence.manifest.organism.problems.shared,
    ) {
        (1, _) => "new problems (a single seed)",
        (_, true) => {
            "new seeds and problems (clustered by seed and problem, as all seeds share their problems)"
        }
        (_, false) => "new seeds and problems (each seed has its own)",
    };
    let organism = &evidence.manifest.organism;
    let Some(checkpoint) = organism.checkpoint() else {
        return format!("generalises to: {to}");
    };
    let directory = checkpoint.directory.display();
    match organism.locked {
        None => format!("generalises to: {to}, of one checkpoint: {directory}"),
        Some(_) => format!(
            "generalises to: {to}, of one given locked model: {directory}; its seeds are draws of weak \
             samples, since no lock is trained anew, and say nothing of other locked models"
        ),
    }
}
