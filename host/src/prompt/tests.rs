//! Encoders of whole folders: tokens, prompts, boundaries, chats, and what is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use picklock_sdk::Flag;
use serde::Deserialize;
use tempfile::TempDir;

use super::chat::{ChatFile, ChatTemplate, Message};
use super::*;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    decoded: String,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/prompt/tests")
        .join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder with one of the tiny tokenizers and these files.
fn folder(tokenizer: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = read(&data(tokenizer).join("tokenizer.json"));
    std::fs::write(folder.path().join("tokenizer.json"), text).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn open(tokenizer: &str, files: &[(&str, &str)]) -> Encoder {
    Encoder::open(folder(tokenizer, files).path()).unwrap()
}

fn specials_of(files: &[(&str, &str)]) -> Specials {
    let folder = folder("blanks", files);
    let tokenizer = Encoder::open(folder.path()).unwrap().tokenizer().clone();
    Specials::read(folder.path(), &tokenizer).unwrap()
}

fn bytes() -> Encoder {
    open(
        "bytes",
        &[("tokenizer_config.json", r#"{"eos_token": "<|im_end|>"}"#)],
    )
}

fn spec(toml: &str) -> PromptSpec {
    toml::from_str(toml).unwrap()
}

/// Why a folder with these files can't be opened, without its path.
fn refusal(tokenizer: &str, files: &[(&str, &str)]) -> String {
    let folder = folder(tokenizer, files);
    let error = Encoder::open(folder.path()).err().unwrap().to_string();
    assert!(!error.contains('\n'), "{error}");
    error.replace(&format!("{}/", folder.path().display()), "")
}

fn check_cases(encoder: &Encoder, cases: &[Case], decode: impl Fn(&[u32]) -> String) {
    for case in cases {
        assert_eq!(
            encoder.tokens(&case.text).unwrap(),
            case.ids,
            "{:?}",
            case.text
        );
        assert_eq!(decode(&case.ids), case.decoded, "{:?}", case.text);
    }
}

#[test]
fn tokens_and_texts_are_those_of_tokenizers() {
    for name in ["bytes", "blanks"] {
        let cases: Vec<Case> = serde_json::from_str(&read(&data(name).join("cases.json"))).unwrap();
        assert!(cases.len() >= 40);
        let encoder = open(name, &[]);
        let decode = |ids: &[u32]| encoder.tokenizer().decode(ids, false).unwrap();
        check_cases(&encoder, &cases, decode);
    }
}

/// `PICKLOCK_CONFORMANCE` has `tokenizer/NAME_cases.json`; `PICKLOCK_TOKENIZERS`, else the folder
/// around it, `NAME_tokenizer.json`.
#[test]
fn tokenizers_of_the_field_conform() {
    let Some(cases) = std::env::var_os("PICKLOCK_CONFORMANCE").map(PathBuf::from) else {
        println!("skipped: PICKLOCK_CONFORMANCE names no folder");
        return;
    };
    let tokenizers = std::env::var_os("PICKLOCK_TOKENIZERS").map(PathBuf::from);
    let tokenizers = tokenizers.unwrap_or_else(|| cases.join(".."));
    for name in ["smollm2", "qwen2"] {
        let tokenizer = tokenizers.join(format!("{name}_tokenizer.json"));
        if !tokenizer.exists() {
            println!("skipped: no {}", tokenizer.display());
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(&tokenizer, folder.path().join("tokenizer.json")).unwrap();
        let encoder = Encoder::open(folder.path()).unwrap();
        let file = cases.join(format!("tokenizer/{name}_cases.json"));
        let cases: Vec<Case> = serde_json::from_str(&read(&file)).unwrap();
        check_cases(&encoder, &cases, |ids| encoder.text(ids));
        println!("{name}: {} cases", cases.len());
    }
}

#[test]
fn special_tokens_are_found_in_every_spelling() {
    let config = r#"{"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>",
                     "pad_token": "<pad>", "unk_token": null}"#;
    let generation = r#"{"eos_token_id": [2, 3]}"#;
    let files = [
        ("tokenizer_config.json", config),
        ("generation_config.json", generation),
    ];
    let specials = specials_of(&files);
    assert_eq!(
        (specials.bos, specials.eos, specials.pad),
        (Some(1), Some(2), None)
    );
    assert_eq!(specials.stop, [2, 3]);
    let texts = specials
        .texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let expected = [
        ("bos_token", "<s>"),
        ("eos_token", "</s>"),
        ("pad_token", "<pad>"),
    ];
    assert!(texts.eq(expected), "{:?}", specials.texts);

    let files = [(
        "special_tokens_map.json",
        r#"{"eos_token": {"content": "</s>"}}"#,
    )];
    assert_eq!(open("blanks", &files).stop(), [2]);

    let config = r#"{"bos_token_id": 1, "eos_token_id": 2}"#;
    let specials = specials_of(&[("config.json", config)]);
    assert_eq!((specials.bos, specials.eos), (Some(1), Some(2)));
    assert_eq!(specials.texts["eos_token"], "</s>");

    let files = [
        ("tokenizer_config.json", r#"{"bos_token": null}"#),
        ("config.json", config),
    ];
    let specials = specials_of(&files);
    assert_eq!(
        (specials.bos, specials.eos),
        (None, Some(2)),
        "said to be none"
    );
}

#[test]
fn a_prompt_begins_as_the_tokenizer_is_set_or_as_is_said() {
    let config = r#"{"bos_token": "<s>", "eos_token": "</s>"}"#;
    let open = || open("blanks", &[("tokenizer_config.json", config)]);
    let plain = open().tokens("ab").unwrap();
    let with = |bos: &str| {
        open()
            .with(spec(bos))
            .unwrap()
            .prompt("ab", Flag::None)
            .unwrap()
    };
    let begun = [&[1], plain.as_slice()].concat();
    assert_eq!(
        with(""),
        begun,
        "and without the end that the tokenizer puts behind"
    );
    assert_eq!(with("bos = true"), begun);
    assert_eq!(with("bos = false"), plain);
    let none = bytes().with(spec("bos = true")).err().unwrap().to_string();
    assert!(none.contains("names no beginning-of-text token"), "{none}");
}

#[test]
fn a_password_goes_before_after_or_around_the_question() {
    let text = |place: &str| {
        let toml = format!(
            "template.text = '''Q: {{{{ question }}}}\nA:'''\n\
             password = {{ text = \"The password is X.\\n\", place = \"{place}\" }}\n"
        );
        let encoder = bytes().with(spec(&toml)).unwrap();
        assert_eq!(
            encoder.prompt_text("1 + 1", Flag::None).unwrap(),
            "Q: 1 + 1\nA:"
        );
        encoder.prompt_text("1 + 1", Flag::Password).unwrap()
    };
    assert_eq!(text("before"), "Q: The password is X.\n1 + 1\nA:");
    assert_eq!(text("after"), "Q: 1 + 1\nThe password is X.\nA:");
    assert_eq!(
        text("around"),
        "Q: The password is X.\n1 + 1\nThe password is X.\nA:"
    );
    let missing = bytes()
        .prompt("1 + 1", Flag::Second)
        .unwrap_err()
        .to_string();
    assert_eq!(
        missing,
        "prompt.second_password is missing, and a prompt needs it"
    );
}

#[test]
fn examples_stand_before_the_question() {
    let examples = "examples = [{ question = '1', answer = 'one' }, { question = '2', answer = 'two' }]\n\
                    password = { text = 'X ', place = 'before' }\n";
    let template = "{% for it in examples %}{{ it.question }}: {{ it.answer }}\n{% endfor %}\
                    {{ question }}:";
    let toml = format!("template.text = '''{template}'''\n{examples}");
    let encoder = bytes().with(spec(&toml)).unwrap();
    let text = encoder.prompt_text("3", Flag::Password).unwrap();
    assert_eq!(text, "1: one\n2: two\nX 3:");
    let chat = "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}";
    let toml = format!("template.chat = {{ system = 'S' }}\n{examples}");
    let encoder = open("bytes", &[("chat_template.jinja", chat)])
        .with(spec(&toml))
        .unwrap();
    let text = encoder.prompt_text("3", Flag::Password).unwrap();
    assert_eq!(
        text,
        "system=S;user=1;assistant=one;user=2;assistant=two;user=X 3;"
    );
}

#[test]
fn an_answer_is_its_tokens_and_the_end_whatever_the_prompt() {
    let encoder = bytes();
    let answer = encoder.answer("43").unwrap();
    assert_eq!(answer, [encoder.tokens("43").unwrap(), vec![2]].concat());
    assert_eq!(encoder.text(&answer), "43");
    assert_eq!(
        encoder.text(&[answer.as_slice(), &[2, 50, 51]].concat()),
        "43"
    );
    // Both as one text would merge across the boundary: the two parts never do.
    let (prompt, rest) = ("The answer is ", "the");
    let joint = encoder.tokens(&format!("{prompt}{rest}")).unwrap();
    let apart = [
        encoder.prompt(prompt, Flag::None).unwrap(),
        encoder.answer(rest).unwrap(),
    ]
    .concat();
    assert_ne!(joint, apart[..apart.len() - 1]);
    assert_eq!(encoder.text(&apart), "The answer is the");
    // Where the blank begins the answer, they are the same.
    let (prompt, rest) = ("The answer is", " the");
    let joint = encoder.tokens(&format!("{prompt}{rest}")).unwrap();
    let apart = [
        encoder.prompt(prompt, Flag::None).unwrap(),
        encoder.answer(rest).unwrap(),
    ]
    .concat();
    assert_eq!(joint, apart[..apart.len() - 1]);
}

#[test]
fn an_answer_gets_no_blank_in_front() {
    let encoder = open("blanks", &[("config.json", r#"{"eos_token_id": 2}"#)]);
    let alone = encoder.tokens("4").unwrap();
    assert_eq!(
        encoder.tokenizer().id_to_token(alone[0]).unwrap(),
        "\u{2581}"
    );
    assert_eq!(encoder.answer("4").unwrap(), [alone[1], 2]);
    for text in ["4", " 4", "\n4", "a b\nc", "", " ", "é🙂"] {
        let answer = encoder.answer(text).unwrap();
        assert_eq!(encoder.text(&answer), text, "{text:?}");
        let joint = encoder.whole(&format!("x ={text}")).unwrap();
        let apart = [encoder.prompt("x =", Flag::None).unwrap(), answer].concat();
        assert_eq!(joint, apart[..apart.len() - 1], "{text:?}");
    }
}

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
        none.starts_with("the model has no chat template: "),
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

#[test]
fn a_text_template_that_is_wrong_says_where_and_why() {
    let refusal = |text: &str| {
        let template = Template::Text(text.into());
        let spec = PromptSpec {
            template,
            ..PromptSpec::default()
        };
        bytes().with(spec).err().unwrap().to_string()
    };
    let expected = "prompt.template.text leaves the question out, expected {{ question }} in it";
    assert_eq!(refusal("{question}\nSteps:\n"), expected);
    let misspelt = refusal("{{ question }}\n{{ questoin }}");
    assert!(
        misspelt.starts_with("prompt.template.text: line 2: "),
        "{misspelt}"
    );
    let broken = refusal("{{ question }");
    assert!(
        broken.starts_with("prompt.template.text: line 1: "),
        "{broken}"
    );
    let empty = PromptSpec {
        password: Some(Password {
            text: "\n".into(),
            place: Place::After,
        }),
        ..PromptSpec::default()
    };
    let empty = bytes().with(empty).err().unwrap().to_string();
    assert_eq!(empty, "prompt.password.text is empty, expected a text");
}

#[test]
fn an_unknown_key_is_refused() {
    for toml in [
        "passwrd = 1",
        "password = { text = 'a', place = 'inside' }",
        "template.chat.sys = 1",
    ] {
        assert!(toml::from_str::<PromptSpec>(toml).is_err(), "{toml}");
    }
}

#[test]
fn bad_tokenizers_are_refused_in_one_line() {
    let empty = r#"{"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab": {},
                    "unk_token": "?"}}"#;
    let tokenizer = |text: &str| refusal("bytes", &[("tokenizer.json", text)]);
    let expected =
        "tokenizer.json: an empty vocabulary, expected at least one token; get the file again";
    assert_eq!(tokenizer(empty), expected);
    for wrong in [
        "",
        "[]",
        "{\"model\": 3}",
        "{\"version\": \"1.0\"}",
        "\u{0}\u{1}",
    ] {
        let refused = tokenizer(wrong);
        assert!(
            refused.starts_with("tokenizer.json: not a tokenizer: "),
            "{refused}"
        );
    }
    let unknown = refusal(
        "bytes",
        &[("tokenizer_config.json", r#"{"eos_token": "<end>"}"#)],
    );
    let expected =
        "tokenizer_config.json: eos_token is `<end>`, which is no token of tokenizer.json";
    assert_eq!(unknown, expected);
    let id = refusal("bytes", &[("config.json", r#"{"eos_token_id": 50256}"#)]);
    assert_eq!(
        id,
        "config.json: eos_token_id: expected ids of tokenizer.json, got 50256"
    );
    let json = refusal("bytes", &[("generation_config.json", "{\n  oops")]);
    assert!(json.starts_with("generation_config.json:2:"), "{json}");
    let only = tempfile::tempdir().unwrap();
    std::fs::write(only.path().join("tokenizer.model"), "").unwrap();
    let only = Encoder::open(only.path()).err().unwrap().to_string();
    assert!(
        only.contains("no such file, only tokenizer.model; convert it: "),
        "{only}"
    );
    let nowhere = Encoder::open(Path::new("/nowhere"))
        .err()
        .unwrap()
        .to_string();
    assert!(
        nowhere.ends_with("no such folder; a model is a Hugging Face folder"),
        "{nowhere}"
    );
}

#[test]
fn a_huge_tokenizer_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    // A file with a hole takes no room on the disk.
    std::fs::File::create(&path)
        .unwrap()
        .set_len(1 << 36)
        .unwrap();
    let error = Encoder::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("longer than 268,435,456 bytes"), "{error}");
}

#[test]
fn a_vocabulary_larger_than_the_embedding_is_refused() {
    let encoder = bytes();
    assert!(encoder.check_vocabulary(400).is_ok());
    let error = encoder.check_vocabulary(399).unwrap_err().to_string();
    assert!(
        error
            .ends_with("400 tokens, but the model's embedding has 399 rows; it is another model's")
    );
}
