//! A model: a folder, or one that an organism makes.

use std::path::{Path, PathBuf};

use clap::Args;
use picklock_convert::export_organism;
use picklock_lab::{ModelKind, OrganismModel, UnlockSamples};
use picklock_lm::{Device, Model, Storage};
use picklock_message::{Error, Result, tell};
use picklock_record::{Member, Organism, Roots, organism};

use crate::args::number::whole;
use crate::output::weights;
use crate::steps::Setting;

/// Names a model.
#[derive(Args)]
pub struct ModelArgs {
    /// A Hugging Face folder.
    #[arg(
        value_name = "MODEL",
        required_unless_present = "organism",
        conflicts_with = "organism"
    )]
    model: Option<PathBuf>,
    /// A model of this organism (a preset or a file) instead; it is made where the cache lacks it.
    #[arg(long, value_name = "NAME")]
    organism: Option<String>,
    /// Which of the organism's models.
    #[arg(long, value_enum, default_value_t = ModelKind::Locked, conflicts_with = "model")]
    kind: ModelKind,
    /// The organism's seed.
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "model", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    seed: u32,
    /// The draw of the 2 weak samples that unlock.
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "model", value_parser = whole::<u32>(0..=9999), allow_negative_numbers = true)]
    draw: u32,
    /// The root of all random streams.
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "model", value_parser = whole::<u64>(0..=u64::MAX), allow_negative_numbers = true)]
    root_seed: u64,
}

/// What has been named.
pub enum Chosen {
    /// A folder.
    Folder(PathBuf),
    /// A model of an organism.
    Organism(Box<Organism>),
}

impl ModelArgs {
    /// Finds out what is named; nothing is made yet.
    ///
    /// # Errors
    /// Where there is no such folder or organism.
    pub fn chosen(&self, roots: &Roots) -> Result<Chosen> {
        match (&self.model, &self.organism) {
            (_, Some(name)) => Ok(Chosen::Organism(Box::new(organism::find(name, roots)?))),
            (Some(folder), None) if folder.is_dir() => Ok(Chosen::Folder(folder.clone())),
            (Some(folder), None) => {
                let problem =
                    "no such folder; a model is a Hugging Face folder, or --organism NAME";
                Err(Error::file(folder, problem))
            }
            (None, None) => Err(Error::Usage("no MODEL and no --organism".into())),
        }
    }

    /// Names the model of an organism.
    pub fn named<'a>(&self, organism: &'a Organism) -> OrganismModel<'a> {
        OrganismModel {
            organism,
            kind: self.kind,
            member: Member {
                seed: self.seed,
                draw: self.draw,
            },
            root_seed: self.root_seed,
            unlock_samples: UnlockSamples::default(),
        }
    }
}

/// Makes a model of an organism, or takes it from the cache; says on stderr what takes long.
///
/// # Errors
/// Where training fails or the cache can't be written, or the model is a program.
pub fn make(named: &OrganismModel, device: Device) -> Result<Model> {
    let setting = Setting {
        organism: named.organism,
        root_seed: named.root_seed,
        device,
    };
    let cached = setting.at_bench(|bench| bench.organism_model(named.kind, named.member))?;
    if cached.is_program() {
        return Err(Error::Usage(format!(
            "the weak model of {} is a program: it has answers, and no weights",
            named.organism.name
        )));
    }
    cached.model()
}

/// Writes a model of an organism as a folder, where one is asked for.
///
/// # Errors
/// Where the folder is there already or can't be written.
pub fn write(named: &OrganismModel, model: &Model, folder: Option<&Path>) -> Result<()> {
    if let Some(folder) = folder {
        let storage = Storage::default();
        let exported = export_organism(named, model, folder, storage)?;
        tell!(
            "{}",
            weights(folder, &exported.architecture, exported.written, storage)
        );
    }
    Ok(())
}
