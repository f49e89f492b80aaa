//! Checkpoints of other programs.
//!
//! An input is a file of `torch.save` or a safetensors file, but for two kinds: one
//! that begins with `{` is a directory, `config.json` up to a zero byte and then
//! `model.safetensors`; a pickle by itself is the `data.pkl` of a zip archive whose
//! storages are zeros.

use delicate::convert::import::{ImportOptions, import};

use super::cpu;
use super::packed::zip;

/// How the pickle of PyTorch's old format begins: its magic number.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a";
/// Storages beside a pickle, and the bytes of each.
const STORAGES: usize = 64;
const STORAGE_BYTES: usize = 42 * 8 * size_of::<f32>();

/// A checkpoint to import.
pub fn checkpoint(data: &[u8]) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(directory.path().join(name), bytes).expect("written");
    };
    let options = ImportOptions {
        heads: Some(2),
        layers: Some(3),
        ..ImportOptions::default()
    };
    let path = match data {
        [b'{', ..] => {
            let end = data.iter().position(|&byte| byte == 0);
            let (config, weights) = data.split_at(end.unwrap_or(data.len()));
            file("config.json", config);
            file("model.safetensors", weights.get(1..).unwrap_or_default());
            directory.path().to_owned()
        }
        [0x80, ..] if !data.starts_with(LEGACY) => {
            file("checkpoint.pt", &archive(data));
            directory.path().join("checkpoint.pt")
        }
        _ => {
            file("checkpoint.pt", data);
            directory.path().join("checkpoint.pt")
        }
    };
    match import(&path, &options, cpu()) {
        Ok(imported) => {
            assert!(imported.config.encoder.check().is_ok());
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn archive(pickle: &[u8]) -> Vec<u8> {
    let storage = [0; STORAGE_BYTES];
    let names: Vec<String> = (0..STORAGES)
        .map(|number| format!("archive/data/{number}"))
        .collect();
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/version", b"3\n"),
    ];
    parts.extend(names.iter().map(|name| (name.as_str(), &storage[..])));
    zip(&parts)
}
