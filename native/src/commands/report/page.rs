//! The page: HTML around tables and figures. It loads nothing and runs no
//! script, and its security policy forbids both, so that text from users'
//! files could do nothing even if it were not escaped.

use std::fmt::Write as _;

use super::figures::Figure;

const STYLE: &str = include_str!("report.css");

/// `text` for use in HTML, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in HTML or XML at all.
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page that is being written. Arguments are plain text unless they are
/// called `html`.
pub(super) struct Page {
    html: String,
}

impl Page {
    pub(super) fn new(title: &str, subtitle: &str) -> Self {
        let title = escape(title);
        Self {
            html: format!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <meta name=\"color-scheme\" content=\"light dark\">\n\
                 <meta http-equiv=\"Content-Security-Policy\" \
                 content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
                 <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
                 <header>\n<h1>{title}</h1>\n<p class=\"subtitle\">{}</p>\n</header>\n",
                escape(subtitle)
            ),
        }
    }

    pub(super) fn section(&mut self, title: &str) {
        self.line(&format!("<h2>{}</h2>", escape(title)));
    }

    pub(super) fn heading(&mut self, title: &str, note: &str) {
        self.line(&format!(
            "<h3>{} <span class=\"note\">{}</span></h3>",
            escape(title),
            escape(note)
        ));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.line(&format!("<p>{}</p>", escape(text)));
    }

    pub(super) fn notes(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.line("<ul class=\"notes\" role=\"note\">");
        for note in notes {
            self.line(&format!("<li>{}</li>", escape(note)));
        }
        self.line("</ul>");
    }

    /// Large figures with a name each.
    pub(super) fn tiles(&mut self, tiles: &[(String, String)]) {
        self.line("<dl class=\"tiles\">");
        for (name, value) in tiles {
            self.line(&format!(
                "<div><dt>{}</dt><dd>{}</dd></div>",
                escape(name),
                escape(value)
            ));
        }
        self.line("</dl>");
    }

    /// Names and values.
    pub(super) fn list(&mut self, entries: &[(String, String)]) {
        self.line("<dl class=\"list\">");
        for (name, value) in entries {
            self.line(&format!(
                "<dt>{}</dt><dd>{}</dd>",
                escape(name),
                escape(value)
            ));
        }
        self.line("</dl>");
    }

    /// A table; the columns from `numbers` on are right-aligned.
    pub(super) fn table(&mut self, columns: &[&str], numbers: usize, rows: &[Vec<Cell>]) {
        self.line("<div class=\"scroll\"><table>\n<thead><tr>");
        let class = |column: usize| {
            if column >= numbers {
                " class=\"n\""
            } else {
                ""
            }
        };
        for (at, column) in columns.iter().enumerate() {
            self.line(&format!(
                "<th scope=\"col\"{}>{}</th>",
                class(at),
                escape(column)
            ));
        }
        self.line("</tr></thead>\n<tbody>");
        for row in rows {
            let mut html = String::from("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let text = escape(&cell.text);
                let text = match cell.kind {
                    Kind::Plain => text,
                    Kind::Strong => format!("<strong>{text}</strong>"),
                    Kind::Code => format!("<code>{text}</code>"),
                };
                let interval = if cell.interval.is_empty() {
                    String::new()
                } else {
                    format!(" <span class=\"ci\">{}</span>", escape(&cell.interval))
                };
                // Writing to a string cannot fail.
                let _ = write!(html, "<td{}>{text}{interval}</td>", class(at));
            }
            html.push_str("</tr>");
            self.line(&html);
        }
        self.line("</tbody>\n</table></div>");
    }

    pub(super) fn figures(&mut self, figures: &[Figure]) {
        if figures.is_empty() {
            return;
        }
        let class = if figures.len() == 3 { " three" } else { "" };
        self.line(&format!("<div class=\"figures{class}\">"));
        for figure in figures {
            self.line("<figure>");
            self.line(&format!(
                "<figcaption class=\"title\">{}</figcaption>",
                escape(&figure.title)
            ));
            let mut legend = String::from("<p class=\"legend\">");
            for (class, name) in &figure.legend {
                let _ = write!(
                    legend,
                    "<span><i class=\"k{class}\"></i>{}</span>",
                    escape(name)
                );
            }
            legend.push_str("</p>");
            self.line(&legend);
            self.line(&figure.svg);
            if !figure.caption.is_empty() {
                self.line(&format!(
                    "<p class=\"caption\">{}</p>",
                    escape(&figure.caption)
                ));
            }
            self.line("</figure>");
        }
        self.line("</div>");
    }

    /// What follows is shown on demand, up to `close_details`.
    pub(super) fn open_details(&mut self, summary: &str) {
        self.line(&format!("<details><summary>{}</summary>", escape(summary)));
    }

    pub(super) fn close_details(&mut self) {
        self.line("</details>");
    }

    /// A text that is shown on demand.
    pub(super) fn details(&mut self, summary: &str, text: &str) {
        self.line(&format!(
            "<details><summary>{}</summary><pre>{}</pre></details>",
            escape(summary),
            escape(text)
        ));
    }

    pub(super) fn finish(mut self, footer: &str) -> String {
        self.line(&format!(
            "<footer>{}</footer>\n</main>\n</body>\n</html>",
            escape(footer)
        ));
        self.html
    }

    fn line(&mut self, html: &str) {
        self.html.push_str(html);
        self.html.push('\n');
    }
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
