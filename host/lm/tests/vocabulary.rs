//! Models over a part of their vocabulary.

#![allow(clippy::unwrap_used)]

mod support;

use picklock_lm::{Device, Kind, Rows, Side, Tensor, logits};

use support::case::cases;

const IDS: [u32; 5] = [3, 100, 17, 127, 40];

fn rows(ids: &[u32]) -> Rows {
    Rows::from_ids(&[vec![ids.to_vec()]], Side::Right, Device::Cpu).unwrap()
}

#[test]
fn logits_are_those_of_the_same_tokens() {
    for case in cases() {
        let full = &case.model;
        let part = full.over_tokens(&IDS).unwrap();
        assert_eq!(part.architecture().vocab_size(), 5);
        let of_part = logits(&part, &rows(&[0, 1, 2, 3, 4])).unwrap();
        let index = Tensor::from_slice(&IDS.map(i64::from));
        let of_full = logits(full, &rows(&IDS)).unwrap().index_select(-1, &index);
        let difference = (of_part - of_full).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{}: {difference}", case.name);
    }
}

#[test]
fn the_other_rows_come_back() {
    for case in cases() {
        let full = &case.model;
        let changed = full
            .over_tokens(&IDS)
            .unwrap()
            .to_kind(Kind::BFloat16)
            .unwrap();
        let back = changed
            .to_kind(Kind::Float)
            .unwrap()
            .with_all_tokens(full, &IDS)
            .unwrap();
        assert_eq!(back.architecture(), full.architecture());
        let rounded = full
            .to_kind(Kind::BFloat16)
            .unwrap()
            .to_kind(Kind::Float)
            .unwrap();
        for (name, weight) in back.weights().iter() {
            let (own, old) = (rounded.weights().get(name), full.weights().get(name));
            let (own, old) = (own.unwrap(), old.unwrap());
            if weight.size()[1] != full.architecture().vocab_size() {
                assert_eq!(weight, own, "{name}");
                continue;
            }
            for row in 0..weight.size()[1] {
                let expected = if IDS.contains(&(row as u32)) {
                    own
                } else {
                    old
                };
                assert_eq!(
                    weight.select(1, row),
                    expected.select(1, row),
                    "{name} {row}"
                );
            }
        }
    }
}

#[test]
fn ids_are_checked() {
    let full = &cases()[0].model;
    let error = full.over_tokens(&[3, 100_000]).unwrap_err().to_string();
    let size = full.architecture().vocab_size();
    let expected = format!("token id: expected below {size}, got 100000");
    assert_eq!(error, expected);
    let part = full.over_tokens(&[3, 4]).unwrap();
    let error = part.with_all_tokens(full, &[3]).unwrap_err().to_string();
    assert_eq!(error, "token ids: expected 2, as the model has, got 1");
}
