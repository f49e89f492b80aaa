//! How the page's modules are linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        // The library adds a function at run time: src/kernels/int8/relaxed.rs.
        println!("cargo::rustc-cdylib-link-arg=--growable-table");
    }
}
