//! From text to tokens.

use std::collections::BTreeSet;

use super::numeral::{leading, numeral};
use super::token::{Bracket, Mark, Token, command, sign};
use super::unit;

/// Commands that only say how things look.
const LOOKS: &str = "\
    left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr middle displaystyle \
    textstyle scriptstyle limits nolimits quad qquad mathbf boldsymbol bm mathcal bf rm it \
    overline";
/// Commands whose argument is text.
const TEXTS: &str =
    "text mbox hbox textbf textit textrm textnormal textsf texttt mathrm operatorname";
/// Commands whose argument isn't seen.
const UNSEEN: &str = "phantom hspace vspace tag label";

/// How an answer is read where there is a choice.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Whether `1,000` is a thousand, rather than two things.
    pub commas_group: bool,
    /// Words that letters may form, besides the usual.
    pub words: &'a BTreeSet<String>,
}

/// Reads the tokens of `text`, and whether a plain comma in it was taken to group digits.
pub fn tokens(text: &str, reading: Reading) -> (Vec<Token>, bool) {
    let mut lexer = Lexer {
        reading,
        tokens: Vec::new(),
        grouped: false,
        depth: 0,
        texts: 0,
    };
    lexer.read(text, false);
    (lexer.tokens, lexer.grouped)
}

struct Lexer<'a> {
    reading: Reading<'a>,
    tokens: Vec<Token>,
    grouped: bool,
    /// Brackets that are open, in which commas separate.
    depth: usize,
    /// How deep texts are nested.
    texts: usize,
}

/// The deepest that texts may be nested in each other.
const DEEPEST_TEXT: usize = 8;

impl Lexer<'_> {
    /// Reads mathematics, or text, in which letters are words.
    fn read(&mut self, mut rest: &str, is_text: bool) {
        while let Some(first) = rest.chars().next() {
            rest = match first {
                '\\' => self.command(&rest[1..]),
                '$' if is_text => &rest[1..],
                _ if is_text && first.is_alphabetic() => self.word(rest),
                _ if !is_text && first.is_ascii_alphabetic() => self.letters(rest),
                _ => self.number_or_sign(rest, first),
            };
        }
    }

    fn text(&mut self, text: &str) {
        if self.texts == DEEPEST_TEXT {
            self.tokens.push(Token::Mark(Mark::Strange));
            return;
        }
        self.texts += 1;
        self.read(text, true);
        self.texts -= 1;
    }

    fn number_or_sign<'t>(&mut self, rest: &'t str, first: char) -> &'t str {
        let commas = self.reading.commas_group && self.depth == 0;
        if let Some(numeral) = numeral(rest, commas) {
            self.grouped |= numeral.grouped;
            self.tokens
                .push(Token::Number(numeral.value, numeral.digits));
            return &rest[numeral.length..];
        }
        if matches!(first, '<' | '>' | '!')
            && let Some(token) = rest.get(..2).and_then(command)
        {
            self.tokens.push(token);
            return &rest[2..];
        }
        if !first.is_whitespace() && first != '~' && first != '\u{200b}' {
            let token = sign(first).or_else(|| letter(first));
            self.push(token.unwrap_or(Token::Mark(Mark::Strange)));
        }
        &rest[first.len_utf8()..]
    }

    fn push(&mut self, token: Token) {
        match token {
            Token::Open(Bracket::Group) | Token::Close(Bracket::Group) => {}
            Token::Open(_) => self.depth += 1,
            Token::Close(_) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.tokens.push(token);
    }

    /// Letters outside of text: words and functions that are known, else variables.
    fn letters<'t>(&mut self, rest: &'t str) -> &'t str {
        let run = leading(rest, |letter| letter.is_ascii_alphabetic());
        if run.len() > 1 && self.is_word(run) {
            self.tokens.push(Token::Word(run.to_lowercase()));
        } else if let Some(token) = command(run).filter(|_| run.len() > 1 && run != "in") {
            self.push(token);
        } else {
            let symbols = run.chars().map(|letter| Token::Symbol(letter.into()));
            self.tokens.extend(symbols);
        }
        &rest[run.len()..]
    }

    /// Whether letters are a word rather than a product: a known one, or one of several letters that
    /// can be spoken and don't just follow each other in the alphabet.
    fn is_word(&self, run: &str) -> bool {
        let word = run.to_lowercase();
        if unit::is_known(&word) || self.reading.words.contains(&word) {
            return true;
        }
        is_spoken(&word) && command(run).is_none()
    }

    fn word<'t>(&mut self, rest: &'t str) -> &'t str {
        let mut run = leading(rest, char::is_alphabetic);
        // `p.m.`
        let mut word = run.to_lowercase();
        let mut length = run.len();
        while run.chars().count() == 1
            && let Some(next) = rest[length..].strip_prefix('.')
            && next.starts_with(char::is_alphabetic)
        {
            run = leading(next, char::is_alphabetic);
            word += &run.to_lowercase();
            length += 1 + run.len();
        }
        self.tokens.push(Token::Word(word));
        &rest[length..]
    }

    /// What follows a backslash.
    fn command<'t>(&mut self, rest: &'t str) -> &'t str {
        let name = leading(rest, |letter| letter.is_ascii_alphabetic());
        if name.is_empty() {
            return self.control_sign(rest);
        }
        let after = rest[name.len()..].trim_start();
        match name {
            "begin" | "end" => self.environment(name, after),
            "mathbb" if after.starts_with("{R}") => {
                self.tokens.push(Token::Mark(Mark::Reals));
                &after["{R}".len()..]
            }
            "left" | "right" => after.strip_prefix('.').unwrap_or(after),
            "not" => {
                self.tokens.push(Token::Mark(Mark::Strange));
                after
            }
            _ if unit::is_listed(LOOKS, name) => after,
            _ if unit::is_listed(UNSEEN, name) => argument(after).1,
            _ if unit::is_listed(TEXTS, name) => {
                let (text, after) = argument(after);
                let symbol = matches!(name, "mathrm" | "operatorname");
                let named = command(text.trim()).filter(|_| symbol);
                match named {
                    Some(token) => self.push(token),
                    None if symbol && ["e", "i", "d"].contains(&text) => {
                        self.tokens.push(Token::Symbol(text.into()));
                    }
                    None => self.text(text),
                }
                after
            }
            _ => {
                let symbol = || Token::Symbol(name.to_string());
                self.push(command(name).unwrap_or_else(symbol));
                after
            }
        }
    }

    /// A backslash with a sign: spaces, new rows, and signs that TeX would else take for its own.
    fn control_sign<'t>(&mut self, rest: &'t str) -> &'t str {
        let Some(first) = rest.chars().next() else {
            return rest;
        };
        match first {
            '\\' => self.tokens.push(Token::Row),
            '|' => self.tokens.push(Token::Mark(Mark::Bar)),
            // Delimiters of mathematics, and spaces.
            '(' | ')' | '[' | ']' | ',' | ';' | ':' | '!' | '>' | '/' => {}
            _ if first.is_whitespace() => {}
            _ => {
                let token = command(first.encode_utf8(&mut [0; 4]));
                self.push(token.unwrap_or(Token::Mark(Mark::Strange)));
            }
        }
        &rest[first.len_utf8()..]
    }

    fn environment<'t>(&mut self, name: &str, after: &'t str) -> &'t str {
        let (environment, mut rest) = argument(after);
        if name == "end" {
            self.depth = self.depth.saturating_sub(1);
            self.tokens.push(Token::End);
            return rest;
        }
        self.depth += 1;
        self.tokens
            .push(Token::Begin(environment.trim().to_string()));
        if environment == "array" {
            rest = argument(rest).1;
        }
        rest
    }
}

/// A command's argument without its braces, and what follows; without braces it is one letter.
fn argument(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let Some(inside) = text.strip_prefix('{') else {
        let end = text.chars().next().map_or(0, char::len_utf8);
        return text.split_at(end);
    };
    let mut depth = 1;
    for (index, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&inside[..index], &inside[index + 1..]);
        }
    }
    (inside, "")
}

/// Letters of other alphabets are variables.
fn letter(letter: char) -> Option<Token> {
    letter
        .is_alphabetic()
        .then(|| Token::Symbol(letter.to_string()))
}

/// Whether small letters look like a word rather than a product of variables.
pub fn is_spoken(word: &str) -> bool {
    let spoken = word.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    let letters = word.as_bytes();
    let alphabet = letters.windows(2).all(|two| two[0] < two[1]);
    letters.len() >= 4 && letters[0] != b'\\' && spoken && !alphabet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let words = BTreeSet::from(["daps".to_string()]);
        let reading = Reading {
            commas_group: true,
            words: &words,
        };
        let shown = |token: &Token| match token {
            Token::Number(value, _) => value.to_string(),
            Token::Symbol(name) => name.clone(),
            Token::Word(word) => format!("<{word}>"),
            Token::Mark(mark) => format!("{mark:?}"),
            token => format!("{token:?}"),
        };
        let all: Vec<String> = tokens(text, reading).0.iter().map(shown).collect();
        all.join(" ")
    }

    #[test]
    fn letters_are_variables_unless_they_are_words() {
        assert_eq!(shown("2xy"), "2 x y");
        assert_eq!(shown("abcd"), "a b c d");
        assert_eq!(shown("18 hours"), "18 <hours>");
        assert_eq!(shown("16 daps"), "16 <daps>");
        assert_eq!(shown("12\\ \\text{p.m.}"), "12 <pm> Period");
        assert_eq!(shown("\\mathrm{e}^x"), "e Power x");
        assert_eq!(shown("Evelyn"), "<evelyn>");
        assert_eq!(shown("2pi"), "2 pi");
    }

    #[test]
    fn what_only_looks_is_dropped() {
        assert_eq!(shown("\\left(1,\\,2\\right]"), shown("(1,2]"));
        assert_eq!(shown("\\dfrac12"), shown("\\frac 12"));
        assert_eq!(shown("x\\!\\quad+~1"), "x Plus 1");
        assert_eq!(shown("1\\%"), "1 Percent");
        assert_eq!(shown("(1,000)"), "Open(Round) 1 Comma 0 Close(Round)");
    }
}
