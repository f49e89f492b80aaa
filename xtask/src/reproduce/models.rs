//! The cards of the models that are shipped: what their runs wrote, and what no
//! run knows.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::results;
use crate::workspace;

/// What says how the encoder was pre-trained.
pub(super) enum Pretraining {
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
        Ok(format!(
            "{HEADING}\nIn two runs of `small-delicate` over random SMILES of a corpus of \
             drug-like molecules (extracts of ChEMBL 22 and 31, ZINC250k, USPTO patents and \
             others; every molecule of the sets that are evaluated on and of the screening \
             benchmark was taken out before): {first} for hidden tokens above all, then {then} \
             with larger weights of descriptors (10) and structure vectors (2). {:.0} minutes \
             of training, without a teacher. The stages stand in \
             `xtask/src/reproduce/mod.rs`.\n",
            (first.seconds + then.seconds) / 60.0,
        ))
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
        let path = run.join("config.toml");
        let text = workspace::read(&path)?;
        let config: toml::Table = text.parse().with_context(|| path.display().to_string())?;
        let molecules = config
            .get("batch")
            .and_then(|b| b.get("molecules")?.as_integer());
        let info = results::read(&run.join("run.json"))?;
        Ok(Self {
            steps: results::last(run, "step")?,
            molecules: molecules.with_context(|| format!("{}: no batch", path.display()))?,
            device: info["device"]
                .as_str()
                .unwrap_or("an unknown device")
                .to_owned(),
            seconds: results::last(run, "seconds")?,
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

/// What the card of the endpoints' model says besides its tables.
const ENDPOINTS: &str = "
## Data

ESOL (Delaney 2004); FreeSolv (Mobley & Guthrie 2014; CC BY 4.0); Lipophilicity, EGFR, FGFR1 and much of the corpus from ChEMBL (CC BY-SA 3.0); ZINC (free to use). `domain.json.gz` holds the training molecules as canonical SMILES, without their values, and the coefficients of the Gaussian processes, from which values could be told.

## Limits

- For both kinases the process does nearly all: the network adds nothing to the fingerprints of known analogues. The weights and the noise were chosen on the validation molecules, which are part of what the domain and the intervals were learnt from. The kinds of covariance were chosen with the test errors of random splits of the same molecules in view, those of these endpoints among them: no figure here is quite free of that. The labels of both kinases are standard scores within their sets, so only their order means something.
- A random split flatters: molecules unlike the training set are predicted worse, as the table of reliability shows.
- Intervals are as wide as the errors of held-out molecules of the same part of the domain; they do not know one molecule of a part from another.
- An atom's contribution says what the model uses, not what causes the property.
";

/// Where the corpus comes from, for the cards of encoders.
const CORPUS: &str = "
## Data

Much of the corpus is from ChEMBL (CC BY-SA 3.0) and ZINC (free to use): attribute both where you pass the weights on.
";

/// What the card of the pre-trained encoder says in place of what a pre-trained
/// model is for.
const PRETRAINED: &str = "
## Use

For fine-tuning: `delicate finetune CONFIG --start` and this directory. The heads of pre-training are kept, so that `delicate pretrain` can go on from it too. It predicts no property by itself, and was made for ranking and teaching, not for decisions on safety or health. Inputs are organic molecules of H, B, C, N, O, F, Si, P, S, Cl, Se, Br and I, of at most 128 tokens.
";

/// What the embedding's card says in place of what a pre-trained model is for.
const EMBEDDING: &str = "
## Use

For comparing molecules by the cosine of their embeddings (`delicate embed`, `delicate screen`), where it is the default; how well it finds actives is in `docs/results.md`. The cosine of two embeddings is that of the predicted structure vectors, which are made of ECFP2 bits and 69 descriptors, centred on the corpus. It predicts no property. Inputs are organic molecules of H, B, C, N, O, F, Si, P, S, Cl, Se, Br and I, of at most 128 tokens.
";

/// Puts what no run knows into the card of the exported model of the endpoints.
pub(super) fn endpoints(model: &Path, pretraining: &Pretraining) -> Result<()> {
    let (card, path) = card(model)?;
    let (about, rest) = parted(&card, "\n## Use\n")?;
    let written = format!("{about}{}{ENDPOINTS}{rest}", pretraining.text()?);
    fs::write(&path, written).with_context(|| path.display().to_string())
}

/// What an exported encoder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoder {
    /// To fine-tune from.
    Pretrained,
    /// To compare molecules by.
    Embedding,
}

/// Names an exported encoder, and says in its card what it is for.
pub(super) fn encoder(
    model: &Path,
    name: &str,
    purpose: Encoder,
    pretraining: &Pretraining,
) -> Result<()> {
    let path = model.join("config.json");
    let mut config = results::read(&path)?;
    let before = config["name"].as_str().unwrap_or_default().to_owned();
    config["name"] = name.into();
    fs::write(&path, format!("{config:#}\n")).with_context(|| path.display().to_string())?;
    let (card, path) = card(model)?;
    let card = card.replacen(&format!("\n# {before}\n"), &format!("\n# {name}\n"), 1);
    let (about, rest) = parted(&card, "\n## Use\n")?;
    let (_, weights) = parted(rest, "\n## Weights\n")?;
    let purpose = match purpose {
        Encoder::Pretrained => PRETRAINED,
        Encoder::Embedding => EMBEDDING,
    };
    let written = format!("{about}{}{CORPUS}{purpose}{weights}", pretraining.text()?);
    fs::write(&path, written).with_context(|| path.display().to_string())
}

fn card(model: &Path) -> Result<(String, PathBuf)> {
    let path = model.join("README.md");
    let text = workspace::read(&path)?;
    Ok((text, path))
}

/// A card before and from `heading` on.
fn parted<'a>(card: &'a str, heading: &str) -> Result<(&'a str, &'a str)> {
    let place = card.find(heading);
    let place = place.with_context(|| format!("a card has no `{}`", heading.trim()))?;
    Ok(card.split_at(place))
}

/// Most bytes of a model that is built into the command and the page.
pub(super) const BUILT_IN: u64 = 2_500_000;
/// Most bytes of one that lies in the repository alone.
pub(super) const STORED: u64 = 5_000_000;

/// Replaces a shipped model by one that was exported, of at most so many bytes.
pub(super) fn ship(model: &Path, to: &Path, most: u64) -> Result<()> {
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
        fs::write(run.join("run.json"), r#"{"device": "a GPU"}"#).expect("written");
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
        let config = results::read(&model.join("config.json")).expect("a configuration");
        assert_eq!(
            (config["name"].as_str(), config["x"].as_u64()),
            (Some("b"), Some(1))
        );
    }
}
