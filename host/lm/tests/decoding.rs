//! Answers: a stack's are those of its models one by one, and samples follow their numbers.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{
    Batch, Decoding, Device, Kind, Model, Rows, Scored, Side, Targets, Tensor, distributions,
    generate, generate_scored, token_log_probs,
};

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
                temperature,
                stop: vec![3],
                ..Decoding::greedy(12)
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
        temperature: 1.5,
        ..Decoding::greedy(1)
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

/// Log-probabilities of answers as their tokens are scored when given.
fn scored_again(model: &Model, prompts: &[Vec<Vec<u32>>], answers: &[Vec<Scored>]) -> Vec<f64> {
    let mut found = Vec::new();
    for (replica, (prompts, answers)) in prompts.iter().zip(answers).enumerate() {
        let model = model.replica(replica as i64).unwrap();
        for (prompt, answer) in prompts.iter().zip(answers) {
            let length = answer.tokens.len() as i64;
            let row = [&prompt[..], &answer.tokens[..]].concat();
            let rows = Rows::from_ids(&[vec![row]], Side::Right, Device::Cpu).unwrap();
            let labels = rows
                .tokens
                .narrow(2, prompt.len() as i64, length)
                .contiguous();
            let first = prompt.len() as i64 - 1;
            let options = (Kind::Int64, Device::Cpu);
            let positions = Tensor::arange_start(first, first + length, options).view([1, 1, -1]);
            let weights = Tensor::ones([1, 1, length], (Kind::Float, Device::Cpu));
            let targets = Targets::new(positions, labels, weights, None).unwrap();
            let log_probs = token_log_probs(&model, &Batch { rows, targets }).unwrap();
            found.extend(Vec::<f64>::try_from(log_probs.to_kind(Kind::Double).view([-1])).unwrap());
        }
    }
    found
}

/// Of the model's own distribution, whatever the samples' temperature and nucleus.
#[test]
fn log_probs_are_those_of_scoring() {
    let uniforms = Tensor::from_slice(&Noise(8).uniforms(3 * 5 * 12)).view_([3, 5, 12]);
    for (_, stack) in families() {
        for (temperature, top_p) in [(0.0, 1.0), (1.7, 1.0), (1.0, 0.6)] {
            let decoding = Decoding {
                temperature,
                top_p,
                stop: vec![3],
                ..Decoding::greedy(12)
            };
            let rows = Rows::from_ids(&prompts(), Side::Left, Device::Cpu).unwrap();
            let scored = generate_scored(&stack, &rows, &decoding, Some(&uniforms)).unwrap();
            let plain = generate(&stack, &rows, &decoding, Some(&uniforms)).unwrap();
            let all = || scored.iter().flatten();
            assert!(
                all()
                    .map(|answer| &answer.tokens)
                    .eq(plain.iter().flatten())
            );
            assert!(all().all(|answer| answer.log_probs.len() == answer.tokens.len()));
            let got = all().flat_map(|answer| &answer.log_probs);
            let expected = scored_again(&stack, &prompts(), &scored);
            assert_eq!(got.clone().count(), expected.len());
            for (got, expected) in got.zip(expected) {
                assert!(
                    (f64::from(*got) - expected).abs() < 1e-4,
                    "{got} {expected}"
                );
            }
        }
    }
}

/// Many samples of one prompt: tokens outside the nucleus never come, those inside as often as they
/// should among themselves.
#[test]
fn a_nucleus_keeps_the_likeliest() {
    const SAMPLES: usize = 4000;
    let model = model(&gpt2(), 1);
    let prompt = ids(3, 1, 1, 6)[0][0].clone();
    let rows = Rows::from_ids(&[vec![prompt; SAMPLES]], Side::Left, Device::Cpu).unwrap();
    let uniforms = Tensor::from_slice(&Noise(4).uniforms(SAMPLES)).view([1, SAMPLES as i64, 1]);
    let decoding = Decoding {
        temperature: 1.0,
        top_p: 0.7,
        ..Decoding::greedy(1)
    };
    let got = generate(&model, &rows, &decoding, Some(&uniforms)).unwrap();
    let mut counts = [0_usize; 19];
    got[0]
        .iter()
        .for_each(|answer| counts[answer[0] as usize] += 1);
    let last = Tensor::full([1, SAMPLES as i64, 1], 5, (Kind::Int64, Device::Cpu));
    let all = distributions(&model, &rows, &last, 1.0).unwrap();
    let probability = |token: usize| all.double_value(&[0, 0, 0, token as i64]);
    let mut tokens: Vec<usize> = (0..19).collect();
    tokens.sort_by(|a, b| probability(*b).total_cmp(&probability(*a)));
    let (mut kept, mut mass) = (0, 0.0);
    while mass < 0.7 {
        mass += probability(tokens[kept]);
        kept += 1;
    }
    assert!(
        (2..18).contains(&kept),
        "a prompt that tells: {kept} tokens"
    );
    for token in &tokens[kept..] {
        assert_eq!(counts[*token], 0, "token {token} is outside");
    }
    for token in &tokens[..kept] {
        let expected = probability(*token) / mass;
        let got = counts[*token] as f64 / SAMPLES as f64;
        assert!(
            (got - expected).abs() < 0.03,
            "token {token}: {got} {expected}"
        );
    }
}

#[test]
fn a_nucleus_out_of_range_is_refused() {
    let model = model(&gpt2(), 1);
    let rows = Rows::from_ids(&ids(3, 1, 1, 6), Side::Left, Device::Cpu).unwrap();
    for top_p in [0.0, -0.1, 1.1, f64::NAN] {
        let decoding = Decoding {
            top_p,
            ..Decoding::greedy(1)
        };
        let error = generate(&model, &rows, &decoding, None).unwrap_err();
        let expected = format!("top_p: expected above 0 and at most 1, got {top_p}");
        assert_eq!(error.to_string(), expected);
    }
}
