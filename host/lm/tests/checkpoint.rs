//! Hugging Face folders: there and back.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, HashMap};

use picklock_family::{Architecture, GptNeoXConfig, MistralConfig, Rope, Scaling, Sizes};
use picklock_lm::{Device, Kind, Model};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::folders::{WEIGHTS, load, numbers, rewrite, saved, shard};
use support::{all, gpt_neox, gpt2, llama, mistral, model, qwen2, sizes, stablelm};

#[test]
fn saved_models_come_back_bit_by_bit() {
    for architecture in all() {
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

/// Tensors that are read in several pieces, the last of them shorter, by several threads.
#[test]
fn large_tensors_come_back_whole() {
    let architecture = Architecture::Mistral(MistralConfig {
        sizes: Sizes {
            vocab_size: 150_001,
            ..sizes()
        },
        sliding_window: None,
    });
    let (model, folder) = saved(&architecture);
    let digest = model.digest().unwrap();
    assert_eq!(load(&folder).unwrap().digest().unwrap(), digest);
    let half = Model::load_as(folder.path(), Kind::BFloat16, Device::Cpu).unwrap();
    assert_eq!(
        (half.kind(), half.compute()),
        (Kind::BFloat16, Kind::BFloat16)
    );
    for (name, tensor) in model.weights().iter() {
        let rounded = tensor.to_kind(Kind::BFloat16);
        assert!(half.weights().get(name).unwrap().equal(&rounded), "{name}");
    }
    let other = Model::load_as(folder.path(), Kind::Half, Device::Cpu).unwrap_err();
    assert_eq!(
        other.to_string(),
        "type of weights: expected Float or BFloat16, got Half"
    );
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
    let (model, folder) = saved(&gpt_neox());
    let mut tensors = numbers(&model, Kind::Float);
    let head = tensors.remove("embed_out.weight").unwrap();
    tensors.insert("lm_head.weight".to_owned(), head);
    for (buffer, shape) in [("bias", 16), ("masked_bias", 1), ("rotary_emb.inv_freq", 1)] {
        let name = format!("gpt_neox.layers.0.attention.{buffer}");
        tensors.insert(name, (vec![shape], vec![0; 4 * shape]));
    }
    rewrite(folder.path(), Dtype::F32, &tensors);
    assert_eq!(
        load(&folder).unwrap().digest().unwrap(),
        model.digest().unwrap()
    );
}

#[test]
fn shards_are_one_model() {
    for architecture in all() {
        let (model, folder) = saved(&architecture);
        shard(folder.path(), &numbers(&model, Kind::Float), 5);
        assert!(folder.path().join("model-2.safetensors").exists());
        let again = load(&folder).unwrap();
        assert_eq!(again.digest().unwrap(), model.digest().unwrap());
    }
}

/// A configuration as written has both spellings; either alone says the same.
#[test]
fn rope_is_read_in_both_spellings() {
    let stretched = [
        Scaling::Linear { factor: 2.5 },
        Scaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 16.0,
        },
    ];
    for scaling in stretched {
        let rope = Rope {
            theta: 5e5,
            scaling,
            ..Rope::DEFAULT
        };
        let sizes = Sizes { rope, ..sizes() };
        let partial = Rope {
            partial_rotary_factor: 0.5,
            ..rope
        };
        let Architecture::GptNeoX(neox) = gpt_neox() else {
            panic!("not GPT-NeoX")
        };
        for architecture in [
            Architecture::Mistral(MistralConfig {
                sizes,
                sliding_window: None,
            }),
            Architecture::GptNeoX(GptNeoXConfig {
                rope: partial,
                ..neox
            }),
        ] {
            let whole = architecture.to_config();
            let older = [
                "rope_theta",
                "rotary_emb_base",
                "rotary_pct",
                "rope_scaling",
            ];
            for without in [&["rope_parameters"][..], &older] {
                let mut config = whole.clone();
                for key in without {
                    config.as_object_mut().unwrap().remove(*key);
                }
                assert_eq!(Architecture::from_config(&config).unwrap(), architecture);
            }
            let mut config = whole;
            config["rope_scaling"]["type"] = config["rope_scaling"]["rope_type"].take();
            assert_eq!(Architecture::from_config(&config).unwrap(), architecture);
        }
    }
}

/// What a configuration leaves out is what transformers takes it for; null isn't left out.
#[test]
fn absent_keys_have_their_families_defaults() {
    let mut config = mistral().to_config();
    config["sliding_window"] = Value::Null;
    config["num_key_value_heads"] = Value::Null;
    let Architecture::Mistral(read) = Architecture::from_config(&config).unwrap() else {
        panic!("not Mistral")
    };
    assert_eq!(
        (read.sliding_window, read.sizes.num_key_value_heads),
        (None, 4)
    );
    for key in ["sliding_window", "rms_norm_eps"] {
        config.as_object_mut().unwrap().remove(key);
    }
    let Architecture::Mistral(read) = Architecture::from_config(&config).unwrap() else {
        panic!("not Mistral")
    };
    assert_eq!(
        (read.sliding_window, read.sizes.norm_eps),
        (Some(4096), 1e-6)
    );
    let mut config = qwen2().to_config();
    config["use_sliding_window"] = json!(false);
    config["layer_types"] = Value::Null;
    let Architecture::Qwen2(read) = Architecture::from_config(&config).unwrap() else {
        panic!("not Qwen2")
    };
    assert_eq!(read.sliding_window, None);
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
fn tied_models_need_one_of_two_copies() {
    let (embedding, head) = ("model.embed_tokens.weight", "lm_head.weight");
    let (model, folder) = saved(&stablelm());
    let mut tensors = numbers(&model, Kind::Float);
    assert!(!tensors.contains_key(head));
    tensors.insert(head.to_owned(), tensors[embedding].clone());
    let digest = || load(&folder).unwrap().digest().unwrap();
    rewrite(folder.path(), Dtype::F32, &tensors);
    assert_eq!(digest(), model.digest().unwrap());
    tensors.remove(embedding);
    rewrite(folder.path(), Dtype::F32, &tensors);
    assert_eq!(digest(), model.digest().unwrap());
}
