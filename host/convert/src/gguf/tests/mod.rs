//! Imports of small files that are written here, and of real ones where there are any.

mod damage;
mod real;
mod tokens;
mod weights;

use std::io::Cursor;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::quantized::gguf_file::{Value, write};
use picklock_lm::{Model, Storage};
use tempfile::TempDir;

use crate::gguf::import;

/// A GGUF file to be.
struct Gguf {
    metadata: Vec<(String, Value)>,
    tensors: Vec<(String, QTensor)>,
}

impl Gguf {
    /// The metadata of a small model: 2 layers, 4 heads of 64 numbers, 2 of them with keys and values.
    fn new(architecture: &str) -> Self {
        let mut gguf = Self {
            metadata: Vec::new(),
            tensors: Vec::new(),
        };
        gguf.set("general.architecture", Value::String(architecture.into()));
        let sizes = [
            ("block_count", 2),
            ("context_length", 64),
            ("embedding_length", 256),
            ("feed_forward_length", 512),
            ("attention.head_count", 4),
            ("attention.head_count_kv", 2),
        ];
        for (key, size) in sizes {
            gguf.set(&format!("{architecture}.{key}"), Value::U32(size));
        }
        gguf.set(
            &format!("{architecture}.rope.freq_base"),
            Value::F32(100_000.0),
        );
        let epsilon = format!("{architecture}.attention.layer_norm_rms_epsilon");
        gguf.set(&epsilon, Value::F32(1e-5));
        gguf.words(&["smollm"]);
        gguf
    }

    fn set(&mut self, key: &str, value: Value) {
        self.remove(key);
        self.metadata.push((key.into(), value));
    }

    fn remove(&mut self, key: &str) {
        self.metadata.retain(|(own, _)| own != key);
    }

    /// The 256 bytes as words, a few merges, and tokens of every role; cut up as `pre` says.
    fn words(&mut self, pre: &[&str]) {
        let mut bytes: Vec<String> = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet()
            .into_iter()
            .map(String::from)
            .collect();
        bytes.sort();
        let merges = ["a b", "Ġ ab", "1 2", "l l", "' ll"];
        let joined = merges.iter().map(|merge| merge.replace(' ', ""));
        let special = ["<|end|>", "<|start|>", "<tool>", "[PAD0]"].map(String::from);
        let words: Vec<String> = bytes.into_iter().chain(joined).chain(special).collect();
        let mut roles = vec![1; words.len()];
        roles[261..].copy_from_slice(&[3, 3, 4, 5]);
        let texts =
            |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
        self.set("tokenizer.ggml.model", Value::String("gpt2".into()));
        for pre in pre {
            self.set("tokenizer.ggml.pre", Value::String((*pre).into()));
        }
        self.set("tokenizer.ggml.tokens", texts(words));
        let roles = roles.into_iter().map(Value::I32).collect();
        self.set("tokenizer.ggml.token_type", Value::Array(roles));
        self.set(
            "tokenizer.ggml.merges",
            texts(merges.map(String::from).to_vec()),
        );
        for (name, id) in [("bos", 262), ("eos", 261), ("padding", 261)] {
            self.set(&format!("tokenizer.ggml.{name}_token_id"), Value::U32(id));
        }
    }

    /// Adds a tensor of numbers in a type, rows first.
    fn tensor(&mut self, name: &str, shape: &[usize], numbers: &[f32], kind: GgmlDType) {
        let tensor = Tensor::from_slice(numbers, shape, &Device::Cpu).unwrap();
        let tensor = QTensor::quantize(&tensor, kind).unwrap();
        self.tensors.push((name.into(), tensor));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let metadata: Vec<_> = self
            .metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value))
            .collect();
        let tensors: Vec<_> = self
            .tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect();
        write(&mut bytes, &metadata, &tensors).unwrap();
        bytes.into_inner()
    }
}

/// A folder with an imported file.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("model.gguf")
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("model")
    }

    fn import(&self, bytes: &[u8]) -> Result<Model, String> {
        std::fs::write(self.file(), bytes).unwrap();
        match import(&self.file(), &self.folder(), Storage::default()) {
            Ok(_) => Ok(Model::load(&self.folder(), picklock_lm::Device::Cpu).unwrap()),
            Err(error) => {
                assert!(!self.folder().exists());
                assert_eq!(
                    std::fs::read_dir(self.0.path()).unwrap().count(),
                    1,
                    "{error}"
                );
                let file = format!("{}: ", self.file().display());
                let error = error.to_string();
                Err(error.strip_prefix(&file).unwrap_or(&error).to_string())
            }
        }
    }

    fn json(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read(self.folder().join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}
