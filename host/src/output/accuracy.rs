//! Accuracies and answers of single steps.

use picklock_report::{block, numbers};

use crate::output::table::table;
use crate::steps::{Accuracy, Shown};

/// Models with how they did, one a line.
pub fn accuracies(rows: &[(&str, &Accuracy)]) -> String {
    let header = [
        "model",
        "correct",
        "wrong",
        "unparsed",
        "accuracy",
        "95% interval",
    ];
    let row = |(name, accuracy): &(&str, &Accuracy)| {
        let interval = accuracy.interval.as_ref();
        [
            (*name).to_string(),
            accuracy.correct.to_string(),
            accuracy.wrong.to_string(),
            accuracy.unparsed.to_string(),
            numbers::percent(accuracy.percent),
            interval.map_or_else(String::new, |ends| {
                format!("{:.1} to {:.1}", ends.low, ends.high)
            }),
        ]
    };
    table(header, rows.iter().map(row))
}

/// Answers to read, each under its problem's name; `by` says what answered.
pub fn answers(shown: &[Shown], by: &str) -> String {
    let one = |shown: &Shown| {
        let answer = format!("{}  ({})", shown.answer.trim_end(), shown.grade);
        let texts = [
            ("prompt".to_string(), shown.prompt.clone()),
            ("expected".to_string(), shown.expected.clone()),
            (by.to_string(), answer),
        ];
        block(&shown.problem, &texts)
    };
    shown.iter().map(one).collect()
}
