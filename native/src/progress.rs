//! Progress bars: on stderr if a person is watching, hidden otherwise.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// A counter of rows, whose number is unknown.
pub(crate) fn rows(quiet: bool) -> ProgressBar {
    bar(
        quiet,
        None,
        "{spinner} {human_pos} rows  {per_sec}  {elapsed}",
    )
}

/// A bar of `length` units with a message.
pub(crate) fn units(quiet: bool, length: u64) -> ProgressBar {
    bar(quiet, Some(length), "{bar:30} {percent} %  {msg}")
}

/// A bar of bytes, whose length is set once it is known.
pub(crate) fn bytes(quiet: bool) -> ProgressBar {
    bar(
        quiet,
        Some(0),
        "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
    )
}

fn bar(quiet: bool, length: Option<u64>, template: &str) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
