//! Parts of the JSON Schema of pre-registration files, which is for editors: what types alone don't
//! say.

use schemars::JsonSchema;
use serde_json::{Value, json};

/// An arm's parameter: a number, several numbers, or a word.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    reason = "only its shape matters: that of the SDK's `Value`"
)]
pub(super) enum Parameter {
    /// A number.
    Number(f64),
    /// Several numbers.
    Numbers(Vec<f64>),
    /// A word.
    Text(String),
}

/// Which of a prediction's keys go together.
pub(super) fn combinations() -> Value {
    let expects = |names: &[&str]| json!({ "properties": { "expect": { "enum": names } }, "required": ["expect"] });
    let none_of = |keys: &[&str]| {
        let required: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "required": [key] }))
            .collect();
        json!({ "not": { "anyOf": required } })
    };
    json!([
        {
            "if": expects(&["equivalent", "non-inferior"]),
            "then": { "required": ["margin"] },
            "else": none_of(&["margin"]),
        },
        {
            "if": expects(&["ratio-within"]),
            "then": { "required": ["ratio", "reference"] },
            "else": none_of(&["ratio", "reference", "reference_baseline"]),
        },
        {
            "if": { "anyOf": [
                { "required": ["treated_baseline"] },
                { "required": ["control_baseline"] },
            ] },
            "then": {
                "required": ["treated_baseline", "control_baseline"],
                "properties": { "through": { "maxItems": 0 } },
            },
        },
    ])
}
