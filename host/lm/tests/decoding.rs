//! Answers: a stack's are those of its models one by one, and samples follow their numbers.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{Decoding, Device, Kind, Rows, Side, Tensor, distributions, generate};
use support::{Noise, families, gpt2, ids, model};

/// Prompts of different lengths, different ones for each replica.
fn prompts() -> Vec<Vec<Vec<u32>>> {
    let mut prompts = ids(7, 3, 5, 9);
    for (index, prompt) in prompts.iter_mut().flatten().enumerate() {
        prompt.truncate(9 - index % 4);
    }
    prompts
}

#[test]
fn decoding_agrees_greedy_and_sampled() {
    let uniforms = Tensor::from_slice(&Noise(8).uniforms(3 * 5 * 12)).view_([3, 5, 12]);
    let mut answers = Vec::new();
    for (models, stack) in families() {
        for temperature in [0.0, 1.0] {
            let decoding = Decoding {
                max_new_tokens: 12,
                temperature,
                stop: vec![3],
            };
            let rows = Rows::from_ids(&prompts(), Side::Left, Device::Cpu).unwrap();
            let together = generate(&stack, &rows, &decoding, Some(&uniforms)).unwrap();
            for (index, model) in models.iter().enumerate() {
                for (row, prompt) in prompts()[index].iter().enumerate() {
                    let rows =
                        Rows::from_ids(&[vec![prompt.clone()]], Side::Left, Device::Cpu).unwrap();
                    let own = uniforms.narrow(0, index as i64, 1).narrow(1, row as i64, 1);
                    let alone = generate(model, &rows, &decoding, Some(&own)).unwrap();
                    assert_eq!(
                        together[index][row], alone[0][0],
                        "replica {index} row {row}"
                    );
                }
            }
            answers.extend(together.into_iter().flatten());
        }
    }
    check_stops(&answers);
}

/// Stop tokens stand last or nowhere, and both happen.
fn check_stops(answers: &[Vec<u32>]) {
    for answer in answers {
        let stop = answer.iter().position(|id| *id == 3);
        assert_eq!(answer.len(), stop.map_or(12, |place| place + 1));
    }
    assert!(
        answers.iter().any(|answer| answer.len() < 12),
        "none stopped"
    );
    assert!(
        answers.iter().any(|answer| answer.len() == 12),
        "all stopped"
    );
}

/// Each sample is the first token whose cumulative probability exceeds its number.
#[test]
fn samples_invert_the_cumulative_distribution() {
    let model = model(&gpt2(), 1);
    let ids = ids(3, 1, 40, 6);
    let rows = Rows::from_ids(&ids, Side::Left, Device::Cpu).unwrap();
    let numbers = Noise(4).uniforms(40);
    let uniforms = Tensor::from_slice(&numbers).view_([1, 40, 1]);
    let decoding = Decoding {
        max_new_tokens: 1,
        temperature: 1.5,
        stop: Vec::new(),
    };
    let got = generate(&model, &rows, &decoding, Some(&uniforms)).unwrap();
    let last = Tensor::full([1, 40, 1], 5, (Kind::Int64, Device::Cpu));
    let probabilities = distributions(&model, &rows, &last, 1.5).unwrap();
    for (row, number) in numbers.iter().enumerate() {
        let mut left = *number;
        let mut token = 0;
        loop {
            left -= probabilities.double_value(&[0, row as i64, 0, token]);
            if left < 0.0 {
                break;
            }
            token += 1;
        }
        assert_eq!(got[0][row], [token as u32], "row {row}");
    }
}
