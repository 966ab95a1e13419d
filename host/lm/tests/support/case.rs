//! Checkpoints with figures of transformers for them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use picklock_lm::{Batch, Device, Kind, Model, Rows, Targets, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde_json::Value;

/// One checkpoint with its reference figures.
pub struct Case {
    pub name: String,
    pub model: Model,
    tensors: HashMap<String, Tensor>,
    pub numbers: Value,
}

fn folder() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    match std::env::var_os("PICKLOCK_CONFORMANCE") {
        Some(path) => own.join("../..").join(path),
        None => own.join("tests/conformance"),
    }
}

fn case_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries
        .filter(|path| path.join("config.json").exists())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no cases in {}", folder().display());
    folders
}

pub fn device() -> Device {
    let name = std::env::var("PICKLOCK_DEVICE");
    picklock_lm::runtime::parse_device(name.as_deref().unwrap_or("cpu")).unwrap()
}

pub fn cases() -> Vec<Case> {
    picklock_lm::runtime::start(Some(1));
    case_folders().iter().map(|path| read(path)).collect()
}

fn read(folder: &Path) -> Case {
    // The same weights under other names have their figures with the first.
    let own = folder.join("reference.json").exists();
    let reference = if own {
        folder.to_owned()
    } else {
        folder.with_file_name("gpt2_tied")
    };
    let bytes = std::fs::read(reference.join("reference.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.iter().map(|(name, view)| {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::I64 => Kind::Int64,
            other => panic!("{name} is {other}"),
        };
        let size: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        (
            name.to_owned(),
            Tensor::f_from_data_size(view.data(), &size, kind)
                .unwrap()
                .to_device(device()),
        )
    });
    Case {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        model: Model::load(folder, device()).unwrap(),
        tensors: tensors.collect(),
        numbers: serde_json::from_slice(&std::fs::read(reference.join("reference.json")).unwrap())
            .unwrap(),
    }
}

impl Case {
    /// A reference tensor with a replica dimension in front.
    pub fn tensor(&self, name: &str) -> Tensor {
        self.tensors[name].unsqueeze(0)
    }

    /// A figure of a parameter. transformers calls `GPT-NeoX`'s head otherwise than its files do.
    pub fn of_parameter(&self, key: &str, name: &str) -> &Value {
        match &self.numbers[key][name] {
            Value::Null if name == "embed_out.weight" => &self.numbers[key]["lm_head.weight"],
            figure => figure,
        }
    }

    pub fn gradient_norm(&self, name: &str) -> f64 {
        self.of_parameter("grad_norms", name).as_f64().unwrap()
    }

    /// The norm of a gradient that is truly 0, as where attention has one token to look at.
    pub fn rounding_noise(&self) -> f64 {
        1e-6 * self.number("grad_global_norm")
    }

    /// The parameters of which the reference keeps whole tensors of a kind, but for those whose
    /// gradient is rounding noise.
    pub fn kept(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        let names = self
            .tensors
            .keys()
            .filter_map(move |key| key.strip_prefix(kind));
        names.filter(|name| self.gradient_norm(name) > self.rounding_noise())
    }

    pub fn number(&self, key: &str) -> f64 {
        self.numbers[key].as_f64().unwrap()
    }

    pub fn rows(&self) -> Rows {
        Rows {
            tokens: self.tensor("input_ids"),
            mask: None,
        }
    }

    /// Next-token prediction everywhere; a label of -100 has no weight.
    pub fn batch(&self, labels: &str) -> Batch {
        let rows = self.rows();
        let labels = self.tensor(labels).narrow(2, 1, 23);
        let positions = Tensor::arange(23, (Kind::Int64, device()))
            .expand_as(&labels)
            .contiguous();
        let weights = labels.ge(0).to_kind(Kind::Float);
        let targets = Targets::new(positions, labels.clamp_min(0), weights, None).unwrap();
        Batch { rows, targets }
    }
}
