//! `picklock score`: how likely a model takes a text to be.

use std::path::PathBuf;

use clap::Args;
use picklock_message::{Exit, Result, say};
use picklock_record::Roots;

use crate::args::number::whole;
use crate::args::prompt::PromptArgs;
use crate::args::subject::SubjectArgs;
use crate::output::{print, table};
use crate::steps::{Item, Line, Scored, Subject, Windows, items, score};

/// Score texts, or answers to prompts, by a model: the log-probability of each token in nats, and the
/// perplexity, exp of minus their mean. Of a text all tokens but the first count, of an answer all of
/// its own and the end of text.
#[derive(Args)]
pub struct Score {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    ask: PromptArgs,
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

impl Score {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the input is bad, or the device refuses.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let items = self.items()?;
        let (subject, _) = self.subject.open(&self.ask, roots)?;
        let context = subject.model.architecture().max_positions() as usize;
        let windows = Windows::new(context, self.window, self.stride)?;
        for scored in score(&subject, &items, windows)? {
            if self.tokens {
                say!("{}", tokens(&scored, &subject));
            }
            print(self.json, &scored, || line(&scored));
        }
        Ok(Exit::Done)
    }

    fn items(&self) -> Result<Vec<Item>> {
        if let (Some(prompt), Some(answer)) = (&self.prompt, &self.answer) {
            let (prompt, answer) = (prompt.clone(), answer.clone());
            return Ok(vec![Item::Answer { prompt, answer }]);
        }
        if !self.texts.is_empty() {
            return Ok(self.texts.iter().cloned().map(Item::Text).collect());
        }
        let of_line = |line: Line| match (line.prompt, line.answer, line.text) {
            (Some(prompt), Some(answer), _) => Some(Item::Answer { prompt, answer }),
            (_, _, text) => text.map(Item::Text),
        };
        let problem = ": expected `text`, or `prompt` and `answer`";
        items(self.file.as_deref(), Item::Text, of_line, problem)
    }
}

fn line(scored: &Scored) -> String {
    let (perplexity, nats) = (scored.perplexity, scored.nats_per_token);
    let tokens = scored.tokens;
    let windows = match scored.windows {
        1 => String::new(),
        windows => format!(" in {windows} windows"),
    };
    format!("perplexity {perplexity:.5}, {nats:.6} nats a token over {tokens} tokens{windows}\n")
}

fn tokens(scored: &Scored, subject: &Subject) -> String {
    let row = |(id, log_prob): (&u32, &f64)| {
        let token = format!("{:?}", subject.token(*id));
        [id.to_string(), token, format!("{log_prob:.4}")]
    };
    let rows = scored.ids.iter().zip(&scored.log_probs).map(row);
    table(["id", "token", "nats"], rows)
}
