//! Tokens: what the marks of an answer are, however it is written.

use dashu_ratio::RBig;

use super::expr::Function;

/// A mark of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A numeral: its value, and its digits as they stand.
    Number(RBig, String),
    /// A variable, or another sign that stands for something.
    Symbol(String),
    /// A word of text, in small letters.
    Word(String),
    /// A function's name.
    Function(Function),
    /// `\frac`, with two arguments to come.
    Fraction,
    /// `\binom`, with two arguments to come.
    Binomial,
    /// `\sqrt`; where it is `√`, all digits of a numeral stand under it.
    Root {
        /// Whether it is.
        whole: bool,
    },
    /// An opening bracket.
    Open(Bracket),
    /// A closing bracket.
    Close(Bracket),
    /// `\begin{pmatrix}`: the environment's name.
    Begin(String),
    /// `\end{pmatrix}`.
    End,
    /// Between an environment's cells.
    Cell,
    /// Between an environment's rows.
    Row,
    /// Any other mark.
    Mark(Mark),
    /// How two sides compare.
    Relation(Relation),
}

/// Kinds of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// `(`
    Round,
    /// `[`
    Square,
    /// `{`, which TeX doesn't print.
    Group,
    /// `\{`
    Curly,
    /// `\lfloor`
    Floor,
    /// `\lceil`
    Ceiling,
}

/// Marks with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Mark {
    Plus,
    Minus,
    PlusMinus,
    MinusPlus,
    Times,
    Over,
    Power,
    Subscript,
    Factorial,
    Bar,
    Comma,
    Semicolon,
    Colon,
    Period,
    Union,
    Without,
    Degree,
    Percent,
    Dollar,
    Infinity,
    Reals,
    EmptySet,
    /// Whatever has no meaning here.
    Strange,
}

/// Relations between two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Relation {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    About,
    In,
}

impl Relation {
    /// The same relation, the sides being swapped.
    pub fn swapped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }

    /// Whether it is an inequality with a direction.
    pub fn is_order(self) -> bool {
        self.swapped() != self
    }
}

impl Token {
    /// What it adds to a text of letters and digits alone.
    pub fn plain(&self) -> String {
        match self {
            Self::Number(_, digits) => digits.clone(),
            Self::Symbol(name) => name.to_lowercase(),
            Self::Word(word) => word.clone(),
            _ => String::new(),
        }
    }

    /// 1 where it opens something that has an end, -1 where it closes something, else 0.
    pub fn nesting(&self) -> i32 {
        match self {
            Self::Open(_) | Self::Begin(_) => 1,
            Self::Close(_) | Self::End => -1,
            _ => 0,
        }
    }
}

/// The token of a command of TeX, a sign of Unicode, or a plain word that means one; none where it
/// is a letter or a word like any other.
pub fn command(name: &str) -> Option<Token> {
    use Mark as M;
    use Relation as R;
    if let Some(function) = Function::named(name) {
        return Some(Token::Function(function));
    }
    Some(match name {
        "frac" | "dfrac" | "tfrac" | "cfrac" => Token::Fraction,
        "binom" | "dbinom" | "tbinom" => Token::Binomial,
        "sqrt" => Token::Root { whole: false },
        "√" => Token::Root { whole: true },
        "{" | "lbrace" => Token::Open(Bracket::Curly),
        "}" | "rbrace" => Token::Close(Bracket::Curly),
        "lparen" | "langle" | "⟨" => Token::Open(Bracket::Round),
        "rparen" | "rangle" | "⟩" => Token::Close(Bracket::Round),
        "lbrack" => Token::Open(Bracket::Square),
        "rbrack" => Token::Close(Bracket::Square),
        "lfloor" | "⌊" => Token::Open(Bracket::Floor),
        "rfloor" | "⌋" => Token::Close(Bracket::Floor),
        "lceil" | "⌈" => Token::Open(Bracket::Ceiling),
        "rceil" | "⌉" => Token::Close(Bracket::Ceiling),
        "lvert" | "rvert" | "vert" | "mid" => Token::Mark(M::Bar),
        "pm" | "±" => Token::Mark(M::PlusMinus),
        "mp" | "∓" => Token::Mark(M::MinusPlus),
        "−" | "–" | "—" => Token::Mark(M::Minus),
        "times" | "cdot" | "ast" | "×" | "·" | "⋅" | "∙" | "∗" => Token::Mark(M::Times),
        "div" | "÷" | "slash" | "⁄" => Token::Mark(M::Over),
        "cup" | "∪" => Token::Mark(M::Union),
        "setminus" | "backslash" | "∖" => Token::Mark(M::Without),
        "circ" | "degree" | "°" => Token::Mark(M::Degree),
        "%" => Token::Mark(M::Percent),
        "$" => Token::Mark(M::Dollar),
        "infty" | "infinity" | "inf" | "oo" | "∞" => Token::Mark(M::Infinity),
        "mathbb{R}" | "ℝ" => Token::Mark(M::Reals),
        "emptyset" | "varnothing" | "∅" => Token::Mark(M::EmptySet),
        "colon" => Token::Mark(M::Colon),
        "eq" => Token::Relation(R::Equal),
        "ne" | "neq" | "≠" | "!=" => Token::Relation(R::Unequal),
        "lt" => Token::Relation(R::Less),
        "gt" => Token::Relation(R::Greater),
        "le" | "leq" | "leqslant" | "≤" | "<=" => Token::Relation(R::AtMost),
        "ge" | "geq" | "geqslant" | "≥" | ">=" => Token::Relation(R::AtLeast),
        "approx" | "sim" | "simeq" | "≈" => Token::Relation(R::About),
        "in" | "∈" => Token::Relation(R::In),
        "pi" | "π" => Token::Symbol("pi".into()),
        _ => return None,
    })
}

/// The token of a sign that stands for itself.
pub fn sign(sign: char) -> Option<Token> {
    use Mark as M;
    Some(match sign {
        '(' => Token::Open(Bracket::Round),
        ')' => Token::Close(Bracket::Round),
        '[' => Token::Open(Bracket::Square),
        ']' => Token::Close(Bracket::Square),
        '{' => Token::Open(Bracket::Group),
        '}' => Token::Close(Bracket::Group),
        '+' => Token::Mark(M::Plus),
        '-' => Token::Mark(M::Minus),
        '*' => Token::Mark(M::Times),
        '/' => Token::Mark(M::Over),
        '^' => Token::Mark(M::Power),
        '_' => Token::Mark(M::Subscript),
        '!' => Token::Mark(M::Factorial),
        '|' => Token::Mark(M::Bar),
        ',' => Token::Mark(M::Comma),
        ';' => Token::Mark(M::Semicolon),
        ':' => Token::Mark(M::Colon),
        '.' => Token::Mark(M::Period),
        '%' => Token::Mark(M::Percent),
        '$' => Token::Mark(M::Dollar),
        '&' => Token::Cell,
        '=' => Token::Relation(Relation::Equal),
        '<' => Token::Relation(Relation::Less),
        '>' => Token::Relation(Relation::Greater),
        _ => return command(sign.encode_utf8(&mut [0; 4])),
    })
}
