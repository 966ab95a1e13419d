//! A GGUF file's metadata as the `config.json` of a Hugging Face folder.

use picklock_family::Architecture;
use picklock_message::Result;
use serde_json::{Value, json};

use super::file::GgufFile;
use super::metadata::{Metadata, Read};

/// Frequencies that Llama 3.1 and 3.2 stretch: what each is divided by.
pub const FREQUENCY_FACTORS: &str = "rope_freqs.weight";

/// Architectures that picklock has, under the name that both formats give them.
const KNOWN: [&str; 2] = ["llama", "qwen2"];

/// The model that a file holds.
///
/// # Errors
/// Where its metadata lacks something, or asks for something that isn't implemented.
pub fn architecture(file: &GgufFile) -> Result<Architecture> {
    let factors = file
        .shape(FREQUENCY_FACTORS)
        .map(|_| file.rows(FREQUENCY_FACTORS, 0..1));
    let scaling = factors.transpose()?.map(|factors| llama3(&factors));
    let config = config(file, scaling).map_err(|problem| file.refuse(&problem))?;
    Architecture::from_config(&config).map_err(|error| file.refuse(&error.to_string()))
}

fn config(file: &GgufFile, llama3: Option<Read<Value>>) -> Read<Value> {
    let metadata = file.metadata();
    let name = metadata.text("general.architecture")?;
    if !KNOWN.contains(&name) {
        return Err(format!(
            "unsupported architecture `{name}`: expected {}",
            KNOWN.join(" or ")
        ));
    }
    let key = |key: &str| format!("{name}.{key}");
    let whole = |of: &str| metadata.whole(&key(of));
    let experts = key("expert_count");
    if metadata.optional_whole(&experts)?.unwrap_or(0) > 0 {
        return Err(format!("`{experts}`: a mixture of experts isn't supported"));
    }
    let (width, heads) = (whole("embedding_length")?, whole("attention.head_count")?);
    let head_width = metadata.optional_whole(&key("attention.key_length"))?;
    let head_width = head_width.or(width.checked_div(heads)).unwrap_or(0);
    let rotated = key("rope.dimension_count");
    if metadata
        .optional_whole(&rotated)?
        .is_some_and(|width| width != head_width)
    {
        return Err(format!(
            "`{rotated}`: expected {head_width}, all numbers of a head"
        ));
    }
    let epsilon = metadata.number(&key("attention.layer_norm_rms_epsilon"))?;
    let theta = metadata.optional_number(&key("rope.freq_base"))?;
    let key_value_heads = metadata.optional_whole(&key("attention.head_count_kv"))?;
    let tensor = |name: &str| file.shape(name).is_some();
    let words = file.shape("token_embd.weight").and_then(<[usize]>::first);
    Ok(json!({
        "model_type": name,
        "vocab_size": words,
        "hidden_size": width,
        "intermediate_size": whole("feed_forward_length")?,
        "num_hidden_layers": whole("block_count")?,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads.unwrap_or(heads),
        "head_dim": head_width,
        "max_position_embeddings": whole("context_length")?,
        "rms_norm_eps": epsilon,
        "rope_theta": theta.unwrap_or(10_000.0),
        "rope_scaling": llama3.unwrap_or_else(|| scaling(&metadata, name))?,
        "tie_word_embeddings": !tensor("output.weight"),
        "attention_bias": tensor("blk.0.attn_q.bias"),
        "mlp_bias": tensor("blk.0.ffn_gate.bias"),
    }))
}

/// How rotary frequencies are stretched, where the metadata says it.
fn scaling(metadata: &Metadata, name: &str) -> Read<Value> {
    let key = |key: &str| format!("{name}.rope.{key}");
    let kind = metadata.optional_text(&key("scaling.type"))?;
    let factor = metadata.optional_number(&key("scaling.factor"))?;
    let older = metadata.optional_number(&key("scale_linear"))?;
    match (kind, factor.or(older)) {
        (Some("linear") | None, Some(factor)) if factor > 1.0 => {
            Ok(json!({ "rope_type": "linear", "factor": factor }))
        }
        (Some("none" | "linear") | None, _) => Ok(Value::Null),
        (Some(other), _) => Err(format!(
            "`{}` is `{other}`: expected none or linear",
            key("scaling.type")
        )),
    }
}

/// What Llama 3.1 and 3.2 divide their frequencies by, in the terms of their configurations: all of
/// them have the same two bounds and original length, and differ in the largest divisor.
fn llama3(divisors: &[f32]) -> Read<Value> {
    const THETA: f64 = 500_000.0;
    const ORIGINAL: f64 = 8192.0;
    let factor = f64::from(divisors.iter().copied().fold(1.0, f32::max));
    let pairs = divisors.len() as f64;
    let expected = |pair: usize| {
        let frequency = THETA.powf(-(pair as f64) / pairs);
        let turns = ORIGINAL * frequency / std::f64::consts::TAU;
        let kept = ((turns - 1.0) / 3.0).clamp(0.0, 1.0);
        (kept + (1.0 - kept) / factor).recip()
    };
    let near =
        |(pair, divisor): (usize, &f32)| (f64::from(*divisor) / expected(pair) - 1.0).abs() < 1e-3;
    if !divisors.iter().enumerate().all(near) {
        return Err(format!(
            "tensor `{FREQUENCY_FACTORS}`: expected the divisors of Llama 3"
        ));
    }
    Ok(json!({
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": ORIGINAL as i64,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As llama.cpp's converter computes them for Llama 3.2 1B: 32 pairs, factor 32.
    fn divisors() -> Vec<f32> {
        let divisor = |pair: i32| {
            let wave = std::f64::consts::TAU * 500_000_f64.powf(f64::from(pair) / 32.0);
            match wave {
                wave if wave < 8192.0 / 4.0 => 1.0,
                wave if wave > 8192.0 / 1.0 => 32.0,
                wave => {
                    let smooth = (8192.0 / wave - 1.0) / 3.0;
                    1.0 / ((1.0 - smooth) / 32.0 + smooth)
                }
            }
        };
        (0..32).map(|pair| divisor(pair) as f32).collect()
    }

    #[test]
    fn llama_3s_divisors_are_recognised() {
        let found = llama3(&divisors()).unwrap();
        assert_eq!(
            (&found["factor"], &found["rope_type"]),
            (&json!(32.0), &json!("llama3"))
        );
        let mut other = divisors();
        other[3] = 2.0;
        assert!(llama3(&other).unwrap_err().contains("rope_freqs.weight"));
    }
}
