//! A seed of an organism on the command line, and where it is worked on.

use clap::Args;
use picklock_lm::runtime;
use picklock_message::Result;
use picklock_record::Organism;

use crate::cli::number::whole;
use crate::steps::Place;

/// Names a seed, and where its models are made and asked.
#[derive(Args)]
pub struct SeedArgs {
    /// The organism's seed.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    pub seed: u32,
    /// The root of all random streams.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(0..=u64::MAX), allow_negative_numbers = true)]
    pub root_seed: u64,
    /// Where models are made and asked: cpu or cuda:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: String,
}

impl SeedArgs {
    /// The place of an organism there.
    ///
    /// # Errors
    /// Where there is no such device.
    pub fn place<'a>(&self, organism: &'a Organism) -> Result<Place<'a>> {
        runtime::start(Some(1));
        Ok(Place {
            organism,
            root_seed: self.root_seed,
            device: runtime::parse_device(&self.device)?,
        })
    }
}
