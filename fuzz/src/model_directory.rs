//! Model directories.
//!
//! An input begins with a line of the lengths of `config.json`, `model.safetensors`,
//! `vocab.txt` and `domain.json.gz`, which follow one another; without a fourth length
//! there is no domain. A domain that is not gzipped is. The configuration names the
//! files' digests anew, but for one whose line ends in `as is`.

use delicate::model_dir::{CONFIG, DOMAIN, ModelFiles, VOCABULARY, WEIGHTS};
use delicate::{PredictOptions, Predictor};

use super::packed::gzip;
use super::{cpu, first_line};

/// A model directory: its files, and what is computed with them.
pub fn model_directory(data: &[u8]) -> bool {
    let (line, mut rest) = first_line(data);
    let mut parts = line
        .split_whitespace()
        .map_while(|length| length.parse::<usize>().ok())
        .map(|length| {
            let (part, others) = rest.split_at(length.min(rest.len()));
            rest = others;
            part
        });
    let mut part = || parts.next();
    let mut files = ModelFiles {
        config: part().unwrap_or_default().into(),
        weights: part().unwrap_or_default().into(),
        vocabulary: part().unwrap_or_default().into(),
        domain: part().map(|domain| match domain {
            [0x1f, 0x8b, ..] => domain.into(),
            json => gzip(json).into(),
        }),
    };
    if !line.ends_with("as is") && files.seal().is_err() {
        // No JSON object: it is refused below.
        assert!(files.config().is_err());
    }
    let in_memory = use_model(&files);
    let on_disk = from_disk(&files);
    assert_eq!(on_disk, in_memory, "a model on disk, and in memory");
    in_memory
}

/// Whether the files are a model; predicts with it where they are.
fn use_model(files: &ModelFiles<'_>) -> bool {
    let Ok((config, _)) = files.build(cpu()) else {
        return false;
    };
    let domain = files.applicability(&config);
    let Ok(predictor) = Predictor::load(files, cpu().clone()) else {
        assert!(domain.is_err());
        return false;
    };
    let options = PredictOptions::default().uncertainty(true);
    if let Ok(predictions) = predictor.with(options).predict("OC(C)=O") {
        for prediction in predictions {
            assert!(prediction.value.is_finite(), "{prediction:?}");
        }
    }
    true
}

fn from_disk(files: &ModelFiles<'_>) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let parts = [
        (CONFIG, Some(&files.config)),
        (WEIGHTS, Some(&files.weights)),
        (VOCABULARY, Some(&files.vocabulary)),
        (DOMAIN, files.domain.as_ref()),
    ];
    for (name, bytes) in parts {
        if let Some(bytes) = bytes {
            std::fs::write(directory.path().join(name), bytes).expect("written");
        }
    }
    let Ok(read) = ModelFiles::read(directory.path()) else {
        return false;
    };
    let Ok((config, _)) = read.build(cpu()) else {
        return false;
    };
    read.applicability(&config).is_ok()
}
