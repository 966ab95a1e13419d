//! A few answers to read: each arm beside what it is compared with.

use std::collections::BTreeMap;

use picklock_message::Result;
use picklock_record::{ArmRef, GradedTrial, Measure, Member, RunHypothesis};
use picklock_sdk::HELD_OUT;
use picklock_task::Task;

use super::section::{Block, Section};
use crate::evidence::{Evidence, arms_of};
use crate::show::SeedProblems;
use crate::table::Table;

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
    let mut blocks = Vec::new();
    match task {
        Ok(task) => blocks.extend(tables(evidence, task)),
        Err(reason) => blocks.push(Block::Text(format!("Answers {reason}."))),
    }
    if task.is_ok() && !blocks.is_empty() {
        blocks.insert(0, Block::Text(text));
    }
    Section::of("answers", "Answers to read", blocks)
}

/// Each hypothesis' answers, the first open and the others folded.
fn tables(evidence: &Evidence, task: &dyn Task) -> Vec<Block> {
    let mut answers = Answers {
        task,
        read: BTreeMap::new(),
    };
    let tables = evidence
        .manifest
        .hypotheses
        .iter()
        .map(|known| answers.table(evidence, known));
    let tables = tables.filter(|table| !table.rows.is_empty()).enumerate();
    tables
        .map(|(index, table)| {
            if index == 0 {
                Block::Table(table)
            } else {
                Block::Folded(table)
            }
        })
        .collect()
}

/// Answers that were read already, by arm and trial.
struct Answers<'t> {
    task: &'t dyn Task,
    read: BTreeMap<(ArmRef, Member), Option<Measure>>,
}

impl Answers<'_> {
    fn table(&mut self, evidence: &Evidence, hypothesis: &RunHypothesis) -> Table {
        let columns =
            "arm | problem | >prompt | >expected | against | >its answer | >the arm's answer";
        let mut table = Table::new(format!("Answers of {}'s arms", hypothesis.name), columns);
        for arm in arms_of(hypothesis) {
            // An arm whose answers can't be read any more is left out.
            let _ = self.add(evidence, &arm, &mut table);
        }
        table
    }

    fn add(&mut self, evidence: &Evidence, arm: &ArmRef, table: &mut Table) -> Result<()> {
        let Some(control) = evidence.control(arm) else {
            return Ok(());
        };
        let mut trials = evidence.done(arm);
        let both = trials.find(|trial| {
            let other = evidence.trial(&control, trial.member);
            trial.measure(HELD_OUT).is_some() && other.is_some_and(GradedTrial::is_done)
        });
        let Some(member) = both.map(|trial| trial.member) else {
            return Ok(());
        };
        let own = self.held_out(evidence, arm, member)?;
        let other = self.held_out(evidence, &control, member)?;
        let Some((own, other)) = own.zip(other) else {
            return Ok(());
        };
        let asked = SeedProblems::new(self.task, &evidence.manifest, member.seed, &own.questions)?;
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
        if let Some(known) = self.read.get(&(arm.clone(), member)) {
            return Ok(known.clone());
        }
        let record = evidence.with_answers(arm, member)?;
        let measure = record.and_then(|record| record.measure(HELD_OUT).cloned());
        self.read.insert((arm.clone(), member), measure.clone());
        Ok(measure)
    }
}
