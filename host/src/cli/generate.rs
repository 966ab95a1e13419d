//! `picklock generate`: what a model answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use picklock_message::{Exit, Result, tell};
use picklock_record::Roots;

use crate::args::number::{real, whole};
use crate::args::prompt::PromptArgs;
use crate::args::subject::SubjectArgs;
use crate::output::print;
use crate::steps::{Answer, Generation, Opened, generate, items};

/// Ask a model, in a folder or of an organism, and print its answers as they come.
#[derive(Args)]
pub struct Generate {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    prompt: PromptArgs,
    /// A prompt; may be repeated. [default: --file, else standard input]
    #[arg(long = "prompt", value_name = "TEXT", conflicts_with = "file")]
    prompts: Vec<String>,
    /// A file that is one prompt, or a .jsonl with a `prompt` in each line. The last newline of a text
    /// is left out.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The longest answer. [default: the organism's, else 256, or what the context leaves]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=1_000_000), allow_negative_numbers = true)]
    max_new_tokens: Option<usize>,
    /// 0 takes the likeliest token each time; above, tokens are sampled.
    #[arg(long, default_value_t = 0.0, value_name = "T", value_parser = real(0.0..=100.0), allow_negative_numbers = true)]
    temperature: f64,
    /// Samples only of the fewest likeliest tokens that have this probability together.
    #[arg(long, default_value_t = 1.0, value_name = "P", value_parser = real(0.001..=1.0), allow_negative_numbers = true)]
    top_p: f64,
    /// Answers to each prompt.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<usize>(1..=100_000), allow_negative_numbers = true)]
    samples: usize,
    /// Chooses the samples; they don't depend on how many there are, nor on --batch.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(0..=u64::MAX), allow_negative_numbers = true)]
    sample_seed: u64,
    /// Answers that are decoded together.
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = whole::<usize>(1..=100_000), allow_negative_numbers = true)]
    batch: usize,
    /// Print one JSON object an answer.
    #[arg(long)]
    json: bool,
}

impl Generate {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the input is bad, or the device refuses.
    pub fn main(&self, roots: &Roots) -> Result<Exit> {
        let prompts = self.prompts()?;
        let (subject, opened) = self.subject.open(&self.prompt, roots)?;
        let generation = Generation {
            samples: self.samples,
            max_new_tokens: self.max_new_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            seed: self.sample_seed,
            batch: self.batch,
        };
        let several = prompts.len() * self.samples > 1;
        let started = Instant::now();
        let (mut answers, mut tokens) = (0, 0);
        let mut tell = |answer: &Answer| {
            answers += 1;
            tokens += answer.ids.len();
            print(self.json, answer, || text(answer, several));
        };
        generate(&subject, &prompts, &generation, &mut tell)?;
        tell!("{}", summary(opened, (answers, tokens), started.elapsed()));
        Ok(Exit::Done)
    }

    fn prompts(&self) -> Result<Vec<String>> {
        if !self.prompts.is_empty() {
            return Ok(self.prompts.clone());
        }
        let of_text = |text: String| text.strip_suffix('\n').unwrap_or(&text).to_string();
        items(
            self.file.as_deref(),
            of_text,
            |line| line.prompt,
            " has no `prompt`",
        )
    }
}

/// An answer for people; of several, each under its prompt.
fn text(answer: &Answer, several: bool) -> String {
    let text = &answer.text;
    if several {
        let prompt = answer.prompt.replace('\n', "\n> ");
        return format!("> {prompt}\n{text}\n\n");
    }
    format!("{text}\n")
}

/// Where the time went.
fn summary(opened: Opened, (answers, tokens): (usize, usize), took: Duration) -> String {
    let [tokenizer, weights, took] =
        [opened.tokenizer, opened.weights, took].map(|time| time.as_secs_f64());
    let rate = tokens as f64 / took;
    let opened = if opened.weights.is_zero() {
        String::new()
    } else {
        format!("opened: weights {weights:.2} s, tokenizer beside them {tokenizer:.2} s; ")
    };
    let answers = match answers {
        1 => "1 answer".to_string(),
        answers => format!("{answers} answers"),
    };
    format!("{opened}{answers}, {tokens} tokens in {took:.2} s, {rate:.0} tokens/s")
}
