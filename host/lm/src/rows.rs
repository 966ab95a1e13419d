//! Rows of token ids, padded to one length.

use picklock_family::Architecture;

use crate::{Device, Error, Kind, Result, Tensor};

/// Token ids of R replicas with B rows each.
#[derive(Debug)]
pub struct Rows {
    /// Token ids, `[R, B, T]`, int64.
    pub tokens: Tensor,
    /// Which of them are real, `[R, B, T]`, bool; `None` where no token needs hiding. A row's
    /// positions count its real tokens: `max(cumsum(mask) - 1, 0)`, as transformers' `generate`.
    pub mask: Option<Tensor>,
}

/// The end at which short rows are padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the first token: for decoding.
    Left,
    /// After the last token: for training and scoring. No mask is needed, as under causal
    /// attention no real token looks at what follows it.
    Right,
}

impl Rows {
    /// Makes rows from ids, `[R][B][..]`, padded with id 0 to the longest one.
    ///
    /// # Errors
    /// [`Error::Argument`] for no replicas, replicas of different numbers of rows, or an empty row.
    pub fn from_ids(rows: &[Vec<Vec<u32>>], side: Side, device: Device) -> Result<Self> {
        let batch = rows.first().map_or(0, Vec::len);
        let length = rows.iter().flatten().map(Vec::len).max().unwrap_or(0);
        check_rows(rows, batch)?;
        let padding = |row: &Vec<u32>| length - row.len();
        let mut tokens = Vec::with_capacity(rows.len() * batch * length);
        let mut mask = Vec::with_capacity(tokens.capacity());
        for row in rows.iter().flatten() {
            let before = if side == Side::Left { padding(row) } else { 0 };
            tokens.extend(std::iter::repeat_n(0, before));
            tokens.extend(row.iter().map(|&id| i64::from(id)));
            tokens.extend(std::iter::repeat_n(0, padding(row) - before));
            mask.extend((0..length).map(|place| place >= before));
        }
        let shape = [rows.len() as i64, batch as i64, length as i64];
        let padded = mask.contains(&false);
        let rows = Self {
            tokens: Tensor::f_from_slice(&tokens)?,
            mask: padded.then(|| Tensor::f_from_slice(&mask)).transpose()?,
        };
        rows.each(|tensor| Ok(tensor.f_view_(shape)?.f_to_device(device)?))
    }

    /// The same rows on another device.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn to_device(&self, device: Device) -> Result<Self> {
        self.each(|tensor| Ok(tensor.f_to_device(device)?))
    }

    /// Rows of these replicas; shares storage where they are all, in order.
    ///
    /// # Errors
    /// [`Error::Torch`] for a replica that isn't there.
    pub fn select(self, replicas: &[usize]) -> Result<Self> {
        let all = self.tokens.size()[0] as usize;
        if replicas.iter().copied().eq(0..all) {
            return Ok(self);
        }
        let index: Vec<i64> = replicas.iter().map(|replica| *replica as i64).collect();
        let index = Tensor::f_from_slice(&index)?.f_to_device(self.tokens.device())?;
        self.each(|tensor| Ok(tensor.f_index_select(0, &index)?))
    }

    /// `count` of each replica's rows from `start` on; they share storage.
    ///
    /// # Errors
    /// [`Error::Torch`] for rows that aren't there.
    pub fn narrow(&self, start: i64, count: i64) -> Result<Self> {
        self.each(|tensor| Ok(tensor.f_narrow(1, start, count)?))
    }

    /// The same rows with each tensor replaced.
    pub(crate) fn each<E>(
        &self,
        change: impl Fn(&Tensor) -> std::result::Result<Tensor, E>,
    ) -> std::result::Result<Self, E> {
        Ok(Self {
            tokens: change(&self.tokens)?,
            mask: self.mask.as_ref().map(change).transpose()?,
        })
    }

    /// Refuses rows that don't fit a model: other replicas, too long with `more` tokens, unknown
    /// ids.
    pub(crate) fn check_fit(
        &self,
        architecture: &Architecture,
        expected: i64,
        more: i64,
    ) -> Result<()> {
        let [replicas, _, length] = self.size()?;
        if replicas != expected {
            let expected = expected.to_string();
            return Err(Error::argument("replicas of the rows", expected, replicas));
        }
        let limit = architecture.max_positions();
        if length + more > limit {
            let expected = format!("at most {limit}");
            return Err(Error::argument("row length", expected, length + more));
        }
        check_range("token ids", &self.tokens, architecture.vocab_size())
    }

    /// Replicas, rows, positions.
    pub(crate) fn size(&self) -> Result<[i64; 3]> {
        Ok(self.tokens.size3()?.into())
    }
}

/// The position of each token in its row, `[R, B, T]`, of a mask.
pub(crate) fn positions(mask: &Tensor) -> Result<Tensor> {
    Ok(mask
        .f_cumsum(-1, Kind::Int64)?
        .f_sub_scalar(1)?
        .f_clamp_min(0)?)
}

fn check_rows(rows: &[Vec<Vec<u32>>], batch: usize) -> Result<()> {
    if batch == 0 {
        let expected = "at least one replica with one row";
        return Err(Error::argument("rows", expected, "none"));
    }
    if let Some(other) = rows.iter().find(|replica| replica.len() != batch) {
        let expected = format!("{batch} rows in each replica");
        return Err(Error::argument("rows", expected, other.len()));
    }
    match rows.iter().flatten().position(Vec::is_empty) {
        Some(row) => {
            let got = format!("none in row {row}");
            Err(Error::argument("rows", "at least one token a row", got))
        }
        None => Ok(()),
    }
}

/// Refuses indices outside `0..limit`. On a GPU it doesn't look, as that would wait for it: make
/// rows and targets on the CPU.
pub(crate) fn check_range(what: &'static str, indices: &Tensor, limit: i64) -> Result<()> {
    if indices.device() != Device::Cpu || indices.numel() == 0 {
        return Ok(());
    }
    let (low, high) = indices.f_aminmax(None, false)?;
    let (low, high) = (low.f_int64_value(&[])?, high.f_int64_value(&[])?);
    if low < 0 || high >= limit {
        let worst = if low < 0 { low } else { high };
        return Err(Error::argument(what, format!("0 to {}", limit - 1), worst));
    }
    Ok(())
}
