//! Weights come in as they are, in every type, under their names and in their order.

use candle_core::quantized::GgmlDType;
use picklock_lm::{Architecture, Device, Init, Model, Tensor};
use serde_json::json;

use super::{Gguf, Place};

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

fn file(model: &Model, family: &str, kind: impl Fn(usize) -> GgmlDType) -> Gguf {
    let mut gguf = Gguf::new(family);
    let mut matrices = 0;
    for (name, tensor) in model.weights().iter() {
        let (name, tensor) = (gguf_name(name), tensor.squeeze_dim(0));
        let stored = match is_turned(family, &name) {
            true => reordered(&tensor, [2, 32]),
            false => tensor.shallow_clone(),
        };
        let shape: Vec<usize> = tensor.size().iter().map(|size| *size as usize).collect();
        let numbers = Vec::<f32>::try_from(stored.reshape([-1])).unwrap();
        let kind = if shape.len() == 1 {
            GgmlDType::F32
        } else {
            matrices += 1;
            kind(matrices)
        };
        gguf.tensor(&name, &shape, &numbers, kind);
    }
    gguf
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
        let gguf = file(&model, family, |_| GgmlDType::F32);
        let place = Place::new();
        let again = place.import(&gguf.bytes()).unwrap();
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
    let kinds = [
        GgmlDType::F16,
        GgmlDType::BF16,
        GgmlDType::Q8_0,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q4K,
        GgmlDType::Q6K,
        GgmlDType::F32,
    ];
    for family in ["llama", "qwen2"] {
        let model = model(family, false);
        let gguf = file(&model, family, |matrix| kinds[matrix % kinds.len()]);
        let used: std::collections::HashSet<_> =
            gguf.tensors.iter().map(|(_, of)| of.dtype()).collect();
        assert_eq!(used.len(), kinds.len());
        let imported = Place::new().import(&gguf.bytes()).unwrap();
        for (name, tensor) in imported.weights().iter() {
            let stored = gguf.tensors.iter().find(|(own, _)| *own == gguf_name(name));
            let stored = &stored.unwrap().1;
            let numbers = stored.dequantize(&candle_core::Device::Cpu).unwrap();
            let numbers = numbers.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let read = Tensor::from_slice(&numbers).view_as(tensor);
            let expected = match is_turned(family, &gguf_name(name)) {
                true => reordered(&read.squeeze_dim(0), [32, 2]).unsqueeze(0),
                false => read,
            };
            assert!(
                tensor.equal(&expected),
                "{family} {name} {:?}",
                stored.dtype()
            );
            let original = model.weights().get(name).unwrap();
            let off = (tensor - original).square().mean(picklock_lm::Kind::Float);
            let size = original.square().mean(picklock_lm::Kind::Float);
            assert!(f64::try_from(off / size).unwrap() < 0.02, "{family} {name}");
        }
    }
}

#[test]
fn sizes_and_special_ids_are_in_the_configuration() {
    let model = model("qwen2", true);
    let place = Place::new();
    place
        .import(&file(&model, "qwen2", |_| GgmlDType::F16).bytes())
        .unwrap();
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
