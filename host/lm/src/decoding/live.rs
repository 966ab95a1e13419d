//! Which rows a decoding keeps once some have ended.
//!
//! All replicas of a stack keep equally many rows, as many as the one with most live rows has; the
//! others keep some ended rows too.

use crate::{Kind, Result, Tensor};

/// The most live rows of a replica, of `stopped`, `[R, b, 1]`; this waits for the device.
pub(super) fn most(stopped: &Tensor) -> Result<i64> {
    let live = stopped.f_logical_not()?;
    let live = live.f_sum_dim_intlist([1, 2].as_slice(), false, Kind::Int64)?;
    Ok(live.f_max()?.f_int64_value(&[])?)
}

/// `count` rows of each replica, `[R, count]`, of `stopped`, `[R, b, 1]`: the live ones in their
/// order, then others.
pub(super) fn first(stopped: &Tensor, count: i64) -> Result<Tensor> {
    let ended = stopped.f_squeeze_dim(2)?.f_to_kind(Kind::Int64)?;
    let (_, order) = ended.f_sort_stable(true, 1, false)?;
    Ok(order.f_narrow(1, 0, count)?.f_contiguous()?)
}

/// Rows `[R, m]` of replicas of `rows` rows each, as rows of all, `[R * m]`.
pub(super) fn flat(chosen: &Tensor, rows: i64) -> Result<Tensor> {
    let (replicas, _) = chosen.size2()?;
    let options = (Kind::Int64, chosen.device());
    let starts = Tensor::f_arange_start_step(0, replicas * rows, rows, options)?;
    Ok(chosen.f_add(&starts.f_unsqueeze(1)?)?.f_view_([-1])?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_keeps_its_live_rows() {
        let stopped = [true, false, true, false, false, true, true, true];
        let stopped = Tensor::from_slice(&stopped).view([2, 4, 1]);
        assert_eq!(most(&stopped).unwrap(), 2);
        let chosen = first(&stopped, 2).unwrap();
        let rows = |tensor: &Tensor| Vec::<i64>::try_from(tensor.view([-1])).unwrap();
        assert_eq!(rows(&chosen), [1, 3, 0, 1], "the second fills up");
        assert_eq!(rows(&flat(&chosen, 4).unwrap()), [1, 3, 4, 5]);
    }
}
