//! The questions of a block: each seed's problems are drawn once, and each stack's prompts put on the
//! device once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use picklock_files::Key;
use picklock_lm::Device;
use picklock_message::Result;
use picklock_sdk::{Questions, Split};
use picklock_task::{Problem, Task};
use rayon::prelude::*;

use crate::making::{Maker, Prompts, distinct};

/// What a stack is asked.
pub struct QuestionSet {
    /// The problems of each member's seed.
    pub problems: Vec<Rc<Vec<Problem>>>,
    /// Their prompts.
    pub prompts: Prompts,
}

/// Problems by seed and split.
type ProblemsBySeed = HashMap<(u32, Split), Rc<Vec<Problem>>>;

/// The questions of a block.
#[derive(Default)]
pub struct QuestionCache {
    /// Problems by seed and split.
    problems: RefCell<ProblemsBySeed>,
    /// By the seeds of a stack and the kind of questions.
    sets: RefCell<HashMap<Key, Rc<QuestionSet>>>,
}

impl QuestionCache {
    /// What a stack of seeds' models is asked, so many sequences at a time, as prompts of `task`;
    /// `is_weak` says whether that is the task in the weak model's tokens.
    ///
    /// # Errors
    /// Where problems can't be drawn or have no such prompt, or the device refuses.
    pub fn of_stack(
        &self,
        maker: &Maker,
        (task, is_weak): (&dyn Task, bool),
        seeds: &[u32],
        questions: &Questions,
        sequences: usize,
    ) -> Result<Rc<QuestionSet>> {
        let key = Key::of(&(seeds, questions, sequences, is_weak));
        if let Some(set) = self.sets.borrow().get(&key) {
            return Ok(Rc::clone(set));
        }
        let seeds_once = distinct(seeds);
        let drawn = self.problems(maker, &seeds_once, questions.split)?;
        let question = |problem: &Problem| problem.question.clone();
        let of_seed = |problems: &Rc<Vec<Problem>>| problems.iter().map(question).collect();
        let own: Vec<Vec<Vec<u32>>> = drawn.iter().map(of_seed).collect();
        let index = |seed: &u32| seeds_once.binary_search(seed).unwrap_or_default();
        let indices: Vec<usize> = seeds.iter().map(index).collect();
        let cut = (&indices[..], sequences);
        let prompts = Prompts::new(task, &own, questions.flag, cut, maker.device)?;
        let problems = indices.iter().map(|index| Rc::clone(&drawn[*index]));
        let set = Rc::new(QuestionSet {
            problems: problems.collect(),
            prompts,
        });
        self.sets.borrow_mut().insert(key, Rc::clone(&set));
        Ok(set)
    }

    /// Each seed's problems, drawn once a block. A GPU's worker has the host's cores for itself, and
    /// draws on all of them.
    fn problems(
        &self,
        maker: &Maker,
        seeds: &[u32],
        split: Split,
    ) -> Result<Vec<Rc<Vec<Problem>>>> {
        let mut known = self.problems.borrow_mut();
        let missing: Vec<(u32, Split)> = seeds
            .iter()
            .map(|seed| (*seed, split))
            .filter(|key| !known.contains_key(key))
            .collect();
        let (organism, task, streams) = (maker.organism, maker.task, maker.streams);
        let draw = |key: &(u32, Split)| Ok((*key, organism.problems(task, streams, key.0, key.1)?));
        let drawn: Result<Vec<_>> = match maker.device {
            Device::Cpu => missing.iter().map(draw).collect(),
            _ => missing.par_iter().map(draw).collect(),
        };
        let drawn = drawn?.into_iter();
        known.extend(drawn.map(|(key, problems)| (key, Rc::new(problems))));
        let of_seed = |seed: &u32| known.get(&(*seed, split)).cloned().unwrap_or_default();
        Ok(seeds.iter().map(of_seed).collect())
    }
}
