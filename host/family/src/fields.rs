//! Reading the keys of a `config.json`, with errors that name them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// The most layers or heads that are accepted: each has names of its own.
const MOST_PARTS: i64 = 1024;

/// The largest width, vocabulary or length that is accepted.
const LARGEST_SIZE: i64 = 1 << 31;

/// Keys of features that no family here has: experts, capped or scaled numbers, latent attention.
const FOREIGN: [&str; 18] = [
    "attn_logit_softcapping",
    "dual_chunk_attention_config",
    "first_k_dense_replace",
    "final_logit_softcapping",
    "kv_lora_rank",
    "moe_intermediate_size",
    "n_routed_experts",
    "n_shared_experts",
    "no_rope_layers",
    "num_experts",
    "num_experts_per_tok",
    "num_local_experts",
    "num_nextn_predict_layers",
    "q_lora_rank",
    "quantization_config",
    "query_pre_attn_scalar",
    "use_qk_norm",
    "use_mla",
];

/// Factors that no family here multiplies with.
const FACTORS: [&str; 5] = [
    "attention_multiplier",
    "embedding_multiplier",
    "logit_scale",
    "logits_scaling",
    "residual_multiplier",
];

const ABOVE_0: &str = "a number above 0";

/// The keys of a configuration, or of an object within it.
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(crate) fn new(config: &'a Value) -> Result<Self> {
        config
            .as_object()
            .map(Self)
            .ok_or_else(|| wrong("config", "an object", config))
    }

    /// The object under a key, if there is one that isn't null.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>> {
        let object = |value: &'a Value| {
            value
                .as_object()
                .ok_or_else(|| wrong(key, "an object", value))
        };
        Ok(self.get(key).map(object).transpose()?.map(Self))
    }

    /// The value of a key; null counts as absent.
    pub(crate) fn optional<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<Option<T>> {
        let read = |value: &Value| T::deserialize(value).map_err(|_| wrong(key, what, value));
        self.get(key).map(read).transpose()
    }

    /// The value of a key that must be there.
    pub(crate) fn required<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<T> {
        self.optional(key, what)?.ok_or_else(|| missing(key, what))
    }

    /// A size: a whole number of at least 1.
    pub(crate) fn size(&self, key: &str) -> Result<i64> {
        self.optional_size(key)?
            .ok_or_else(|| missing(key, &up_to(LARGEST_SIZE)))
    }

    /// As [`Fields::size`], for a key that may be absent.
    pub(crate) fn optional_size(&self, key: &str) -> Result<Option<i64>> {
        self.whole(key, LARGEST_SIZE)
    }

    /// As [`Fields::size`], for a key whose absence means something else than null does, which is
    /// `None` here.
    pub(crate) fn nullable_size(&self, key: &str, absent: Option<i64>) -> Result<Option<i64>> {
        if self.0.contains_key(key) {
            return self.optional_size(key);
        }
        Ok(absent)
    }

    /// A number of layers or heads.
    pub(crate) fn count(&self, key: &str) -> Result<i64> {
        self.whole(key, MOST_PARTS)?
            .ok_or_else(|| missing(key, &up_to(MOST_PARTS)))
    }

    fn whole(&self, key: &str, most: i64) -> Result<Option<i64>> {
        self.checked(key, &up_to(most), |number| (1..=most).contains(number))
    }

    /// The number of a key, which must fit.
    fn checked<T: DeserializeOwned + Copy + Into<Value>>(
        &self,
        key: &str,
        what: &str,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Option<T>> {
        match self.optional::<T>(key, what)? {
            Some(number) if !fits(&number) => Err(wrong(key, what, &number.into())),
            number => Ok(number),
        }
    }

    /// A number above 0, or the default of the reference implementation.
    pub(crate) fn positive(&self, key: &str, default: f64) -> Result<f64> {
        Ok(self.optional_positive(key)?.unwrap_or(default))
    }

    /// A number above 0 that must be there.
    pub(crate) fn required_positive(&self, key: &str) -> Result<f64> {
        self.optional_positive(key)?
            .ok_or_else(|| missing(key, ABOVE_0))
    }

    fn optional_positive(&self, key: &str) -> Result<Option<f64>> {
        self.checked(key, ABOVE_0, |number| *number > 0.0)
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        Ok(self.optional(key, "true or false")?.unwrap_or(default))
    }

    /// Refuses a key that asks for anything but one of the given values; absent is fine.
    pub(crate) fn only(&self, key: &str, allowed: &[Value]) -> Result<()> {
        let Some(value) = self.get(key).filter(|value| !allowed.contains(value)) else {
            return Ok(());
        };
        let mut expected = "nothing, as it isn't supported".to_owned();
        if !allowed.is_empty() {
            let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
            expected = allowed.join(" or ");
        }
        Err(wrong(key, &expected, value))
    }

    /// Refuses what no family here has. Where its value says that it isn't in use, it is fine.
    pub(crate) fn check_foreign(&self) -> Result<()> {
        let idle = |value: &Value| [json!(false), json!(0), json!([])].contains(value);
        for key in FOREIGN {
            if !self.get(key).is_some_and(idle) {
                self.only(key, &[])?;
            }
        }
        for key in FACTORS {
            self.only(key, &[json!(1), json!(1.0)])?;
        }
        Ok(())
    }

    /// Refuses windows, in families that have none.
    pub(crate) fn check_no_windows(&self) -> Result<()> {
        self.only("sliding_window", &[])?;
        self.only("layer_types", &[])
    }

    /// Refuses keys other than the given ones, unless they are null.
    pub(crate) fn none_but(&self, known: &[&str]) -> Result<()> {
        let unknown = |key: &&String| !known.contains(&key.as_str()) && self.get(key).is_some();
        match self.0.keys().find(unknown) {
            Some(key) => self.only(key, &[]),
            None => Ok(()),
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }
}

fn up_to(most: i64) -> String {
    format!("a whole number from 1 to {most}")
}

/// Refuses `whole` unless it is a multiple of `part`.
pub(crate) fn divides(key: &str, whole: i64, part: i64) -> Result<()> {
    if whole % part == 0 {
        return Ok(());
    }
    Err(wrong(key, &format!("a multiple of {part}"), &whole.into()))
}

pub(crate) fn wrong(key: &str, expected: &str, got: &Value) -> Error {
    config(key, expected, got.to_string())
}

fn missing(key: &str, expected: &str) -> Error {
    config(key, expected, "nothing".to_owned())
}

fn config(key: &str, expected: &str, got: String) -> Error {
    let (key, expected) = (key.to_owned(), expected.to_owned());
    Error::Config { key, expected, got }
}
