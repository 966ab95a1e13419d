//! The view: everything that a report shows, in words, once. HTML, Markdown and the terminal render
//! the same view, so that a number can't differ between them.

mod answers;
mod arms;
mod checks;
mod claims;
mod curves;
mod departures;
mod effects;
mod hypotheses;
mod locks;
mod null_control;
mod parsed;
mod provenance;

use picklock_record::Organism;

use crate::evidence::Evidence;
use crate::figure::Figure;
use crate::judgement::Report;

pub use claims::{ClaimView, PredictionView, estimate};

/// What a report says of answers that it can't put into words, before the reason.
pub const WORDLESS: &str = "can't be put into words here: ";

/// A report.
pub struct View {
    /// What was run, as a title.
    pub title: String,
    /// How much of it, on what: a line each.
    pub facts: Vec<String>,
    /// What is missing, damaged or has changed: a line each.
    pub notes: Vec<String>,
    /// Whether answers could be put into words.
    pub has_words: bool,
    /// The claims with their verdicts.
    pub claims: Vec<ClaimView>,
    /// Every arm's accuracy and effect.
    pub arms: Table,
    /// What follows, in order.
    pub sections: Vec<Section>,
}

/// A part of a report.
pub struct Section {
    /// Its name within the page.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// What stands in a section.
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// A table that is folded away where that can be done.
    Folded(Table),
    /// A picture.
    Figure(Figure),
    /// Text to be kept as it is: a command, a file.
    Verbatim {
        /// What it is.
        caption: String,
        /// The text.
        text: String,
    },
}

/// A table of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<String>>,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Word,
    /// A number, set so that digits stand below each other.
    Number,
    /// What a model was asked or answered, token by token.
    Tokens,
}

impl Table {
    /// A table without rows; columns whose heading starts with `#` hold numbers, with `>` tokens.
    pub fn new(caption: impl Into<String>, columns: &[&'static str]) -> Self {
        let column = |name: &&'static str| match (name.strip_prefix('#'), name.strip_prefix('>')) {
            (Some(name), _) => Column {
                name,
                kind: Kind::Number,
            },
            (_, Some(name)) => Column {
                name,
                kind: Kind::Tokens,
            },
            _ => Column {
                name,
                kind: Kind::Word,
            },
        };
        Self {
            caption: caption.into(),
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len(), "{}", self.caption);
        self.rows.push(cells.into());
    }
}

impl Section {
    /// A section; none where nothing stands in it.
    fn of(id: impl Into<String>, title: impl Into<String>, blocks: Vec<Block>) -> Option<Self> {
        let section = Self {
            id: id.into(),
            title: title.into(),
            blocks,
        };
        (!section.blocks.is_empty()).then_some(section)
    }
}

impl View {
    /// Puts a run into words. `changed` are the hypotheses whose files are no longer what the run
    /// was registered by.
    pub fn new(evidence: &Evidence, report: &Report, changed: &[String]) -> Self {
        let manifest = &evidence.manifest;
        let claims = report.claims.iter();
        let claims: Vec<ClaimView> = claims
            .map(|claim| ClaimView::new(evidence, claim))
            .collect();
        let task = manifest.organism.open_task();
        let task = task.map_err(|error| format!("{WORDLESS}{error}"));
        let mut sections = vec![effects::section(evidence, report)];
        sections.extend(hypotheses::sections(evidence, &claims));
        sections.extend([
            arms::section(evidence),
            parsed::section(evidence),
            answers::section(evidence, task.as_deref()),
            locks::section(evidence),
            null_control::section(evidence),
            checks::section(report),
            departures::section(evidence, report, changed),
            provenance::section(evidence),
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
                    "{}: {} seeds x {} draws x {} problems, on {}",
                    manifest.organism.name,
                    manifest.seeds,
                    manifest.draws,
                    manifest.organism.problems.held_out,
                    manifest.environment.device
                ),
                imitated(&manifest.organism),
                generalises_to(evidence),
            ],
            has_words: task.is_ok(),
            notes: changed
                .chain(evidence.notes.iter().cloned())
                .chain(task.err().map(|reason| format!("answers {reason}")))
                .collect(),
            claims,
            arms: arms::table(evidence),
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
