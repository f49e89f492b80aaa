//! libFuzzer on [`delicate_fuzz::checkpoint`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    delicate_fuzz::checkpoint(data);
});
