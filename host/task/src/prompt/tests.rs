//! Encoders of whole folders: tokens, prompts, boundaries, chats, and what is refused.

mod chats;
mod refused;

use std::path::{Path, PathBuf};

use picklock_sdk::Flag;
use serde::Deserialize;
use tempfile::TempDir;

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
