//! Makes the command smaller where the linker can: without a quarter of its file, and with
//! less of it in memory.

use std::env;

/// Set to any text, it keeps the symbols, for a profiler.
const SYMBOLS: &str = "DELICATE_SYMBOLS";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={SYMBOLS}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    // Names of functions, which nothing but a profiler reads. (A profile's `strip` would
    // link every test anew, and is not there for whoever installs the crate.)
    if env::var_os(SYMBOLS).is_none() {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
    // Places that hold addresses, in bits: else the list of them has 6 MB, all of which is
    // read at every start. The system's loader knows bits since 2.36.
    let here = is("TARGET", &env::var("HOST").unwrap_or_default());
    if here && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's C library.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn glibc() -> Option<(u32, u32)> {
    unsafe extern "C" {
        safe fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    // SAFETY: it is text of the library's, ended by a zero.
    let version = unsafe { std::ffi::CStr::from_ptr(gnu_get_libc_version()) };
    let (major, minor) = version.to_str().ok()?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn glibc() -> Option<(u32, u32)> {
    None
}
