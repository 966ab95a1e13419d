//! Decoding with its state on the GPU, so that one captured step serves all: the graph is replayed,
//! and the host only asks now and then which rows have ended.

use super::choice::Chosen;
use super::eager::Decoder;
use super::live;
use crate::attention::{Filled, Mask};
use crate::cache::Cache;
use crate::cuda::{self, Graph};
use crate::network::Pass;
use crate::weights::copy;
use crate::{Kind, Result, Tensor};

/// With fewer steps to go, capturing costs more than it saves.
const WORTH_CAPTURING: usize = 16;

/// Steps between two looks at which rows have ended.
const LOOK: usize = 8;

/// A decoding after its prompts.
pub(super) struct OnDevice<'a> {
    decoder: Decoder<'a>,
    /// All answers so far, `[R, B, N]`; with the whole answers of dropped rows.
    answers: Chosen,
    /// Which of them the active rows are, `[R, b]`; `None` while all are.
    active: Option<Tensor>,
    rows: Active,
}

/// The active rows. A captured step changes all of these in place.
struct Active {
    cache: Cache,
    /// The newest tokens, `[R, b, 1]`.
    tokens: Tensor,
    /// Their positions in their rows, `[R, b, 1]`.
    positions: Tensor,
    filled: Filled,
    /// Number of tokens chosen so far, `[1]`.
    chosen: Tensor,
    /// `[R, b, N]`.
    answers: Chosen,
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
        let device = first.tokens.device();
        let whole = |value: i64, shape: &[i64]| Tensor::f_full(shape, value, (Kind::Int64, device));
        let tokens = decoder.decoding.max_new_tokens as i64;
        let answers = first.each(|own| {
            let kind = (own.f_kind()?, device);
            let all = Tensor::f_zeros([replicas, batch, tokens], kind)?;
            all.f_narrow(2, 0, 1)?.f_copy_(own)?;
            Ok(all)
        })?;
        let positions = match &decoder.lengths {
            Some(lengths) => copy(lengths)?,
            None => whole(length, &[replicas, batch, 1])?,
        };
        let first_key = decoder.lengths.as_ref().map(|lengths| {
            let padding = lengths.f_neg()?.f_add_scalar(length)?;
            padding.f_view_([-1])
        });
        let rows = Active {
            cache: std::mem::take(&mut decoder.cache),
            positions,
            filled: Filled {
                newest: whole(length, &[1])?,
                first: first_key.transpose()?,
            },
            chosen: whole(1, &[1])?,
            stopped: decoder.ended(&first.tokens)?,
            tokens: first.tokens,
            answers: answers.each(|own| Ok(own.shallow_clone()))?,
            uniforms: decoder.uniforms.as_ref().map(Tensor::shallow_clone),
        };
        Ok(Self {
            decoder,
            answers,
            active: None,
            rows,
        })
    }

    /// New tokens, `[R, B, N]`; after a stop token they mean nothing.
    pub(super) fn run(mut self) -> Result<Chosen> {
        let steps = self.decoder.decoding.max_new_tokens;
        let mut graph: Option<Graph> = None;
        let mut eager = 0;
        for step in 1..steps {
            if step.is_multiple_of(LOOK) && self.decoder.stop.is_some() {
                let most = live::most(&self.rows.stopped)?;
                if most == 0 {
                    break;
                }
                if self.drop_ended(most)? {
                    (graph, eager) = (None, 0);
                }
            }
            match &graph {
                Some(graph) => graph.replay()?,
                None if eager > 0 && steps - step >= WORTH_CAPTURING => {
                    let captured = Graph::capture(self.rows.tokens.device(), || self.step());
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
        let decoder = &self.decoder;
        let hidden = decoder.network.hidden(&pass, Some(&rows.cache))?;
        let logits = decoder.network.raw_logits(&pass, &hidden)?;
        let uniforms = rows.uniforms.as_ref();
        let numbers = uniforms.map(|uniforms| uniforms.f_index_select(2, &rows.chosen));
        let numbers = numbers.transpose()?;
        let chosen = Chosen::of(&logits, decoder.decoding, numbers.as_ref(), decoder.scored)?;
        rows.answers.with(&chosen, |all, new| {
            let _ = all.shallow_clone().f_index_copy_(2, &rows.chosen, new)?;
            Ok(())
        })?;
        let token = &chosen.tokens;
        rows.tokens.shallow_clone().f_copy_(token)?;
        if decoder.stop.is_some() {
            let mut stopped = rows.stopped.shallow_clone();
            let _ = stopped.f_logical_or_(&decoder.ended(token)?)?;
        }
        for counter in [&rows.positions, &rows.filled.newest, &rows.chosen] {
            let _ = counter.shallow_clone().f_add_scalar_(1)?;
        }
        Ok(())
    }

    /// Drops ended rows where a replica's active rows are at least twice as many as `most`, the
    /// largest number of live rows of a replica; whether it does.
    fn drop_ended(&mut self, most: i64) -> Result<bool> {
        let (replicas, active, _) = self.rows.stopped.size3()?;
        if most * 2 > active {
            return Ok(false);
        }
        self.keep()?;
        let kept = live::first(&self.rows.stopped, most)?; // [R, m]
        let flat = live::flat(&kept, active)?;
        self.active = Some(match &self.active {
            Some(active) => active.f_gather(1, &kept, false)?,
            None => kept,
        });
        self.rows.cache.keep(&flat)?;
        let rows = &mut self.rows;
        let select = |tensor: &Tensor| -> Result<Tensor> {
            let width = tensor.size()[2];
            Ok(tensor
                .f_reshape([-1, width])?
                .f_index_select(0, &flat)?
                .f_view([replicas, most, width])?)
        };
        let first = rows.filled.first.as_ref();
        let first = first.map(|first| first.f_index_select(0, &flat));
        self.rows = Active {
            cache: std::mem::take(&mut rows.cache),
            tokens: select(&rows.tokens)?,
            positions: select(&rows.positions)?,
            filled: Filled {
                newest: rows.filled.newest.shallow_clone(),
                first: first.transpose()?,
            },
            chosen: rows.chosen.shallow_clone(),
            answers: rows.answers.each(select)?,
            stopped: select(&rows.stopped)?,
            uniforms: rows.uniforms.as_ref().map(select).transpose()?,
        };
        Ok(true)
    }

    /// Writes the active rows' answers to where all are.
    fn keep(&self) -> Result<()> {
        let Some(active) = &self.active else {
            return Ok(());
        };
        self.answers.with(&self.rows.answers, |all, own| {
            let (_, rows, width) = all.size3()?;
            let flat = live::flat(active, rows)?;
            let own = own.f_view([-1, width])?;
            let _ = all.f_view([-1, width])?.f_index_copy_(0, &flat, &own)?;
            Ok(())
        })
    }
}
