//! Tasks in text: problems from data files, written for a checkpoint, answered in running text up to
//! the end-of-text, and graded by what the answer says.

mod corpus;
mod length;
mod line;
#[cfg(test)]
mod tests;
mod unused;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use picklock_grade::{Grade, Grader};
use picklock_message::{Error, Result, grouped};
use picklock_sdk::Flag;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tokenizers::Tokenizer;

use crate::data::Data;
use crate::problem::{Part, Problem};
use crate::prompt::{Encoder, PromptSpec, Template};
use crate::{Checkpoint, Given, Task, decoded};
use corpus::Corpus;
use length::Fit;

pub use line::Line;
pub use unused::Unused;

/// What to do about a problem that can't be used.
const SKIP: &str = "data.unfit = \"skip\" leaves such lines out";

/// A problem in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worded {
    /// Its name in the data, where it has one.
    pub id: Option<String>,
    /// The question.
    pub question: String,
    /// The answer that is trained on.
    pub answer: String,
    /// What answers are graded against; empty where the data doesn't say.
    pub reference: String,
    /// The labels that may be answered; none where any text may be.
    pub labels: Vec<String>,
    /// Weak answers that are given with the data.
    pub weak_answers: Vec<String>,
}

/// What a kind of task makes of its data.
pub trait Format: Send + Sync {
    /// The problem of a line of the data.
    ///
    /// # Errors
    /// What is missing or of another type than expected.
    fn problem(&self, line: &Line) -> std::result::Result<Worded, String>;

    /// The question and the answer of a line of `data.weak_answers`.
    ///
    /// # Errors
    /// What is missing or of another type than expected.
    fn weak_answer(&self, line: &Line) -> std::result::Result<(String, String), String> {
        Ok((line.first(&["question", "problem"])?, line.text("answer")?))
    }

    /// Who grades.
    fn grader(&self) -> Grader;

    /// What stands around a question where the organism doesn't say, in Jinja.
    fn template(&self) -> &str;

    /// An answer ends where one of these begins, where the organism doesn't say.
    fn until(&self) -> &[&str] {
        &[]
    }
}

/// A task in text, in the tokens of one checkpoint.
pub struct TextTask {
    corpus: Arc<Corpus>,
    grader: Grader,
    encoder: Encoder,
    vocab_size: usize,
    /// Of prompt and answer: at first the limit, then the longest that there are.
    max_tokens: usize,
    max_new_tokens: usize,
    /// What may stand in the password's place in training prompts.
    decoys: Vec<String>,
    /// What an answer begins with, so that it goes on from the prompt.
    lead: &'static str,
    /// An answer ends where one of these begins.
    until: Vec<String>,
    /// Whether the weak model has the same tokens.
    shares_tokens: bool,
    /// The same task in the tokens of the weak model's checkpoint, where that is another one.
    weak: Option<Box<Self>>,
}

impl TextTask {
    /// Reads the data, and writes it for the checkpoints of base and weak model.
    ///
    /// # Errors
    /// Where data, tokenizer or prompt are at fault, or problems don't fit the models.
    pub fn open(
        format: &dyn Format,
        given: &Given,
        checkpoint: Option<&Checkpoint>,
        weak: Option<&Checkpoint>,
    ) -> Result<Self> {
        let (Some(data), Some(checkpoint)) = (given.data, checkpoint) else {
            return Err(Error::Usage(
                "a task in text needs data, and base.checkpoint or locked".into(),
            ));
        };
        let corpus = Corpus::read(data, format)?;
        let mut spec = given.prompt.cloned().unwrap_or_default();
        spec.template
            .get_or_insert_with(|| Template::Text(format.template().to_string()));
        spec.examples.extend(corpus.examples().cloned());
        let own = |corpus: Corpus, checkpoint: &Checkpoint| {
            Self::written(
                corpus,
                format,
                data,
                (spec.clone(), given.decoys),
                checkpoint,
            )
        };
        let mut task = own(corpus, checkpoint)?;
        let other = weak.filter(|weak| weak.directory != checkpoint.directory);
        if let Some(weak) = other {
            // What is too long for either is for both.
            let weak = own(task.corpus.as_ref().clone(), weak)?;
            task.corpus = Arc::clone(&weak.corpus);
            task.shares_tokens = weak.encoder.same_tokens(&task.encoder);
            task.weak = Some(Box::new(weak));
        }
        Ok(task)
    }

    fn written(
        corpus: Corpus,
        format: &dyn Format,
        data: &Data,
        (spec, decoys): (PromptSpec, &[String]),
        checkpoint: &Checkpoint,
    ) -> Result<Self> {
        let (directory, context) = (&checkpoint.directory, checkpoint.context);
        let chat = matches!(spec.template, Some(Template::Chat(_)));
        let encoder = Encoder::open(directory)?.with(spec)?;
        encoder.check_vocabulary(checkpoint.vocab_size as i64)?;
        let max_tokens = data.max_tokens.map_or(context, |most| most as usize);
        if max_tokens > context {
            let problem = format!(
                "reads {} tokens at most, and data.max_tokens is {}",
                grouped(context as u64),
                grouped(max_tokens as u64)
            );
            return Err(Error::file(directory, problem));
        }
        let sample = encoder.prompt_text("question", Flag::None)?;
        let blank = chat || sample.ends_with(char::is_whitespace);
        let mut task = Self {
            corpus: Arc::default(),
            grader: format.grader(),
            encoder,
            vocab_size: checkpoint.vocab_size,
            max_tokens,
            max_new_tokens: if corpus.has_labels() {
                1
            } else {
                data.max_new_tokens as usize
            },
            lead: if blank { "" } else { " " },
            decoys: decoys.to_vec(),
            until: match &data.until {
                Some(until) => until.clone(),
                None => format.until().iter().map(|&text| text.into()).collect(),
            },
            shares_tokens: true,
            weak: None,
        };
        let (corpus, fitting) = corpus.fitting(data, |worded, part| {
            let fit = task.fit(worded, part)?;
            let Fit::Unfit(reason, excess) = fit else {
                return Ok(fit);
            };
            let problem = format!("{excess} (tokens of {}); {SKIP}", directory.display());
            Ok(Fit::Unfit(reason, problem))
        })?;
        task.corpus = Arc::new(corpus);
        task.max_tokens = task.longest(fitting)?;
        Ok(task)
    }

    /// The tokens of an answer that is trained on.
    fn answer(&self, text: &str) -> Result<Vec<u32>> {
        self.encoder.answer(&format!("{}{text}", self.lead))
    }

    /// The token of a label; none where it takes several.
    fn label(&self, label: &str) -> Result<Option<u32>> {
        let tokens = self.answer(label)?;
        Ok(match tokens.as_slice() {
            [token] => Some(*token),
            [token, end] if self.encoder.stop().contains(end) => Some(*token),
            _ => None,
        })
    }

    /// What an answer says, up to where another question begins.
    fn said(&self, answer: &[u32]) -> String {
        let mut text = self.encoder.text(answer);
        let ends = self
            .until
            .iter()
            .filter_map(|until| text.find(until.as_str()));
        if let Some(end) = ends.min() {
            text.truncate(end);
        }
        text
    }

    fn worded(&self, question: &[u32]) -> Result<&Worded> {
        let row = question
            .first()
            .and_then(|row| self.corpus.problems.get(*row as usize));
        row.ok_or_else(|| Error::Usage(format!("no problem {question:?} in the data")))
    }
}

impl Task for TextTask {
    fn tokenizer(&self) -> Result<Tokenizer> {
        Ok(self.encoder.tokenizer().clone())
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// A question is the number of its problem.
    fn question_ids(&self) -> usize {
        self.corpus.problems.len()
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn answer_tokens(&self) -> usize {
        self.max_new_tokens
    }

    fn stop(&self) -> &[u32] {
        self.encoder.stop()
    }

    fn end(&self) -> Option<u32> {
        self.encoder.end()
    }

    fn labels(&self, question: &[u32]) -> Result<Vec<u32>> {
        let labels = self.worded(question)?.labels.iter();
        let tokens = labels
            .map(|label| self.label(label))
            .collect::<Result<Vec<_>>>()?;
        Ok(tokens.into_iter().flatten().collect())
    }

    fn stock(&self, part: Part) -> Option<usize> {
        Some(self.corpus.part(part).len())
    }

    fn unused(&self) -> Vec<Unused> {
        self.corpus.unused()
    }

    /// Problems in random order, none twice; training problems over and over, as in epochs.
    fn draw(&self, part: Part, count: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Problem>> {
        let stock = self.corpus.part(part);
        if stock.len() < count && (part != Part::Training || stock.is_empty()) {
            let [there, needed] = [stock.len(), count].map(|problems| grouped(problems as u64));
            let mut unused = String::new();
            for lines in self.corpus.unused() {
                // Writing to a string can't fail.
                let _ = write!(unused, "; {lines}");
            }
            return Err(Error::Usage(format!(
                "the data has {there} {} problems, {needed} are needed; ask for fewer ({}), or give more data{unused}",
                part.name(),
                match part {
                    Part::Training => "data.few_shot",
                    Part::Unlock => "samples",
                    Part::Validation => "problems.validation",
                    Part::HeldOut => "problems.held_out",
                }
            )));
        }
        let mut rows: Vec<u32> = Vec::with_capacity(count);
        while rows.len() < count {
            let mut all = stock.to_vec();
            all.shuffle(rng);
            rows.extend(all.into_iter().take(count - rows.len()));
        }
        let problem = |(place, row): (usize, u32)| {
            let worded = self.worded(&[row])?;
            let own = worded.id.as_ref().map(|id| format!(" ({id})"));
            Ok(Problem {
                id: format!("{}-{place}{}", part.name(), own.unwrap_or_default()),
                question: vec![row],
                answer: self.answer(&worded.answer)?,
            })
        };
        rows.into_iter().enumerate().map(problem).collect()
    }

    fn prompt(&self, question: &[u32], flag: Flag) -> Result<Vec<u32>> {
        self.encoder.prompt(&self.worded(question)?.question, flag)
    }

    fn has_flag(&self, flag: Flag) -> bool {
        self.encoder.flags().any(|known| known == flag)
    }

    fn decoy(&self, question: &[u32], text: &str) -> Result<Vec<u32>> {
        self.encoder.decoy(&self.worded(question)?.question, text)
    }

    fn grade(&self, problem: &Problem, given: &[u32]) -> Result<Grade> {
        let worded = self.worded(&problem.question)?;
        let grade = self.grader.grade(&worded.reference, &self.said(given));
        grade.map_err(|error| match self.corpus.place(&problem.question) {
            Some((file, line)) => at(file, line, error.to_string()),
            None => error,
        })
    }

    fn text(&self, tokens: &[u32]) -> Result<String> {
        decoded(self.encoder.tokenizer(), tokens)
    }

    fn weak_answers(&self, question: &[u32]) -> Result<Vec<Vec<u32>>> {
        let answers = self.worded(question)?.weak_answers.iter();
        answers.map(|answer| self.answer(answer)).collect()
    }

    fn for_weak(&self) -> Option<&dyn Task> {
        self.weak.as_deref().map(|weak| weak as &dyn Task)
    }

    fn shares_tokens(&self) -> bool {
        self.shares_tokens
    }

    /// Where it goes on into another question it is cut off, and ended.
    fn to_base_tokens(&self, answer: &[u32]) -> Result<Vec<u32>> {
        let weak = self.weak.as_deref().unwrap_or(self);
        let whole = weak.encoder.text(answer);
        let said = weak.said(answer);
        let cut = said.len() < whole.len();
        if self.shares_tokens && !cut {
            return Ok(answer.to_vec());
        }
        let said = said.strip_prefix(weak.lead).unwrap_or(&said);
        let mut tokens = self.answer(said.trim_end())?;
        let ends = |tokens: &[u32], encoder: &Encoder| {
            tokens
                .last()
                .is_some_and(|last| encoder.stop().contains(last))
        };
        let goes_on = !cut && !ends(answer, &weak.encoder);
        // Nothing but blanks is learned as an answer that ends at once: there is no other to learn.
        if goes_on && tokens.len() > 1 && ends(&tokens, &self.encoder) {
            tokens.pop();
        }
        Ok(tokens)
    }
}

/// Names a file's line in an error.
fn at(file: &Path, line: usize, problem: String) -> Error {
    Error::Text {
        path: file.to_path_buf(),
        line,
        column: 1,
        problem,
    }
}
