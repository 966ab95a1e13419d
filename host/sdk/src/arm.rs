//! An arm: one condition of an experiment, with its parameters.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RString, RVec};
use serde::{Deserialize, Serialize};

use crate::LabError;

/// The value of an arm's parameter.
#[repr(C, u8)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Several numbers.
    Numbers(RVec<f64>),
    /// A word.
    Text(RString),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Numbers(_) => "a list of numbers",
            Self::Text(_) => "a text",
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<const N: usize> From<[f64; N]> for Value {
    fn from(numbers: [f64; N]) -> Self {
        Self::Numbers(numbers.to_vec().into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// A named value.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parameter {
    name: RString,
    value: Value,
}

/// One condition of an experiment: a treatment or a control.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    name: RString,
    control: ROption<RString>,
    parameters: RVec<Parameter>,
}

impl Arm {
    /// An arm without parameters. Names are lower case with hyphens: `noise-best`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            control: ROption::RNone,
            parameters: RVec::new(),
        }
    }

    /// Names the arm that this one is compared with; `core/locked` names another hypothesis' arm.
    #[must_use]
    pub fn control(mut self, control: &str) -> Self {
        self.control = ROption::RSome(control.into());
        self
    }

    /// Adds a parameter with its default, or overrides one.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: impl Into<Value>) -> Self {
        let (name, value) = (RString::from(parameter), value.into());
        match self.parameters.iter_mut().find(|known| known.name == name) {
            Some(known) => known.value = value,
            None => self.parameters.push(Parameter { name, value }),
        }
        self
    }

    /// The arm's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arm that this one is compared with.
    pub fn control_name(&self) -> Option<&str> {
        self.control.as_ref().map(RString::as_str).into()
    }

    /// Names and values of all parameters.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Value)> {
        let parameters = self.parameters.iter();
        parameters.map(|known| (known.name.as_str(), &known.value))
    }

    /// The parameter's number.
    ///
    /// # Errors
    /// Where the arm has no such parameter, or it is no number.
    pub fn number(&self, parameter: &str) -> Result<f64, LabError> {
        match self.value(parameter)? {
            Value::Number(number) => Ok(*number),
            other => Err(self.wrong(parameter, "a number", other)),
        }
    }

    /// The parameter's numbers; a single number is a list of one.
    ///
    /// # Errors
    /// Where the arm has no such parameter, or it is a text.
    pub fn numbers(&self, parameter: &str) -> Result<Vec<f64>, LabError> {
        match self.value(parameter)? {
            Value::Numbers(numbers) => Ok(numbers.to_vec()),
            Value::Number(number) => Ok(vec![*number]),
            other @ Value::Text(_) => Err(self.wrong(parameter, "a list of numbers", other)),
        }
    }

    /// The parameter's text.
    ///
    /// # Errors
    /// Where the arm has no such parameter, or it is no text.
    pub fn text(&self, parameter: &str) -> Result<&str, LabError> {
        match self.value(parameter)? {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(parameter, "a text", other)),
        }
    }

    fn value(&self, parameter: &str) -> Result<&Value, LabError> {
        let missing = || format!("arm {}: no parameter `{parameter}`", self.name);
        let found = self.parameters().find(|(name, _)| *name == parameter);
        let (_, value) = found.ok_or_else(|| LabError::invalid(missing()))?;
        Ok(value)
    }

    fn wrong(&self, parameter: &str, expected: &str, got: &Value) -> LabError {
        let (name, got) = (&self.name, got.kind());
        let problem = format!("arm {name}: parameter `{parameter}` is {got}, expected {expected}");
        LabError::invalid(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_replaces_the_default() {
        let arm = Arm::new("noise").with("scale", 1.0).with("scale", 4.0);
        assert_eq!(arm.numbers("scale").unwrap(), [4.0]);
        assert_eq!(arm.parameters().count(), 1);
    }

    #[test]
    fn a_wrong_kind_or_name_says_what_was_expected() {
        let arm = Arm::new("noise").with("scale", "big");
        let error = arm.number("scale").unwrap_err();
        assert_eq!(
            error.message,
            "arm noise: parameter `scale` is a text, expected a number"
        );
        let error = arm.number("size").unwrap_err();
        assert_eq!(error.message, "arm noise: no parameter `size`");
    }
}
