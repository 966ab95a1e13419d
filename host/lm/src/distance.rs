//! Arithmetic on whole models: how far apart, with noise added, half-way between.

use crate::cuda::Staging;
use crate::{Device, Error, Kind, Model, Result, Tensor};

/// The L2 norm of one tensor (or of a difference), of each replica.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorNorm {
    /// The parameter.
    pub name: String,
    /// Its norm in each replica.
    pub l2: Vec<f64>,
}

/// How large noise is: it is rescaled to have exactly this L2 norm.
#[derive(Debug, Clone, PartialEq)]
pub enum Magnitude {
    /// Over all tensors together, one norm for each replica.
    Global(Vec<f64>),
    /// Tensor by tensor; names and order as [`distance`] returns them.
    PerTensor(Vec<TensorNorm>),
    /// Tensor by tensor, this share of the tensor's own norm.
    RelativeToWeights(f64),
}

/// L2 norms of `a - b`, tensor by tensor in parameter order: differences in float32, summed in
/// float64.
///
/// # Errors
/// [`Error::Argument`] for models of different architectures or replicas.
pub fn distance(a: &Model, b: &Model) -> Result<Vec<TensorNorm>> {
    distance_in(a, b, Kind::Float)
}

/// As [`distance`], of weights that are rounded to another type first: bfloat16, say, if that is
/// what passes compute with.
///
/// # Errors
/// As [`distance`].
pub fn distance_in(a: &Model, b: &Model, kind: Kind) -> Result<Vec<TensorNorm>> {
    check_same(a, b)?;
    let pairs = a.weights().iter().zip(b.weights().iter());
    let rounded = |tensor: &Tensor| tensor.f_to_kind(kind)?.f_to_kind(Kind::Float);
    let norms: Vec<Tensor> = pairs
        .map(|((_, a), (_, b))| norm(&rounded(a)?.f_sub(&rounded(b)?)?))
        .collect::<Result<_>>()?;
    named(a, &norms)
}

/// L2 norms of the weights, tensor by tensor in parameter order, summed in float64.
///
/// # Errors
/// [`Error::Torch`] where the device refuses.
pub fn norms(model: &Model) -> Result<Vec<TensorNorm>> {
    let weights = model.weights().iter();
    let norms: Vec<_> = weights
        .map(|(_, tensor)| norm(tensor))
        .collect::<Result<_>>()?;
    named(model, &norms)
}

/// The share of weights that differ once both models' are rounded to a type, 0 to 1, of each
/// replica.
///
/// # Errors
/// As [`distance`].
pub fn changed(a: &Model, b: &Model, kind: Kind) -> Result<Vec<f64>> {
    check_same(a, b)?;
    let replicas = a.replicas();
    let mut count = Tensor::f_zeros([replicas], (Kind::Int64, b.device()))?;
    for ((_, a), (_, b)) in a.weights().iter().zip(b.weights().iter()) {
        let a = a.f_to_device(b.device())?.f_to_kind(kind)?;
        let sums = a
            .f_ne_tensor(&b.f_to_kind(kind)?)?
            .f_reshape([replicas, -1])?
            .f_sum_dim_intlist([1].as_slice(), false, Kind::Int64)?;
        let _ = count.f_add_(&sums)?;
    }
    let all = a.parameter_count() as f64;
    let count: Vec<f64> = Vec::try_from(count.f_to_kind(Kind::Double)?)?;
    Ok(count.into_iter().map(|count| count / all).collect())
}

/// A copy with noise added, in float32, and the sum rounded to the weights' own type. `normals[replica]`
/// writes standard normals; each is called once for each tensor, in parameter order. For models on a
/// GPU they write side by side, each on a thread of its own.
///
/// The device needs room for the noise in float32 beside the two models.
///
/// # Errors
/// [`Error::Argument`] for a magnitude or `normals` of other replicas or tensors, or a negative one.
pub fn perturb<F: FnMut(&mut [f32]) + Send>(
    model: &Model,
    magnitude: &Magnitude,
    normals: &mut [F],
) -> Result<Model> {
    let device = model.device();
    check_replicas("normals", normals.len(), model.replicas() as usize)?;
    let largest = model.weights().iter().map(|(_, tensor)| tensor.numel());
    let bytes = largest.max().unwrap_or(0) * size_of::<f32>();
    let mut staging = Staging::new(bytes, device)?;
    let drawn = model.weights().iter().map(|(_, tensor)| {
        draw(staging.floats(tensor.numel()), normals, device);
        let mut noise = Tensor::f_empty(tensor.size(), (Kind::Float, device))?;
        staging.numbers(tensor.numel(), Kind::Float, |drawn| {
            Ok(noise.f_copy_(&drawn.f_view_as(&noise)?)?)
        })?;
        Ok((norm(&noise)?, noise))
    });
    let (noise_norms, noise): (Vec<_>, Vec<_>) =
        drawn.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let scales = scales(model, magnitude, &named(model, &noise_norms)?)?;
    let mut parts = noise.into_iter().zip(scales);
    model.map(|_, tensor| {
        let Some((noise, scales)) = parts.next() else {
            return Ok(tensor.shallow_clone());
        };
        let mut shape = vec![1; tensor.dim()];
        shape[0] = -1;
        let scales = Tensor::f_from_slice(&scales)?.f_view_(shape)?;
        let sized = noise.f_mul(&scales.f_to_device(device)?)?;
        let sum = tensor.f_add(&sized.f_to_kind(Kind::Float)?)?;
        Ok(sum.f_to_kind(tensor.f_kind()?)?)
    })
}

/// `(1 - t) a + t b`, for any t, computed in float32.
///
/// # Errors
/// [`Error::Argument`] for models of different architectures or replicas, or a t that isn't finite.
pub fn interpolate(a: &Model, b: &Model, t: f64) -> Result<Model> {
    check_same(a, b)?;
    if !t.is_finite() {
        return Err(Error::argument("t", "a finite number", t));
    }
    let mut others = b.weights().iter();
    a.map(|_, tensor| match others.next() {
        Some((_, other)) => Ok(tensor
            .f_to_kind(Kind::Float)?
            .f_lerp(&other.f_to_kind(Kind::Float)?, t)?
            .f_to_kind(tensor.f_kind()?)?),
        None => Ok(tensor.shallow_clone()),
    })
}

fn check_same(a: &Model, b: &Model) -> Result<()> {
    if a.architecture() != b.architecture() {
        let [expected, got] = [a, b].map(|model| format!("{:?}", model.architecture()));
        return Err(Error::argument("second model", expected, got));
    }
    if a.replicas() != b.replicas() {
        let expected = a.replicas().to_string();
        return Err(Error::argument(
            "second model's replicas",
            expected,
            b.replicas(),
        ));
    }
    Ok(())
}

/// Norm of each replica of a `[R, ...]` tensor, `[R]`, float64.
fn norm(tensor: &Tensor) -> Result<Tensor> {
    let flat = tensor.f_reshape([tensor.size()[0], -1])?;
    Ok(flat.f_norm_scalaropt_dim_dtype(2, [1].as_slice(), false, Kind::Double)?)
}

/// Brings norms, `[R]` each, from the device at once.
fn named(model: &Model, norms: &[Tensor]) -> Result<Vec<TensorNorm>> {
    let all: Vec<f64> = Vec::try_from(Tensor::f_cat(norms, 0)?.f_to_device(Device::Cpu)?)?;
    let parts = all.chunks(model.replicas() as usize);
    let pairs = model.weights().iter().zip(parts);
    let named = pairs.map(|((name, _), l2)| TensorNorm {
        name: name.to_owned(),
        l2: l2.to_vec(),
    });
    Ok(named.collect())
}

/// Writes standard normals, one replica's after the other.
fn draw<F: FnMut(&mut [f32]) + Send>(numbers: &mut [f32], normals: &mut [F], device: Device) {
    let share = numbers.len() / normals.len();
    let replicas = normals.iter_mut().zip(numbers.chunks_mut(share));
    if device == Device::Cpu {
        // A CPU has as many workers as cores.
        replicas.for_each(|(fill, part)| fill(part));
    } else {
        std::thread::scope(|scope| {
            for (fill, part) in replicas {
                scope.spawn(move || fill(part));
            }
        });
    }
}

/// What to multiply each tensor's noise with, of each replica.
fn scales(model: &Model, magnitude: &Magnitude, noise: &[TensorNorm]) -> Result<Vec<Vec<f64>>> {
    let replicas = model.replicas() as usize;
    match magnitude {
        Magnitude::Global(norms) => {
            check_norms("global noise", norms, replicas)?;
            let whole = |replica: usize| {
                noise
                    .iter()
                    .map(|tensor| tensor.l2[replica].powi(2))
                    .sum::<f64>()
                    .sqrt()
            };
            let scales: Vec<f64> = norms
                .iter()
                .enumerate()
                .map(|(replica, norm)| norm / whole(replica))
                .collect();
            Ok(vec![scales; noise.len()])
        }
        Magnitude::PerTensor(norms) => per_tensor(norms, noise, replicas),
        Magnitude::RelativeToWeights(share) => {
            check_norms("share of the weights", &[*share], 1)?;
            let mut own = norms(model)?;
            for norm in own.iter_mut().flat_map(|tensor| &mut tensor.l2) {
                *norm *= share;
            }
            per_tensor(&own, noise, replicas)
        }
    }
}

fn per_tensor(
    norms: &[TensorNorm],
    noise: &[TensorNorm],
    replicas: usize,
) -> Result<Vec<Vec<f64>>> {
    let names = |norm: &TensorNorm| norm.name.clone();
    if !norms.iter().map(names).eq(noise.iter().map(names)) {
        let expected = "a norm for each parameter, in order";
        let got = format!("{} others", norms.len());
        return Err(Error::argument("noise per tensor", expected, got));
    }
    let pairs = norms.iter().zip(noise).map(|(wanted, noise)| {
        check_norms("noise per tensor", &wanted.l2, replicas)?;
        let ratios = wanted.l2.iter().zip(&noise.l2);
        Ok(ratios.map(|(wanted, has)| wanted / has).collect())
    });
    pairs.collect()
}

fn check_norms(what: &'static str, norms: &[f64], replicas: usize) -> Result<()> {
    check_replicas(what, norms.len(), replicas)?;
    let unfit = |norm: &&f64| !(**norm >= 0.0 && norm.is_finite());
    match norms.iter().find(unfit) {
        Some(norm) => Err(Error::argument(what, "norms of 0 or more", norm)),
        None => Ok(()),
    }
}

fn check_replicas(what: &'static str, got: usize, replicas: usize) -> Result<()> {
    if got == replicas {
        return Ok(());
    }
    let expected = format!("{replicas}, one a replica");
    Err(Error::argument(what, expected, got))
}
