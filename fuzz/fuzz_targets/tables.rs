//! libFuzzer on [`delicate_fuzz::tables`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    delicate_fuzz::tables(data);
});
