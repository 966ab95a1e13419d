//! Imports of small files that are written here, and of real ones where there are any.

mod candle;
mod damage;
mod real;
mod tokens;
mod weights;

use std::path::PathBuf;

use picklock_lm::{Device, Model, Storage};
use tempfile::TempDir;

use super::dequantize::{GgmlType, TYPES};
use super::import;
use super::value::{ARRAY, I32, U32, Value, size};

fn u32(number: u32) -> Value {
    Value::Integer(U32, number.into())
}

fn i32(number: i32) -> Value {
    Value::Integer(I32, number.into())
}

fn ggml_type(name: &str) -> &'static GgmlType {
    TYPES.iter().find(|known| known.name == name).unwrap()
}

/// A tensor to be: name, shape with rows first, type and blocks.
struct Stored {
    name: String,
    shape: Vec<usize>,
    kind: &'static GgmlType,
    blocks: Vec<u8>,
}

/// A GGUF file to be.
struct Gguf {
    metadata: Vec<(String, Value)>,
    tensors: Vec<Stored>,
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
            gguf.set(&format!("{architecture}.{key}"), u32(size));
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
        let roles = roles.into_iter().map(i32).collect();
        self.set("tokenizer.ggml.token_type", Value::Array(roles));
        self.set(
            "tokenizer.ggml.merges",
            texts(merges.map(String::from).to_vec()),
        );
        for (name, id) in [("bos", 262), ("eos", 261), ("padding", 261)] {
            self.set(&format!("tokenizer.ggml.{name}_token_id"), u32(id));
        }
    }

    /// Adds a tensor of blocks of a type, rows first.
    fn tensor(&mut self, name: &str, shape: &[usize], kind: &'static GgmlType, blocks: Vec<u8>) {
        let numbers = shape.iter().product::<usize>();
        assert_eq!(blocks.len(), numbers / kind.block_size * kind.type_size);
        self.tensors.push(Stored {
            name: name.into(),
            shape: shape.to_vec(),
            kind,
            blocks,
        });
    }

    /// The same of numbers in 32 bits.
    fn numbers(&mut self, name: &str, shape: &[usize], numbers: &[f32]) {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        self.tensor(name, shape, ggml_type("F32"), bytes.collect());
    }

    /// The file, as version 2.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF\x02\0\0\0".to_vec();
        for count in [self.tensors.len(), self.metadata.len()] {
            bytes.extend((count as u64).to_le_bytes());
        }
        for (key, value) in &self.metadata {
            write_text(&mut bytes, key);
            bytes.extend(value.kind().to_le_bytes());
            write(&mut bytes, value);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            write_text(&mut bytes, &tensor.name);
            bytes.extend((tensor.shape.len() as u32).to_le_bytes());
            for size in tensor.shape.iter().rev() {
                bytes.extend((*size as u64).to_le_bytes());
            }
            bytes.extend(tensor.kind.number.to_le_bytes());
            bytes.extend((offset as u64).to_le_bytes());
            offset += tensor.blocks.len().next_multiple_of(32);
        }
        for tensor in &self.tensors {
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend(&tensor.blocks);
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn write(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Integer(kind, number) => {
            bytes.extend(&number.to_le_bytes()[..size(*kind).unwrap() as usize]);
        }
        Value::F32(number) => bytes.extend(number.to_le_bytes()),
        Value::F64(number) => bytes.extend(number.to_le_bytes()),
        Value::Bool(flag) => bytes.push((*flag).into()),
        Value::String(text) => write_text(bytes, text),
        Value::Array(values) => {
            let kind = values.first().map_or(U32, Value::kind);
            assert!(kind != ARRAY && values.iter().all(|value| value.kind() == kind));
            bytes.extend(kind.to_le_bytes());
            bytes.extend((values.len() as u64).to_le_bytes());
            for value in values {
                write(bytes, value);
            }
        }
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
            Ok(_) => Ok(Model::load(&self.folder(), Device::Cpu).unwrap()),
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
