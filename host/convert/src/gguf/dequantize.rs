//! Tensors in ggml's types as floating-point numbers.
//!
//! Layouts (`block_q4_0` and so on) are ggml's `ggml-common.h`, formulas (`dequantize_row_q4_0` and so
//! on) its `ggml-quants.c`, both at <https://github.com/ggml-org/ggml/tree/master/src>. Operations have
//! their order there, so that numbers are the same to the bit.

use half::{bf16, f16};

/// A type of a tensor's numbers, which stand in blocks.
pub struct GgmlType {
    /// As files have it.
    pub number: u32,
    pub name: &'static str,
    /// Numbers in a block.
    pub block_size: usize,
    /// Bytes of a block.
    pub type_size: usize,
    decode: Decode,
}

/// Appends the numbers of a block.
type Decode = fn(&[u8], &mut Vec<f32>);

/// All types that can be read.
pub static TYPES: [GgmlType; 13] = [
    ggml(0, "F32", (1, 4), f32),
    ggml(1, "F16", (1, 2), f16),
    ggml(2, "Q4_0", (32, 18), q4_0),
    ggml(3, "Q4_1", (32, 20), q4_1),
    ggml(6, "Q5_0", (32, 22), q5_0),
    ggml(7, "Q5_1", (32, 24), q5_1),
    ggml(8, "Q8_0", (32, 34), q8_0),
    ggml(10, "Q2K", (256, 84), q2_k),
    ggml(11, "Q3K", (256, 110), q3_k),
    ggml(12, "Q4K", (256, 144), q4_k),
    ggml(13, "Q5K", (256, 176), q5_k),
    ggml(14, "Q6K", (256, 210), q6_k),
    ggml(30, "BF16", (1, 2), bf16),
];

const fn ggml(number: u32, name: &'static str, size: (usize, usize), decode: Decode) -> GgmlType {
    let (block_size, type_size) = size;
    GgmlType {
        number,
        name,
        block_size,
        type_size,
        decode,
    }
}

impl GgmlType {
    /// The numbers of whole blocks.
    pub fn dequantize(&self, blocks: &[u8]) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(blocks.len() / self.type_size * self.block_size);
        for block in blocks.chunks_exact(self.type_size) {
            (self.decode)(block, &mut numbers);
        }
        numbers
    }
}

fn f32(block: &[u8], numbers: &mut Vec<f32>) {
    numbers.push(f32::from_le_bytes(first(block)));
}

fn f16(block: &[u8], numbers: &mut Vec<f32>) {
    numbers.push(half(block));
}

fn bf16(block: &[u8], numbers: &mut Vec<f32>) {
    numbers.push(bf16::from_le_bytes(first(block)).to_f32());
}

fn q4_0(block: &[u8], numbers: &mut Vec<f32>) {
    let scale = half(block);
    numbers.extend(nibbles(&block[2..]).map(|q| (f32::from(q) - 8.0) * scale));
}

fn q4_1(block: &[u8], numbers: &mut Vec<f32>) {
    let (scale, min) = (half(block), half(&block[2..]));
    numbers.extend(nibbles(&block[4..]).map(|q| f32::from(q) * scale + min));
}

fn q5_0(block: &[u8], numbers: &mut Vec<f32>) {
    let scale = half(block);
    numbers.extend(five_bits(&block[2..]).map(|q| (f32::from(q) - 16.0) * scale));
}

fn q5_1(block: &[u8], numbers: &mut Vec<f32>) {
    let (scale, min) = (half(block), half(&block[2..]));
    numbers.extend(five_bits(&block[4..]).map(|q| f32::from(q) * scale + min));
}

fn q8_0(block: &[u8], numbers: &mut Vec<f32>) {
    let scale = half(block);
    let quants = block[2..].iter().map(|q| f32::from(q.cast_signed()));
    numbers.extend(quants.map(|q| q * scale));
}

fn q2_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (scales, low, d, dmin) = (block, &block[16..], half(&block[80..]), half(&block[82..]));
    numbers.extend((0..256).map(|i| {
        let (scale, min) = (scales[i / 16] & 15, scales[i / 16] >> 4);
        d * f32::from(scale) * f32::from(two_bits(low, i)) - dmin * f32::from(min)
    }));
}

fn q3_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (high, low, packed, d) = (block, &block[32..], &block[96..], half(&block[108..]));
    let scale = |(i, low)| low | (packed[8 + i % 4] >> (i / 4 * 2) & 3) << 4;
    let scales = nibbles(&packed[..8]).enumerate().map(scale);
    let scales: Vec<f32> = scales.map(|scale| d * (f32::from(scale) - 32.0)).collect();
    numbers.extend((0..256).map(|i| {
        let q = two_bits(low, i) | bit(high, i) << 2;
        scales[i / 16] * (f32::from(q) - 4.0)
    }));
}

fn q4_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (d, dmin, low) = (half(block), half(&block[2..]), &block[16..]);
    numbers.extend((0..256).map(|i| {
        let (scale, min) = scale_and_min(&block[4..16], i / 32);
        d * scale * f32::from(four_bits(low, i)) - dmin * min
    }));
}

fn q5_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (d, dmin, high, low) = (half(block), half(&block[2..]), &block[16..], &block[48..]);
    numbers.extend((0..256).map(|i| {
        let (scale, min) = scale_and_min(&block[4..16], i / 32);
        d * scale * f32::from(four_bits(low, i) | bit(high, i) << 4) - dmin * min
    }));
}

fn q6_k(block: &[u8], numbers: &mut Vec<f32>) {
    let (low, high, scales, d) = (block, &block[128..], &block[192..], half(&block[208..]));
    numbers.extend((0..256).map(|i| {
        // 128 numbers in 64 bytes, two in each that are 64 apart.
        let low = low[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4) & 15;
        let q = low | two_bits(high, i) << 4;
        d * f32::from(scales[i / 16].cast_signed()) * (f32::from(q) - 32.0)
    }));
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|index| bytes[index])
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes(first(bytes)).to_f32()
}

/// The low halves of all bytes, then the high ones.
fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let low = bytes.iter().map(|byte| byte & 15);
    low.chain(bytes.iter().map(|byte| byte >> 4))
}

/// 32 numbers: 4 bytes with their fifth bits, then their lower four.
fn five_bits(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let (high, low) = bytes.split_at(4);
    let high = u32::from_le_bytes(first(high));
    (0..)
        .zip(nibbles(low))
        .map(move |(i, low): (u32, u8)| low | (high >> i << 4) as u8 & 16)
}

/// Of 256 numbers in 32 bytes, eight in each that are 32 apart.
fn bit(bytes: &[u8], i: usize) -> u8 {
    bytes[i % 32] >> (i / 32) & 1
}

/// Of 256 numbers, 128 in 32 bytes, four in each that are 32 apart.
fn two_bits(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3
}

/// Of 256 numbers, 64 in 32 bytes, two in each that are 32 apart.
fn four_bits(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15
}

/// Of one of 8 groups, 6 bits each.
fn scale_and_min(packed: &[u8], group: usize) -> (f32, f32) {
    let low = packed[group + 4];
    let (scale, min) = if group < 4 {
        (packed[group] & 63, low & 63)
    } else {
        let (scale, min) = (packed[group - 4] >> 6, packed[group] >> 6);
        (low & 15 | scale << 4, low >> 4 | min << 4)
    };
    (f32::from(scale), f32::from(min))
}
