//! libFuzzer on [`delicate_fuzz::smiles`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    delicate_fuzz::smiles(data);
});
