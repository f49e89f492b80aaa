//! Messages to the user, on stderr.
//!
//! One that cannot be written is lost, and nothing else: a log on a full disk, a
//! terminal that is closed or a `head` that has read enough ends no work. Hence
//! [`say!`] in place of `eprintln!`, which panics there and is forbidden in this
//! crate.

use std::fmt::Arguments;
use std::io::{self, Write};

/// Writes a line to stderr, as `eprintln!` does, or loses it.
macro_rules! say {
    ($($message:tt)*) => {
        $crate::messages::line(format_args!($($message)*))
    };
}

pub(crate) use say;

/// What [`say!`] calls.
pub(crate) fn line(message: Arguments<'_>) {
    // In one call, so that lines of several processes are not mixed.
    let _ = io::stderr()
        .lock()
        .write_all(format!("{message}\n").as_bytes());
}
