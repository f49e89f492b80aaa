//! Which architecture a checkpoint holds, and where its parts are.
//!
//! | Part | Name in the checkpoint, behind any prefix | Name in ours |
//! |---|---|---|
//! | Encoder | `embeddings.…`, `encoder.…`, `pooler.…` | the same |
//! | Token head | `masked_lm_head.…` (`decoder.bias` doubles `bias`) | the same |
//! | Endpoints | `head.finetune_net.0.…` | the same |
//! | Descriptors | `physchem_head.…` | none: its normalisation is not in the file |
//!
//! The prefix of the encoder is found by its word embeddings: `model.bert.`,
//! `state_dict.model.psbert.`, `albert.`, none, or any other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{ImportError, ImportOptions, Skipped};
use crate::model::{EncoderConfig, Pooling, Preset, Sharing};
use crate::tokenizer::VOCABULARY_SIZE;

const WORDS: &str = "embeddings.word_embeddings.weight";
const TYPES: &str = "embeddings.token_type_embeddings.weight";
const FREQUENCIES: &str = "embeddings.position_embeddings.inv_freq";
const POSITIONS: &str = "embeddings.position_embeddings.weight";
const MAPPING: &str = "encoder.embedding_hidden_mapping_in.weight";
const GROUPS: &str = "encoder.albert_layer_groups.";
const GROUP: &str = "encoder.albert_layer_groups.0.albert_layers.0.";
const LAYER: &str = "encoder.layer.";
const MASKED_LM: &str = "masked_lm_head.";
const ENDPOINTS: &str = "head.finetune_net.0.";
/// Width of an attention head where nothing says otherwise, as in BERT.
const HEAD_SIZE: usize = 64;
/// Longest sequence where nothing says otherwise: that of pre-training.
const MAX_LENGTH: usize = 128;

/// What a checkpoint holds.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) encoder: EncoderConfig,
    /// The preset of that shape, or `custom`.
    pub(super) preset: &'static str,
    /// Our names of parameters to those of the checkpoint.
    pub(super) names: BTreeMap<String, String>,
    /// Whether there is a token head.
    pub(super) masked_lm: bool,
    /// Outputs of the endpoint head.
    pub(super) endpoints: usize,
    /// Position tables in the checkpoint, to be compared with ours.
    pub(super) positions: Option<Positions>,
    pub(super) skipped: Vec<Skipped>,
}

/// Positions as a checkpoint may hold them.
#[derive(Debug)]
pub(super) enum Positions {
    /// Inverse frequencies, `[hidden / 2]`, under this name.
    Frequencies(String),
    /// A table, `[rows, hidden]`, under this name.
    Table(String, usize),
}

/// A `config.json` of Hugging Face.
pub(super) struct ForeignConfig(Map<String, Value>);

impl ForeignConfig {
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        Ok(Self(serde_json::from_str(text)?))
    }

    fn refuse<T>(&self, field: &str, expected: &str) -> Result<T, ImportError> {
        Err(ImportError::Config {
            field: field.to_owned(),
            found: self
                .0
                .get(field)
                .map_or("absent".to_owned(), Value::to_string),
            expected: expected.to_owned(),
        })
    }

    fn count(&self, field: &str) -> Result<Option<usize>, ImportError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().map(usize::try_from) {
                Some(Ok(count)) => Ok(Some(count)),
                _ => self.refuse(field, "a whole number"),
            },
        }
    }

    fn number(&self, field: &str) -> Result<Option<f64>, ImportError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => self.refuse(field, "a number"),
            },
        }
    }

    /// Refuses what our encoder does not compute.
    fn check(&self) -> Result<(), ImportError> {
        if !matches!(
            self.0.get("model_type").and_then(Value::as_str),
            Some("bert" | "albert")
        ) {
            return self.refuse("model_type", "`bert` or `albert`");
        }
        if self.0.get("hidden_act").and_then(Value::as_str) != Some("gelu") {
            return self.refuse("hidden_act", "`gelu`, the exact one");
        }
        for field in ["num_hidden_groups", "inner_group_num"] {
            if self.count(field)?.is_some_and(|groups| groups != 1) {
                return self.refuse(field, "1: one layer shared by all passes");
            }
        }
        let hidden = self.count("hidden_size")?;
        if self
            .count("embedding_size")?
            .is_some_and(|size| Some(size) != hidden)
        {
            return self.refuse("embedding_size", "that of hidden_size: no factorisation");
        }
        match self
            .0
            .get("position_embedding_type")
            .and_then(Value::as_str)
        {
            None | Some("absolute") => Ok(()),
            Some(_) => self.refuse("position_embedding_type", "`absolute`"),
        }
    }
}

/// Reads the layout off the names and `shapes` of the tensors.
pub(super) fn layout(
    shapes: &BTreeMap<String, Vec<usize>>,
    config: Option<&ForeignConfig>,
    options: &ImportOptions,
) -> Result<Layout, ImportError> {
    if let Some(config) = config {
        config.check()?;
    }
    let prefix = prefix(shapes)?;
    let shape = |name: &str| -> Result<[usize; 2], ImportError> {
        let full = format!("{prefix}{name}");
        let found = shapes
            .get(&full)
            .ok_or_else(|| ImportError::Missing(full.clone()))?;
        found.as_slice().try_into().map_err(|_| ImportError::Shape {
            name: full.clone(),
            found: found.clone(),
            expected: "a matrix".to_owned(),
        })
    };
    let has = |start: &str| {
        let start = format!("{prefix}{start}");
        shapes.keys().any(|name| name.starts_with(&start))
    };

    let [words, hidden] = shape(WORDS)?;
    if words != VOCABULARY_SIZE {
        return Err(ImportError::Shape {
            name: format!("{prefix}{WORDS}"),
            found: vec![words, hidden],
            expected: format!("{VOCABULARY_SIZE} rows, one for each token of MolBERT's vocabulary"),
        });
    }
    let sharing = match (has(GROUPS), has(LAYER)) {
        (true, false) => Sharing::All,
        (false, true) => Sharing::None,
        _ => return Err(ImportError::NoLayers(prefix)),
    };
    let [inner, layers] = match sharing {
        Sharing::All => {
            let [to, from] = shape(MAPPING)?;
            if to != from {
                return Err(ImportError::Factorised {
                    embedding: from,
                    hidden: to,
                });
            }
            let own = format!("{prefix}{GROUP}");
            let all = format!("{prefix}{GROUPS}");
            if let Some(other) = shapes
                .keys()
                .find(|name| name.starts_with(&all) && !name.starts_with(&own))
            {
                return Err(ImportError::Groups(other.clone()));
            }
            let passes = options
                .layers
                .map_or_else(
                    || config.map_or(Ok(None), |c| c.count("num_hidden_layers")),
                    |layers| Ok(Some(layers)),
                )?
                .ok_or(ImportError::Passes)?;
            [shape(&format!("{GROUP}ffn.weight"))?[0], passes]
        }
        Sharing::None => {
            let start = format!("{prefix}{LAYER}");
            let found = shapes
                .keys()
                .filter_map(|name| name.strip_prefix(&start)?.split('.').next()?.parse().ok())
                .max()
                .map_or(0, |last: usize| last.saturating_add(1));
            let said = config.map_or(Ok(None), |c| c.count("num_hidden_layers"))?;
            if let Some(said) = options.layers.or(said).filter(|said| *said != found) {
                return Err(ImportError::Layers { said, found });
            }
            [
                shape(&format!("{LAYER}0.intermediate.dense.weight"))?[0],
                found,
            ]
        }
    };
    let said_heads = config.map_or(Ok(None), |c| c.count("num_attention_heads"))?;
    let heads = match options.heads.or(said_heads) {
        Some(heads) => heads,
        None if hidden.is_multiple_of(HEAD_SIZE) && hidden > 0 => hidden / HEAD_SIZE,
        None => return Err(ImportError::Heads(hidden)),
    };
    let number = |field: &str, default: f64| {
        Ok::<f64, ImportError>(
            config
                .map_or(Ok(None), |c| c.number(field))?
                .unwrap_or(default),
        )
    };
    let positions = positions(shapes, &prefix)?;
    let max_length = match &positions {
        Some(Positions::Table(_, rows)) => *rows,
        _ => MAX_LENGTH,
    };
    let encoder = EncoderConfig {
        vocab_size: words,
        hidden_size: hidden,
        num_hidden_layers: layers,
        parameter_sharing: sharing,
        num_attention_heads: heads,
        intermediate_size: inner,
        pooling: Pooling::Cls,
        type_vocab_size: shape(TYPES)?[0],
        layer_norm_eps: number("layer_norm_eps", 1e-12)?,
        hidden_dropout_prob: number("hidden_dropout_prob", 0.1)?,
        attention_probs_dropout_prob: number(
            "attention_probs_dropout_prob",
            match sharing {
                Sharing::None => 0.1,
                Sharing::All => 0.0,
            },
        )?,
        initializer_range: number("initializer_range", 0.02)?,
        max_length: options.max_length.unwrap_or(max_length),
    };
    encoder.check()?;
    let mut sorted = sort_names(shapes, &prefix)?;
    if sorted.names.contains_key(&format!("{MASKED_LM}bias"))
        && let Some(name) = sorted.names.remove(&format!("{MASKED_LM}decoder.bias"))
    {
        sorted.skip(&name, "the same as the bias of the token head");
    } else if let Some(name) = sorted.names.remove(&format!("{MASKED_LM}decoder.bias")) {
        sorted.names.insert(format!("{MASKED_LM}bias"), name);
    }
    let masked_lm = sorted.names.keys().any(|name| name.starts_with(MASKED_LM));
    let endpoints = match sorted.names.get(&format!("{ENDPOINTS}weight")) {
        Some(name) => shapes
            .get(name)
            .and_then(|shape| shape.first().copied())
            .unwrap_or(0),
        None => 0,
    };
    Ok(Layout {
        preset: preset(&encoder),
        encoder,
        names: sorted.names,
        masked_lm,
        endpoints,
        positions,
        skipped: sorted.skipped,
    })
}

/// What stands before the names of the encoder.
fn prefix(shapes: &BTreeMap<String, Vec<usize>>) -> Result<String, ImportError> {
    let found: Vec<&str> = shapes
        .keys()
        .filter_map(|name| name.strip_suffix(WORDS))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .collect();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(ImportError::NoEncoder(
            shapes.keys().take(5).cloned().collect(),
        )),
        several => Err(ImportError::SeveralEncoders(
            several.iter().map(|&prefix| prefix.to_owned()).collect(),
        )),
    }
}

fn positions(
    shapes: &BTreeMap<String, Vec<usize>>,
    prefix: &str,
) -> Result<Option<Positions>, ImportError> {
    let table = format!("{prefix}{POSITIONS}");
    match shapes.get(&table).map(Vec::as_slice) {
        Some(&[rows, _]) => return Ok(Some(Positions::Table(table, rows))),
        Some(other) => {
            return Err(ImportError::Shape {
                name: table,
                found: other.to_vec(),
                expected: "a matrix".to_owned(),
            });
        }
        None => {}
    }
    let frequencies = format!("{prefix}{FREQUENCIES}");
    Ok(shapes
        .contains_key(&frequencies)
        .then_some(Positions::Frequencies(frequencies)))
}

fn preset(encoder: &EncoderConfig) -> &'static str {
    Preset::ALL
        .iter()
        .find(|(preset, _)| {
            let shape = preset.config();
            shape.hidden_size == encoder.hidden_size
                && shape.num_hidden_layers == encoder.num_hidden_layers
                && shape.parameter_sharing == encoder.parameter_sharing
                && shape.num_attention_heads == encoder.num_attention_heads
                && shape.intermediate_size == encoder.intermediate_size
        })
        .map_or("custom", |(_, name)| name)
}

/// The tensors of a checkpoint by what becomes of them.
#[derive(Default)]
struct Sorted {
    names: BTreeMap<String, String>,
    skipped: Vec<Skipped>,
}

impl Sorted {
    fn skip(&mut self, name: &str, why: &'static str) {
        self.skipped.push(Skipped {
            name: name.to_owned(),
            why,
        });
    }
}

fn sort_names(shapes: &BTreeMap<String, Vec<usize>>, prefix: &str) -> Result<Sorted, ImportError> {
    let mut sorted = Sorted::default();
    let mut optimizers = BTreeSet::new();
    for name in shapes.keys() {
        let own = name.strip_prefix(prefix).filter(|rest| {
            ["embeddings.", "encoder.", "pooler."]
                .iter()
                .any(|part| rest.starts_with(part))
        });
        let head = |stem: &str| -> Option<String> {
            let at = name.find(stem)?;
            (at == 0 || name.as_bytes()[at - 1] == b'.').then(|| name[at..].to_owned())
        };
        if let Some(rest) = own {
            match rest {
                FREQUENCIES | POSITIONS => {
                    sorted.skip(name, "positions are computed; these are the same");
                }
                "embeddings.position_ids" | "embeddings.token_type_ids" => {
                    sorted.skip(name, "a buffer of counters");
                }
                rest => {
                    sorted.names.insert(rest.to_owned(), name.clone());
                }
            }
        } else if let Some(start) = ["optimizer_states", "optimizer", "lr_schedulers"]
            .into_iter()
            .find(|start| name.split('.').next() == Some(start))
        {
            optimizers.insert(start);
        } else if head("is_same_head.").is_some() {
            sorted.skip(name, "the same-molecule head, which is not among ours");
        } else if head("physchem_head.").is_some() {
            sorted.skip(
                name,
                "the descriptor head, whose normalisation is not in the checkpoint",
            );
        } else if let Some(ours) = head(MASKED_LM).or_else(|| head(ENDPOINTS)) {
            if let Some(other) = sorted.names.insert(ours, name.clone()) {
                return Err(ImportError::SeveralHeads([other, name.clone()]));
            }
        } else {
            sorted.skip(name, "unknown");
        }
    }
    for start in optimizers {
        sorted.skip(&format!("{start}.*"), "the state of the optimizer");
    }
    Ok(sorted)
}
