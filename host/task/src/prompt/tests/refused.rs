//! What is refused: templates, keys and tokenizers, one line each.

use super::*;

#[test]
fn a_text_template_that_is_wrong_says_where_and_why() {
    let refusal = |text: &str| {
        let template = Template::Text(text.into());
        let spec = PromptSpec {
            template: Some(template),
            ..PromptSpec::default()
        };
        bytes().with(spec).err().unwrap().to_string()
    };
    let expected = "prompt.template.text leaves the question out, expected {{ question }} in it";
    assert_eq!(refusal("{question}\nSteps:\n"), expected);
    let shown = PromptSpec {
        template: Some(Template::Text("{{ question }}".into())),
        examples: vec![Example {
            question: "1".into(),
            answer: "one".into(),
        }],
        ..PromptSpec::default()
    };
    let unshown = bytes().with(shown).err().unwrap().to_string();
    assert!(
        unshown.starts_with("prompt.template.text leaves the examples out, expected {% for "),
        "{unshown}"
    );
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
