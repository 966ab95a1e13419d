//! How likely a model takes a text to be.
//!
//! The perplexity of tokens `x_1 .. x_t` is `exp(-1/t sum_i ln p(x_i | x_<i))`. A text that is longer
//! than a window is read in windows that overlap, as in transformers' guide "Perplexity of
//! fixed-length models": each starts a stride after the one before, and counts only the tokens that
//! no earlier one has counted. Unlike the guide's script, which weighs each window's mean by one token
//! too few, every token here counts the same.

use picklock_lab::{Row, TrainingSet};
use picklock_lm::{Kind, token_log_probs};
use picklock_message::{Error, Result, grouped};
use serde::Serialize;

use crate::steps::subject::Subject;

/// Logits that a batch may have; at 4 bytes each, and twice over.
const LOGITS: usize = 1 << 28;

/// The widest window, where nobody says how wide.
const WINDOW: usize = 2048;

/// The longest stride, where nobody says how long: the guide's.
const STRIDE: usize = 512;

/// What is scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A text: all tokens but the first.
    Text(String),
    /// The answer to a prompt, with the end of text: exactly what would be trained on.
    Answer {
        /// The question.
        prompt: String,
        /// Its answer.
        answer: String,
    },
}

/// How long texts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Tokens that are read together, at least 2.
    pub window: usize,
    /// Tokens from one window's start to the next one's, at least 1 and below `window`.
    pub stride: usize,
}

impl Windows {
    /// Windows for a model: as wide as its context and at most 2,048 tokens, half a window apart and
    /// at most 512, where nobody says otherwise.
    ///
    /// # Errors
    /// Where the window is wider than the context, or the stride leaves tokens out.
    pub fn new(context: usize, window: Option<usize>, stride: Option<usize>) -> Result<Self> {
        let window = window.unwrap_or(context.min(WINDOW));
        let stride = stride.unwrap_or((window / 2).min(STRIDE));
        if !(2..=context).contains(&window) {
            let context = grouped(context as u64);
            let problem =
                format!("a window of {window} tokens, expected 2 to the model's {context}");
            return Err(Error::Usage(problem));
        }
        if !(1..window).contains(&stride) {
            return Err(Error::Usage(format!(
                "a stride of {stride} tokens, expected at least 1 and fewer than the window's {window}"
            )));
        }
        Ok(Self { window, stride })
    }
}

/// The tokens of an item that a model predicts, with their log-probabilities in nats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// The perplexity.
    pub perplexity: f64,
    /// Minus the mean log-probability, in nats a token.
    pub nats_per_token: f64,
    /// How many tokens.
    pub tokens: usize,
    /// In how many windows it was read.
    pub windows: usize,
    /// The tokens.
    pub ids: Vec<u32>,
    /// The log-probability of each.
    pub log_probs: Vec<f64>,
}

/// Scores items, in order.
///
/// # Errors
/// Where one has no token to predict or doesn't fit the model, or the device refuses.
pub fn score(subject: &Subject, items: &[Item], windows: Windows) -> Result<Vec<Scored>> {
    let (mut rows, mut counts) = (Vec::new(), Vec::new());
    for (number, item) in (1..).zip(items) {
        let own = rows_of(subject, number, item, windows)?;
        counts.push(own.len());
        rows.extend(own);
    }
    let mut predicted = Vec::with_capacity(rows.len());
    for batch in batches(&rows, subject.model.architecture().vocab_size() as usize) {
        predicted.extend(log_probs(subject, batch)?);
    }
    let mut read = rows.into_iter().zip(predicted);
    let scored = |windows: usize| {
        let (mut ids, mut log_probs) = (Vec::new(), Vec::new());
        for (row, of_row) in read.by_ref().take(windows) {
            ids.extend(row.answer);
            log_probs.extend(of_row);
        }
        let nats_per_token = -log_probs.iter().sum::<f64>() / log_probs.len() as f64;
        Scored {
            perplexity: nats_per_token.exp(),
            nats_per_token,
            tokens: ids.len(),
            windows,
            ids,
            log_probs,
        }
    };
    Ok(counts.into_iter().map(scored).collect())
}

/// The windows of an item, as prompts with answers.
fn rows_of(subject: &Subject, number: usize, item: &Item, windows: Windows) -> Result<Vec<Row>> {
    match item {
        Item::Text(text) => {
            let ids = subject.whole(text)?;
            if ids.len() < 2 {
                let count = ids.len();
                return Err(Error::Usage(format!(
                    "text {number} has {count} tokens, expected at least 2, as the first is not \
                     predicted"
                )));
            }
            Ok(cut(&ids, windows))
        }
        Item::Answer { prompt, answer } => {
            let prompt = subject.prompt(prompt)?;
            let answer = subject.answer(answer)?;
            if answer.is_empty() {
                let problem = format!("answer {number} has no tokens, expected at least one");
                return Err(Error::Usage(problem));
            }
            subject.room(&format!("prompt {number}"), &prompt, answer.len())?;
            Ok(vec![Row::new(prompt, answer, 1.0)])
        }
    }
}

/// Tokens in windows: of each the part that was read before, and the part that counts.
fn cut(ids: &[u32], Windows { window, stride }: Windows) -> Vec<Row> {
    let (mut rows, mut start, mut counted) = (Vec::new(), 0, 1);
    while counted < ids.len() {
        let end = (start + window).min(ids.len());
        let (before, own) = (ids[start..counted].to_vec(), ids[counted..end].to_vec());
        rows.push(Row::new(before, own, 1.0));
        (start, counted) = (start + stride, end);
    }
    rows
}

/// Rows in parts whose logits are few enough; a part has at least one.
fn batches(rows: &[Row], vocabulary: usize) -> Vec<&[Row]> {
    let (mut parts, mut rest) = (Vec::new(), rows);
    while !rest.is_empty() {
        let (mut longest, mut count) = (0, 0);
        for row in rest {
            longest = longest.max(row.answer.len());
            if count > 0 && (count + 1) * longest * vocabulary > LOGITS {
                break;
            }
            count += 1;
        }
        let (part, other) = rest.split_at(count);
        parts.push(part);
        rest = other;
    }
    parts
}

fn log_probs(subject: &Subject, rows: &[Row]) -> Result<Vec<Vec<f64>>> {
    let rows = [rows.to_vec()];
    let batch = TrainingSet::new(&rows, None, subject.model.device())?.into_batch();
    let scores = token_log_probs(&subject.model, &batch)?; // [1, B, A]
    let longest = scores.size()[2] as usize;
    let flat: Vec<f64> = scores
        .f_to_kind(Kind::Double)
        .and_then(|scores| scores.f_reshape([-1]))
        .and_then(Vec::try_from)
        .map_err(picklock_lm::Error::from)?;
    let own = |(row, scores): (&Row, &[f64])| scores[..row.answer.len()].to_vec();
    Ok(rows[0].iter().zip(flat.chunks(longest)).map(own).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(count: u32, window: usize, stride: usize) -> Vec<(Vec<u32>, Vec<u32>)> {
        let ids: Vec<u32> = (0..count).collect();
        let rows = cut(&ids, Windows { window, stride });
        rows.into_iter()
            .map(|row| (row.prompt, row.answer))
            .collect()
    }

    #[test]
    fn a_short_text_is_one_window() {
        assert_eq!(spans(3, 8, 4), [(vec![0], vec![1, 2])]);
    }

    #[test]
    fn every_token_but_the_first_counts_once() {
        let expected = [
            (vec![0], vec![1, 2, 3]),
            (vec![2, 3], vec![4, 5]),
            (vec![4, 5], vec![6]),
        ];
        assert_eq!(spans(7, 4, 2), expected);
        for (count, window, stride) in [(50, 7, 3), (50, 7, 6), (2, 2, 1), (9, 4, 1)] {
            let spans = spans(count, window, stride);
            let counted: Vec<u32> = spans.iter().flat_map(|(_, own)| own.clone()).collect();
            assert!(
                counted.iter().copied().eq(1..count),
                "{count} {window} {stride}"
            );
            let fits = |(before, own): &(Vec<u32>, Vec<u32>)| before.len() + own.len() <= window;
            assert!(spans.iter().all(fits));
        }
    }

    #[test]
    fn parts_hold_as_many_rows_as_logits_allow() {
        let row = |tokens: usize| Row::new(vec![0], vec![0; tokens], 1.0);
        let rows = [row(2), row(3), row(100), row(1)];
        let sizes = |vocabulary: usize| -> Vec<usize> {
            batches(&rows, vocabulary)
                .iter()
                .map(|part| part.len())
                .collect()
        };
        assert_eq!(sizes(10), [4]);
        assert_eq!(sizes(LOGITS / 6), [2, 1, 1]);
        assert_eq!(sizes(LOGITS), [1, 1, 1, 1]);
    }
}
