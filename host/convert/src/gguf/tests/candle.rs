//! Blocks of each type, and the numbers that candle reads from them.
//!
//! `candle.safetensors` was made once with candle-core 0.11.1, before it was left out: `original` are
//! 1024 random numbers from -1 to 1; `TYPE.blocks` what `QTensor::quantize` makes of them;
//! `TYPE.edge.blocks` random bytes, in blocks whose scales are infinite, NaN, -0, the smallest, the
//! largest, and 1 with an infinite minimum, one of 0xff alone, and one random throughout; `numbers`
//! what `QTensor::dequantize` makes of the blocks. Types have candle's names for them.

use safetensors::SafeTensors;

use crate::gguf::dequantize::{GgmlType, TYPES};

pub struct Reference(SafeTensors<'static>);

/// Pieces of 256 numbers in some order.
pub struct Pieces {
    pub blocks: Vec<u8>,
    /// What candle reads from the blocks.
    pub read: Vec<f32>,
    /// What they were made from.
    pub original: Vec<f32>,
}

impl Reference {
    pub fn load() -> Self {
        let bytes = include_bytes!("candle.safetensors");
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    fn bytes(&self, name: &str) -> &[u8] {
        self.0.tensor(name).unwrap().data()
    }

    fn numbers(&self, name: &str) -> Vec<f32> {
        let numbers = self.bytes(name).as_chunks().0.iter();
        numbers.map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The pieces, 0 to 3 each, of a type.
    pub fn pieces(&self, kind: &GgmlType, order: impl Iterator<Item = usize> + Clone) -> Pieces {
        fn chosen<T: Copy>(all: &[T], order: impl Iterator<Item = usize>) -> Vec<T> {
            let size = all.len() / 4;
            order
                .flat_map(|piece| &all[piece * size..(piece + 1) * size])
                .copied()
                .collect()
        }
        let named = |what: &str| format!("{}.{what}", kind.name);
        Pieces {
            blocks: chosen(self.bytes(&named("blocks")), order.clone()),
            read: chosen(&self.numbers(&named("numbers")), order.clone()),
            original: chosen(&self.numbers("original"), order),
        }
    }
}

#[test]
fn all_blocks_are_read_as_candle_reads_them() {
    let reference = Reference::load();
    for kind in &TYPES {
        for (part, all_finite) in [("", true), (".edge", false)] {
            let which = format!("{}{part}", kind.name);
            let read = kind.dequantize(reference.bytes(&format!("{which}.blocks")));
            let expected = reference.numbers(&format!("{which}.numbers"));
            assert_eq!(read.len(), expected.len(), "{which}");
            for (index, (read, expected)) in read.iter().zip(&expected).enumerate() {
                assert!(
                    read.to_bits() == expected.to_bits() || read.is_nan() && expected.is_nan(),
                    "{which} {index}: {read}, expected {expected}"
                );
            }
            let finite = expected.iter().all(|number| number.is_finite());
            assert_eq!(finite, all_finite, "{which}");
        }
    }
}
