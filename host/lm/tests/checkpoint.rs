//! Hugging Face folders: there and back, and one clear message for each broken one.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use picklock_lm::{Architecture, Device, Gpt2Config, Kind, Model, Tensor};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use support::{gpt2, llama, model};
use tempfile::TempDir;

/// Shapes and bytes by name.
type Stored = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

const WEIGHTS: &str = "model.safetensors";

fn saved(architecture: &Architecture) -> (Model, TempDir) {
    let (model, folder) = (model(architecture, 1), TempDir::new().unwrap());
    model.save(folder.path()).unwrap();
    (model, folder)
}

fn load(folder: &TempDir) -> Result<Model, String> {
    Model::load(folder.path(), Device::Cpu).map_err(|error| error.to_string())
}

/// The message for a folder, which must begin with the file's path.
#[track_caller]
fn complaint(folder: &TempDir, file: &str) -> String {
    let message = load(folder).unwrap_err();
    let path = format!("{}: ", folder.path().join(file).display());
    message
        .strip_prefix(&path)
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

/// A model's tensors as bytes, under other names, of another type.
fn rewrite(folder: &Path, dtype: Dtype, tensors: &Stored) {
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (
            name.clone(),
            TensorView::new(dtype, shape.clone(), bytes).unwrap(),
        )
    });
    let views: Vec<_> = views.collect();
    std::fs::write(
        folder.join(WEIGHTS),
        safetensors::serialize(views, None).unwrap(),
    )
    .unwrap();
}

fn numbers(model: &Model, kind: Kind) -> Stored {
    let tensor = |(name, tensor): (&str, &Tensor)| {
        let shape: Vec<usize> = tensor.size()[1..]
            .iter()
            .map(|&size| size as usize)
            .collect();
        let flat = tensor.to_kind(kind).contiguous();
        let mut bytes = vec![0; flat.numel() * kind.elt_size_in_bytes()];
        flat.f_copy_data_u8(&mut bytes, flat.numel()).unwrap();
        (name.to_owned(), (shape, bytes))
    };
    model.weights().iter().map(tensor).collect()
}

fn edit_config(folder: &TempDir, edit: impl FnOnce(&mut Value)) {
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut config);
    std::fs::write(path, config.to_string()).unwrap();
}

#[test]
fn saved_models_come_back_bit_by_bit() {
    for architecture in [gpt2(), llama()] {
        let (model, folder) = saved(&architecture);
        let again = load(&folder).unwrap();
        assert_eq!(again.architecture(), &architecture);
        assert_eq!(again.digest().unwrap(), model.digest().unwrap());
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["config.json", WEIGHTS]);
        let bytes = std::fs::read(folder.path().join(WEIGHTS)).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        assert_eq!(header.metadata().as_ref(), Some(&format));
    }
}

#[test]
fn a_digest_changes_with_any_number_and_is_of_one_model() {
    let one = model(&gpt2(), 1);
    let digest = one.digest().unwrap();
    assert_eq!(
        (digest.len(), digest.clone()),
        (64, model(&gpt2(), 1).digest().unwrap())
    );
    let name = "transformer.h.1.ln_2.bias";
    let weights = one
        .weights()
        .iter()
        .map(|(name, tensor)| (name.to_owned(), tensor.copy()));
    let other = Model::new(gpt2(), weights.collect()).unwrap();
    let _ = other
        .weights()
        .get(name)
        .unwrap()
        .narrow(1, 3, 1)
        .f_add_scalar_(1e-6)
        .unwrap();
    assert_ne!(other.digest().unwrap(), digest);
    let stack = Model::stack(&[&one, &other]).unwrap();
    assert_eq!(
        stack.digest().unwrap_err().to_string(),
        "a digest: expected a stack of 1 replica, got 2"
    );
    assert_eq!(
        stack.replica(1).unwrap().digest().unwrap(),
        other.digest().unwrap()
    );
}

#[test]
fn half_precision_becomes_float32() {
    for (dtype, kind) in [(Dtype::F16, Kind::Half), (Dtype::BF16, Kind::BFloat16)] {
        let (model, folder) = saved(&llama());
        rewrite(folder.path(), dtype, &numbers(&model, kind));
        let again = load(&folder).unwrap();
        for (name, tensor) in again.weights().iter() {
            let rounded = model
                .weights()
                .get(name)
                .unwrap()
                .to_kind(kind)
                .to_kind(Kind::Float);
            assert!(tensor.equal(&rounded), "{name}");
        }
    }
}

#[test]
fn old_hub_names_and_buffers_are_understood() {
    let (model, folder) = saved(&gpt2());
    let mut tensors: BTreeMap<_, _> = numbers(&model, Kind::Float)
        .into_iter()
        .map(|(name, tensor)| (name.trim_start_matches("transformer.").to_owned(), tensor))
        .collect();
    tensors.insert("h.0.attn.bias".to_owned(), (vec![1, 1, 2, 2], vec![0; 16]));
    tensors.insert("h.1.attn.masked_bias".to_owned(), (vec![1], vec![0; 4]));
    rewrite(folder.path(), Dtype::F32, &tensors);
    assert_eq!(
        load(&folder).unwrap().digest().unwrap(),
        model.digest().unwrap()
    );
}

#[test]
fn rope_is_read_in_both_spellings() {
    let (_, folder) = saved(&llama());
    let stretched = json!({ "type": "linear", "factor": 2.0 });
    let old = |config: &mut Value| {
        config.as_object_mut().unwrap().remove("rope_parameters");
        config["rope_theta"] = json!(5e5);
        config["rope_scaling"] = stretched;
    };
    edit_config(&folder, old);
    let old = load(&folder).unwrap();
    let new = |config: &mut Value| {
        let config = config.as_object_mut().unwrap();
        config.remove("rope_theta");
        config.remove("rope_scaling");
        let parameters = json!({ "rope_theta": 5e5, "rope_type": "linear", "factor": 2.0 });
        config.insert("rope_parameters".to_owned(), parameters);
    };
    edit_config(&folder, new);
    assert_eq!(old.architecture(), load(&folder).unwrap().architecture());
    assert!(format!("{:?}", old.architecture()).contains("Linear { factor: 2.0 }"));
}

#[test]
fn unsupported_configurations_name_the_key() {
    for (architecture, key, value, expected) in [
        (
            gpt2(),
            "activation_function",
            json!("relu"),
            "\"gelu_new\" or \"gelu_pytorch_tanh\", got \"relu\"",
        ),
        (
            gpt2(),
            "scale_attn_by_inverse_layer_idx",
            json!(true),
            "false, got true",
        ),
        (
            gpt2(),
            "n_embd",
            json!("wide"),
            "a whole number from 1 to 2147483648, got \"wide\"",
        ),
        (
            gpt2(),
            "n_layer",
            json!(0),
            "a whole number from 1 to 2147483648, got 0",
        ),
        (
            gpt2(),
            "n_head",
            Value::Null,
            "a whole number from 1 to 2147483648, got nothing",
        ),
        (
            llama(),
            "hidden_act",
            json!("gelu"),
            "\"silu\", got \"gelu\"",
        ),
        (llama(), "sliding_window", json!(64), ", got 64"),
        (
            llama(),
            "num_key_value_heads",
            json!(3),
            "a multiple of 3, got 4",
        ),
    ] {
        let (_, folder) = saved(&architecture);
        edit_config(&folder, |config| config[key] = value);
        let message = complaint(&folder, "config.json");
        let key = if key == "num_key_value_heads" {
            "num_attention_heads"
        } else {
            key
        };
        assert!(
            message.starts_with(&format!("config key `{key}`: expected ")),
            "{message}"
        );
        assert!(message.ends_with(expected), "{message}");
    }
    let (_, folder) = saved(&llama());
    edit_config(&folder, |config| {
        config["rope_parameters"]["rope_type"] = json!("yarn");
    });
    let message = complaint(&folder, "config.json");
    assert_eq!(
        message,
        "config key `rope_type`: expected default, linear or llama3, got \"yarn\""
    );
}

#[test]
fn other_architectures_are_refused() {
    let (_, folder) = saved(&gpt2());
    edit_config(&folder, |config| config["model_type"] = json!("mamba"));
    let message = complaint(&folder, "config.json");
    assert_eq!(
        message,
        "unsupported architecture `mamba`: expected one of gpt2, llama"
    );
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    assert!(complaint(&folder, "config.json").starts_with("not JSON: "));
}

#[test]
fn missing_files_are_named() {
    let (_, folder) = saved(&gpt2());
    for file in [WEIGHTS, "config.json"] {
        std::fs::remove_file(folder.path().join(file)).unwrap();
        assert!(complaint(&folder, file).starts_with("No such file"));
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let name = "transformer.h.1.mlp.c_fc.bias";
    let broken = |change: &dyn Fn(&mut Stored)| {
        let (model, folder) = saved(&gpt2());
        let mut tensors = numbers(&model, Kind::Float);
        change(&mut tensors);
        rewrite(folder.path(), Dtype::F32, &tensors);
        complaint(&folder, WEIGHTS)
    };
    let message = broken(&|tensors| drop(tensors.remove(name)));
    assert_eq!(
        message,
        format!("tensor `{name}` is missing: expected shape [64]")
    );
    let message =
        broken(&|tensors| drop(tensors.insert("extra.weight".to_owned(), (vec![1], vec![0; 4]))));
    assert_eq!(
        message,
        "tensor `extra.weight` is not a parameter of this gpt2 model"
    );
    let message =
        broken(&|tensors| drop(tensors.insert(name.to_owned(), (vec![8, 8], vec![0; 256]))));
    assert_eq!(
        message,
        format!("tensor `{name}`: expected shape [64], got [8, 8]")
    );
}

#[test]
fn other_number_types_are_refused() {
    let (model, folder) = saved(&gpt2());
    rewrite(folder.path(), Dtype::F64, &numbers(&model, Kind::Double));
    let message = complaint(&folder, WEIGHTS);
    assert_eq!(
        message,
        "tensor `transformer.wte.weight`: expected type F32, F16 or BF16, got F64"
    );
    rewrite(folder.path(), Dtype::I64, &numbers(&model, Kind::Int64));
    assert!(
        complaint(&folder, WEIGHTS)
            .starts_with("tensor `transformer.wte.weight`: expected type F32")
    );
}

/// Whatever length a file is cut to, it is refused, and the last byte counts.
#[test]
fn truncated_files_are_refused() {
    let (_, folder) = saved(&gpt2());
    let path = folder.path().join(WEIGHTS);
    let whole = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for (length, expected) in [
        (0, "length: expected at least 8 bytes, got 0".to_owned()),
        (
            100,
            format!("header length: expected at most 92 bytes, got {header}"),
        ),
        (
            whole.len() - 1,
            format!(
                "bytes, all that the file holds, got {}",
                whole.len() - 8 - header
            ),
        ),
    ] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let message = complaint(&folder, WEIGHTS);
        assert!(
            message.starts_with("damaged safetensors file: "),
            "{message}"
        );
        assert!(message.ends_with(&expected), "{message}");
    }
    std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert!(complaint(&folder, WEIGHTS).contains("length of the data: expected "));
    std::fs::write(&path, "just some text, and long enough").unwrap();
    assert!(complaint(&folder, WEIGHTS).contains("header length: expected at most 23 bytes"));
}

/// Headers whose figures contradict each other, the file's length, or arithmetic.
#[test]
fn lying_headers_are_refused() {
    let (_, folder) = saved(&gpt2());
    for (shape, offsets, expected) in [
        (
            json!([4]),
            json!([0, 12]),
            "place of `a`: expected 16 bytes for F32 [4], got 0 to 12",
        ),
        (
            json!([4]),
            json!([16, 0]),
            "place of `a`: expected 16 bytes for F32 [4], got 16 to 0",
        ),
        (
            json!([1_u64 << 40]),
            json!([0, 1_u64 << 42]),
            "end of `a`: expected at most 16 bytes, all that the file holds, got 4398046511104",
        ),
        (
            json!([u64::MAX, 4]),
            json!([0, 16]),
            "place of `a`: expected fewer bytes for F32 [18446744073709551615, 4], got 0 to 16",
        ),
        (
            json!([2]),
            json!([0, 8]),
            "length of the data: expected 8 bytes, got 16",
        ),
    ] {
        let header =
            json!({ "a": { "dtype": "F32", "shape": shape, "data_offsets": offsets } }).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 16]);
        std::fs::write(folder.path().join(WEIGHTS), bytes).unwrap();
        assert_eq!(
            complaint(&folder, WEIGHTS),
            format!("damaged safetensors file: {expected}")
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = model(&gpt2(), 1).save(&file).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: ", file.display())),
        "{message}"
    );
}

#[test]
fn tied_models_need_no_head_and_ignore_a_second_copy() {
    let Architecture::Gpt2(config) = gpt2() else {
        panic!("not GPT-2")
    };
    let tied = Architecture::Gpt2(Gpt2Config {
        tie_word_embeddings: true,
        ..config
    });
    let (model, folder) = saved(&tied);
    let mut tensors = numbers(&model, Kind::Float);
    assert!(!tensors.contains_key("lm_head.weight"));
    tensors.insert(
        "lm_head.weight".to_owned(),
        tensors["transformer.wte.weight"].clone(),
    );
    rewrite(folder.path(), Dtype::F32, &tensors);
    assert_eq!(
        load(&folder).unwrap().digest().unwrap(),
        model.digest().unwrap()
    );
}
