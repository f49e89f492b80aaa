//! Panics of other libraries, told as errors: some readers of damaged files make one, and
//! some backends of a GPU that cannot compute.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::task::Poll;

thread_local! {
    /// How many guards this thread is in.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
}

/// A guard, for as long as it lives.
struct Guard;

impl Guard {
    fn begin() -> Self {
        GUARDS.set(GUARDS.get() + 1);
        Self
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        GUARDS.set(GUARDS.get() - 1);
    }
}

/// Has panics that become an error printed no longer: for the `main` of a program, which
/// alone may say what is printed.
pub fn print_only_uncaught() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |about| {
        if GUARDS.get() == 0 {
            print(about);
        }
    }));
}

/// What `work` gives, or in words why it ended in a panic.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let _guard = Guard::begin();
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| words(&*panic))
}

/// What `work` gives, or in words why it ended in a panic. In WebAssembly a panic ends all.
#[cfg_attr(
    target_family = "wasm",
    allow(dead_code, reason = "there a panic cannot be caught")
)]
pub(crate) async fn guarded_async<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    poll_fn(|context| {
        // One poll each: between them the thread may do something else.
        match guarded(|| work.as_mut().poll(context)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Err(words) => Poll::Ready(Err(words)),
        }
    })
    .await
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it ended without a reason".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_words() {
        assert_eq!(guarded(|| 1), Ok(1));
        let of_text = guarded(|| panic!("no such kernel"));
        assert_eq!(of_text, Err::<(), _>("no such kernel".to_owned()));
        let formatted = guarded(|| panic!("no kernel {}", 7));
        assert_eq!(formatted, Err::<(), _>("no kernel 7".to_owned()));
        let other = guarded(|| panic::panic_any(7));
        assert_eq!(other, Err::<(), _>("it ended without a reason".to_owned()));
        assert_eq!(GUARDS.get(), 0);
    }

    #[test]
    fn a_panic_after_a_wait_becomes_its_words_too() {
        let wait = || {
            let mut waited = false;
            poll_fn(move |context| {
                context.waker().wake_by_ref();
                match std::mem::replace(&mut waited, true) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
        };
        let done = pollster::block_on(guarded_async(async {
            wait().await;
            1
        }));
        assert_eq!(done, Ok(1));
        let panicked = pollster::block_on(guarded_async(async {
            wait().await;
            panic!("the compiler gave up")
        }));
        assert_eq!(panicked, Err::<(), _>("the compiler gave up".to_owned()));
        assert_eq!(GUARDS.get(), 0);
    }
}
