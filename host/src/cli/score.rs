//! `picklock score`: how likely a model takes a text to be.

use std::path::{Path, PathBuf};

use clap::Args;
use picklock_message::{Error, Result, say, sayln};
use picklock_record::Roots;
use serde::Serialize;

use crate::cli::ask::AskArgs;
use crate::cli::number::whole;
use crate::cli::subject::SubjectArgs;
use crate::cli::table::table;
use crate::steps::{Item, Line, Scored, Source, Subject, Windows, score};

/// Score texts, or answers to prompts, by a model: the log-probability of each token in nats, and the
/// perplexity, exp of minus their mean. Of a text all tokens but the first count, of an answer all of
/// its own and the end of text.
#[derive(Args)]
pub struct Score {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    ask: AskArgs,
    /// A text; may be repeated. [default: --file, else standard input]
    #[arg(long = "text", value_name = "TEXT", conflicts_with_all = ["file", "prompt"])]
    texts: Vec<String>,
    /// A prompt, whose --answer is scored.
    #[arg(
        long,
        value_name = "TEXT",
        requires = "answer",
        conflicts_with = "file"
    )]
    prompt: Option<String>,
    /// The answer to --prompt.
    #[arg(long, value_name = "TEXT", requires = "prompt")]
    answer: Option<String>,
    /// A file that is one text, or a .jsonl with a `text`, or a `prompt` and an `answer`, in each line.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Tokens of a text that are read together. [default: the model's context, at most 2,048]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(2..=10_000_000), allow_negative_numbers = true)]
    window: Option<usize>,
    /// Tokens from one window's start to the next one's. [default: half a window, at most 512]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=10_000_000), allow_negative_numbers = true)]
    stride: Option<usize>,
    /// Print every token with its log-probability.
    #[arg(long)]
    tokens: bool,
    /// Print one JSON object a text, with all its tokens.
    #[arg(long, conflicts_with = "tokens")]
    json: bool,
}

/// What is told of a text.
#[derive(Serialize)]
struct Told<'a> {
    perplexity: f64,
    nats_per_token: f64,
    tokens: usize,
    windows: usize,
    ids: &'a [u32],
    log_probs: &'a [f64],
}

impl Score {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the input is bad, or the device refuses.
    pub fn main(&self, roots: &Roots) -> Result<bool> {
        let items = self.items()?;
        let (subject, _) = self.subject.open(&self.ask, roots)?;
        let context = subject.model.architecture().max_positions() as usize;
        let windows = Windows::new(context, self.window, self.stride)?;
        for scored in score(&subject, &items, windows)? {
            match (self.json, self.tokens) {
                (true, _) => sayln!("{}", json(&scored)),
                (_, true) => say!("{}{}\n", tokens(&scored, &subject), line(&scored)),
                _ => sayln!("{}", line(&scored)),
            }
        }
        Ok(false)
    }

    fn items(&self) -> Result<Vec<Item>> {
        if let (Some(prompt), Some(answer)) = (&self.prompt, &self.answer) {
            let (prompt, answer) = (prompt.clone(), answer.clone());
            return Ok(vec![Item::Answer { prompt, answer }]);
        }
        if !self.texts.is_empty() {
            return Ok(self.texts.iter().cloned().map(Item::Text).collect());
        }
        let lines = match Source::read(self.file.as_deref())? {
            Source::Text(text) => return Ok(vec![Item::Text(text)]),
            Source::Lines(lines) => lines,
        };
        let missing = |number| {
            let path = self.file.as_deref().unwrap_or(Path::new("lines"));
            let problem = format!("line {number}: expected `text`, or `prompt` and `answer`");
            Error::file(path, problem)
        };
        let item = |(number, line): (usize, Line)| match line {
            Line {
                prompt: Some(prompt),
                answer: Some(answer),
                ..
            } => Ok(Item::Answer { prompt, answer }),
            Line {
                text: Some(text), ..
            } => Ok(Item::Text(text)),
            _ => Err(missing(number)),
        };
        lines.into_iter().map(item).collect()
    }
}

fn json(scored: &Scored) -> String {
    let told = Told {
        perplexity: scored.perplexity(),
        nats_per_token: scored.nats_per_token(),
        tokens: scored.ids.len(),
        windows: scored.windows,
        ids: &scored.ids,
        log_probs: &scored.log_probs,
    };
    serde_json::to_string(&told).unwrap_or_default()
}

fn line(scored: &Scored) -> String {
    let (perplexity, nats) = (scored.perplexity(), scored.nats_per_token());
    let tokens = scored.ids.len();
    let windows = match scored.windows {
        1 => String::new(),
        windows => format!(" in {windows} windows"),
    };
    format!("perplexity {perplexity:.5}, {nats:.6} nats a token over {tokens} tokens{windows}")
}

fn tokens(scored: &Scored, subject: &Subject) -> String {
    let row = |(id, log_prob): (&u32, &f64)| {
        let token = format!("{:?}", subject.token(*id));
        [id.to_string(), token, format!("{log_prob:.4}")]
    };
    let rows = scored.ids.iter().zip(&scored.log_probs).map(row);
    let header = ["id", "token", "nats"].map(str::to_string);
    table(&[header].into_iter().chain(rows).collect::<Vec<_>>())
}
