//! Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What Ctrl-C does: while the command is busy it asks it to finish the batch,
/// and a second one, or one that meets it waiting for input, ends it at once.
#[derive(Clone, Default)]
pub(crate) struct Interrupt {
    raised: Arc<AtomicBool>,
    busy: Arc<AtomicBool>,
}

impl Interrupt {
    pub(crate) fn listen() -> Self {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        let set = ctrlc::set_handler(move || {
            let again = handler.raised.swap(true, Ordering::Relaxed);
            if again || !handler.busy.load(Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
        if let Err(error) = set {
            eprintln!("delicate: Ctrl-C will stop the command in the middle of a row: {error}");
        }
        interrupt
    }

    pub(crate) fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }
}
