//! Checkpoints of others: MolBERT, PSMolBERT and their kin as `torch.save`
//! writes them, and Hugging Face's directories of BERT and ALBERT.
//!
//! Nothing in a checkpoint is trusted and nothing in it is run. What is not
//! the architecture of this crate is an [`ImportError`]; what has no place in
//! a model of ours is listed in [`Imported::skipped`].

mod container;
mod layout;
mod pickle;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::model::{ConfigError, Endpoint, Model, SourceError, StoredValues, sinusoidal_positions};
use crate::model_dir::{MODEL_TYPE, ModelConfig};
use crate::predict::StandardForm;
use container::Container;
use layout::{ForeignConfig, Layout, Positions};

/// Largest difference of a position table from ours: it may be in fp16, and
/// sines of large angles are rounded in fp32.
const POSITION_TOLERANCE: f32 = 2e-3;

/// What a checkpoint does not say of itself.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The model's name; without it, the name of the file.
    pub name: Option<String>,
    /// SPDX expression of the weights' licence; without it, `unknown`.
    pub license: Option<String>,
    /// Attention heads; without it, what `config.json` says, or one for every
    /// 64 of the hidden size.
    pub heads: Option<usize>,
    /// Passes through the shared layer of an ALBERT; without it, what
    /// `config.json` says. The tensors do not tell.
    pub layers: Option<usize>,
    /// Longest sequence; without it, the rows of the position table, or 128.
    pub max_length: Option<usize>,
    /// Names and units of the endpoint head's outputs, in order; without any,
    /// `endpoint0`, `endpoint1`, …, without units.
    pub endpoints: Vec<(String, String)>,
}

/// A tensor that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name in the checkpoint.
    pub name: String,
    /// Why it has no place; `unknown` where its name says nothing to us.
    pub why: &'static str,
}

/// A checkpoint made a model of ours.
#[derive(Debug)]
pub struct Imported {
    /// Its configuration.
    pub config: ModelConfig,
    /// The model.
    pub model: Model,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Why a checkpoint could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any checkpoint of this architecture.
    #[error("{} is larger than {limit} bytes, the most that are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// More tensors than any checkpoint of this architecture.
    #[error("the checkpoint holds {0} tensors, more than the {1} that are read")]
    TooMany(usize, usize),
    /// The format of PyTorch before 0.1.10.
    #[error("a TAR archive, as PyTorch before 0.1.10 wrote: save it again by a later version")]
    Tar,
    /// More objects in its pickles than any checkpoint of this architecture.
    #[error(
        "its pickles make more than {0} objects: no checkpoint of this architecture has as many"
    )]
    TooManyObjects(u64),
    /// Not a file of `torch.save`, or a broken one.
    #[error("{} is neither a checkpoint of torch.save nor a safetensors file: {source}", path.display())]
    Torch {
        /// The file.
        path: PathBuf,
        /// What the reader of pickles said.
        source: Box<pytorch_reader::PytorchError>,
    },
    /// A broken safetensors file.
    #[error("not a valid safetensors file ({0}): download or copy it again")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// `config.json` is not JSON.
    #[error("config.json: {0}")]
    Json(#[from] serde_json::Error),
    /// `config.json` describes another architecture.
    #[error("config.json: `{field}` is {found}, expected {expected}")]
    Config {
        /// The field at fault.
        field: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: String,
    },
    /// The shape of the encoder is out of bounds.
    #[error("the checkpoint's shape is out of bounds: {0}")]
    Bounds(#[from] ConfigError),
    /// No tensor is named like word embeddings.
    #[error(
        "no tensor is called `embeddings.word_embeddings.weight`, behind any prefix: this is no \
         BERT or ALBERT; it begins with {}", .0.join(", ")
    )]
    NoEncoder(Vec<String>),
    /// The checkpoint holds several encoders.
    #[error("the checkpoint holds several encoders, under {}: save one of them alone", .0.join(", "))]
    SeveralEncoders(Vec<String>),
    /// The checkpoint holds two heads of one kind.
    #[error("the checkpoint holds two heads of one kind, `{}` and `{}`: save one of them alone", .0[0], .0[1])]
    SeveralHeads([String; 2]),
    /// There are no layers, or those of two architectures.
    #[error(
        "expected either `{0}encoder.layer.…` (BERT) or `{0}encoder.albert_layer_groups.…` (ALBERT)"
    )]
    NoLayers(String),
    /// ALBERT with factorised embeddings.
    #[error(
        "the embeddings are factorised ({embedding} wide before a hidden size of {hidden}): \
         this architecture has embeddings as wide as its hidden states"
    )]
    Factorised {
        /// Width of the embeddings.
        embedding: usize,
        /// Width of the hidden states.
        hidden: usize,
    },
    /// ALBERT with several groups or inner layers.
    #[error(
        "`{0}`: this architecture shares one layer among all passes, not several groups of layers"
    )]
    Groups(String),
    /// Nothing says how often the shared layer is passed through.
    #[error(
        "the checkpoint shares one layer and does not say how many passes go through it: \
         give --layers (12 for PSMolBERT, 3 for DeLiCaTe)"
    )]
    Passes,
    /// The layers are not those that were announced.
    #[error("{said} layers are asked for, the checkpoint holds {found}")]
    Layers {
        /// Layers of `config.json` or the options.
        said: usize,
        /// Layers of the tensors.
        found: usize,
    },
    /// The number of heads cannot be told.
    #[error("the hidden size {0} is no multiple of 64: give the attention heads with --heads")]
    Heads(usize),
    /// Learned positions.
    #[error(
        "`{name}` is off by {difference} from sinusoidal positions: learned positions are not \
         this architecture"
    )]
    Positions {
        /// The tensor.
        name: String,
        /// The largest difference.
        difference: f32,
    },
    /// The names given do not fit the endpoint head.
    #[error("{given} endpoints are named, the checkpoint's head has {found}")]
    Endpoints {
        /// Names given.
        given: usize,
        /// Outputs of the head.
        found: usize,
    },
    /// A parameter is absent.
    #[error("tensor `{0}` is missing: the checkpoint is incomplete")]
    Missing(String),
    /// A parameter has another shape.
    #[error("tensor `{name}` has the shape {found:?}, expected {expected}")]
    Shape {
        /// Its name in the checkpoint.
        name: String,
        /// Its shape there.
        found: Vec<usize>,
        /// What was expected.
        expected: String,
    },
    /// A parameter is no float.
    #[error("tensor `{name}` has the type {found}, expected a float of 16, 32 or 64 bits")]
    Type {
        /// Its name in the checkpoint.
        name: String,
        /// Its type there.
        found: String,
    },
    /// The bytes of a tensor could not be read.
    #[error("tensor `{name}`: {source}")]
    Tensor {
        /// Its name in the checkpoint.
        name: String,
        /// What was wrong.
        source: io::Error,
    },
    /// A parameter is no finite number.
    #[error("tensor `{0}` holds a value that is not finite")]
    NotFinite(String),
}

/// Reads a checkpoint: a file of `torch.save` (zip, or the legacy pickle of
/// PyTorch before 1.6; bare or under `state_dict`), a safetensors file, or a
/// directory with `config.json` and `model.safetensors`.
///
/// # Errors
///
/// An [`ImportError`] that names what is wrong, and where.
pub fn import(
    path: &Path,
    options: &ImportOptions,
    device: &crate::Device,
) -> Result<Imported, ImportError> {
    let device = device.tensors();
    let container = Container::open(path)?;
    let foreign = container
        .config
        .as_deref()
        .map(ForeignConfig::parse)
        .transpose()?;
    let layout = layout::layout(&container.shapes, foreign.as_ref(), options)?;
    check_positions(&container, &layout)?;
    let endpoints = endpoints(&layout, options, path)?;
    let config = ModelConfig {
        model_type: MODEL_TYPE.to_owned(),
        name: options.name.clone().unwrap_or_else(|| file_stem(path)),
        preset: layout.preset.to_owned(),
        standard_form: StandardForm::Parent,
        license: options
            .license
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
        encoder: layout.encoder.clone(),
        endpoints,
        reference: None,
        masked_lm: layout.masked_lm,
        wide: None,
        physchem: None,
        structure: None,
        embedding: false,
    };
    let mut source = Checkpoint {
        container: &container,
        layout: &layout,
        taken: BTreeSet::new(),
        fault: None,
        device,
    };
    let built = Model::new(&mut source, &config.encoder, config.heads());
    let Checkpoint { fault, taken, .. } = source;
    let model = match (built, fault) {
        (_, Some(fault)) => return Err(fault),
        (Err(error), None) => return Err(ImportError::Missing(error.to_string())),
        (Ok(model), None) => model,
    };
    let mut skipped = layout.skipped;
    skipped.extend(
        layout
            .names
            .iter()
            .filter(|(ours, _)| !taken.contains(*ours))
            .map(|(_, theirs)| Skipped {
                name: theirs.clone(),
                why: "unknown",
            }),
    );
    Ok(Imported {
        config,
        model,
        skipped,
    })
}

impl Imported {
    /// The model card: where the weights come from and what was left out.
    pub fn card(&self, source: &Path) -> String {
        let file = source
            .file_name()
            .map_or_else(|| "a checkpoint".into(), |name| name.to_string_lossy());
        let mut text = format!(
            "---\nlicense: {}\ntags: [chemistry, smiles]\n---\n\n# {}\n\n\
             Imported from `{file}` by Delicate: {} parameters in the encoder, hidden size {}, {} \
             layers or passes. How it was trained, and on what, the checkpoint does not say.\n",
            self.config.license,
            self.config.name,
            self.config.encoder.parameters(),
            self.config.encoder.hidden_size,
            self.config.encoder.num_hidden_layers,
        );
        if !self.skipped.is_empty() {
            text.push_str("\n## Left out\n\n");
        }
        for skipped in &self.skipped {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "- `{}`: {}", skipped.name, skipped.why);
        }
        text
    }
}

fn file_stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .filter(|stem| !stem.is_empty())
        .unwrap_or_else(|| "imported".to_owned())
}

fn endpoints(
    layout: &Layout,
    options: &ImportOptions,
    path: &Path,
) -> Result<Vec<Endpoint>, ImportError> {
    let given = options.endpoints.len();
    if given != 0 && given != layout.endpoints {
        return Err(ImportError::Endpoints {
            given,
            found: layout.endpoints,
        });
    }
    let endpoints = (0..layout.endpoints).map(|index| {
        let (name, unit) = options
            .endpoints
            .get(index)
            .cloned()
            .unwrap_or_else(|| (format!("endpoint{index}"), String::new()));
        Endpoint {
            title: name.clone(),
            name,
            unit,
            description: format!(
                "Output {index} of the fine-tuned head of {}",
                file_stem(path)
            ),
            ..Endpoint::default()
        }
    });
    Ok(endpoints.collect())
}

/// Compares the positions of the checkpoint with ours.
fn check_positions(container: &Container, layout: &Layout) -> Result<(), ImportError> {
    let hidden = layout.encoder.hidden_size;
    let (name, expected, shape) = match &layout.positions {
        None => return Ok(()),
        Some(Positions::Table(name, rows)) => {
            // More rows than any sequence may have are not compared, and no
            // hostile table makes us build a large one.
            if *rows > MAX_POSITIONS {
                return Err(ImportError::Shape {
                    name: name.clone(),
                    found: vec![*rows, hidden],
                    expected: format!("at most {MAX_POSITIONS} rows"),
                });
            }
            (
                name,
                sinusoidal_positions(*rows, hidden),
                vec![*rows, hidden],
            )
        }
        Some(Positions::Frequencies(name)) => {
            let frequencies = (0..hidden / 2)
                .map(|i| 10_000f64.powf(-((2 * i) as f64) / hidden as f64) as f32)
                .collect();
            (name, frequencies, vec![hidden / 2])
        }
    };
    let found = container.shapes.get(name).cloned().unwrap_or_default();
    if found != shape {
        return Err(ImportError::Shape {
            name: name.clone(),
            found,
            expected: format!("{shape:?}"),
        });
    }
    let difference = container
        .values(name)?
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        // A NaN is a difference too.
        .fold(0.0, |a: f32, b| if b > a || b.is_nan() { b } else { a });
    if difference <= POSITION_TOLERANCE {
        Ok(())
    } else {
        Err(ImportError::Positions {
            name: name.clone(),
            difference,
        })
    }
}

/// Most rows of a position table.
const MAX_POSITIONS: usize = 4096;

/// Parameters from a checkpoint under our names. The first fault is kept here,
/// in the checkpoint's own words.
struct Checkpoint<'a> {
    container: &'a Container,
    layout: &'a Layout,
    taken: BTreeSet<String>,
    fault: Option<ImportError>,
    device: &'a Device,
}

impl StoredValues for Checkpoint<'_> {
    fn values(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, SourceError> {
        self.try_values(name, expected).map_err(|error| {
            self.fault.get_or_insert(error);
            SourceError::Missing(name.to_owned())
        })
    }

    fn device(&self) -> &Device {
        self.device
    }
}

impl Checkpoint<'_> {
    fn try_values(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ImportError> {
        let stored = self
            .layout
            .names
            .get(name)
            .ok_or_else(|| ImportError::Missing(name.to_owned()))?;
        let found = self
            .container
            .shapes
            .get(stored)
            .cloned()
            .unwrap_or_default();
        if found != expected {
            return Err(ImportError::Shape {
                name: stored.clone(),
                found,
                expected: format!("{expected:?}"),
            });
        }
        let values = self.container.values(stored)?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(ImportError::NotFinite(stored.clone()));
        }
        self.taken.insert(name.to_owned());
        Ok(values)
    }
}
