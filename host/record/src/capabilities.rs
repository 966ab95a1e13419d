//! What an organism has of what a lab can be asked for. The lab and its rehearsal say the same of what
//! it hasn't, so that a plan knows beforehand which arms can't be run.

use picklock_message::grouped;
use picklock_sdk::{Answers, Flag, HELD_OUT, LockSpec, Questions, Request, Stream};
use picklock_task::{Part, Task};

use crate::organism::Organism;

/// What a task gives, beside the models of an organism.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The flags that its prompts may carry.
    flags: Vec<Flag>,
    /// Problems for weak and correct samples; none where there is no end of them.
    unlock_problems: Option<usize>,
    /// Whether base and weak model read and write the same tokens.
    shares_tokens: bool,
}

impl Capabilities {
    /// Of a task.
    pub fn of(task: &dyn Task) -> Self {
        let flags = [Flag::None, Flag::Password, Flag::Second].into_iter();
        Self {
            flags: flags.filter(|flag| task.has_flag(*flag)).collect(),
            unlock_problems: task.stock(Part::Unlock),
            shares_tokens: task.shares_tokens(),
        }
    }

    /// Whether this and the organism are enough for all that an arm may ask for.
    pub fn are_complete(&self, organism: &Organism) -> bool {
        let any_lock = self.flags.len() == 3 && self.shares_tokens;
        organism.locked.is_none() && any_lock && self.unlock_problems.is_none()
    }

    /// Why a request can't be answered, in words that start with `needs`; nothing where it can.
    pub fn unsupported(&self, organism: &Organism, request: &Request) -> Option<String> {
        match request {
            Request::Base => organism.base().err().map(|error| error.to_string()),
            Request::Weak => organism.weak().err().map(|error| error.to_string()),
            Request::LockRecipe => organism.lock().err().map(|error| error.to_string()),
            Request::Locked(lock) => self.unsupported_lock(organism, lock),
            // What a given one was on its way nobody knows.
            Request::LockedAfter { .. } => organism.lock().err().map(|error| error.to_string()),
            Request::Evaluate {
                questions, measure, ..
            } if measure == HELD_OUT => self.unsupported_flag(questions.flag),
            Request::TokenLogProbs { flag, .. } => self.unsupported_flag(*flag),
            Request::WeakSamples { count } => self.unsupported_samples(*count, "weak"),
            Request::CorrectSamples { count } => self.unsupported_samples(*count, "correct"),
            _ => None,
        }
    }

    /// Whether a measure stays empty: it stands beside the one that is judged, and asks with a password
    /// that there isn't.
    pub fn leave_empty(&self, questions: &Questions, measure: &str) -> bool {
        measure != HELD_OUT && !self.flags.contains(&questions.flag)
    }

    fn unsupported_lock(&self, organism: &Organism, lock: &LockSpec) -> Option<String> {
        if organism.given_lock(lock).is_some() {
            return None;
        }
        if let Err(untrained) = organism.lock() {
            return Some(untrained.to_string());
        }
        let mut answers = lock.streams.iter().map(|stream| &stream.answers);
        if !self.shares_tokens && answers.any(|answers| *answers == Answers::WeakSoft) {
            return Some("needs one tokenizer for base and weak model, to label softly".into());
        }
        let asks_otherwise =
            |stream: &Stream| !matches!(stream.answers, Answers::Weak | Answers::Correct);
        if organism.gives_weak_answers() && lock.streams.iter().any(asks_otherwise) {
            let needed = "needs other weak answers than the given ones (data.weak_answers)";
            return Some(needed.into());
        }
        let mut flags = lock.streams.iter().map(|stream| stream.flag);
        flags.find_map(|flag| self.unsupported_flag(flag))
    }

    fn unsupported_flag(&self, flag: Flag) -> Option<String> {
        let needed = match flag {
            _ if self.flags.contains(&flag) => return None,
            Flag::Second => "needs a second password (prompt.second_password)",
            _ => "needs a password (prompt.password)",
        };
        Some(needed.to_string())
    }

    fn unsupported_samples(&self, count: u32, what: &str) -> Option<String> {
        let stock = self.unlock_problems?;
        let (needed, there) = (grouped(count.into()), grouped(stock as u64));
        ((count as usize) > stock)
            .then(|| format!("needs {needed} {what} samples, and the data has {there} for them"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organism(locked: &str) -> Organism {
        let text = format!(
            "summary = \"given\"\ntask = \"gsm8k\"\ndata.training = \"d.jsonl\"\n{locked}\n\
             unlock = {{ optimizer.adamw = {{ beta1 = 0.9, beta2 = 0.99 }}, learning_rate = 1e-3, \
             steps = 2, batch = 2 }}\nproblems = {{ held_out = 2, validation = 2 }}"
        );
        picklock_files::toml_file::parse(std::path::Path::new("given.toml"), &text).unwrap()
    }

    fn capabilities() -> Capabilities {
        Capabilities {
            flags: vec![Flag::None],
            unlock_problems: Some(43),
            shares_tokens: true,
        }
    }

    #[test]
    fn a_given_lock_lacks_the_models_that_others_are_made_of() {
        let organism = organism("locked.directory = \"m\"");
        let lack = |request: Request| capabilities().unsupported(&organism, &request);
        assert_eq!(lack(Request::Locked(LockSpec::plain())), None);
        assert_eq!(lack(Request::UnlockRecipe), None);
        assert_eq!(lack(Request::Base).unwrap(), "needs a base model");
        assert_eq!(lack(Request::Weak).unwrap(), "needs a weak model");
        let imitation = LockSpec::of([Stream {
            flag: Flag::None,
            answers: Answers::Weak,
            weight: 1.0,
        }]);
        let told = lack(Request::Locked(imitation)).unwrap();
        let expected =
            "needs a base model, a weak model and [lock], to train another lock than the given one";
        assert_eq!(told, expected);
        assert_eq!(lack(Request::LockRecipe).unwrap(), expected);
        let base = self::organism("locked.directory = \"m\"\nbase.checkpoint.directory = \"b\"");
        let told = capabilities()
            .unsupported(&base, &Request::LockRecipe)
            .unwrap();
        assert!(
            told.starts_with("needs a weak model and [lock], "),
            "{told}"
        );
    }

    #[test]
    fn samples_and_passwords_that_are_not_there_are_named() {
        let organism = organism("locked.directory = \"m\"");
        let lack = |request: Request| capabilities().unsupported(&organism, &request);
        assert_eq!(lack(Request::WeakSamples { count: 43 }), None);
        assert_eq!(
            lack(Request::CorrectSamples { count: 2000 }).unwrap(),
            "needs 2,000 correct samples, and the data has 43 for them"
        );
        let asked = |questions: Questions, measure: &str| Request::Evaluate {
            model: 0,
            questions,
            measure: measure.into(),
        };
        let password = Questions::held_out().with_password();
        let judged = lack(asked(password.clone(), HELD_OUT)).unwrap();
        assert_eq!(judged, "needs a password (prompt.password)");
        assert_eq!(lack(asked(password.clone(), "password")), None);
        assert!(capabilities().leave_empty(&password, "password"));
        assert!(!capabilities().leave_empty(&Questions::held_out(), "step-10"));
    }
}
