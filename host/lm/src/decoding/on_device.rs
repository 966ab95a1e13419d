//! Decoding whose state lies on the GPU, so that one captured step serves all: the graph is
//! replayed, and the host only asks now and then which rows have ended.

use super::{Decoder, choose};
use crate::attention::{Filled, Mask};
use crate::cache::Cache;
use crate::cuda::{self, Graph};
use crate::network::Pass;
use crate::{Kind, Result, Tensor};

/// With fewer steps to go, capturing costs more than it saves.
const WORTH_CAPTURING: usize = 16;

/// Steps between two looks at which rows have ended.
const LOOK: usize = 8;

/// A decoding after its prompts.
pub(super) struct OnDevice<'a> {
    decoder: Decoder<'a>,
    /// All answers so far, `[R, B, N]`; of rows that have been dropped their whole answers.
    answers: Tensor,
    /// Which of them the rows in hand are, `[b]`; `None` while all are.
    places: Option<Tensor>,
    rows: Rows,
}

/// The rows in hand. A captured step changes all of these in place.
struct Rows {
    cache: Cache,
    /// The newest tokens, `[R, b, 1]`.
    tokens: Tensor,
    /// Their places in their rows, `[R, b, 1]`.
    positions: Tensor,
    filled: Filled,
    /// Number of tokens chosen so far, `[1]`.
    chosen: Tensor,
    /// `[R, b, N]`.
    answers: Tensor,
    /// Whether a stop token is among them, `[R, b, 1]`.
    stopped: Tensor,
    /// The numbers that choose samples, `[R, b, N]`.
    uniforms: Option<Tensor>,
}

impl<'a> OnDevice<'a> {
    /// Runs the prompts.
    pub(super) fn new(mut decoder: Decoder<'a>) -> Result<Self> {
        let [replicas, batch, length] = decoder.prompts.size()?;
        let first = decoder.prompt()?;
        let device = first.device();
        let whole = |value: i64, shape: &[i64]| Tensor::f_full(shape, value, (Kind::Int64, device));
        let tokens = decoder.decoding.max_new_tokens as i64;
        let answers = whole(0, &[replicas, batch, tokens])?;
        answers.f_narrow(2, 0, 1)?.f_copy_(&first)?;
        let positions = match &decoder.lengths {
            Some(lengths) => super::super::weights::copy(lengths)?,
            None => whole(length, &[replicas, batch, 1])?,
        };
        let first_key = decoder.lengths.as_ref().map(|lengths| {
            let padding = lengths.f_neg()?.f_add_scalar(length)?;
            padding.f_view_([-1])
        });
        let rows = Rows {
            cache: decoder.cache.share(),
            positions,
            filled: Filled {
                newest: whole(length, &[1])?,
                first: first_key.transpose()?,
            },
            chosen: whole(1, &[1])?,
            stopped: decoder.ended(&first)?,
            tokens: first,
            answers: answers.shallow_clone(),
            uniforms: decoder.uniforms.as_ref().map(Tensor::shallow_clone),
        };
        Ok(Self {
            decoder,
            answers,
            places: None,
            rows,
        })
    }

    /// New tokens, `[R, B, N]`; after a stop token they mean nothing.
    pub(super) fn run(mut self) -> Result<Tensor> {
        let steps = self.decoder.decoding.max_new_tokens;
        let mut graph: Option<Graph> = None;
        let mut eager = 0;
        for step in 1..steps {
            if step.is_multiple_of(LOOK) && self.decoder.stop.is_some() {
                let live = self.live()?;
                if live == 0 {
                    break;
                }
                if self.drop_ended(live)? {
                    (graph, eager) = (None, 0);
                }
            }
            match &graph {
                Some(graph) => graph.replay()?,
                None if eager > 0 && steps - step >= WORTH_CAPTURING => {
                    let captured = Graph::capture(self.answers.device(), || self.step());
                    match captured {
                        Ok((captured, ())) => {
                            captured.replay()?;
                            graph = Some(captured);
                        }
                        Err(error) if error.is_out_of_memory() => return Err(error),
                        Err(error) => {
                            cuda::warn_once(&error);
                            self.step()?;
                        }
                    }
                }
                None => self.step()?,
            }
            eager += 1;
        }
        self.keep()?;
        Ok(self.answers)
    }

    /// Runs the newest tokens and chooses the ones after.
    fn step(&self) -> Result<()> {
        let rows = &self.rows;
        let filled = Filled {
            newest: rows.filled.newest.shallow_clone(),
            first: rows.filled.first.as_ref().map(Tensor::shallow_clone),
        };
        let positions = rows.positions.shallow_clone();
        let longest = rows.cache.capacity() + 1;
        let pass = Pass::step(&rows.tokens, positions, longest, Mask::Filled(filled))?;
        let network = &self.decoder.network;
        let hidden = network.hidden(&pass, Some(&mut rows.cache.share()))?;
        let logits = network.raw_logits(&pass, &hidden)?;
        let numbers = rows.uniforms.as_ref();
        let numbers = numbers.map(|numbers| numbers.f_index_select(2, &rows.chosen));
        let temperature = self.decoder.decoding.temperature;
        let token = choose(&logits, temperature, numbers.transpose()?.as_ref())?;
        let _ = rows
            .answers
            .shallow_clone()
            .f_index_copy_(2, &rows.chosen, &token)?;
        rows.tokens.shallow_clone().f_copy_(&token)?;
        if self.decoder.stop.is_some() {
            let _ = rows
                .stopped
                .shallow_clone()
                .f_logical_or_(&self.decoder.ended(&token)?)?;
        }
        for counter in [&rows.positions, &rows.filled.newest, &rows.chosen] {
            let _ = counter.shallow_clone().f_add_scalar_(1)?;
        }
        Ok(())
    }

    /// Number of rows that have not ended; this waits for the device.
    fn live(&self) -> Result<i64> {
        let ended = self.rows.stopped.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        Ok(self.rows.stopped.numel() as i64 - ended)
    }

    /// Goes on with the live rows alone where they are half of those in hand at most; whether it
    /// does. Rows of a stack stay together: each replica would have another number of them.
    fn drop_ended(&mut self, live: i64) -> Result<bool> {
        let (replicas, in_hand, _) = self.rows.stopped.size3()?;
        if replicas > 1 || live * 2 > in_hand {
            return Ok(false);
        }
        self.keep()?;
        let going = self.rows.stopped.f_view_([-1])?.f_logical_not()?;
        let going = going.f_nonzero()?.f_view_([-1])?;
        self.places = Some(match &self.places {
            Some(places) => places.f_index_select(0, &going)?,
            None => going.shallow_clone(),
        });
        let rows = &self.rows;
        let select = |tensor: &Tensor| tensor.f_index_select(1, &going);
        let first = rows.filled.first.as_ref();
        let first = first.map(|first| first.f_index_select(0, &going));
        self.rows = Rows {
            cache: rows.cache.select(&going)?,
            tokens: select(&rows.tokens)?,
            positions: select(&rows.positions)?,
            filled: Filled {
                newest: rows.filled.newest.shallow_clone(),
                first: first.transpose()?,
            },
            chosen: rows.chosen.shallow_clone(),
            answers: select(&rows.answers)?,
            stopped: select(&rows.stopped)?,
            uniforms: rows.uniforms.as_ref().map(select).transpose()?,
        };
        Ok(true)
    }

    /// Writes the answers in hand to where all are.
    fn keep(&mut self) -> Result<()> {
        if let Some(places) = &self.places {
            let _ = self.answers.f_index_copy_(1, places, &self.rows.answers)?;
        }
        Ok(())
    }
}
