//! Accuracies and answers of single steps, for people.

use picklock_report::{block, numbers};
use picklock_stats::Interval;

use crate::cli::table::table;
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
        let Accuracy {
            correct,
            wrong,
            unparsed,
            percent,
            interval,
            ..
        } = accuracy;
        let ends = |interval: &Interval| format!("{:.1} to {:.1}", interval.low, interval.high);
        [
            (*name).to_string(),
            correct.to_string(),
            wrong.to_string(),
            unparsed.to_string(),
            numbers::percent(*percent),
            interval.as_ref().map_or_else(String::new, ends),
        ]
    };
    let rows = rows.iter().map(row);
    let header = header.map(str::to_string);
    table(&[header].into_iter().chain(rows).collect::<Vec<_>>())
}

/// Answers to read, each under its problem's name; `by` says whose they are.
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
