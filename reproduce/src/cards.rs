//! The cards of the models that are shipped: what their runs wrote, and what no
//! run knows.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use delicate::model_dir;
use delicate::train::run_dir::{self, RunInfo};
use serde_json::Value;

use crate::files;
use crate::results::last;

/// What says how the encoder was pre-trained.
pub(crate) enum Pretraining {
    /// Its runs.
    Trained { tokens: PathBuf, structure: PathBuf },
    /// The card of this model.
    Shipped(PathBuf),
}

impl Pretraining {
    /// How the encoder was pre-trained, in a section.
    fn text(&self) -> Result<String> {
        const HEADING: &str = "\n## Pre-training\n";
        let (tokens, structure) = match self {
            Self::Trained { tokens, structure } => (tokens, structure),
            Self::Shipped(model) => {
                let (card, _) = card(model)?;
                let (_, section) = parted(&card, HEADING)?;
                let (_, after) = section.split_at(HEADING.len());
                let end = after.find("\n## ").unwrap_or(after.len());
                return Ok(format!("{HEADING}{}", &after[..end]));
            }
        };
        let (first, then) = (Trained::read(tokens)?, Trained::read(structure)?);
        let minutes = (first.seconds + then.seconds) / 60.0;
        Ok(section(PRETRAINING)
            .replace("{tokens}", &first.to_string())
            .replace("{structure}", &then.to_string())
            .replace("{minutes}", &format!("{minutes:.0}")))
    }
}

/// What a run of pre-training did, such as `1289 steps with batches of 64 on CPU`.
struct Trained {
    steps: f64,
    molecules: i64,
    device: String,
    seconds: f64,
}

impl Trained {
    fn read(run: &Path) -> Result<Self> {
        let path = run.join(run_dir::CONFIG);
        let text = files::text(&path)?;
        let config: toml::Table = text.parse().with_context(|| path.display().to_string())?;
        let molecules = config
            .get("batch")
            .and_then(|b| b.get("molecules")?.as_integer());
        let info: RunInfo = files::json(&run.join(run_dir::RUN))?;
        Ok(Self {
            steps: last(run, "step")?,
            molecules: molecules.with_context(|| format!("{}: no batch", path.display()))?,
            device: info.device,
            seconds: last(run, "seconds")?,
        })
    }
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            steps,
            molecules,
            device,
            ..
        } = self;
        write!(f, "{steps} steps with batches of {molecules} on {device}")
    }
}

/// How encoders are pre-trained, with places for what their runs did.
const PRETRAINING: &str = include_str!("../cards/pretraining.md");

/// What the card of the endpoints' model says besides its tables.
const ENDPOINTS: &str = include_str!("../cards/endpoints.md");

/// Who taught the ADMET model.
const TEACHER: &str = include_str!("../cards/admet.md");

/// Where the corpus comes from, for the cards of encoders.
const CORPUS: &str = include_str!("../cards/corpus.md");

/// What the card of the pre-trained encoder says in place of what a pre-trained
/// model is for.
const PRETRAINED: &str = include_str!("../cards/pretrained.md");

/// What the embedding's card says in place of what a pre-trained model is for.
const EMBEDDING: &str = include_str!("../cards/embedding.md");

/// A part of a card, apart from what comes before.
fn section(text: &str) -> String {
    format!("\n{text}")
}

/// Puts what no run knows into the card of the exported model of the endpoints.
pub(crate) fn endpoints(model: &Path, pretraining: &Pretraining) -> Result<()> {
    let (card, path) = card(model)?;
    let (about, rest) = parted(&card, "\n## Use\n")?;
    let written = [about, &pretraining.text()?, &section(ENDPOINTS), rest].concat();
    files::write(&path, written)
}

/// Puts who taught it into the card of the exported ADMET model.
pub(crate) fn admet(model: &Path) -> Result<()> {
    let (card, path) = card(model)?;
    let (about, rest) = parted(&card, "\n## Use\n")?;
    files::write(&path, [about, &section(TEACHER), rest].concat())
}

/// What an exported encoder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoder {
    /// To fine-tune from.
    Pretrained,
    /// To compare molecules by.
    Embedding,
}

/// Names an exported encoder, and says in its card what it is for.
pub(crate) fn encoder(
    model: &Path,
    name: &str,
    purpose: Encoder,
    pretraining: &Pretraining,
) -> Result<()> {
    let path = model.join("config.json");
    let mut config: Value = files::json(&path)?;
    let before = config["name"].as_str().unwrap_or_default().to_owned();
    config["name"] = name.into();
    let json = model_dir::with_digest(config.to_string().as_bytes())?;
    files::write(&path, String::from_utf8(json)?)?;
    let (card, path) = card(model)?;
    let card = card.replacen(&format!("\n# {before}\n"), &format!("\n# {name}\n"), 1);
    let (about, rest) = parted(&card, "\n## Use\n")?;
    let (_, weights) = parted(rest, "\n## Weights\n")?;
    let purpose = match purpose {
        Encoder::Pretrained => PRETRAINED,
        Encoder::Embedding => EMBEDDING,
    };
    let written = [
        about,
        &pretraining.text()?,
        &section(CORPUS),
        &section(purpose),
        weights,
    ]
    .concat();
    files::write(&path, written)
}

fn card(model: &Path) -> Result<(String, PathBuf)> {
    let path = model.join("README.md");
    let text = files::text(&path)?;
    Ok((text, path))
}

/// A card before and from `heading` on.
fn parted<'a>(card: &'a str, heading: &str) -> Result<(&'a str, &'a str)> {
    let place = card.find(heading);
    let place = place.with_context(|| format!("a card has no `{}`", heading.trim()))?;
    Ok(card.split_at(place))
}

/// Most bytes of a model that is built into the command and the page.
pub(crate) const BUILT_IN: u64 = 2_500_000;

/// The same of the ADMET model: 2.4 MB for the first values, and what intervals, domains
/// and neighbours are made from.
pub(crate) const ADMET: u64 = 4_500_000;
/// Most bytes of one that lies in the repository alone.
pub(crate) const STORED: u64 = 5_000_000;

/// Replaces a shipped model by one that was exported, of at most so many bytes.
pub(crate) fn ship(model: &Path, to: &Path, most: u64) -> Result<()> {
    let mut bytes = 0;
    for entry in fs::read_dir(model)? {
        bytes += entry?.metadata()?.len();
    }
    ensure!(
        bytes <= most,
        "{}: {bytes} bytes are too many to ship, {most} are the most",
        model.display()
    );
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(model)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_keeps_what_its_run_wrote_and_gains_what_it_did_not_know() {
        let place = tempfile::tempdir().expect("a directory");
        let run = place.path().join("run");
        let model = place.path().join("model");
        fs::create_dir_all(&run).expect("made");
        fs::create_dir_all(&model).expect("made");
        let metrics =
            "{\"step\":5,\"seconds\":100.0}\n{\"step\":7,\"seconds\":120.0}\n{\"step\":7}\n";
        fs::write(run.join("metrics.jsonl"), metrics).expect("written");
        fs::write(run.join("config.toml"), "[batch]\nmolecules = 9\n").expect("written");
        let info = r#"{"command": "pretrain", "version": "0.1.0", "device": "a GPU",
            "backend": "wgpu", "threads": 2, "started": "", "data": []}"#;
        fs::write(run.join("run.json"), info).expect("written");
        fs::write(model.join("config.json"), r#"{"name": "a", "x": 1}"#).expect("written");
        let card = "---\n---\n\n# a\n\n## Accuracy\n\n1\n\n## Use\n\nAll.\n\n## Weights\n\nfp16.\n";
        fs::write(model.join("README.md"), card).expect("written");
        let pretraining = Pretraining::Trained {
            tokens: run.clone(),
            structure: run.clone(),
        };
        endpoints(&model, &pretraining).expect("a card");
        let read = || fs::read_to_string(model.join("README.md")).expect("a card");
        let text = read();
        for part in [
            "# a\n",
            "## Accuracy\n\n1",
            "7 steps with batches of 9 on a GPU",
            "4 minutes",
            "## Limits",
            "All.",
            "fp16.",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let again = Pretraining::Shipped(model.clone());
        assert_eq!(
            again.text().expect("a card"),
            pretraining.text().expect("runs")
        );
        for purpose in [Encoder::Embedding, Encoder::Pretrained] {
            fs::write(model.join("README.md"), card).expect("written");
            fs::write(model.join("config.json"), r#"{"name": "a", "x": 1}"#).expect("written");
            encoder(&model, "b", purpose, &pretraining).expect("a card");
            let text = read();
            assert!(text.contains("# b\n") && !text.contains("All."), "{text}");
            assert!(text.contains("fp16.") && text.contains("ChEMBL (CC BY-SA 3.0)"));
        }
        let shipped = place.path().join("shipped");
        let error = ship(&model, &shipped, 10).expect_err("too large");
        assert!(error.to_string().contains("too many"), "{error}");
        assert!(!shipped.exists());
        ship(&model, &shipped, STORED).expect("shipped");
        assert!(shipped.join("README.md").is_file());
        let config: Value = files::json(&model.join("config.json")).expect("a configuration");
        assert_eq!(
            (config["name"].as_str(), config["x"].as_u64()),
            (Some("b"), Some(1))
        );
    }
}
