//! A report as one page: no network, no scripts, no other file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::figure::{Figure, dark_rules};
use crate::table::{Kind, Table};
use crate::view::{Block, ClaimView, PredictionView, Section, View};

/// The whole page.
pub fn page(view: &View) -> String {
    let style = include_str!("style.css").replace("/* dark figures */", &dark_rules());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (view.title) }
                style { (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { (view.title) }
                    @for fact in &view.facts { p.fact { (fact) } }
                }
                @if !view.notes.is_empty() {
                    aside.notes {
                        h2 { "Look at this first" }
                        ul { @for note in &view.notes { li { (note) } } }
                    }
                }
                nav aria-label="Sections" {
                    a href="#verdicts" { "Verdicts" }
                    @for section in &view.sections { a href={ "#" (section.id) } { (section.title) } }
                }
                main {
                    (verdicts(view))
                    @for section in &view.sections { (self::section(section)) }
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn verdicts(view: &View) -> Markup {
    html! {
        section id="verdicts" {
            h2 { "Verdicts" }
            div.scroll {
                table.verdicts {
                    thead { tr {
                        th { "claim" }
                        th { "verdict" }
                        th.number { "effect in points (interval)" }
                        th.number { "p" }
                        th.number { "adjusted p" }
                        th { "seeds × draws × problems" }
                        th { "said by" }
                        th { "this run agrees" }
                    } }
                    @for claim in &view.claims { (self::claim(claim)) }
                }
            }
            p.note {
                "A claim’s p is the largest of its confirmatory predictions’, adjusted by Holm over the claims of \
                 this run. Intervals are at the level that decides: 95% to show a difference, 90% to show that \
                 there is none that matters."
            }
        }
    }
}

fn claim(claim: &ClaimView) -> Markup {
    html! {
        tbody {
            tr.claim {
                th scope="rowgroup" {
                    a href={ "#h-" (claim.name) } { (claim.name) }
                    span.sentence { (claim.claim) }
                }
                td data-label="verdict" {
                    (badge(claim.verdict))
                    @if claim.exploratory { " " span.exploratory { "exploratory" } }
                }
                td.empty {}
                (cell("p", &claim.p))
                (cell("adjusted p", &claim.p_adjusted))
                td.empty {}
                td data-label="said by" { (claim.said_by) }
                td data-label="this run agrees" { (claim.agrees) }
            }
            @for prediction in &claim.predictions { (self::prediction(prediction)) }
        }
    }
}

fn prediction(prediction: &PredictionView) -> Markup {
    let level = match prediction.level.as_str() {
        "" | "95" => String::new(),
        level => format!(" {level}%"),
    };
    html! {
        tr.prediction {
            th scope="row" {
                (prediction.name)
                @if !prediction.confirmatory { " " span.role { "descriptive" } }
            }
            td data-label="verdict" { span.small { (prediction.verdict) } }
            (cell("effect in points", &format!("{}{level}", prediction.effect)))
            (cell("p", &prediction.p))
            (cell("adjusted p", &prediction.p_adjusted))
            td.number data-label="seeds × draws × problems" { (prediction.n.replace(" x ", " × ")) }
            td.empty {}
            td.empty {}
        }
    }
}

fn cell(label: &str, text: &str) -> Markup {
    html! {
        @if text.is_empty() { td.empty {} }
        @else { td.number data-label=(label) { (minus(text)) } }
    }
}

fn badge(verdict: &str) -> Markup {
    html! { span class={ "badge " (verdict.replace(' ', "-")) } { (verdict.to_uppercase()) } }
}

fn section(section: &Section) -> Markup {
    html! {
        section id=(section.id) {
            h2 { (section.title) }
            @for block in &section.blocks { (self::block(block)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (text) } },
        Block::List(items) => html! { ul { @for item in items { li { (item) } } } },
        Block::Table(rows) => html! { (table(rows)) },
        Block::Folded(rows) => folded(&rows.caption, &table(rows)),
        Block::Figure(figure) => self::figure(figure),
        Block::Verbatim { caption, text } => html! {
            p { (caption) ":" }
            pre { code { (text) } }
        },
    }
}

fn folded(caption: &str, inside: &Markup) -> Markup {
    html! { details { summary { (caption) } (inside) } }
}

fn figure(figure: &Figure) -> Markup {
    html! {
        figure id=(figure.id) {
            h3 { (figure.title) }
            div.scroll tabindex="0" role="region" aria-label=(figure.title) { (PreEscaped(figure.svg())) }
            figcaption { (figure.note) }
            (folded("The numbers behind it", &table(&figure.data)))
        }
    }
}

fn table(table: &Table) -> Markup {
    let class = |kind| match kind {
        Kind::Number => "number",
        Kind::Tokens => "tokens",
        Kind::Word => "word",
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead { tr {
                    @for column in &table.columns { th scope="col" class=(class(column.kind)) { (column.name) } }
                } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (cell, column) in row.iter().zip(&table.columns) {
                                td class=(class(column.kind)) {
                                    @if column.kind == Kind::Number { (minus(cell)) } @else { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A number with a minus sign in place of a hyphen, and no break within.
fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}
