//! libFuzzer on [`delicate_fuzz::model_directory`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    delicate_fuzz::model_directory(data);
});
