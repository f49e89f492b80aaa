//! The elements of the page. It loads nothing and runs no script, and its
//! security policy forbids both; maud escapes all text that is put into it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::Figure;

const STYLE: &str = include_str!("report.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub(super) fn document(title: &str, subtitle: &str, content: &Markup, footer: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (title) }
                        p.subtitle { (subtitle) }
                    }
                    (content)
                    footer { (footer) }
                }
            }
        }
    };
    // Users' files may hold characters that HTML does not allow at all.
    page.into_string().replace(
        |c: char| c.is_control() && c != '\n' && c != '\t',
        "\u{FFFD}",
    )
}

/// What a reader should know first.
pub(super) fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            ul.notes role="note" {
                @for note in notes { li { (note) } }
            }
        }
    }
}

/// Large figures with a name each.
pub(super) fn tiles(tiles: &[(&str, String)]) -> Markup {
    html! {
        dl.tiles {
            @for (name, value) in tiles {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// Names and values.
pub(super) fn list(entries: &[(&str, String)]) -> Markup {
    html! {
        dl.list {
            @for (name, value) in entries { dt { (name) } dd { (value) } }
        }
    }
}

/// A heading with a note behind it.
pub(super) fn heading(title: &str, note: &str) -> Markup {
    html! { h3 { (title) " " span.note { (note) } } }
}

/// A table; the columns from `numbers` on are right-aligned.
pub(super) fn table(columns: &[&str], numbers: usize, rows: &[Vec<Cell>]) -> Markup {
    let class = |column: usize| (column >= numbers).then_some("n");
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        @for (index, column) in columns.iter().enumerate() {
                            th scope="col" class=[class(index)] { (column) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                td class=[class(index)] { (content(cell)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn content(cell: &Cell) -> Markup {
    html! {
        @match cell.kind {
            Kind::Plain => { (cell.text) }
            Kind::Strong => { strong { (cell.text) } }
            Kind::Code => { code { (cell.text) } }
        }
        @if !cell.interval.is_empty() {
            " " span.ci { (cell.interval) }
        }
    }
}

/// Figures side by side.
pub(super) fn figures(figures: &[Figure]) -> Markup {
    let class = if figures.len() == 3 {
        "figures three"
    } else {
        "figures"
    };
    html! {
        @if !figures.is_empty() {
            div class=(class) {
                @for figure in figures {
                    figure {
                        figcaption.title { (figure.title) }
                        p.legend {
                            @for (class, name) in &figure.legend {
                                span { i class={ "k" (class) } {} (name) }
                            }
                        }
                        (figure.svg)
                        @if !figure.caption.is_empty() {
                            p.caption { (figure.caption) }
                        }
                    }
                }
            }
        }
    }
}

/// What is shown on demand.
pub(super) fn details(summary: &str, content: &Markup) -> Markup {
    html! { details { summary { (summary) } (content) } }
}

/// How a cell is set.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Plain,
    Strong,
    Code,
}

/// A cell of a table.
pub(super) struct Cell {
    pub(super) text: String,
    /// Behind the text, smaller.
    pub(super) interval: String,
    pub(super) kind: Kind,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            interval: String::new(),
            kind: Kind::Plain,
        }
    }

    pub(super) fn code(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Code,
            ..Self::plain(text)
        }
    }
}
