//! libFuzzer on [`delicate_fuzz::mol_block`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    delicate_fuzz::mol_block(data);
});
