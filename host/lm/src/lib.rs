//! Decoder language models on libtorch, every weight with a replica dimension.
//!
//! A [`Model`] is a stack of R models of one architecture: each weight tensor is `[R, ...]`, each
//! batch `[replica, batch, position]`, and losses, clipping and decoding are per replica. A single
//! model is a stack of one and takes the plain two-dimensional path. What a task is, where samples
//! come from and what is recorded is the host's.
//!
//! libtorch's state is per thread: start it with [`runtime::start`] and make all calls from one
//! thread per device.

mod attention;
mod autograd;
mod cache;
mod checkpoint;
pub mod cuda;
mod decoder;
mod decoding;
mod distance;
mod error;
mod init;
mod layer;
mod layout;
mod likelihood;
mod model;
mod network;
mod optimizer;
mod precision;
mod rotation;
mod rows;
pub mod runtime;
mod safetensors_file;
mod schedule;
mod targets;
mod training;
mod vocabulary;
mod weights;

pub use checkpoint::{Storage, Written, convert, store, write_json};
pub use decoding::{Decoding, Scored, generate, generate_scored};
pub use distance::{
    Magnitude, TensorNorm, changed, distance, distance_in, interpolate, norms, perturb,
};
pub use error::{Error, Result};
pub use init::Init;
pub use likelihood::{distributions, logits, logits_at, loss, token_log_probs};
pub use model::Model;

// Until those who use these ask picklock-family for them.
pub use precision::kind_of;
pub use rows::{Rows, Side};
pub use safetensors_file::{Sink, Stored};
pub use targets::{Batch, Soft, Targets};
pub use tch::{Device, Kind, Tensor};
pub use training::{Batches, Trained, Trainer, gradients, train};
pub use weights::Weights;
