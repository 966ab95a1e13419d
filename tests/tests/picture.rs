//! The picture that a run ends with.

use picklock_tests::Place;

#[test]
fn the_picture_is_well_formed_and_names_its_four_lines() {
    let place = Place::new();
    place
        .run(&["core", "--seeds", "2", "--draws", "2", "--out", "o"])
        .ok();
    let svg = std::fs::read_to_string(place.here("o/figures/core-step.svg")).unwrap();
    let texts = texts_of(&svg);
    for text in ["password", "locked", "unlock", "weak", "unlocking steps"] {
        assert_eq!(
            texts.iter().filter(|known| *known == text).count(),
            1,
            "{text}: {texts:?}"
        );
    }
    assert!(
        texts.iter().any(|text| text.starts_with("accuracy")),
        "{texts:?}"
    );
    // Two faint seeds and their mean, for each of the four.
    assert!(svg.matches("<polyline").count() >= 4 * 3, "{svg}");
}

/// The texts of an SVG whose every element is closed in its turn.
fn texts_of(svg: &str) -> Vec<String> {
    let (mut open, mut texts, mut rest) = (Vec::new(), Vec::new(), svg);
    while let Some((text, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("a tag that ends");
        let text = text.trim();
        assert!(!text.contains('>') && text.matches('&').count() == text.matches(';').count());
        match open.last() {
            _ if text.is_empty() => {}
            Some(&"text") => texts.push(text.to_string()),
            Some(&("title" | "style")) => {}
            _ => panic!("{text} stands outside of a text"),
        }
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .expect("a name");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "<{tag}>");
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(name);
        }
        rest = after;
    }
    assert!(open.is_empty(), "{open:?} are never closed");
    texts
}
