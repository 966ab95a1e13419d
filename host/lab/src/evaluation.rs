//! Asking and grading: several models in one stack, each its own seed's problems.

use std::rc::Rc;

use picklock_grade::Grade;
use picklock_message::Result;
use picklock_record::{Measure, Sampling};
use picklock_sdk::{Questions, Score};
use picklock_task::{Problem, Teacher};

use crate::making::{DecodingRoom, decode_prompts};
use crate::operation::{Operation, Product};
use crate::operations::Operations;

impl Operations<'_> {
    /// Asks and grades a stack of models.
    ///
    /// # Errors
    /// Where the device refuses, or a problem has no such prompt.
    pub fn evaluate(&self, stack: &[Operation], questions: &Questions) -> Result<Vec<Product>> {
        let models: Vec<_> = stack.iter().filter_map(Operation::model).collect();
        let seeds: Vec<u32> = models.iter().map(|model| model.lineage.seed).collect();
        let is_weak = models.iter().all(|model| model.lineage.is_weak);
        let weak_task = self.task().for_weak().filter(|_| is_weak);
        let own = weak_task.unwrap_or(self.task());
        let set = |sequences| {
            let task = (own, is_weak);
            self.questions
                .of_stack(self.maker, task, &seeds, questions, sequences)
        };
        let (set, answers) = match self.maker.program() {
            Some(teacher) if models.iter().all(|model| model.is_program()) => {
                let set = set(DecodingRoom::MOST)?;
                let answer = |problems: &Rc<Vec<Problem>>| self.program_answers(teacher, problems);
                let answers = set.problems.iter().map(answer).collect::<Result<_>>()?;
                (set, answers)
            }
            _ => {
                let room = &self.maker.room;
                let stack = self.residence.stack(&models)?;
                let set = set(room.sequences(&stack, own.max_tokens(), 1))?;
                let greedy = Sampling::GREEDY;
                let answers = decode_prompts(own, &stack, &set.prompts, greedy, None, room)?;
                (set, answers)
            }
        };
        let base_tokens = |answer: Vec<u32>| {
            if is_weak {
                self.task().to_base_tokens(&answer)
            } else {
                Ok(answer)
            }
        };
        let graded = |(problems, answers): (&Rc<Vec<Problem>>, Vec<Vec<u32>>)| {
            let pairs = problems.iter().zip(&answers);
            let grades: Vec<Grade> = pairs
                .map(|(problem, answer)| own.grade(problem, answer))
                .collect::<Result<_>>()?;
            let count = |wanted| grades.iter().filter(|grade| **grade == wanted).count() as u32;
            let score = Score {
                correct: count(Grade::Correct),
                unparsed: count(Grade::Unparsed),
                problems: grades.len() as u32,
            };
            let measure = Measure {
                name: String::new(),
                questions: questions.clone(),
                grades: grades.iter().map(|grade| grade.letter()).collect(),
                // Journals are in the base model's tokens.
                answers: answers
                    .into_iter()
                    .map(base_tokens)
                    .collect::<Result<_>>()?,
            };
            Ok(Product::Evaluation(Rc::new(measure), score))
        };
        set.problems.iter().zip(answers).map(graded).collect()
    }

    /// The most likely answers of the program that is imitated.
    fn program_answers(&self, teacher: &Teacher, problems: &[Problem]) -> Result<Vec<Vec<u32>>> {
        let answer = |problem: &Problem| {
            // Nothing is drawn at temperature 0.
            let mut numbers = self.maker.streams.rng(&[&"program"]);
            let (task, question) = (self.task(), &problem.question);
            Ok(task
                .teacher_answer(question, teacher, 0.0, &mut numbers)?
                .answer)
        };
        problems.iter().map(answer).collect()
    }
}
