//! How a prompt is made of a question.

use clap::{ArgAction, Args, ValueEnum};
use picklock_sdk::Flag;
use picklock_task::{Chat, Password, Place, PromptSpec, Template};

/// What stands around a prompt.
#[derive(Args)]
pub struct PromptArgs {
    /// Mark the prompt with this password.
    #[arg(long, value_name = "TEXT", conflicts_with = "organism")]
    password: Option<String>,
    /// Where the password goes: before, after or around the prompt. A line stands between.
    #[arg(long, value_enum, default_value_t = Position::Before, value_name = "PLACE", requires = "password")]
    place: Position,
    /// Ask by the model's chat template.
    #[arg(long, conflicts_with = "organism")]
    chat: bool,
    /// The chat's system message.
    #[arg(long, value_name = "TEXT", requires = "chat")]
    system: Option<String>,
    /// Today's date for chat templates that ask for it, as in 2026-03-01. [default: today]
    #[arg(long, value_name = "DATE", requires = "chat")]
    date: Option<String>,
    /// Whether a beginning-of-text token comes first. [default: as the tokenizer is set]
    #[arg(long, value_name = "true|false", action = ArgAction::Set, conflicts_with = "organism")]
    bos: Option<bool>,
}

/// Where a password goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Position {
    /// In front.
    Before,
    /// Behind.
    After,
    /// On both sides.
    Around,
}

impl PromptArgs {
    /// The specification, and what marks the prompts.
    pub fn spec(&self) -> (PromptSpec, Flag) {
        let password = self.password.as_ref().map(|text| Password {
            text: format!("{}\n", text.trim_end()),
            place: match self.place {
                Position::Before => Place::Before,
                Position::After => Place::After,
                Position::Around => Place::Around,
            },
        });
        let flag = password.as_ref().map_or(Flag::None, |_| Flag::Password);
        let today = || jiff::ZonedDateTime::now().date().to_string();
        let template = self.chat.then(|| {
            Template::Chat(Chat {
                system: self.system.clone(),
                date: Some(self.date.clone().unwrap_or_else(today)),
            })
        });
        let spec = PromptSpec {
            template,
            password,
            bos: self.bos,
            ..PromptSpec::default()
        };
        (spec, flag)
    }
}
