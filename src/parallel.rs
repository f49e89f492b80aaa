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
