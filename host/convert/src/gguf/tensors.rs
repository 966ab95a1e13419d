//! Which tensor of a GGUF file a parameter is, and in what order its rows lie.

use std::collections::HashSet;

use picklock_family::{Architecture, Parameter};
use picklock_lm::{Sink, Tensor};
use picklock_message::{Result, Watch};

use super::file::GgufFile;

/// Numbers that are read at a time, but for rows and heads that are longer.
const PIECE: usize = 1 << 24;

/// What stands in a block of the model, and in a block of the file.
const IN_BLOCK: [(&str, &str); 9] = [
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// The same outside of blocks.
const OUTSIDE: [(&str, &str); 3] = [
    ("model.embed_tokens", "token_embd"),
    ("model.norm", "output_norm"),
    ("lm_head", "output"),
];

/// The tensor that holds a parameter.
struct Source {
    tensor: String,
    /// Queries and keys of a Llama: the numbers of a head that are rotated together, which are half a
    /// head apart in a Hugging Face checkpoint, lie side by side. Rows of a head.
    paired: Option<usize>,
}

/// Checks that a file holds all parameters of a model in their shapes, and nothing else but
/// `besides`.
///
/// # Errors
/// What is missing, has another shape or is left over.
pub fn check(file: &GgufFile, architecture: &Architecture, besides: &[&str]) -> Result<()> {
    let mut used = HashSet::new();
    for parameter in architecture.parameters() {
        let tensor = source(architecture, &parameter).tensor;
        let expected = parameter.shape;
        let Some(shape) = file.shape(&tensor) else {
            let problem = format!("tensor `{tensor}` is missing: expected shape {expected:?}");
            return Err(file.refuse(&problem));
        };
        if !shape
            .iter()
            .map(|size| *size as i64)
            .eq(expected.iter().copied())
        {
            let problem = format!("tensor `{tensor}`: expected shape {expected:?}, got {shape:?}");
            return Err(file.refuse(&problem));
        }
        used.insert(tensor);
    }
    let left = |name: &&str| !used.contains(*name) && !besides.contains(name);
    match file.names().find(left) {
        Some(name) => Err(file.refuse(&format!(
            "tensor `{name}` is not a parameter of this {} model",
            architecture.name()
        ))),
        None => Ok(()),
    }
}

/// Hands over a parameter's numbers, a few million at a time.
///
/// # Errors
/// Where the file can't be read, or what is written can't take them; after Ctrl-C.
pub fn copy(
    file: &GgufFile,
    architecture: &Architecture,
    parameter: &Parameter,
    (sink, watch): (&mut Sink, &Watch),
) -> Result<()> {
    let Source { tensor, paired } = source(architecture, parameter);
    // A tensor of one dimension is one row, of which each number is a row of its own to `apart`.
    let (rows, columns, width) = match parameter.shape.as_slice() {
        [rows, columns] => (*rows as usize, *columns as usize, *columns as usize),
        numbers => (1, 1, numbers.iter().product::<i64>() as usize),
    };
    let at_once = (PIECE / width.max(1))
        .max(1)
        .next_multiple_of(paired.unwrap_or(1));
    for start in (0..rows).step_by(at_once) {
        let numbers = file.rows(&tensor, start..rows.min(start + at_once))?;
        watch.add(numbers.len() as u64)?;
        let numbers = match paired {
            Some(head) => apart(&numbers, head, columns),
            None => numbers,
        };
        sink.write(&Tensor::f_from_slice(&numbers).map_err(picklock_lm::Error::from)?)?;
    }
    Ok(())
}

fn source(architecture: &Architecture, parameter: &Parameter) -> Source {
    let (part, kind) = parameter.name.rsplit_once('.').unwrap_or_default();
    let in_block = part.strip_prefix("model.layers.");
    let tensor = match in_block.and_then(|rest| rest.split_once('.')) {
        Some((layer, part)) => format!("blk.{layer}.{}.{kind}", find(&IN_BLOCK, part)),
        None => format!("{}.{kind}", find(&OUTSIDE, part)),
    };
    let paired = match architecture {
        Architecture::Llama(llama)
            if tensor.contains(".attn_q.") || tensor.contains(".attn_k.") =>
        {
            Some(llama.sizes.head_dim as usize)
        }
        _ => None,
    };
    Source { tensor, paired }
}

/// A part's name in the file, by this table.
fn find<'a>(table: &[(&'a str, &'a str)], part: &'a str) -> &'a str {
    let found = table.iter().find(|(name, _)| *name == part);
    found.map_or(part, |(_, tensor)| tensor)
}

/// Rows of heads in which partners lie side by side, with partners half a head apart.
fn apart(rows: &[f32], head: usize, columns: usize) -> Vec<f32> {
    let half = head / 2;
    let order = |row: usize| row % half * 2 + row / half;
    rows.chunks(head * columns)
        .flat_map(|rows| (0..head).map(move |row| &rows[order(row) * columns..][..columns]))
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_come_apart_within_each_head() {
        // Two heads of 6 rows, 2 columns: row r of a head is [r, -r], the second's are 10 more.
        let row = |row: i16| [f32::from(row), f32::from(-row)];
        let rows: Vec<f32> = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
            .into_iter()
            .flat_map(row)
            .collect();
        let expected: Vec<f32> = [0, 2, 4, 1, 3, 5, 10, 12, 14, 11, 13, 15]
            .into_iter()
            .flat_map(row)
            .collect();
        assert_eq!(apart(&rows, 6, 2), expected);
    }
}
