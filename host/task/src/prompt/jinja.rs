//! Jinja as prompts use it: text without escapes, Python's methods on strings, and an end in any case.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind};
use minijinja_contrib::pycompat;
use picklock_message::grouped;

/// Steps that a template may take, which also bounds its memory to 64 bytes each. A chat of a hundred
/// turns takes some thousand.
const FUEL: u64 = 2_000_000;

/// An environment whose templates end.
///
/// # Errors
/// Where minijinja refuses the syntax.
pub fn environment(syntax: &Syntax) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(syntax.trims)
            .lstrip_blocks(syntax.trims)
            .keep_trailing_newline(!syntax.trims)
            .build()?,
    );
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(pycompat::unknown_method_callback);
    Ok(environment)
}

/// How white space around blocks is taken.
pub struct Syntax {
    /// Whether a block takes its line's white space with it, as transformers has it; else a text is
    /// taken as it stands.
    pub trims: bool,
}

/// What is wrong with a template, and on which of its lines.
pub fn problem(error: &Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            let steps = grouped(FUEL);
            format!("doesn't end: stopped after {steps} steps")
        }
        (_, Some(detail)) => detail.replace('\n', " "),
        (kind, None) => kind.to_string(),
    };
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}
