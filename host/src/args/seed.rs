//! A seed of an organism, and where it is worked on.

use clap::Args;
use picklock_lab::{ModelKind, OrganismModel, UnlockSamples};
use picklock_lm::runtime;
use picklock_message::Result;
use picklock_record::{Member, Organism};

use crate::args::number::whole;
use crate::steps::Setting;

/// Names a seed, and where its models are made and asked.
#[derive(Args)]
pub struct SeedArgs {
    /// The organism's seed.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    seed: u32,
    /// The root of all random streams.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(0..=u64::MAX), allow_negative_numbers = true)]
    root_seed: u64,
    /// Where models are made and asked: cpu or cuda:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
}

impl SeedArgs {
    /// Starts libtorch on the device, for models of this organism.
    ///
    /// # Errors
    /// Where there is no such device.
    pub fn start<'a>(&self, organism: &'a Organism) -> Result<Setting<'a>> {
        runtime::start(Some(1));
        Ok(Setting {
            organism,
            root_seed: self.root_seed,
            device: runtime::parse_device(&self.device)?,
        })
    }

    /// Names a model of this organism.
    pub fn named<'a>(
        &self,
        organism: &'a Organism,
        kind: ModelKind,
        draw: u32,
    ) -> OrganismModel<'a> {
        OrganismModel {
            organism,
            kind,
            member: Member {
                seed: self.seed,
                draw,
            },
            root_seed: self.root_seed,
            unlock_samples: UnlockSamples::default(),
        }
    }
}
