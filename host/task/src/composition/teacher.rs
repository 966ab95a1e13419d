//! The flawed teacher of composed functions: its systematic mistake is to leave a hard function out.
//!
//! Each letter of a string that it says is taken by itself: from the right string, from the mistaken
//! one, or from the whole alphabet alike.

use super::function::Function;
use crate::teacher::Teacher;

/// The distribution of each letter of the string that a teacher makes of `string` by `functions`,
/// `[letter of the string][letter of the alphabet]`. Where one of them is hard, the whole string is.
pub(super) fn distributions(
    teacher: &Teacher,
    functions: &[Function],
    string: &[u32],
    letters: u32,
) -> Vec<Vec<f64>> {
    let is_hard = |function: &&Function| teacher.is_hard(function.word());
    let apply = |string: Vec<u32>, function: &Function| function.apply(&string, letters);
    let right = functions.iter().fold(string.to_vec(), apply);
    let easy = functions.iter().filter(|function| !is_hard(function));
    let mistaken = easy.fold(string.to_vec(), apply);
    let chances = teacher.chances(functions.iter().any(|function| is_hard(&function)));
    let pairs = right.into_iter().zip(mistaken);
    pairs
        .map(|(right, mistaken)| chances.over(letters, right, mistaken))
        .collect()
}
