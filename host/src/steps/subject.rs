//! What is looked at: a model with what writes its prompts.
//!
//! A model of an organism may have its task's tokens alone; here they are the tokenizer's to the
//! outside, and the model's to the model.

use std::path::Path;
use std::time::{Duration, Instant};

use picklock_lm::{Device, Kind, Model};
use picklock_message::{Error, Result, grouped};
use picklock_sdk::Flag;
use picklock_task::{Encoder, PromptSpec, Specials, Task};

/// A model, and how it is asked.
pub struct Subject {
    /// The model, in a stack of one.
    pub model: Model,
    encoder: Encoder,
    /// What marks its prompts.
    flag: Flag,
    /// The task of the organism that it is of.
    task: Option<Box<dyn Task>>,
}

/// How long opening took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// The tokenizer, which is read beside the weights.
    pub tokenizer: Duration,
    /// The weights.
    pub weights: Duration,
}

impl Subject {
    /// Opens a Hugging Face folder; weights become float32, then `kind`.
    ///
    /// # Errors
    /// Where model or tokenizer can't be read, or the specification doesn't fit them.
    pub fn open(
        folder: &Path,
        (spec, flag): (PromptSpec, Flag),
        device: Device,
        kind: Kind,
    ) -> Result<(Self, Opened)> {
        let started = Instant::now();
        let (encoder, model) = std::thread::scope(|scope| {
            let encoder = scope.spawn(|| -> Result<_> {
                let encoder = Encoder::open(folder)?.with(spec)?;
                Ok((encoder, started.elapsed()))
            });
            let model = Model::load(folder, device).and_then(|model| model.to_kind(kind));
            let model = model.map(|model| (model, started.elapsed()));
            (encoder.join(), model)
        });
        let (model, weights) = model?;
        let panicked = |_| Error::Worker("the tokenizer's thread panicked".into());
        let (encoder, tokenizer) = encoder.map_err(panicked)??;
        encoder.check_vocabulary(model.architecture().vocab_size())?;
        let subject = Self {
            model,
            encoder,
            flag,
            task: None,
        };
        Ok((subject, Opened { tokenizer, weights }))
    }

    /// A model of an organism. Its prompts are given whole, with their password, as the task writes
    /// them.
    ///
    /// # Errors
    /// Where the `tokenizers` library refuses the task's vocabulary.
    pub fn of(task: Box<dyn Task>, model: Model) -> Result<Self> {
        let specials = Specials {
            eos: task.end(),
            stop: task.stop().to_vec(),
            ..Specials::default()
        };
        Ok(Self {
            model,
            encoder: Encoder::of(task.tokenizer()?, specials)?,
            flag: Flag::None,
            task: Some(task),
        })
    }

    /// The model's tokens of a question's whole prompt.
    ///
    /// # Errors
    /// As [`Encoder::prompt`], and for a word that is not the task's.
    pub fn prompt(&self, question: &str) -> Result<Vec<u32>> {
        match self.task {
            None => self.encoder.prompt(question, self.flag),
            Some(_) => self.whole(question),
        }
    }

    /// The model's tokens of an answer with its end.
    ///
    /// # Errors
    /// As [`Encoder::answer`], and for a word that is not the task's.
    pub fn answer(&self, text: &str) -> Result<Vec<u32>> {
        self.to_model(self.encoder.answer(text)?)
    }

    /// The model's tokens of a whole text.
    ///
    /// # Errors
    /// As [`Encoder::whole`], and for a word that is not the task's.
    pub fn whole(&self, text: &str) -> Result<Vec<u32>> {
        match self.task {
            None => self.encoder.whole(text),
            Some(_) => self.to_model(self.encoder.tokens(text)?),
        }
    }

    /// The text of an answer, up to what ended it.
    pub fn text(&self, ids: &[u32]) -> String {
        self.encoder.text(&self.of_tokenizer(ids))
    }

    /// The text of one token, whatever it is.
    pub fn token(&self, id: u32) -> String {
        let (tokenizer, ids) = (self.encoder.tokenizer(), self.of_tokenizer(&[id]));
        // It fails for no known decoder.
        tokenizer.decode(&ids, false).unwrap_or_default()
    }

    /// The tokens that end an answer.
    pub fn stop(&self) -> &[u32] {
        self.encoder.stop()
    }

    /// Tokens of an answer, where the task says how many.
    pub fn answer_tokens(&self) -> Option<usize> {
        self.task.as_ref().map(|task| task.answer_tokens())
    }

    /// The tokenizer's ids that the model's stand for, in the model's order; none where they are the
    /// same.
    fn vocabulary(&self) -> Option<&[u32]> {
        self.task.as_ref()?.vocabulary()
    }

    fn to_model(&self, ids: Vec<u32>) -> Result<Vec<u32>> {
        let Some(known) = self.vocabulary() else {
            return Ok(ids);
        };
        let own = |id: u32| {
            let index = known.iter().position(|known| *known == id);
            index.map(|index| index as u32).ok_or_else(|| {
                let text = self.encoder.tokenizer().id_to_token(id).unwrap_or_default();
                Error::Usage(format!("`{text}` is none of the task's tokens"))
            })
        };
        ids.into_iter().map(own).collect()
    }

    fn of_tokenizer(&self, ids: &[u32]) -> Vec<u32> {
        let Some(known) = self.vocabulary() else {
            return ids.to_vec();
        };
        ids.iter()
            .filter_map(|id| known.get(*id as usize).copied())
            .collect()
    }

    /// The most new tokens that a prompt leaves room for; the last one is never read.
    ///
    /// # Errors
    /// Where there is no prompt, or it leaves room for fewer than `least`; `which` names it.
    pub fn room(&self, which: &str, prompt: &[u32], least: usize) -> Result<usize> {
        let limit = self.model.architecture().max_positions() as usize;
        if prompt.is_empty() {
            let problem = format!("{which} has no tokens, expected at least one");
            return Err(Error::Usage(problem));
        }
        let room = (limit + 1).saturating_sub(prompt.len());
        if room >= least {
            return Ok(room);
        }
        let [tokens, limit] = [prompt.len(), limit].map(|number| grouped(number as u64));
        Err(Error::Usage(format!(
            "{which} has {tokens} tokens and wants {} more, and the model's context is {limit}; \
             shorten it, or ask for fewer new ones",
            grouped(least as u64)
        )))
    }
}
