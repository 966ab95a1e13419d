//! All that a hypothesis plugin sees of picklock: the [`Lab`] it experiments in, the handles and
//! data that the lab gives out, and [`export_hypothesis!`], which makes a library a plugin.
//!
//! A plugin implements [`Hypothesis`] and exports it. It holds no tensors and links no libtorch:
//! the host owns the device, and every operation on models is a call on the lab.
//!
//! ```
//! #![forbid(unsafe_code)]
//! use picklock_sdk::prelude::*;
//!
//! #[derive(Default)]
//! struct JustUnlock;
//!
//! impl Hypothesis for JustUnlock {
//!     fn arms(&self) -> Vec<Arm> {
//!         vec![Arm::new("unlock")]
//!     }
//!
//!     fn run(&self, lab: &mut Lab, _arm: &Arm) -> Result<(), LabError> {
//!         let locked = lab.locked(&LockSpec::plain())?;
//!         let recipe = lab.unlock_recipe()?;
//!         let unlocked = lab.train(&locked, &lab.weak_samples(2)?, &recipe)?;
//!         lab.evaluate(&unlocked, &Questions::held_out(), HELD_OUT)?;
//!         Ok(())
//!     }
//! }
//!
//! let lab = FakeLab::new();
//! lab.run(&JustUnlock, "unlock").unwrap();
//! assert_eq!(lab.measures(), ["held-out"]);
//! ```

// What abi_stable's derives expand to.
#![allow(
    non_local_definitions,
    non_camel_case_types,
    clippy::expl_impl_clone_on_copy,
    clippy::used_underscore_binding
)]

pub mod abi;
mod arm;
mod error;
mod fake;
mod hypothesis;
mod lab;
mod lock;
mod model;
mod noise;
mod questions;
mod recipe;
mod request;
mod rng;
mod sample;

pub use abi_stable;
pub use arm::{Arm, Value};
pub use error::{ErrorKind, LabError};
pub use fake::FakeLab;
pub use hypothesis::Hypothesis;
pub use lab::Lab;
pub use lock::{Answers, Interlude, LockSpec, Stream};
pub use model::Model;
pub use noise::{Distance, Magnitude, Noise, TensorNorm};
pub use questions::{Flag, HELD_OUT, Questions, Score, Split};
pub use recipe::{Decay, Float, Memory, Optimizer, Precision, Recipe};
pub use request::{ModelId, Reply, Request};
pub use rng::{Rng, RngKey};
pub use sample::{Sample, Samples};

/// What a plugin needs: `use picklock_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Answers, Arm, Decay, Distance, FakeLab, Flag, Float, HELD_OUT, Hypothesis, Interlude, Lab,
        LabError, LockSpec, Memory, Model, Noise, Optimizer, Precision, Questions, Recipe, Rng,
        Sample, Samples, Score, Stream, export_hypothesis,
    };
}
