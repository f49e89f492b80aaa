//! libFuzzer on [`delicate_fuzz::gz`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    delicate_fuzz::gz(data);
});
