//! A few answers to read: each arm beside what it is compared with.

use std::collections::BTreeMap;

use picklock_message::Result;
use picklock_record::{ArmRef, Measure, Member};
use picklock_sdk::HELD_OUT;
use picklock_task::Task;

use super::{Block, Section, Table};
use crate::evidence::Evidence;
use crate::show::Asked;
use crate::trial::Trial;

/// Problems of each arm.
const SHOWN: usize = 3;

/// The section; `task` puts answers into words, or it is said why none can.
pub(super) fn section(
    evidence: &Evidence,
    task: std::result::Result<&dyn Task, &String>,
) -> Option<Section> {
    let text = format!(
        "The first {SHOWN} held-out problems of the first trial that both arms have: not chosen, simply the \
         first. More with: picklock show RUN --arm HYPOTHESIS/ARM."
    );
    let mut blocks = vec![Block::Text(text)];
    let task = match task {
        Ok(task) => task,
        Err(reason) => {
            let text = format!("Answers {reason}.");
            let blocks = vec![Block::Text(text)];
            return Section::of("answers", "Answers to read", blocks);
        }
    };
    let mut answers = Answers {
        task,
        read: BTreeMap::new(),
    };
    for hypothesis in &evidence.manifest.hypotheses {
        let columns = [
            "arm",
            "problem",
            ">prompt",
            ">expected",
            "against",
            ">its answer",
            ">the arm's answer",
        ];
        let mut table = Table::new(format!("Answers of {}'s arms", hypothesis.name), &columns);
        for arm in &hypothesis.arms {
            let arm = ArmRef::of(&hypothesis.name, arm.name());
            // An arm whose answers can't be read any more is left out.
            let _ = answers.add(evidence, &arm, &mut table);
        }
        match (table.rows.is_empty(), blocks.len()) {
            (true, _) => {}
            (_, 1) => blocks.push(Block::Table(table)),
            _ => blocks.push(Block::Folded(table)),
        }
    }
    (blocks.len() > 1)
        .then(|| Section::of("answers", "Answers to read", blocks))
        .flatten()
}

/// Answers that were read already, by arm and trial.
struct Answers<'t> {
    task: &'t dyn Task,
    read: BTreeMap<(ArmRef, Member), Option<Measure>>,
}

impl Answers<'_> {
    fn add(&mut self, evidence: &Evidence, arm: &ArmRef, table: &mut Table) -> Result<()> {
        let Some(control) = evidence.control(arm) else {
            return Ok(());
        };
        let mut trials = evidence.done(arm);
        let both = trials.find(|trial| {
            let other = evidence.trial(&control, trial.member);
            trial.measure(HELD_OUT).is_some() && other.is_some_and(Trial::is_done)
        });
        let Some(member) = both.map(|trial| trial.member) else {
            return Ok(());
        };
        let Some(own) = self.held_out(evidence, arm, member)? else {
            return Ok(());
        };
        let Some(other) = self.held_out(evidence, &control, member)? else {
            return Ok(());
        };
        let asked = Asked::new(self.task, &evidence.manifest, member.seed, &own.questions)?;
        for index in 0..SHOWN.min(asked.problems.len()) {
            let row = [
                arm.arm.clone(),
                asked.problems[index].id.clone(),
                asked.prompt(index)?,
                asked.expected(index)?,
                control.to_string(),
                asked.answer(&other, index)?,
                asked.answer(&own, index)?,
            ];
            // A row of a table is one line.
            table.row(row.map(|cell| cell.trim_end().replace('\n', " \u{21b5} ")));
        }
        Ok(())
    }

    fn held_out(
        &mut self,
        evidence: &Evidence,
        arm: &ArmRef,
        member: Member,
    ) -> Result<Option<Measure>> {
        let place = (arm.clone(), member);
        if !self.read.contains_key(&place) {
            let record = evidence.with_answers(arm, member)?;
            let measure = record.and_then(|record| record.measure(HELD_OUT).cloned());
            self.read.insert(place.clone(), measure);
        }
        Ok(self.read.get(&place).cloned().flatten())
    }
}
