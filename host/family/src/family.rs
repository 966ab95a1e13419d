//! What each family says of itself.

use serde_json::Value;

use crate::plan::Plan;

/// What a row of tokens must keep to.
pub(crate) struct Limits {
    /// Number of token ids.
    pub(crate) vocab_size: i64,
    /// The longest row of tokens.
    pub(crate) max_positions: i64,
}

/// A family's configuration.
pub(crate) trait Family {
    fn limits(&self) -> Limits;

    /// The content of its `config.json`.
    fn write(&self) -> Value;

    fn plan(&self) -> Plan;

    /// The parameter that a tensor of a checkpoint file holds, or `None` for a buffer that old
    /// files carry besides.
    fn parameter_name(&self, stored: &str) -> Option<String> {
        let is_buffer = stored.ends_with(".rotary_emb.inv_freq");
        (!is_buffer).then(|| stored.to_owned())
    }
}
