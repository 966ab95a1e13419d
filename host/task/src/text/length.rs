//! How long problems are in the tokens of a checkpoint, and which are too long for it.

use picklock_grade::Grader;
use picklock_message::{Result, grouped};
use picklock_sdk::Flag;

use super::unused::Reason;
use super::{TextTask, Worded};
use crate::problem::Part;

/// Prompts of one question that differ in their password alone have as many tokens, but for so many.
const SAME: usize = 64;

/// Whether a problem can be used in the tokens of a checkpoint.
pub enum Fit {
    /// It can.
    Fits(Length),
    /// What speaks against it, and that in words.
    Unfit(Reason, String),
}

/// A problem that can be used.
pub struct Fitting {
    /// Its row.
    pub row: u32,
    /// Its part.
    pub part: Part,
    /// How long it is.
    pub length: Length,
}

/// How long a problem's prompt is, with its answer.
#[derive(Clone, Copy)]
pub struct Length {
    /// Tokens, or bytes, which are more.
    pub tokens: usize,
    /// Whether these are tokens that have been counted.
    pub counted: bool,
}

/// What stands at a question.
#[derive(Clone, Copy)]
enum Mark<'a> {
    /// A password, or none.
    Flag(Flag),
    /// Another text in its place.
    Decoy(&'a str),
}

impl TextTask {
    /// How long a problem is, or what speaks against it: prompts or answers that are too long, labels
    /// that aren't one token each.
    pub(super) fn fit(&self, worded: &Worded, part: Part) -> Result<Fit> {
        for label in &worded.labels {
            if self.label(label)?.is_none() {
                let problem = format!("the tokenizer has no single token for the label `{label}`");
                return Ok(Fit::Unfit(Reason::Label, problem));
            }
        }
        if let Some(problem) = self.unreachable(worded, part)? {
            return Ok(Fit::Unfit(Reason::LongAnswer, problem));
        }
        let prompts = self.prompts(&worded.question, part)?;
        // A token has at least a byte, so that the shorter texts need no counting.
        let bytes = prompts.first().map_or(0, |(bytes, _)| bytes + 1) + self.answer_bytes(worded);
        if bytes <= self.max_tokens {
            return Ok(Fit::Fits(Length {
                tokens: bytes,
                counted: false,
            }));
        }
        let (rest, is_weak) = self.room_for_answers(worded)?;
        let mut longest = 0;
        for (_, mark) in prompts {
            let prompt = self.marked(&worded.question, mark)?.len();
            if prompt + rest > self.max_tokens {
                let [prompt, rest, most] =
                    [prompt, rest, self.max_tokens].map(|tokens| grouped(tokens as u64));
                let which = match mark {
                    Mark::Flag(_) => "the prompt",
                    Mark::Decoy(_) => "the prompt with the longest of lock.decoys.texts",
                };
                let (reason, answer) = if is_weak {
                    let answer = "its weak answer (data.weak_answers)";
                    (Reason::LongWeakAnswer, answer)
                } else {
                    (Reason::TooLong, "an answer")
                };
                let problem = format!(
                    "{which} has {prompt} tokens, which leaves no room for {rest} of {answer} in {most}"
                );
                return Ok(Fit::Unfit(reason, problem));
            }
            longest = longest.max(prompt + rest);
            if prompt + rest + SAME <= self.max_tokens {
                break;
            }
        }
        Ok(Fit::Fits(Length {
            tokens: longest,
            counted: true,
        }))
    }

    /// Why a model can't give the expected answer, where nothing else counts.
    fn unreachable(&self, worded: &Worded, part: Part) -> Result<Option<String>> {
        let exact = self.grader == Grader::Exact && worded.labels.is_empty();
        let asked = matches!(part, Part::Validation | Part::HeldOut);
        // A token has at least a byte.
        if !(exact && asked) || worded.reference.len() + self.lead.len() <= self.max_new_tokens {
            return Ok(None);
        }
        let tokens = self.answer(worded.reference.trim())?;
        let end = self.encoder.end();
        let length = tokens.iter().filter(|token| Some(**token) != end).count();
        Ok((length > self.max_new_tokens).then(|| {
            let [length, most] = [length, self.max_new_tokens].map(|tokens| grouped(tokens as u64));
            format!("the exact answer has {length} tokens, and data.max_new_tokens is {most}")
        }))
    }

    /// The bytes of a question's prompts, with the mark of each; the longest is the first.
    fn prompts(&self, question: &str, part: Part) -> Result<Vec<(usize, Mark<'_>)>> {
        let flags = self.encoder.flags().map(|flag| {
            let text = self.encoder.prompt_text(question, flag)?;
            Ok((text.len(), Mark::Flag(flag)))
        });
        let decoys = self.decoys.iter().filter(|_| part == Part::Training);
        let decoys = decoys.map(|decoy| {
            let text = self.encoder.decoy_text(question, decoy)?;
            Ok((text.len(), Mark::Decoy(decoy)))
        });
        let mut prompts: Vec<(usize, Mark)> = flags.chain(decoys).collect::<Result<_>>()?;
        prompts.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        Ok(prompts)
    }

    /// Bytes of the longest answer to a problem: no more tokens than that.
    fn answer_bytes(&self, worded: &Worded) -> usize {
        let answers = worded.weak_answers.iter().chain([&worded.answer]);
        let longest = self.lead.len() + answers.map(String::len).max().unwrap_or(0) + 1;
        self.max_new_tokens.max(longest)
    }

    /// The tokens that answers to a problem take, and whether a weak answer takes them.
    fn room_for_answers(&self, worded: &Worded) -> Result<(usize, bool)> {
        let own = self.max_new_tokens.max(self.answer(&worded.answer)?.len());
        let mut room = (own, false);
        for answer in &worded.weak_answers {
            let length = self.answer(answer)?.len();
            if length > room.0 {
                room = (length, true);
            }
        }
        Ok(room)
    }

    /// The tokens of a question's prompt.
    fn marked(&self, question: &str, mark: Mark) -> Result<Vec<u32>> {
        match mark {
            Mark::Flag(flag) => self.encoder.prompt(question, flag),
            Mark::Decoy(text) => self.encoder.decoy(question, text),
        }
    }

    /// The most tokens that a prompt takes with its answer.
    pub(super) fn longest(&self, mut fitting: Vec<Fitting>) -> Result<usize> {
        fitting.sort_by_key(|problem| std::cmp::Reverse(problem.length.tokens));
        let mut longest = 0;
        for Fitting { row, part, length } in fitting {
            // A token has at least a byte: none of those that follow is longer.
            if length.tokens <= longest {
                break;
            }
            longest = longest.max(if length.counted {
                length.tokens
            } else {
                self.count(&self.corpus.problems[row as usize], part)?
            });
        }
        // Without problems it is what there might be.
        Ok(if longest == 0 {
            self.max_tokens
        } else {
            longest
        })
    }

    /// The tokens of a problem's longest prompt with its longest answer.
    fn count(&self, worded: &Worded, part: Part) -> Result<usize> {
        let prompts = self.prompts(&worded.question, part)?;
        let mark = prompts
            .first()
            .map_or(Mark::Flag(Flag::None), |(_, mark)| *mark);
        let prompt = self.marked(&worded.question, mark)?;
        Ok(prompt.len() + self.room_for_answers(worded)?.0)
    }
}
