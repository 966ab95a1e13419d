//! The password of tasks in text.

use picklock_sdk::Flag;
use serde::{Deserialize, Serialize};

/// What stands before a prompt that is to be answered well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// The text, with the space or new line that parts it from the question.
    pub text: String,
    /// That of a second password, for locks that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
}

impl Password {
    /// The text of a flag; nothing where there is none.
    pub fn of(&self, flag: Flag) -> &str {
        match flag {
            Flag::None => "",
            Flag::Password => &self.text,
            Flag::Second => self.second.as_deref().unwrap_or_default(),
        }
    }
}
