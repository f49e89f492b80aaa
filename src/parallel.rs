//! Work on all cores where there are several; wasm has one.

/// `of` each of `items`, in order.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], of: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
    #[cfg(not(target_family = "wasm"))]
    {
        use rayon::prelude::*;
        items.par_iter().map(of).collect()
    }
    #[cfg(target_family = "wasm")]
    items.iter().map(of).collect()
}

/// Calls `f` for each of `items`, with something of the thread's own beside it that is
/// made once and used again.
pub(crate) fn for_each_with<T: Send, S>(
    items: Vec<T>,
    own: impl Fn() -> S + Send + Sync,
    f: impl Fn(&mut S, T) + Send + Sync,
) {
    #[cfg(not(target_family = "wasm"))]
    {
        use rayon::prelude::*;
        items.into_par_iter().for_each_init(own, f);
    }
    #[cfg(target_family = "wasm")]
    {
        let mut own = own();
        items.into_iter().for_each(|item| f(&mut own, item));
    }
}
