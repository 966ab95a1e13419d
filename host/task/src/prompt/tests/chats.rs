//! Chats: golden ones of transformers', templates in every place, and those that fail.

use std::collections::BTreeMap;

use super::*;
use crate::prompt::chat::{ChatFile, ChatTemplate, Message};

#[derive(Deserialize)]
struct Golden {
    tokens: BTreeMap<String, String>,
    date: jiff_date::Date,
    chats: BTreeMap<String, Vec<(String, String)>>,
    rendered: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

/// A date as JSON has it.
mod jiff_date {
    use serde::{Deserialize, Deserializer};

    pub struct Date(pub jiff::civil::Date);

    impl<'de> Deserialize<'de> for Date {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let text = String::deserialize(from)?;
            text.parse().map(Self).map_err(serde::de::Error::custom)
        }
    }
}

#[test]
fn chats_are_those_of_transformers() {
    let golden: Golden = serde_json::from_str(&read(&data("chat/golden.json"))).unwrap();
    let mut compared = 0;
    for (name, chats) in &golden.rendered {
        let folder = folder("bytes", &[]);
        let source = data("chat").join(format!("{name}.jinja"));
        std::fs::copy(source, folder.path().join("chat_template.jinja")).unwrap();
        let file = ChatFile::find(folder.path()).unwrap().unwrap();
        let template = ChatTemplate::new(&file, Some(golden.date.0)).unwrap();
        for (chat, expected) in chats {
            let turn = |(role, content): &'_ (String, String)| (role.clone(), content.clone());
            let turns: Vec<(String, String)> = golden.chats[chat].iter().map(turn).collect();
            let turns = turns
                .iter()
                .map(|(role, content)| Message { role, content });
            let messages: Vec<Message> = turns.collect();
            let rendered = template.render(&messages, &golden.tokens);
            assert_eq!(rendered.ok().as_ref(), expected.as_ref(), "{name}, {chat}");
            compared += 1;
        }
    }
    assert_eq!(compared, 30);
}

#[test]
fn a_chat_template_is_found_in_every_place() {
    let chat = |files: &[(&str, &str)]| {
        let spec = spec("template.chat = {}");
        open("bytes", files)
            .with(spec)?
            .prompt_text("q", Flag::None)
    };
    let one = ("tokenizer_config.json", r#"{"chat_template": "one"}"#);
    let named = r#"{"chat_template": [{"name": "tool_use", "template": "two"},
                                      {"name": "default", "template": "three"}]}"#;
    assert_eq!(chat(&[one]).unwrap(), "one");
    assert_eq!(chat(&[("tokenizer_config.json", named)]).unwrap(), "three");
    assert_eq!(
        chat(&[one, ("chat_template.jinja", "four\n")]).unwrap(),
        "four"
    );
    let none = chat(&[]).unwrap_err().to_string();
    assert!(
        none.contains(": no chat template there: it needs chat_template.jinja"),
        "{none}"
    );
    let wrong = named.replace("default", "other");
    let wrong = refusal("bytes", &[("tokenizer_config.json", &wrong)]);
    assert!(
        wrong.ends_with("expected a text, or a list with one called `default`"),
        "{wrong}"
    );
}

/// Why a chat with this template is refused, without the folder's path.
fn chat_refusal(template: &str, toml: &str) -> String {
    let folder = folder("bytes", &[("chat_template.jinja", template)]);
    let encoder = Encoder::open(folder.path()).unwrap();
    let error = encoder.with(spec(toml)).err().unwrap().to_string();
    assert!(!error.contains('\n'), "{error}");
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_chat_template_that_fails_says_where_and_why() {
    let plain = "template.chat = {}";
    let forever = "{% for a in range(9999) %}\n{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let refused = chat_refusal(forever, plain);
    let expected = "chat_template.jinja: chat template: line 2: doesn't end: stopped after \
                    2,000,000 steps";
    assert_eq!(refused, expected);
    let bomb = "{% set ns = namespace(x='ab') %}{% for a in range(99) %}\
                {% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    assert!(chat_refusal(bomb, plain).contains("doesn't end"));
    let raised = chat_refusal("a\n{{ raise_exception('no\nsystem role') }}", plain);
    let expected = "chat_template.jinja: chat template: line 2: it refuses the conversation: \
                    no system role";
    assert_eq!(raised, expected);
    let broken = chat_refusal("\n\n{% if %}", plain);
    assert!(
        broken.starts_with("chat_template.jinja: chat template: line 3: "),
        "{broken}"
    );
    let dated = "{{ strftime_now('%Y') }}";
    assert!(chat_refusal(dated, plain).contains("it asks for today's date: "));
    let files = [("chat_template.jinja", dated)];
    let said = spec("template.chat.date = '2026-03-01'");
    let text = open("bytes", &files)
        .with(said)
        .unwrap()
        .prompt_text("q", Flag::None);
    assert_eq!(text.unwrap(), "2026");
    let wrong = chat_refusal(dated, "template.chat.date = 'today'");
    let expected = "prompt.template.chat.date is `today`, expected as in 2026-03-01";
    assert_eq!(wrong, expected);
}
