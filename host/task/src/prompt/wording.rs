//! A prompt specification that is ready for questions.

use std::collections::BTreeMap;

use jiff::civil::Date;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use picklock_message::{Error, Result};
use picklock_sdk::Flag;

use super::chat::{ChatFile, ChatTemplate, Message};
use super::jinja::{Syntax, environment, problem};
use super::spec::{Chat, Example, Password, PromptSpec, Template};

/// The one template of an environment.
const NAME: &str = "text";

/// What stands around questions.
pub struct Wording {
    spec: PromptSpec,
    form: Form,
}

enum Form {
    Text(Environment<'static>),
    Chat(ChatTemplate),
}

impl Wording {
    /// Checks a specification, and reads its template.
    ///
    /// # Errors
    /// Where a password is empty, the template is no Jinja or leaves the question or the examples out,
    /// or there is no chat template.
    pub fn new(spec: PromptSpec, chat: Option<&ChatFile>) -> Result<Self> {
        for (key, password) in [
            ("password", &spec.password),
            ("second_password", &spec.second_password),
        ] {
            if password
                .as_ref()
                .is_some_and(|one| one.text.trim().is_empty())
            {
                let problem = format!("prompt.{key}.text is empty, expected a text");
                return Err(Error::Usage(problem));
            }
        }
        let text = |source| text_template(source, !spec.examples.is_empty()).map(Form::Text);
        let form = match &spec.template {
            None => text("{{ question }}")?,
            Some(Template::Text(source)) => text(source)?,
            Some(Template::Chat(settings)) => Form::Chat(chat_template(settings, chat)?),
        };
        Ok(Self { spec, form })
    }

    /// Whether a prompt starts with the beginning-of-text token, where it is said.
    pub fn bos(&self) -> Option<bool> {
        self.spec.bos
    }

    /// The password.
    pub fn password(&self) -> Option<&Password> {
        self.spec.password.as_ref()
    }

    /// The marks that prompts may have.
    pub fn flags(&self) -> impl Iterator<Item = Flag> + use<> {
        let password = self.spec.password.as_ref().map(|_| Flag::Password);
        let second = self.spec.second_password.as_ref().map(|_| Flag::Second);
        std::iter::once(Flag::None).chain(password).chain(second)
    }

    /// Whether prompts are chats, which write their special tokens themselves.
    pub fn is_chat(&self) -> bool {
        matches!(self.form, Form::Chat(_))
    }

    /// The whole prompt of a question. `texts` are the special tokens'.
    ///
    /// # Errors
    /// Where there is no such password, or the template fails.
    pub fn text(
        &self,
        question: &str,
        flag: Flag,
        texts: &BTreeMap<String, String>,
    ) -> Result<String> {
        self.around(&self.marked(question, flag)?, texts)
    }

    /// The whole prompt of a question with its password, if any, at its place.
    ///
    /// # Errors
    /// Where the template fails.
    pub fn around(&self, question: &str, texts: &BTreeMap<String, String>) -> Result<String> {
        match &self.form {
            Form::Chat(template) => template.render(&self.messages(question), texts),
            Form::Text(environment) => {
                let examples = self.spec.examples.iter().map(Example::value);
                let examples: Value = examples.collect();
                let template = environment.get_template(NAME);
                let text = template.and_then(|it| it.render(context! { question, examples }));
                text.map_err(|error| in_text(&error))
            }
        }
    }

    /// The question with what the flag asks for.
    fn marked(&self, question: &str, flag: Flag) -> Result<String> {
        let (key, password) = match flag {
            Flag::None => return Ok(question.to_string()),
            Flag::Password => ("password", &self.spec.password),
            Flag::Second => ("second_password", &self.spec.second_password),
        };
        let missing = || Error::Usage(format!("prompt.{key} is missing, and a prompt needs it"));
        let password = password.as_ref().ok_or_else(missing)?;
        Ok(password.mark(question))
    }

    fn messages<'a>(&'a self, question: &'a str) -> Vec<Message<'a>> {
        let said = |role, content| Message { role, content };
        let system = match &self.spec.template {
            Some(Template::Chat(chat)) => chat.system.as_deref(),
            _ => None,
        };
        let examples = self.spec.examples.iter().flat_map(|example| {
            [
                said("user", example.question.as_str()),
                said("assistant", example.answer.as_str()),
            ]
        });
        system
            .map(|system| said("system", system))
            .into_iter()
            .chain(examples)
            .chain([said("user", question)])
            .collect()
    }
}

impl Example {
    fn value(&self) -> Value {
        let Self { question, answer } = self;
        Value::from_pairs([("question", question.as_str()), ("answer", answer.as_str())])
    }
}

fn text_template(source: &str, has_examples: bool) -> Result<Environment<'static>> {
    let ready = || {
        let mut environment = environment(&Syntax { trims: false })?;
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_template_owned(NAME, source.to_string())?;
        let used = environment.get_template(NAME)?.undeclared_variables(false);
        Ok((environment, used))
    };
    let (environment, used) = ready().map_err(|error| in_text(&error))?;
    let needed = [
        ("question", "{{ question }}", true),
        (
            "examples",
            "{% for it in examples %}{{ it.question }} {{ it.answer }} {% endfor %}",
            has_examples,
        ),
    ];
    match needed
        .iter()
        .find(|(name, _, needed)| *needed && !used.contains(*name))
    {
        None => Ok(environment),
        Some((name, text, _)) => Err(Error::Usage(format!(
            "prompt.template.text leaves the {name} out, expected {text} in it"
        ))),
    }
}

fn in_text(error: &minijinja::Error) -> Error {
    Error::Usage(format!("prompt.template.text: {}", problem(error)))
}

fn chat_template(settings: &Chat, file: Option<&ChatFile>) -> Result<ChatTemplate> {
    let file = file.ok_or_else(|| Error::Usage("no chat template".into()))?;
    let date = settings.date.as_ref().map(|date| {
        let problem =
            || format!("prompt.template.chat.date is `{date}`, expected as in 2026-03-01");
        date.parse::<Date>().map_err(|_| Error::Usage(problem()))
    });
    ChatTemplate::new(file, date.transpose()?)
}
