//! From questions to the tokens of prompts, from answers to the tokens that are trained on, and back.

use std::path::{Path, PathBuf};

use picklock_message::{Error, Result, grouped};
use picklock_sdk::Flag;
use tokenizers::Tokenizer;

use super::chat::ChatFile;
use super::running::Running;
use super::spec::{Password, PromptSpec, Template};
use super::specials::Specials;
use super::tokenizer_file;
use super::wording::Wording;

/// A tokenizer, with what it needs to write prompts and answers.
pub struct Encoder {
    tokenizer: Tokenizer,
    specials: Specials,
    chat: Option<ChatFile>,
    wording: Wording,
    /// What the tokenizer puts in front of a text by its own setting.
    in_front: Vec<u32>,
    running: Running,
    /// The model's folder, where it has one.
    folder: Option<PathBuf>,
}

impl Encoder {
    /// Opens the tokenizer of a Hugging Face folder. A prompt is the question alone, until
    /// [`Encoder::with`] says otherwise.
    ///
    /// # Errors
    /// Where there is no tokenizer, or its files are damaged or contradict each other.
    pub fn open(folder: &Path) -> Result<Self> {
        let tokenizer = tokenizer_file::read(folder)?;
        let specials = Specials::read(folder, &tokenizer)?;
        let chat = ChatFile::find(folder)?;
        let folder = Some(folder.to_path_buf());
        let encoder = Self::of(tokenizer, specials)?;
        Ok(Self {
            chat,
            folder,
            ..encoder
        })
    }

    /// An encoder of a tokenizer that a task has made.
    ///
    /// # Errors
    /// None that a tokenizer could cause.
    pub fn of(tokenizer: Tokenizer, specials: Specials) -> Result<Self> {
        Ok(Self {
            in_front: tokenizer_file::in_front(&tokenizer),
            running: Running::of(&tokenizer),
            wording: Wording::new(PromptSpec::default(), None)?,
            tokenizer,
            specials,
            chat: None,
            folder: None,
        })
    }

    /// The same with prompts as a specification says. It is tried on a question, so that a template
    /// that fails does so now.
    ///
    /// # Errors
    /// Where the specification or a template is at fault, or a token that it needs isn't there.
    pub fn with(self, spec: PromptSpec) -> Result<Self> {
        if spec.bos == Some(true) && self.specials.bos.is_none() {
            let problem = "prompt.bos is true, but the model names no beginning-of-text token";
            return Err(Error::Usage(problem.into()));
        }
        if matches!(spec.template, Some(Template::Chat(_))) && self.chat.is_none() {
            let problem = "no chat template there: it needs chat_template.jinja, or chat_template in \
                           tokenizer_config.json; without them give a text as template";
            return Err(match &self.folder {
                Some(folder) => Error::file(folder, problem),
                None => Error::Usage(problem.into()),
            });
        }
        let wording = Wording::new(spec, self.chat.as_ref())?;
        let encoder = Self { wording, ..self };
        for flag in encoder.flags() {
            encoder.prompt_text("question", flag)?;
        }
        Ok(encoder)
    }

    /// The marks that prompts may have.
    pub fn flags(&self) -> impl Iterator<Item = Flag> + use<> {
        self.wording.flags()
    }

    /// The tokens of a question's whole prompt.
    ///
    /// # Errors
    /// Where there is no password of this flag, the template refuses the question, or the tokenizer
    /// has no token for some of it.
    pub fn prompt(&self, question: &str, flag: Flag) -> Result<Vec<u32>> {
        self.prompt_tokens(&self.prompt_text(question, flag)?)
    }

    /// The tokens of the prompt of a question that carries another text where the password would stand.
    ///
    /// # Errors
    /// Where there is no password, the template refuses the question, or the tokenizer has no token
    /// for some of it.
    pub fn decoy(&self, question: &str, text: &str) -> Result<Vec<u32>> {
        self.prompt_tokens(&self.decoy_text(question, text)?)
    }

    /// That prompt as a text.
    ///
    /// # Errors
    /// Where there is no password, or the template refuses the question.
    pub fn decoy_text(&self, question: &str, text: &str) -> Result<String> {
        let Some(password) = self.wording.password() else {
            let problem = "prompt.password is missing: a decoy stands where it would";
            return Err(Error::Usage(problem.into()));
        };
        let gap = &password.text[password.text.trim_end().len()..];
        let decoy = Password {
            text: format!("{}{gap}", text.trim_end()),
            place: password.place,
        };
        let question = decoy.mark(question);
        self.wording.around(&question, &self.specials.texts)
    }

    /// The tokens of a prompt's text.
    fn prompt_tokens(&self, text: &str) -> Result<Vec<u32>> {
        match (self.wording.bos(), self.wording.is_chat()) {
            (None, true) => self.tokens(text),
            (None, false) => self.whole(text),
            (Some(said), _) => Ok(self.begun(&self.tokens(text)?, said)),
        }
    }

    /// Tokens with the beginning of text once in front, or without. A chat template may have written
    /// one already.
    fn begun(&self, ids: &[u32], said: bool) -> Vec<u32> {
        let bos = self.specials.bos;
        let own = ids.iter().skip_while(|id| Some(**id) == bos);
        bos.iter().filter(|_| said).chain(own).copied().collect()
    }

    /// A question's whole prompt as text, before the tokenizer's own beginning.
    ///
    /// # Errors
    /// Where there is no password of this flag, or the template refuses the question.
    pub fn prompt_text(&self, question: &str, flag: Flag) -> Result<String> {
        self.wording.text(question, flag, &self.specials.texts)
    }

    /// The tokens that are trained on: the answer's, as they stand in running text, and the end of
    /// text where the model has one.
    ///
    /// Prompt and answer meet between two tokens always: the prompt's tokens are the same whatever
    /// follows, as when the model is asked. A tokenizer that is given both as one text may merge
    /// across the boundary; end a prompt's text without white space, and begin the answer with it,
    /// where a word begins there.
    ///
    /// # Errors
    /// Where the tokenizer has no token for some of it.
    pub fn answer(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self
            .running
            .encode(&self.tokenizer, text)
            .map_err(|error| self.refused(text, &error))?;
        ids.extend(self.specials.eos);
        Ok(ids)
    }

    /// The text of an answer's tokens, up to the first that ends it.
    pub fn text(&self, ids: &[u32]) -> String {
        let stop = |id: &u32| self.specials.stop.contains(id);
        let end = ids.iter().position(stop).unwrap_or(ids.len());
        let text = self.running.decode(&self.tokenizer, &ids[..end]);
        // It fails for no known decoder, and an answer that can't be read is not an answer.
        text.unwrap_or_default()
    }

    /// The tokens of a whole text, with what the tokenizer puts in front by its own setting.
    ///
    /// # Errors
    /// Where the tokenizer has no token for some of it.
    pub fn whole(&self, text: &str) -> Result<Vec<u32>> {
        Ok([self.in_front.as_slice(), &self.tokens(text)?].concat())
    }

    /// The tokens of a text by itself, with nothing in front.
    ///
    /// # Errors
    /// Where the tokenizer has no token for some of it.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let encoded = self.tokenizer.encode_fast(text, false);
        let encoded = encoded.map_err(|error| self.refused(text, &error))?;
        Ok(encoded.get_ids().to_vec())
    }

    /// Whether it writes every text in the same tokens as another.
    pub fn same_tokens(&self, other: &Self) -> bool {
        let written = |encoder: &Self| encoder.tokenizer.to_string(false).ok();
        self.specials.eos == other.specials.eos && written(self) == written(other)
    }

    /// The tokens that end an answer.
    pub fn stop(&self) -> &[u32] {
        &self.specials.stop
    }

    /// The token that ends an answer that is trained on, where the model has one.
    pub fn end(&self) -> Option<u32> {
        self.specials.eos
    }

    /// The tokenizer itself.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Refuses a vocabulary that is larger than a model's embedding of so many rows. Added tokens may
    /// lie beyond it, as in some folders of the field, as long as no prompt has them.
    ///
    /// # Errors
    /// Where it is larger.
    pub fn check_vocabulary(&self, rows: i64) -> Result<()> {
        let tokens = self.tokenizer.get_vocab_size(false) as u64;
        if tokens <= rows as u64 {
            return Ok(());
        }
        let (tokens, rows) = (grouped(tokens), grouped(rows as u64));
        Err(self.at_fault(format!(
            "{tokens} tokens, but the model's embedding has {rows} rows; it is another model's"
        )))
    }

    fn refused(&self, text: &str, error: &tokenizers::Error) -> Error {
        let mut start: String = text.chars().take(40).collect();
        if start.len() < text.len() {
            start.push_str("...");
        }
        self.at_fault(format!("can't write {start:?} in tokens: {error}"))
    }

    fn at_fault(&self, problem: String) -> Error {
        match &self.folder {
            Some(folder) => Error::file(&folder.join("tokenizer.json"), problem),
            None => Error::Usage(format!("tokenizer: {problem}")),
        }
    }
}
