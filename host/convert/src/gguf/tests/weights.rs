//! Weights come in as they are, in every type, under their names and in their order.

use std::collections::HashMap;

use picklock_family::Architecture;
use picklock_lm::{Device, Init, Model, Tensor};
use serde_json::json;

use super::candle::Reference;
use super::{Gguf, Place, ggml_type};
use crate::gguf::dequantize::TYPES;

/// A model of the sizes that `Gguf::new` says, with random numbers everywhere.
fn model(family: &str, tied: bool) -> Model {
    let config = json!({
        "model_type": family,
        "vocab_size": 265,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100_000.0,
        "tie_word_embeddings": tied,
    });
    let architecture = Architecture::from_config(&config).unwrap();
    let mut state = 1_u32;
    let mut fill = |_: usize, numbers: &mut [f32]| {
        numbers.fill_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        });
    };
    let model = Model::random(&architecture, &Init::default(), 1, Device::Cpu, &mut fill).unwrap();
    // No norm is left at 1, no bias at 0.
    let shifted = model.weights().iter().map(|(name, tensor)| {
        let places = Tensor::arange(
            tensor.numel() as i64,
            (picklock_lm::Kind::Float, Device::Cpu),
        );
        (
            name.to_string(),
            tensor + (places * 0.7).sin().view_as(tensor) * 0.1,
        )
    });
    Model::new(architecture, shifted.collect()).unwrap()
}

/// The name that llama.cpp gives a parameter.
fn gguf_name(name: &str) -> String {
    let pairs = [
        ("model.layers.", "blk."),
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    pairs
        .iter()
        .fold(name.to_string(), |name, (from, to)| name.replace(from, to))
}

/// The rows of heads of 64 as llama.cpp's converter orders those of a Llama, or back.
fn reordered(tensor: &Tensor, split: [i64; 2]) -> Tensor {
    let size = tensor.size();
    let heads = size[0] / 64;
    let by_head = tensor.view([heads, split[0], split[1], -1]);
    by_head.transpose(1, 2).contiguous().view(size.as_slice())
}

fn is_turned(family: &str, name: &str) -> bool {
    family == "llama" && (name.contains("attn_q") || name.contains("attn_k"))
}

/// The file of a model in 32 bits.
fn file(model: &Model, family: &str) -> Gguf {
    let mut gguf = Gguf::new(family);
    for (name, tensor) in model.weights().iter() {
        let (name, tensor) = (gguf_name(name), tensor.squeeze_dim(0));
        let stored = match is_turned(family, &name) {
            true => reordered(&tensor, [2, 32]),
            false => tensor.shallow_clone(),
        };
        let numbers = Vec::<f32>::try_from(stored.reshape([-1])).unwrap();
        gguf.numbers(&name, &shape(&tensor), &numbers);
    }
    gguf
}

fn shape(tensor: &Tensor) -> Vec<usize> {
    tensor.size().iter().map(|size| *size as usize).collect()
}

#[test]
fn a_model_goes_out_and_comes_back_to_the_bit() {
    for (family, tied) in [
        ("llama", true),
        ("llama", false),
        ("qwen2", true),
        ("qwen2", false),
    ] {
        let model = model(family, tied);
        let place = Place::new();
        let again = place.import(&file(&model, family).bytes()).unwrap();
        assert_eq!(again.architecture(), model.architecture());
        assert_eq!(
            again.digest().unwrap(),
            model.digest().unwrap(),
            "{family} {tied}"
        );
    }
}

#[test]
fn every_type_gives_the_numbers_that_candle_reads() {
    let reference = Reference::load();
    for family in ["llama", "qwen2"] {
        let model = model(family, false);
        let mut gguf = file(&model, family);
        // Each matrix is of the pieces whose numbers candle has told, in an order of its own.
        let matrices = gguf.tensors.iter_mut().filter(|of| of.shape.len() == 2);
        let mut told = HashMap::new();
        let mut used = 0;
        for (matrix, kind) in matrices.zip(TYPES.iter().cycle()) {
            let numbers = matrix.shape.iter().product::<usize>();
            let order = (0..numbers / 256).map(|at| (at * at + at / 3 + used) % 4);
            let pieces = reference.pieces(kind, order);
            (matrix.kind, matrix.blocks) = (kind, pieces.blocks);
            told.insert(matrix.name.clone(), (pieces.read, pieces.original));
            used += 1;
        }
        assert!(used > TYPES.len());
        let imported = Place::new().import(&gguf.bytes()).unwrap();
        for (name, tensor) in imported.weights().iter() {
            let own = gguf_name(name);
            let Some((read, original)) = told.remove(&own) else {
                assert!(tensor.equal(model.weights().get(name).unwrap()), "{name}");
                continue;
            };
            let read = Tensor::from_slice(&read).view_as(tensor);
            let original = Tensor::from_slice(&original).view_as(tensor);
            let stored = gguf.tensors.iter().find(|stored| stored.name == own);
            let kind = stored.unwrap().kind.name;
            let expected = match is_turned(family, &own) {
                true => reordered(&read.squeeze_dim(0), [32, 2]).unsqueeze(0),
                false => read.shallow_clone(),
            };
            assert!(tensor.equal(&expected), "{family} {name} {kind}");
            let off = (read - &original).square().mean(picklock_lm::Kind::Float);
            let size = original.square().mean(picklock_lm::Kind::Float);
            let off = f64::try_from(off / size).unwrap();
            let most = if kind == "Q2K" { 0.07 } else { 0.02 };
            assert!(off < most, "{family} {name} {kind}: {off}");
        }
        assert!(told.is_empty());
    }
}

#[test]
fn sizes_and_special_ids_are_in_the_configuration() {
    let model = model("qwen2", true);
    let mut gguf = file(&model, "qwen2");
    for tensor in gguf.tensors.iter_mut().filter(|of| of.shape.len() == 2) {
        tensor.kind = ggml_type("F16");
        tensor.blocks.truncate(tensor.blocks.len() / 2);
        tensor.blocks.fill(0x11);
    }
    let place = Place::new();
    place.import(&gguf.bytes()).unwrap();
    let config = place.json("config.json");
    for (key, value) in [
        ("model_type", json!("qwen2")),
        ("rms_norm_eps", json!(1e-5)),
        ("rope_theta", json!(100_000.0)),
        ("head_dim", json!(64)),
        ("max_position_embeddings", json!(64)),
        ("tie_word_embeddings", json!(true)),
        ("dtype", json!("float32")),
        ("bos_token_id", json!(262)),
        ("eos_token_id", json!(261)),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!(place.json("generation_config.json")["eos_token_id"], 261);
    let card = std::fs::read_to_string(place.folder().join("README.md")).unwrap();
    assert!(card.contains("| imported from | model.gguf |"), "{card}");
}
