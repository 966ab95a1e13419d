//! Chat templates, as transformers' `apply_chat_template` renders them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::fmt::strtime;
use minijinja::{Environment, Error as JinjaError, ErrorKind, Value};
use picklock_message::{Error, Result};

use super::jinja::{Syntax, environment, problem};
use super::json::tojson;
use super::small_file;

/// The one template of an environment.
const NAME: &str = "chat";

/// A chat template as a folder has it.
#[derive(Clone, Debug)]
pub struct ChatFile {
    path: PathBuf,
    source: String,
}

/// A turn of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `system`, `user` or `assistant`.
    pub role: &'a str,
    /// What is said.
    pub content: &'a str,
}

impl Message<'_> {
    fn value(&self) -> Value {
        Value::from_pairs([("role", self.role), ("content", self.content)])
    }
}

/// A chat template that is ready to render.
pub struct ChatTemplate {
    environment: Environment<'static>,
    path: PathBuf,
}

impl ChatFile {
    /// Finds a folder's chat template: `chat_template.jinja`, else the key `chat_template` of
    /// `tokenizer_config.json`, of several the one called `default`.
    ///
    /// # Errors
    /// Where a file can't be read, or it doesn't say which template is meant.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("chat_template.jinja");
        if let Some(source) = small_file::read(&path)? {
            return Ok(Some(Self { path, source }));
        }
        let path = folder.join("tokenizer_config.json");
        let config = small_file::json(&path)?;
        let source = match config.get("chat_template") {
            None | Some(serde_json::Value::Null) => return Ok(None),
            Some(one) => one.as_str().or_else(|| default(one)).map(str::to_string),
        };
        let Some(source) = source else {
            let problem = "chat_template: expected a text, or a list with one called `default`";
            return Err(Error::file(&path, problem));
        };
        Ok(Some(Self { path, source }))
    }
}

/// The template called `default` of `[{"name", "template"}, ...]`.
fn default(named: &serde_json::Value) -> Option<&str> {
    let is_default = |one: &&serde_json::Value| one.get("name").is_some_and(|n| n == "default");
    let one = named.as_array()?.iter().find(is_default)?;
    one.get("template")?.as_str()
}

impl ChatTemplate {
    /// Reads a template. Where it asks for the date it gets `date`, and fails without one.
    ///
    /// # Errors
    /// Where it is no Jinja.
    pub fn new(file: &ChatFile, date: Option<Date>) -> Result<Self> {
        let path = file.path.clone();
        let ready = || {
            let mut environment = environment(&Syntax { trims: true })?;
            environment.add_filter("tojson", tojson);
            environment.add_function("raise_exception", refusal);
            environment.add_function("strftime_now", move |format: &str| today(date, format));
            environment.add_template_owned(NAME, without_generation(&file.source))?;
            Ok(environment)
        };
        match ready() {
            Ok(environment) => Ok(Self { environment, path }),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// The conversation up to where the model's answer begins. `texts` are the special tokens'.
    ///
    /// # Errors
    /// Where the template fails, refuses the conversation, or doesn't end.
    pub fn render(&self, messages: &[Message], texts: &BTreeMap<String, String>) -> Result<String> {
        let none = || Value::from(());
        let given = [
            ("messages", messages.iter().map(Message::value).collect()),
            ("tools", none()),
            ("documents", none()),
            ("add_generation_prompt", Value::from(true)),
        ];
        let texts = texts
            .iter()
            .map(|(name, text)| (name.as_str(), Value::from(text.as_str())));
        let context = Value::from_pairs(texts.chain(given));
        let template = self.environment.get_template(NAME);
        let rendered = template.and_then(|template| template.render(context));
        rendered.map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &JinjaError) -> Error {
    Error::file(path, format!("chat template: {}", problem(error)))
}

fn refusal(message: &str) -> std::result::Result<Value, JinjaError> {
    let problem = format!("it refuses the conversation: {message}");
    Err(JinjaError::new(ErrorKind::InvalidOperation, problem))
}

fn today(date: Option<Date>, format: &str) -> std::result::Result<String, JinjaError> {
    let failed = |problem: String| JinjaError::new(ErrorKind::InvalidOperation, problem);
    let Some(date) = date else {
        let problem = "it asks for today's date: give the chat a fixed one, as in \
                       date = \"2026-03-01\", so that prompts don't change from day to day";
        return Err(failed(problem.into()));
    };
    strtime::format(format, date.at(0, 0, 0, 0)).map_err(|error| failed(error.to_string()))
}

/// `{% generation %}` and `{% endgeneration %}`, with which transformers marks what the assistant
/// says, as blocks that are always taken: the white space around them goes the same way.
fn without_generation(source: &str) -> String {
    let mut parts = source.split("{%");
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        text.push_str("{%");
        let (tag, rest) = part.split_at(part.find("%}").unwrap_or(part.len()));
        match tag.trim_matches(|sign: char| sign.is_whitespace() || "+-".contains(sign)) {
            "generation" => text.push_str(&tag.replacen("generation", "if true", 1)),
            "endgeneration" => text.push_str(&tag.replacen("endgeneration", "endif", 1)),
            _ => text.push_str(tag),
        }
        text.push_str(rest);
    }
    text
}
