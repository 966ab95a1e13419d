//! Where a model's parameters are stored.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use picklock_family::{Architecture, Parameter};

use super::folder::CONFIG;
use super::reading::Reading;
use super::shards::Shards;
use crate::layout::Layout;
use crate::safetensors_file::SafetensorsFile;
use crate::{Device, Error, Kind, Model, Result, Tensor};

/// A stored tensor: its name and its file.
type Source<'a> = (&'a str, &'a SafetensorsFile);

/// The stored tensors of a model.
pub(super) struct Sources<'a> {
    /// By parameter.
    parameters: BTreeMap<String, Source<'a>>,
    /// Embedding and head of a tied model that has both.
    tied: Option<[Source<'a>; 2]>,
}

impl<'a> Sources<'a> {
    /// Finds all parameters of a folder and checks everything but the numbers; errors name the file.
    pub(super) fn checked(
        architecture: &Architecture,
        shards: &'a Shards,
        directory: &Path,
    ) -> Result<Self> {
        let found = Self::new(architecture, shards);
        let sources = found.map_err(|error| error.in_file(&shards.path))?;
        let tie = sources.check_tie();
        tie.map_err(|error| error.in_file(directory.join(CONFIG)))?;
        Ok(sources)
    }

    /// Finds all parameters, and checks their shapes and types.
    fn new(architecture: &Architecture, shards: &'a Shards) -> Result<Self> {
        let extra = |tensor: &str| Error::ExtraTensor {
            tensor: tensor.to_owned(),
            architecture: architecture.name(),
        };
        let mut stored = BTreeMap::new();
        for source in shards.tensors() {
            let name = architecture.parameter_name(source.0);
            if let Some(name) = name
                && stored.insert(name, source).is_some()
            {
                return Err(extra(source.0));
            }
        }
        let tied = take_tied(architecture, &mut stored);
        let mut parameters = BTreeMap::new();
        // Not all in one list, which could be long where a configuration says so.
        for (_, parameter) in architecture.plan().parameters() {
            let Some(source) = stored.remove(&parameter.name) else {
                return Err(Error::missing(&parameter.name, &parameter.shape));
            };
            source.1.check(source.0, &parameter.shape)?;
            parameters.insert(parameter.name, source);
        }
        match stored.into_values().next() {
            Some((name, _)) => Err(extra(name)),
            None => Ok(Self { parameters, tied }),
        }
    }

    /// Refuses a head that differs from the embedding in a model that says they are one:
    /// implementations don't agree on which to believe.
    fn check_tie(&self) -> Result<()> {
        let Some([embedding, head]) = self.tied else {
            return Ok(());
        };
        if SafetensorsFile::same(embedding, head)? {
            return Ok(());
        }
        Err(picklock_family::Error::Config {
            key: "tie_word_embeddings".to_owned(),
            expected: format!("false, as `{}` is not `{}`", head.0, embedding.0),
            got: "true".to_owned(),
        }
        .into())
    }

    /// Reads the numbers, each to where it stays.
    pub(super) fn read(
        &self,
        architecture: Architecture,
        kind: Kind,
        device: Device,
    ) -> Result<Model> {
        let layout = Arc::new(Layout::new(architecture));
        let mut reading = Reading::default();
        let mut slots = Vec::with_capacity(layout.slots.len());
        for slot in &layout.slots {
            let shape = [&[1], slot.shape().as_slice()].concat();
            let whole = Tensor::f_empty(shape, (kind, device))?;
            for (index, part) in slot.parts.iter().enumerate() {
                reading.add(self.source(part)?, &slot.part(&whole, index)?)?;
            }
            slots.push(whole);
        }
        reading.run(device)?;
        Model::from_slots(layout, slots, None)
    }

    /// Reads one parameter, in float32 and in host memory.
    pub(super) fn tensor(&self, parameter: &Parameter) -> Result<Tensor> {
        let whole = Tensor::f_empty(&parameter.shape, (Kind::Float, Device::Cpu))?;
        let mut reading = Reading::default();
        reading.add(self.source(parameter)?, &whole)?;
        reading.run(Device::Cpu)?;
        Ok(whole)
    }

    fn source(&self, parameter: &Parameter) -> Result<Source<'a>> {
        let source = self.parameters.get(&parameter.name);
        source
            .copied()
            .ok_or_else(|| Error::missing(&parameter.name, &parameter.shape))
    }
}

/// Takes out the head of a tied model. Where the embedding isn't stored, the head is the embedding.
fn take_tied<'a>(
    architecture: &Architecture,
    stored: &mut BTreeMap<String, Source<'a>>,
) -> Option<[Source<'a>; 2]> {
    let plan = architecture.plan();
    let [embedding, head] = plan.tied.then(|| plan.vocabulary_names())?;
    let copy = stored.remove(&head)?;
    if let Some(own) = stored.get(&embedding) {
        return Some([*own, copy]);
    }
    stored.insert(embedding, copy);
    None
}
