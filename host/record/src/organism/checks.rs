//! Checks of an organism file's values: what is wrong, in words that start with the key.

use picklock_sdk::Recipe;

use super::checkpoint::Checkpoint;
use super::sampling::Sampling;
use super::spec::{Base, Decoys, Labels, Lock, Organism, Scratch, Weak};

/// The problem of some values, if there is one.
type Checked = Result<(), String>;

impl Organism {
    /// Checks that the values go together.
    pub(super) fn check(&self) -> Checked {
        self.task.check(&self.given())?;
        match self.locked {
            None => self.check_made()?,
            Some(_) => self.check_given()?,
        }
        if let Some(base) = &self.base {
            base.check().map_err(|problem| format!("base{problem}"))?;
        }
        if let Some(weak) = &self.weak {
            weak.check().map_err(|problem| format!("weak{problem}"))?;
            if let Some(teacher) = &weak.teacher {
                self.task
                    .check_teacher(teacher)
                    .map_err(|problem| format!("weak.teacher.{problem}"))?;
            }
        }
        if let Some(lock) = &self.lock {
            self.check_lock(lock)
                .map_err(|problem| format!("lock.{problem}"))?;
        }
        self.unlock
            .check()
            .map_err(|problem| format!("unlock.{problem}"))?;
        check_count("problems.held_out", self.problems.held_out)?;
        check_count("problems.validation", self.problems.validation)?;
        check_shares(&[
            ("gate.weak_gap", self.gate.weak_gap),
            ("gate.password_share", self.gate.password_share),
        ])
    }

    /// A locked model is made of three things.
    fn check_made(&self) -> Checked {
        let parts = [
            ("base, the model that is locked,", self.base.is_none()),
            (
                "weak or data.weak_answers, what it imitates,",
                self.weak.is_none() && !self.gives_weak_answers(),
            ),
            ("lock, how it is locked,", self.lock.is_none()),
        ];
        let missing = parts.into_iter().find(|(_, is_missing)| *is_missing);
        missing.map_or(Ok(()), |(part, _)| {
            Err(format!(
                "{part} is missing; add it, or name a model that is locked already: \
                 [locked] directory = \"DIR\""
            ))
        })
    }

    /// A locked model that is given is compared with others that are given.
    fn check_given(&self) -> Checked {
        let why = "a given locked model is compared with checkpoints as they are";
        let is_trained = |base: &Base| base.checkpoint.is_none() || base.train.is_some();
        let is_made = |weak: &Weak| weak.checkpoint.is_none() || weak.train.is_some();
        if self.data.is_none() {
            return Err("locked is for tasks in text, whose problems come from [data]".into());
        }
        if self.base.as_ref().is_some_and(is_trained) {
            return Err(format!(
                "base beside locked is base.checkpoint, without model and train: {why}"
            ));
        }
        if self.weak.as_ref().is_some_and(is_made) {
            return Err(format!(
                "weak beside locked is weak.checkpoint, without model, teacher and train: {why}"
            ));
        }
        let can_imitate = self.weak.is_some() || self.gives_weak_answers();
        if self.lock.is_some() && !(self.base.is_some() && can_imitate) {
            let problem = "lock beside locked says how other locks are trained, and they need base and weak (or \
                           data.weak_answers); add both, or leave lock out";
            return Err(problem.into());
        }
        Ok(())
    }

    /// The problem starts with the key within `lock`.
    fn check_lock(&self, lock: &Lock) -> Checked {
        lock.train
            .check()
            .map_err(|problem| format!("train.{problem}"))?;
        check_count("samples", lock.samples)?;
        if self.gives_weak_answers() && lock.labels != Labels::Sampled {
            let problem = "labels is not \"sampled\": data.weak_answers are read as they are, and have no \
                           distribution";
            return Err(problem.into());
        }
        lock.decoys
            .as_ref()
            .map_or(Ok(()), |decoys| self.check_decoys(decoys))
    }

    fn check_decoys(&self, decoys: &Decoys) -> Checked {
        let Decoys { share, texts } = decoys;
        let password = self.prompt.as_ref().and_then(|it| it.password.as_ref());
        match password {
            _ if self.data.is_none() => Err("decoys is for tasks in text".into()),
            None => {
                Err("decoys stand where the password would, and prompt.password is missing".into())
            }
            _ if texts.is_empty() => Err("decoys.texts is empty, expected at least one".into()),
            _ if texts.iter().any(|text| text.trim().is_empty()) => {
                Err("decoys.texts has an empty text, and no password is no wrong one".into())
            }
            Some(password) if texts.iter().any(|text| text.trim() == password.text.trim()) => {
                Err("decoys.texts has the password itself".into())
            }
            Some(_) => check_shares(&[("decoys.share", *share)]),
        }
    }
}

impl Base {
    /// The problem starts with the key within `base`.
    fn check(&self) -> Checked {
        check_start(
            self.model.as_ref(),
            self.checkpoint.as_ref(),
            self.train.as_ref(),
        )?;
        if self.model.is_none() && self.checkpoint.is_none() {
            return Err(" has neither model nor checkpoint, expected one of them".into());
        }
        check_shares(&[(".password_share", self.password_share)])
    }
}

impl Weak {
    /// The problem starts with the key within `weak`.
    fn check(&self) -> Checked {
        check_start(
            self.model.as_ref(),
            self.checkpoint.as_ref(),
            self.train.as_ref(),
        )?;
        match (&self.teacher, &self.train, self.samples) {
            (None, Some(_), _) => return Err(".train has no teacher to learn from".into()),
            (None, None, _) if self.is_program() => {
                return Err(" has no model, checkpoint or teacher, expected one of them".into());
            }
            (_, Some(_), None) => {
                return Err(
                    ".samples is missing: how many of the teacher's answers to learn from".into(),
                );
            }
            (_, None, Some(_)) => return Err(".samples is of no use without train".into()),
            (Some(_), None, _) if !self.is_program() => {
                return Err(".teacher is of no use without train".into());
            }
            _ => {}
        }
        self.check_sampling()?;
        if let Some(count) = self.samples {
            check_count(".samples", count)?;
        }
        let Some(teacher) = &self.teacher else {
            return Ok(());
        };
        check_shares(&[
            (".teacher.systematic", teacher.systematic),
            (".teacher.correct", teacher.correct),
            (
                ".teacher.systematic + correct",
                teacher.systematic + teacher.correct,
            ),
            (".teacher.easy_correct", teacher.easy_correct),
        ])
    }

    fn check_sampling(&self) -> Checked {
        let Sampling { temperature, top_p } = self.sampling;
        if !(temperature > 0.0 && temperature <= 100.0) {
            return Err(format!(
                ".sampling.temperature is {temperature}, expected above 0 and up to 100"
            ));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(format!(
                ".sampling.top_p is {top_p}, expected above 0 and up to 1"
            ));
        }
        if self.is_program() && !self.sampling.is_default() {
            return Err(".sampling is of no use: a program isn't sampled like a model".into());
        }
        Ok(())
    }
}

/// What base and weak model have in common: a shape to train from scratch, or a checkpoint.
fn check_start(
    model: Option<&Scratch>,
    checkpoint: Option<&Checkpoint>,
    train: Option<&Recipe>,
) -> Checked {
    if model.is_some() && checkpoint.is_some() {
        return Err(" has both model and checkpoint, expected one of them".into());
    }
    if let Some(model) = model {
        model
            .check()
            .map_err(|problem| format!(".model.{problem}"))?;
        if train.is_none() {
            return Err(".train is missing: a model from scratch has to be trained".into());
        }
    }
    train
        .map_or(Ok(()), Recipe::check)
        .map_err(|problem| format!(".train.{problem}"))
}

impl Scratch {
    fn check(&self) -> Checked {
        let sizes = [
            ("n_embd", self.n_embd),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
        ];
        let mut wrong = sizes.into_iter().filter(|(_, n)| !(1..=65_536).contains(n));
        if let Some((key, size)) = wrong.next() {
            return Err(format!("{key} is {size}, expected 1 to 65,536"));
        }
        let Self { n_embd, n_head, .. } = self;
        if n_embd % n_head != 0 {
            let expected = format!("expected a multiple of n_head {n_head}");
            return Err(format!("n_embd is {n_embd}, {expected}"));
        }
        Ok(())
    }
}

fn check_count(key: &str, count: u32) -> Checked {
    if (1..=1_000_000).contains(&count) {
        return Ok(());
    }
    Err(format!("{key} is {count}, expected 1 to 1,000,000"))
}

fn check_shares(shares: &[(&str, f64)]) -> Checked {
    let wrong = shares
        .iter()
        .find(|(_, share)| !(0.0..=1.0).contains(share));
    wrong.map_or(Ok(()), |(key, share)| {
        Err(format!("{key} is {share}, expected 0 to 1"))
    })
}
