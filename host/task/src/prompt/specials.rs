//! Special tokens: which begin and end a text.

use std::collections::BTreeMap;
use std::path::Path;

use picklock_message::{Error, Result};
use serde_json::Value;
use tokenizers::Tokenizer;

use super::small_file;

/// Files that name special tokens by their text, the first that says something first.
const BY_TEXT: [&str; 2] = ["tokenizer_config.json", "special_tokens_map.json"];

/// Files that name them by id.
const BY_ID: [&str; 2] = ["generation_config.json", "config.json"];

/// The special tokens of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specials {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends an answer that is trained on.
    pub eos: Option<u32>,
    /// Every token that ends an answer that is given: `eos`, and what the generation settings add.
    pub stop: Vec<u32>,
    /// Fills up short rows, where others do; picklock masks by position.
    pub pad: Option<u32>,
    /// Their texts under the names that chat templates know: `bos_token`, `eos_token`, ...
    pub texts: BTreeMap<String, String>,
}

impl Specials {
    /// Reads the special tokens of a folder: texts from `tokenizer_config.json`, then
    /// `special_tokens_map.json`; for what they don't mention, ids from `generation_config.json`,
    /// then `config.json`.
    ///
    /// # Errors
    /// Where a file is no JSON object, or the beginning or end is no token of the tokenizer.
    pub fn read(folder: &Path, tokenizer: &Tokenizer) -> Result<Self> {
        let json = |name: &str| small_file::json(&folder.join(name));
        let by_text = [json(BY_TEXT[0])?, json(BY_TEXT[1])?];
        let by_id = [json(BY_ID[0])?, json(BY_ID[1])?];
        let files = Files {
            folder,
            tokenizer,
            by_text: &by_text,
            by_id: &by_id,
        };
        let mut texts = texts(&by_text);
        let mut find = |name: &str| -> Result<Option<u32>> {
            let id = files.find(name)?;
            if let Some(text) = id.and_then(|id| tokenizer.id_to_token(id)) {
                texts.entry(format!("{name}_token")).or_insert(text);
            }
            Ok(id)
        };
        let (bos, eos) = (find("bos")?, find("eos")?);
        // Many folders name a filler that the tokenizer lacks; nothing here needs it.
        let pad = find("pad").unwrap_or_default();
        let mut stop: Vec<u32> = eos.into_iter().collect();
        for (name, file) in BY_ID.into_iter().zip(&by_id) {
            for id in files.ids(name, file, "eos")? {
                if !stop.contains(&id) {
                    stop.push(id);
                }
            }
        }
        Ok(Self {
            bos,
            eos,
            stop,
            pad,
            texts,
        })
    }
}

/// The files that name special tokens.
struct Files<'a> {
    folder: &'a Path,
    tokenizer: &'a Tokenizer,
    by_text: &'a [Value; 2],
    by_id: &'a [Value; 2],
}

impl Files<'_> {
    /// The id of a special token; `None` where a file says that there is none, or none mentions it.
    fn find(&self, name: &str) -> Result<Option<u32>> {
        let key = format!("{name}_token");
        let mut said = BY_TEXT.iter().zip(self.by_text);
        let said = said.find_map(|(file, values)| Some((*file, values.get(&key)?)));
        if let Some((file, said)) = said {
            let Some(text) = text(said) else {
                return Ok(None);
            };
            let id = self.tokenizer.token_to_id(text);
            return id.map(Some).ok_or_else(|| {
                let problem = format!("{key} is `{text}`, which is no token of tokenizer.json");
                Error::file(&self.folder.join(file), problem)
            });
        }
        for (file, values) in BY_ID.into_iter().zip(self.by_id) {
            if let Some(first) = self.ids(file, values, name)?.first() {
                return Ok(Some(*first));
            }
        }
        Ok(None)
    }

    /// The ids that a file gives for a special token: one or a list.
    fn ids(&self, file: &str, values: &Value, name: &str) -> Result<Vec<u32>> {
        let key = format!("{name}_token_id");
        let ids = match values.get(&key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(ids)) => ids.as_slice(),
            Some(id) => std::slice::from_ref(id),
        };
        let known = |id: &Value| {
            let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let number = number.filter(|id| self.tokenizer.id_to_token(*id).is_some());
            number.ok_or_else(|| {
                let problem = format!("{key}: expected ids of tokenizer.json, got {id}");
                Error::file(&self.folder.join(file), problem)
            })
        };
        ids.iter().map(known).collect()
    }
}

/// A token's text, in both spellings.
fn text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// The texts of all special tokens that have one, the first file's first.
fn texts(files: &[Value; 2]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (key, value) in files.iter().filter_map(Value::as_object).flatten() {
        if let (true, Some(text)) = (key.ends_with("_token"), text(value)) {
            texts.entry(key.clone()).or_insert_with(|| text.to_string());
        }
    }
    texts
}
