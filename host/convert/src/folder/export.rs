//! Models as folders that transformers and lm-evaluation-harness open.

use std::path::Path;

use picklock_family::{Architecture, Parameter};
use picklock_lab::OrganismModel;
use picklock_lm::{Model, Storage, Written, convert};
use picklock_message::{Error, Result, Watch};
use picklock_record::{Checkpoint, Streams};
use picklock_sdk::Flag;
use picklock_task::{Part, Task};
use serde_json::{Value, json};

use super::card::Card;
use super::new_folder::NewFolder;

/// Files beside configuration and weights that belong to a model.
const BESIDE: [&str; 12] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "LICENSE",
    "LICENSE.txt",
];

/// What has been written.
pub struct Exported {
    /// The model's architecture.
    pub architecture: Architecture,
    /// Its weights.
    pub written: Written,
}

/// Writes the model of a folder as another one, a tensor at a time: with its configuration, its
/// tokenizer and what else belongs to it.
///
/// # Errors
/// Where the folder holds no model that picklock opens, or the other is there already.
pub fn export_folder(from: &Path, to: &Path, storage: Storage) -> Result<Exported> {
    let architecture = Architecture::of_directory(from)?;
    let path = from.join("config.json");
    let text = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
    let config = serde_json::from_slice(&text);
    let config = config.map_err(|error| Error::file(&path, error.to_string()))?;
    let folder = NewFolder::at(to)?;
    let watch = Watch::new("exporting", architecture.weight_count());
    let before = |parameter: &Parameter| watch.add(parameter.numbers());
    let written = convert(from, folder.path(), storage, before)?;
    folder.write_json("config.json", &described(config, storage))?;
    copy_beside(from, &folder)?;
    let name = from.canonicalize().unwrap_or_else(|_| from.to_path_buf());
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    let card = Card::new(name.as_ref()).line("exported from", &name);
    folder.write("README.md", &stored(card, storage, written).markdown())?;
    folder.finish()?;
    Ok(Exported {
        architecture,
        written,
    })
}

/// A configuration that says what weights are stored in.
pub fn described(mut config: Value, storage: Storage) -> Value {
    for key in ["dtype", "torch_dtype"] {
        config[key] = storage.stored.name().into();
    }
    config
}

/// The card with how weights are stored.
fn stored(card: Card, storage: Storage, written: Written) -> Card {
    let rounded = format!("{} of {} weights", written.rounded, written.weights);
    card.line("stored as", storage.stored.name())
        .line("rounded in storing", rounded)
}

/// Writes an organism's model as a folder. Where it was made of a checkpoint, the tokenizer is the
/// checkpoint's, and rows of the vocabulary that the task doesn't use are as they are there.
///
/// # Errors
/// Where the folder is there already or can't be written.
pub fn export_organism(
    named: &OrganismModel,
    model: &Model,
    to: &Path,
    storage: Storage,
) -> Result<Exported> {
    let folder = NewFolder::at(to)?;
    let task = named.organism.open_task()?;
    let checkpoint = named.checkpoint().map(Checkpoint::find).transpose()?;
    let whole = match (&checkpoint, task.vocabulary()) {
        (Some(from), Some(ids)) => {
            model.with_all_tokens(&Model::load(from, model.device())?, ids)?
        }
        _ => model.share(),
    };
    let written = whole.save_as(folder.path(), storage)?;
    match &checkpoint {
        Some(from) => copy_beside(from, &folder)?,
        None => write_tokenizer(&*task, &whole, &folder)?,
    }
    let organism = toml::to_string_pretty(named.organism)
        .map_err(|error| Error::file(to, error.to_string()))?;
    folder.write("organism.toml", &organism)?;
    let card = card(named, &whole, storage, written)?;
    folder.write("README.md", &card.markdown())?;
    folder.finish()?;
    Ok(Exported {
        architecture: whole.architecture().clone(),
        written,
    })
}

/// Writes the tokenizer of a task. Its answers have no end, but readers of batches want a token that
/// ends and pads: the one that ends every prompt stands in no answer.
fn write_tokenizer(task: &dyn Task, model: &Model, folder: &NewFolder) -> Result<()> {
    let tokenizer = task.tokenizer()?;
    let problems = task.draw(Part::Training, 1, &mut Streams { root: 0 }.rng(&[]))?;
    let prompt = problems
        .first()
        .map(|problem| task.prompt(&problem.question, Flag::None))
        .transpose()?
        .unwrap_or_default();
    let end = prompt.last().and_then(|id| tokenizer.id_to_token(*id));
    let text = tokenizer.to_string(true);
    let text = text.map_err(|error| Error::Usage(format!("tokenizer: {error}")))?;
    folder.write("tokenizer.json", &text)?;
    folder.write_json(
        "tokenizer_config.json",
        &json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": false,
            "eos_token": end,
            "pad_token": end,
            "model_max_length": model.architecture().max_positions(),
        }),
    )
}

/// Copies what belongs to a folder's model.
fn copy_beside(from: &Path, folder: &NewFolder) -> Result<()> {
    for name in BESIDE {
        copy(&from.join(name), &folder.path().join(name))?;
    }
    copy(&from.join("README.md"), &folder.path().join("ORIGINAL.md"))
}

fn card(named: &OrganismModel, model: &Model, storage: Storage, written: Written) -> Result<Card> {
    let kind = named.kind.name();
    let card = Card::new(format!("{}, {kind}", named.organism.name))
        .line(
            "organism",
            format!("{}: {}", named.organism.name, named.organism.summary),
        )
        .line("model", kind)
        .line("seed", named.member.seed);
    let card = if named.kind.has_draws() {
        card.line("draw of weak samples", named.member.draw)
            .line("has memorised", named.unlock_samples)
    } else {
        card
    };
    let card = card
        .line("root seed", named.root_seed)
        .line("SHA-256 of the weights in float32", model.digest()?);
    Ok(stored(card, storage, written).text("`organism.toml` says how it was made."))
}

/// Copies a file, where it is there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    match std::fs::copy(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done.map(drop).map_err(Error::io(from, "copy")),
    }
}
