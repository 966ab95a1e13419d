//! Reading answers: prompt, expected and given, two arms side by side.

use std::fmt::Write;
use std::path::Path;

use picklock_grade::Grade;
use picklock_message::{Error, Result};
use picklock_record::{ArmRef, Manifest, Measure, Member, Streams};
use picklock_sdk::{HELD_OUT, Questions};
use picklock_task::{Problem, Task};

use crate::evidence::Evidence;

/// What to show.
#[derive(Clone, Debug)]
pub struct Show {
    /// The arms, side by side.
    pub arms: Vec<ArmRef>,
    /// The measure.
    pub measure: Option<String>,
    /// Seed and draw.
    pub member: Member,
    /// Only problems on which the last arm's answer came out so.
    pub only: Option<Grade>,
    /// How many at most.
    pub limit: usize,
}

/// The text of some answers, and what is wrong with the run's folder.
///
/// # Errors
/// Where the folder holds no such trial.
pub fn show(run: &Path, what: &Show) -> Result<(String, Vec<String>)> {
    let evidence = Evidence::read(run)?;
    let mut measures = Vec::new();
    for arm in &what.arms {
        measures.push((arm, measure(&evidence, arm, what)?));
    }
    let Some((_, last)) = measures.last() else {
        return Ok((String::new(), evidence.notes));
    };
    let split = last.questions.split;
    if measures
        .iter()
        .any(|(_, measure)| measure.questions.split != split)
    {
        let problem = "these measures asked different problems; show one arm at a time";
        return Err(Error::Usage(problem.into()));
    }
    let manifest = &evidence.manifest;
    let task = manifest.organism.open_task()?;
    let asked = SeedProblems::new(&*task, manifest, what.member.seed, &last.questions)?;
    let mut text = String::new();
    let mut shown = 0;
    for index in 0..asked.problems.len() {
        if what.only.is_some() && grade(last, index) != what.only {
            continue;
        }
        if shown == what.limit {
            text += "... more with --limit\n";
            break;
        }
        shown += 1;
        text += &one(&asked, index, &measures)?;
    }
    if shown == 0 {
        text += "no such answers\n";
    }
    Ok((text, evidence.notes))
}

/// Problems of one seed as they were asked.
pub(super) struct SeedProblems<'t> {
    /// The problems.
    pub problems: Vec<Problem>,
    task: &'t dyn Task,
    questions: Questions,
}

impl<'t> SeedProblems<'t> {
    /// What a seed's models were asked, of the manifest's task.
    ///
    /// # Errors
    /// Where the task hasn't so many problems.
    pub fn new(
        task: &'t dyn Task,
        manifest: &Manifest,
        seed: u32,
        questions: &Questions,
    ) -> Result<Self> {
        let root = manifest.root_seed;
        let organism = &manifest.organism;
        Ok(Self {
            problems: organism.problems(task, Streams { root }, seed, questions.split)?,
            task,
            questions: questions.clone(),
        })
    }

    /// What was asked.
    pub fn prompt(&self, index: usize) -> Result<String> {
        let question = &self.problems[index].question;
        self.task
            .text(&self.task.prompt(question, self.questions.flag)?)
    }

    /// The right answer.
    pub fn expected(&self, index: usize) -> Result<String> {
        self.task.text(&self.problems[index].answer)
    }

    /// What a model answered, and how that was graded.
    pub fn answer(&self, measure: &Measure, index: usize) -> Result<String> {
        let answer = measure.answers.get(index);
        let grade = grade(measure, index).map_or("", Grade::word);
        let words = self.task.text(answer.map_or(&[], Vec::as_slice))?;
        Ok(format!("{}  ({grade})", words.trim_end()))
    }
}

fn grade(measure: &Measure, index: usize) -> Option<Grade> {
    measure
        .grades
        .chars()
        .nth(index)
        .and_then(Grade::from_letter)
}

fn one(asked: &SeedProblems, index: usize, measures: &[(&ArmRef, Measure)]) -> Result<String> {
    let mut lines = vec![
        ("prompt".to_string(), asked.prompt(index)?),
        ("expected".to_string(), asked.expected(index)?),
    ];
    for (arm, measure) in measures {
        lines.push((arm.to_string(), asked.answer(measure, index)?));
    }
    Ok(block(&asked.problems[index].id, &lines))
}

/// A problem's name, and below it texts under their names, lined up.
pub fn block(title: &str, texts: &[(String, String)]) -> String {
    let names = texts.iter().map(|(name, _)| name.len());
    let width = names.max().unwrap_or(0);
    let below = format!("\n  {:<width$}  ", "");
    let mut block = format!("{title}\n");
    for (name, text) in texts {
        let text = text.trim_end().replace('\n', &below);
        // Writing to a string can't fail.
        let _ = writeln!(block, "  {name:<width$}  {text}");
    }
    block
}

/// The measure that was asked for; of an arm that hasn't got it (the locked model has no curve)
/// the judged one.
fn measure(evidence: &Evidence, arm: &ArmRef, what: &Show) -> Result<Measure> {
    let known = evidence.arms();
    if !known.contains(arm) {
        let known = known.iter().map(ToString::to_string).collect();
        return Err(Error::unknown("arm", &arm.to_string(), known));
    }
    let Member { seed, draw } = what.member;
    let Some(trial) = evidence.with_answers(arm, what.member)? else {
        let problem = format!("{arm} has no trial at seed {seed}, draw {draw}");
        return Err(Error::Usage(problem));
    };
    let wanted = what.measure.as_deref().unwrap_or(HELD_OUT);
    let fallback = what.arms.last() != Some(arm);
    let judged = || trial.measure(HELD_OUT).filter(|_| fallback);
    let found = trial.measure(wanted).or_else(judged).cloned();
    found.ok_or_else(|| {
        let known = trial.measures.iter().map(|measure| measure.name.clone());
        Error::unknown("measure", wanted, known.collect())
    })
}
