//! Arithmetic on whole models: how far apart, with noise added, half-way between.

use crate::{Error, Kind, Model, Result, Tensor};

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
    check_same(a, b)?;
    let pairs = a.weights().iter().zip(b.weights().iter());
    let norms: Vec<Tensor> = pairs
        .map(|((_, a), (_, b))| norm(&a.f_sub(b)?))
        .collect::<Result<_>>()?;
    named(a, &norms)
}

/// A copy with noise added. `fill(replica, numbers)` writes standard normals; it is called once for
/// each replica of each tensor, tensors in parameter order.
///
/// # Errors
/// [`Error::Argument`] for a magnitude of other replicas or tensors, or a negative one.
pub fn perturb(
    model: &Model,
    magnitude: &Magnitude,
    fill: &mut dyn FnMut(usize, &mut [f32]),
) -> Result<Model> {
    let noise: Vec<Tensor> = model
        .weights()
        .iter()
        .map(|(_, tensor)| normal(tensor, fill))
        .collect::<Result<_>>()?;
    let noise_norms: Vec<Tensor> = noise.iter().map(norm).collect::<Result<_>>()?;
    let scales = scales(model, magnitude, &named(model, &noise_norms)?)?;
    let mut parts = noise.iter().zip(scales);
    model.map(|_, tensor| {
        let Some((noise, scales)) = parts.next() else {
            return Ok(tensor.shallow_clone());
        };
        let mut shape = vec![1; tensor.dim()];
        shape[0] = -1;
        let scales = Tensor::f_from_slice(&scales)?.f_view_(shape)?;
        let sized = noise.f_mul(&scales)?.f_to_kind(Kind::Float)?;
        Ok(tensor.f_add(&sized.f_to_device(tensor.device())?)?)
    })
}

/// `(1 - t) a + t b`, for any t.
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
        Some((_, other)) => Ok(tensor.f_lerp(other, t)?),
        None => Ok(tensor.shallow_clone()),
    })
}

fn check_same(a: &Model, b: &Model) -> Result<()> {
    if a.architecture() != b.architecture() {
        let expected = format!("{:?}", a.architecture());
        return Err(Error::argument(
            "second model",
            expected,
            format!("{:?}", b.architecture()),
        ));
    }
    if a.replicas() != b.replicas() {
        return Err(Error::argument(
            "second model's replicas",
            a.replicas().to_string(),
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
    let all: Vec<f64> = Vec::try_from(Tensor::f_cat(norms, 0)?.f_to_device(crate::Device::Cpu)?)?;
    let parts = all.chunks(model.replicas() as usize);
    let named = model.weights().iter().zip(parts);
    Ok(named
        .map(|((name, _), l2)| TensorNorm {
            name: name.to_owned(),
            l2: l2.to_vec(),
        })
        .collect())
}

/// Standard normals shaped as a tensor, on the CPU.
fn normal(like: &Tensor, fill: &mut dyn FnMut(usize, &mut [f32])) -> Result<Tensor> {
    let mut numbers = vec![0.0_f32; like.numel()];
    let part = like.numel() / like.size()[0] as usize;
    for (replica, part) in numbers.chunks_mut(part).enumerate() {
        fill(replica, part);
    }
    Ok(Tensor::f_from_slice(&numbers)?.f_view_(like.size())?)
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
            let own: Vec<Tensor> = model
                .weights()
                .iter()
                .map(|(_, tensor)| norm(tensor))
                .collect::<Result<_>>()?;
            let mut own = named(model, &own)?;
            own.iter_mut()
                .flat_map(|tensor| &mut tensor.l2)
                .for_each(|norm| *norm *= share);
            per_tensor(&own, noise, replicas)
        }
    }
}

fn per_tensor(
    norms: &[TensorNorm],
    noise: &[TensorNorm],
    replicas: usize,
) -> Result<Vec<Vec<f64>>> {
    let names = |norms: &[TensorNorm]| {
        norms
            .iter()
            .map(|norm| norm.name.clone())
            .collect::<Vec<_>>()
    };
    if names(norms) != names(noise) {
        let got = format!("{} others", norms.len());
        return Err(Error::argument(
            "noise per tensor",
            "a norm for each parameter, in order",
            got,
        ));
    }
    let scale = |(wanted, noise): (&TensorNorm, &TensorNorm)| {
        check_norms("noise per tensor", &wanted.l2, replicas)?;
        Ok(wanted
            .l2
            .iter()
            .zip(&noise.l2)
            .map(|(wanted, has)| wanted / has)
            .collect())
    };
    norms.iter().zip(noise).map(scale).collect()
}

fn check_norms(what: &'static str, norms: &[f64], replicas: usize) -> Result<()> {
    if norms.len() != replicas {
        return Err(Error::argument(
            what,
            format!("{replicas} norms, one a replica"),
            norms.len(),
        ));
    }
    match norms
        .iter()
        .find(|norm| !(**norm >= 0.0 && norm.is_finite()))
    {
        Some(norm) => Err(Error::argument(what, "norms of 0 or more", norm)),
        None => Ok(()),
    }
}
