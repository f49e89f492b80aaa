//! The allocator, and what it does with memory that is freed.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lets the allocator keep what is freed: a training step frees and takes hundreds of
/// megabytes, and fetching them from the system again costs more than many of its kernels.
pub(crate) fn keep() {
    purge_after(-1);
}

/// While there is one, what is freed is given back to the system at once. Loading a model
/// holds several forms of its weights one after the other, of which nothing comes back.
pub(crate) struct GivenBack(());

impl GivenBack {
    pub(crate) fn begin() -> Self {
        purge_after(0);
        Self(())
    }
}

impl Drop for GivenBack {
    fn drop(&mut self) {
        keep();
    }
}

/// Sets after how many milliseconds memory is given back; -1 is "never".
fn purge_after(milliseconds: std::ffi::c_long) {
    // `mi_option_purge_delay`, which the crate does not name.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: it sets one number; an option that is none is ignored.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) };
}

/// Has the system give memory in small pages. Of the large ones (2 MiB) that the allocator
/// asks for, scoring leaves most of each untouched, which costs a third of its memory;
/// training fills them, and keeps them.
#[cfg(target_os = "linux")]
pub(crate) fn small_pages() {
    let none: libc::c_ulong = 0;
    let set: libc::c_ulong = 1;
    // SAFETY: it sets a flag of this process. Where it cannot be set, pages stay large.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, set, none, none, none) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn small_pages() {}
