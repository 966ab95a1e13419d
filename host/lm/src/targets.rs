//! What a batch is to predict, and how much each prediction counts.

use std::convert::Infallible;

use crate::{Device, Error, Kind, Result, Rows, Tensor};

/// Labels at some positions of the rows, A of them a row.
#[derive(Debug)]
pub struct Targets {
    /// Indices into the row's T positions, `[R, B, A]`, int64: the logits there predict the label,
    /// which usually is the next token.
    pub positions: Tensor,
    /// Token ids to predict, `[R, B, A]`, int64.
    pub labels: Tensor,
    /// How much each counts, `[R, B, A]`, float, 0 or more.
    pub weights: Tensor,
    /// Distributions that take the labels' place in some rows.
    pub soft: Option<Soft>,
    /// `weights` over the sum of its replica.
    pub(crate) shares: Tensor,
}

/// Whole distributions as labels.
#[derive(Debug)]
pub struct Soft {
    /// Rows from this one on use them.
    pub first_row: i64,
    /// Probabilities, `[R, B - first_row, A, V]`, float.
    pub probabilities: Tensor,
}

/// Rows with their targets.
#[derive(Debug)]
pub struct Batch {
    /// What goes in.
    pub rows: Rows,
    /// What should come out.
    pub targets: Targets,
}

impl Targets {
    /// Checks shapes, and that each replica has a weight above 0. Make targets on the CPU and move
    /// them: on a GPU the check waits for the device.
    ///
    /// # Errors
    /// [`Error::Argument`] for shapes that don't fit each other or a negative weight,
    /// [`Error::NoTargets`] for a replica whose weights are all 0.
    pub fn new(
        positions: Tensor,
        labels: Tensor,
        weights: Tensor,
        soft: Option<Soft>,
    ) -> Result<Self> {
        let size = <[i64; 3]>::from(positions.size3()?);
        for (what, tensor) in [("labels", &labels), ("weights", &weights)] {
            if tensor.size() != size {
                let got = format!("{:?}", tensor.size());
                return Err(Error::argument(what, format!("{size:?}"), got));
            }
        }
        if let Some(soft) = &soft {
            soft.check(size)?;
        }
        let weights = match weights.f_kind()? {
            Kind::Float => weights,
            _ => weights.f_to_kind(Kind::Float)?,
        };
        Ok(Self {
            shares: shares(&weights, size[0])?,
            positions,
            labels,
            weights,
            soft,
        })
    }
}

impl Soft {
    fn check(&self, [replicas, batch, answers]: [i64; 3]) -> Result<()> {
        if !(0..batch).contains(&self.first_row) {
            let expected = format!("0 to {}", batch - 1);
            return Err(Error::argument("first soft row", expected, self.first_row));
        }
        let (size, rows) = (self.probabilities.size(), batch - self.first_row);
        if size.len() != 4 || size[..3] != [replicas, rows, answers] {
            let expected = format!("[{replicas}, {rows}, {answers}, vocabulary]");
            return Err(Error::argument(
                "soft labels",
                expected,
                format!("{size:?}"),
            ));
        }
        Ok(())
    }
}

impl Batch {
    /// The same batch on another device.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn to_device(&self, device: Device) -> Result<Self> {
        self.each(|tensor| Ok(tensor.f_to_device(device)?))
    }
}

fn shares(weights: &Tensor, replicas: i64) -> Result<Tensor> {
    if weights.f_lt(0.0)?.f_any()?.f_int64_value(&[])? != 0 {
        return Err(Error::argument("weights", "0 or more", "a negative one"));
    }
    let sums = weights.f_sum_dim_intlist([1, 2].as_slice(), true, Kind::Float)?;
    for replica in 0..replicas {
        let sum = sums.f_double_value(&[replica, 0, 0])?;
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(Error::NoTargets {
                replica: replica as usize,
                sum,
            });
        }
    }
    Ok(weights.f_div(&sums)?)
}

impl Batch {
    /// The rows at these indices, `[R, B']` int64, each replica its own; with soft labels the
    /// columns from `soft_column` on must be indices of soft rows. Unlike [`Targets::new`] this
    /// never waits for the device: a batch whose weights are all 0 shows as a loss that isn't
    /// finite.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn select(&self, rows: &Tensor, soft_column: i64) -> Result<Self> {
        let targets = &self.targets;
        let soft = match &targets.soft {
            None => None,
            Some(soft) => {
                let columns = rows.size()[1] - soft_column;
                let own = rows
                    .f_narrow(1, soft_column, columns)?
                    .f_sub_scalar(soft.first_row)?;
                Some(Soft {
                    first_row: soft_column,
                    probabilities: take(&soft.probabilities, &own)?,
                })
            }
        };
        let weights = take(&targets.weights, rows)?;
        let sums = weights.f_sum_dim_intlist([1, 2].as_slice(), true, Kind::Float)?;
        Ok(Self {
            rows: self.rows.each(|tensor| take(tensor, rows))?,
            targets: Targets {
                positions: take(&targets.positions, rows)?,
                labels: take(&targets.labels, rows)?,
                shares: weights.f_div(&sums)?,
                weights,
                soft,
            },
        })
    }

    /// The same batch again, sharing its tensors.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        let Ok(batch) = self.each(|tensor| Ok::<_, Infallible>(tensor.shallow_clone()));
        batch
    }

    /// The same batch in storage of its own.
    pub(crate) fn copy(&self) -> Result<Self> {
        self.each(crate::weights::copy)
    }

    /// Writes another batch of the same shapes over this one.
    pub(crate) fn assign(&self, other: &Self) -> Result<()> {
        for (own, other) in self.tensors().into_iter().zip(other.tensors()) {
            own.shallow_clone().f_copy_(other)?;
        }
        Ok(())
    }

    pub(crate) fn device(&self) -> Device {
        self.rows.tokens.device()
    }

    /// All tensors, in one order.
    pub(crate) fn tensors(&self) -> Vec<&Tensor> {
        let targets = &self.targets;
        let all = [
            Some(&self.rows.tokens),
            Some(&targets.positions),
            Some(&targets.labels),
            Some(&targets.weights),
            Some(&targets.shares),
            self.rows.mask.as_ref(),
            targets.soft.as_ref().map(|soft| &soft.probabilities),
        ];
        all.into_iter().flatten().collect()
    }

    fn each<E>(
        &self,
        change: impl Fn(&Tensor) -> std::result::Result<Tensor, E>,
    ) -> std::result::Result<Self, E> {
        let targets = &self.targets;
        let soft = match &targets.soft {
            Some(soft) => Some(Soft {
                first_row: soft.first_row,
                probabilities: change(&soft.probabilities)?,
            }),
            None => None,
        };
        Ok(Self {
            rows: self.rows.each(&change)?,
            targets: Targets {
                positions: change(&targets.positions)?,
                labels: change(&targets.labels)?,
                weights: change(&targets.weights)?,
                soft,
                shares: change(&targets.shares)?,
            },
        })
    }
}

/// `values` `[R, N, ...]` at the rows `[R, B]`.
fn take(values: &Tensor, rows: &Tensor) -> Result<Tensor> {
    let (mut index, mut size) = (rows.shallow_clone(), rows.size());
    for extra in &values.size()[2..] {
        index = index.f_unsqueeze(-1)?;
        size.push(*extra);
    }
    Ok(values.f_gather(1, &index.f_expand(&size, false)?, false)?)
}
