//! Messages to the user, on stderr.
//!
//! One that cannot be written is lost, and nothing else: a log on a full disk, a
//! terminal that is closed or a `head` that has read enough ends no work. Hence
//! [`say!`] in place of `eprintln!`, which panics there and is forbidden in this
//! crate.

use std::fmt::Arguments;
use std::io::{self, Write};

use delicate::text::one_line;

/// Writes a line to stderr, as `eprintln!` does, or loses it.
macro_rules! say {
    ($($message:tt)*) => {
        $crate::messages::line(format_args!($($message)*))
    };
}

pub(crate) use say;

/// What [`say!`] calls.
pub(crate) fn line(message: Arguments<'_>) {
    let message = message.to_string();
    // What comes from a file is no command to the terminal.
    let lines: Vec<_> = message.split('\n').map(one_line).collect();
    // In one call, so that lines of several processes are not mixed.
    let _ = io::stderr()
        .lock()
        .write_all(format!("{}\n", lines.join("\n")).as_bytes());
}
