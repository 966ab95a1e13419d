//! A model on the command line: a folder, or one that an organism makes.

use std::path::PathBuf;

use clap::Args;
use picklock_lm::{Device, Model};

use super::number::whole;
use crate::batch::environment;
use crate::error::{Error, Result};
use crate::lab::{Bench, Member, ModelKind, Named};
use crate::organism::{self, Cache, DecodingRoom, LockCopies, Maker, Organism, Streams};
use crate::plugins::Roots;

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
    pub fn named<'a>(&self, organism: &'a Organism) -> Named<'a> {
        Named {
            organism,
            kind: self.kind,
            member: Member {
                seed: self.seed,
                draw: self.draw,
            },
            root_seed: self.root_seed,
        }
    }
}

/// Makes a model of an organism, or takes it from the cache; says on stderr what takes long.
///
/// # Errors
/// Where training fails or the cache can't be written.
pub fn make(named: &Named, device: Device) -> Result<Model> {
    let cache = Cache::of_user()?;
    let task = named.organism.open_task()?;
    let last = std::cell::RefCell::new(String::new());
    let notify = |what: &str, _: usize, _: usize| {
        if *last.borrow() != what {
            tell!("{what}");
            *last.borrow_mut() = what.to_string();
        }
    };
    let environment = environment(device, named.organism);
    let maker = Maker {
        organism: named.organism,
        task: &*task,
        streams: Streams {
            root: named.root_seed,
        },
        device,
        room: DecodingRoom::new(device, environment.memory_bytes()),
        environment: &environment.numeric(),
        cache: &cache,
        width: 1,
        copies: &LockCopies::default(),
        notify: &notify,
        warn: &|text| tell!("{text}"),
    };
    Bench::new(maker, 1).model(named.kind, named.member)
}
