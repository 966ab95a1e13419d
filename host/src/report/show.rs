//! Reading answers: prompt, expected and given, two arms side by side.

use std::fmt::Write;
use std::path::Path;

use picklock_sdk::{HELD_OUT, Split};
use tokenizers::Tokenizer;

use super::evidence::Evidence;
use crate::error::{Error, Result};
use crate::hypothesis::ArmRef;
use crate::lab::{Measure, Member, problems};
use crate::organism::Streams;
use crate::task::{Grade, Problem};

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

/// The text of some answers.
///
/// # Errors
/// Where the folder holds no such trial.
pub fn show(run: &Path, what: &Show) -> Result<String> {
    let evidence = Evidence::read(run)?;
    let mut measures = Vec::new();
    for arm in &what.arms {
        measures.push((arm, measure(&evidence, arm, what)?));
    }
    let Some((_, last)) = measures.last() else {
        return Ok(String::new());
    };
    if measures
        .iter()
        .any(|(_, measure)| measure.questions.split != last.questions.split)
    {
        let problem = "these measures asked different problems; show one arm at a time";
        return Err(Error::Usage(problem.into()));
    }
    let organism = &evidence.manifest.organism;
    let task = organism.task.task();
    let streams = Streams {
        root: evidence.manifest.root_seed,
    };
    let split = last.questions.split;
    let problems = problems(organism, streams, what.member.seed, split);
    let tokenizer = task.tokenizer()?;
    let mut text = String::new();
    let mut shown = 0;
    for (index, problem) in problems.iter().enumerate() {
        let grade = last.grades.chars().nth(index).and_then(Grade::from_letter);
        if what.only.is_some() && grade != what.only {
            continue;
        }
        if shown == what.limit {
            text += "... more with --limit\n";
            break;
        }
        shown += 1;
        let prompt = task.prompt(&problem.question, last.questions.flag);
        text += &one(&tokenizer, problem, &prompt, index, &measures)?;
    }
    if shown == 0 {
        text += "no such answers\n";
    }
    Ok(text)
}

fn one(
    tokenizer: &Tokenizer,
    problem: &Problem,
    prompt: &[u32],
    index: usize,
    measures: &[(&ArmRef, &Measure)],
) -> Result<String> {
    let words = |tokens: &[u32]| {
        tokenizer
            .decode(tokens, false)
            .map_err(|error| Error::Usage(format!("tokenizer: {error}")))
    };
    let names = measures.iter().map(|(arm, _)| arm.to_string().len());
    let width = names.max().unwrap_or(0).max("expected".len());
    let mut text = format!("{}\n", problem.id);
    let mut line = |name: &str, text_of: String| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {name:<width$}  {text_of}");
    };
    line("prompt", words(prompt)?);
    line("expected", words(&problem.answer)?);
    for (arm, measure) in measures {
        let grade = measure
            .grades
            .chars()
            .nth(index)
            .and_then(Grade::from_letter);
        let answer = measure
            .answers
            .get(index)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let grade = grade.map_or("", Grade::word);
        line(&arm.to_string(), format!("{}  ({grade})", words(answer)?));
    }
    Ok(text)
}

/// The measure that was asked for; of an arm that hasn't got it (the locked model has no curve)
/// the judged one.
fn measure<'e>(evidence: &'e Evidence, arm: &ArmRef, what: &Show) -> Result<&'e Measure> {
    let known = evidence.arms();
    if !known.contains(arm) {
        let known = known.iter().map(ToString::to_string).collect();
        return Err(Error::unknown("arm", &arm.to_string(), known));
    }
    let Member { seed, draw } = what.member;
    let trial = evidence
        .trial(arm, what.member)
        .ok_or_else(|| Error::Usage(format!("{arm} has no trial at seed {seed}, draw {draw}")))?;
    let wanted = what.measure.as_deref().unwrap_or(HELD_OUT);
    let fallback = what.arms.last() != Some(arm);
    let judged = || trial.measure(HELD_OUT).filter(|_| fallback);
    trial.measure(wanted).or_else(judged).ok_or_else(|| {
        let known = trial
            .measures
            .iter()
            .map(|measure| measure.name.clone())
            .collect();
        Error::unknown("measure", wanted, known)
    })
}

/// What problem ids of this split start with.
pub fn part_name(split: Split) -> &'static str {
    match split {
        Split::HeldOut => "held-out",
        Split::Validation => "validation",
    }
}
