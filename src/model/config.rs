//! The shape of an encoder, and the presets of the paper.

use serde::{Deserialize, Serialize};

use crate::tokenizer::VOCABULARY_SIZE;

/// How the encoder gets its depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// Every layer has parameters of its own (BERT).
    None,
    /// One layer is passed through again and again (ALBERT; the paper's
    /// cross-layer parameter sharing, CLPS).
    All,
}

/// Which hidden state stands for the molecule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// That of the first token, `[CLS]`, as in BERT and the paper.
    #[default]
    #[serde(alias = "first")]
    Cls,
    /// The mean over all tokens. Properties that add up over a molecule's parts
    /// are learnt much sooner from it.
    Mean,
}

impl Pooling {
    fn is_first(&self) -> bool {
        *self == Self::Cls
    }
}

/// The shape and the constants of an [`Encoder`](super::Encoder).
///
/// Field names are those of Hugging Face's `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Width of every hidden state.
    pub hidden_size: usize,
    /// Layers, or passes through the shared layer.
    pub num_hidden_layers: usize,
    /// Whether the layers share their parameters.
    pub parameter_sharing: Sharing,
    /// Attention heads; they divide `hidden_size`.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward block.
    pub intermediate_size: usize,
    /// What the pooler reads.
    #[serde(default, skip_serializing_if = "Pooling::is_first")]
    pub pooling: Pooling,
    /// Rows of the token type table.
    pub type_vocab_size: usize,
    /// Added to the variance in every LayerNorm.
    pub layer_norm_eps: f64,
    /// Dropout of embeddings and of each block's output, in training.
    pub hidden_dropout_prob: f64,
    /// Dropout of attention probabilities, in training.
    pub attention_probs_dropout_prob: f64,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
    /// Longest sequence, `[CLS]` and `[SEP]` included. Positions are sinusoidal
    /// and need no table; this bounds memory and says what was trained on.
    pub max_length: usize,
}

/// Why a configuration describes no encoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("config.json: `{field}` is {value}, expected {expected}")]
pub struct ConfigError {
    /// The field at fault.
    pub field: &'static str,
    /// What it holds.
    pub value: String,
    /// What it may hold.
    pub expected: String,
}

/// Most attention scores of one sequence, all heads together (256 MiB of fp32):
/// nor must it through a long sequence.
const MAX_SCORES: usize = 1 << 26;

/// Largest number of parameters a configuration may ask for (4 GiB of fp32):
/// a hostile file must not make us allocate more.
const MAX_PARAMETERS: usize = 1 << 30;

impl EncoderConfig {
    /// Checks every bound.
    ///
    /// # Errors
    ///
    /// At the first field out of bounds, naming it and what it may hold.
    pub fn check(&self) -> Result<(), ConfigError> {
        let within = |field, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError {
                    field,
                    value: value.to_string(),
                    expected: format!("{low} to {high}"),
                })
            }
        };
        within(
            "vocab_size",
            self.vocab_size,
            VOCABULARY_SIZE,
            VOCABULARY_SIZE,
        )?;
        within("hidden_size", self.hidden_size, 2, 8192)?;
        within("num_hidden_layers", self.num_hidden_layers, 1, 128)?;
        within("num_attention_heads", self.num_attention_heads, 1, 256)?;
        within("intermediate_size", self.intermediate_size, 1, 65_536)?;
        within("type_vocab_size", self.type_vocab_size, 1, 16)?;
        within("max_length", self.max_length, 3, 4096)?;
        if !self.hidden_size.is_multiple_of(2)
            || !self.hidden_size.is_multiple_of(self.num_attention_heads)
        {
            return Err(ConfigError {
                field: "hidden_size",
                value: self.hidden_size.to_string(),
                expected: format!(
                    "an even multiple of num_attention_heads ({})",
                    self.num_attention_heads
                ),
            });
        }
        let fraction = |field, value: f64, low: f64, high: f64| {
            // NaN fails both comparisons, so it fails here too.
            if value >= low && value <= high {
                Ok(())
            } else {
                Err(ConfigError {
                    field,
                    value: value.to_string(),
                    expected: format!("{low} to {high}"),
                })
            }
        };
        fraction("layer_norm_eps", self.layer_norm_eps, 1e-20, 0.1)?;
        fraction("hidden_dropout_prob", self.hidden_dropout_prob, 0.0, 0.99)?;
        fraction(
            "attention_probs_dropout_prob",
            self.attention_probs_dropout_prob,
            0.0,
            0.99,
        )?;
        fraction("initializer_range", self.initializer_range, 0.0, 10.0)?;
        if self.num_attention_heads * self.max_length * self.max_length > MAX_SCORES {
            return Err(ConfigError {
                field: "max_length",
                value: self.max_length.to_string(),
                expected: format!(
                    "at most {MAX_SCORES} attention scores a sequence with {} heads",
                    self.num_attention_heads
                ),
            });
        }
        if self.parameters() > MAX_PARAMETERS {
            return Err(ConfigError {
                field: "hidden_size",
                value: self.hidden_size.to_string(),
                expected: format!("a model of at most {MAX_PARAMETERS} parameters"),
            });
        }
        Ok(())
    }

    /// Parameters of the encoder with its pooler, without heads.
    ///
    /// # Examples
    ///
    /// ```
    /// use delicate::model::Preset;
    /// assert_eq!(Preset::Delicate.config().parameters(), 8_304_384);
    /// ```
    pub fn parameters(&self) -> usize {
        // In 64 bits: a hostile configuration would overflow wasm's 32.
        let hidden = self.hidden_size as u64;
        let inner = self.intermediate_size as u64;
        let dense = |from: u64, to: u64| from * to + to;
        let norm = 2 * hidden;
        let embeddings = (self.vocab_size + self.type_vocab_size) as u64 * hidden + norm;
        let layer =
            4 * dense(hidden, hidden) + norm + dense(hidden, inner) + dense(inner, hidden) + norm;
        let (layers, mapping) = match self.parameter_sharing {
            Sharing::None => (self.num_hidden_layers as u64, 0),
            Sharing::All => (1, dense(hidden, hidden)),
        };
        let all = embeddings + layers * layer + mapping + dense(hidden, hidden);
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

/// The four architectures of the paper at hidden 768, and the same shapes at
/// hidden 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// The teacher: BERT, 12 layers.
    #[serde(rename = "molbert")]
    MolBert,
    /// CLPS: one layer, 12 passes.
    #[serde(rename = "ps-molbert")]
    PsMolBert,
    /// Distilled: BERT, 3 layers.
    #[serde(rename = "kd-molbert")]
    KdMolBert,
    /// CLPS and distilled: one layer, 3 passes.
    #[serde(rename = "delicate")]
    Delicate,
    /// [`MolBert`](Self::MolBert) at hidden 256.
    #[serde(rename = "molbert-small")]
    MolBertSmall,
    /// [`PsMolBert`](Self::PsMolBert) at hidden 256.
    #[serde(rename = "ps-molbert-small")]
    PsMolBertSmall,
    /// [`KdMolBert`](Self::KdMolBert) at hidden 256.
    #[serde(rename = "kd-molbert-small")]
    KdMolBertSmall,
    /// [`Delicate`](Self::Delicate) at hidden 256: the embedded default.
    #[serde(rename = "delicate-small")]
    DelicateSmall,
}

impl Preset {
    /// All presets, with their names.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::MolBert, "molbert"),
        (Self::PsMolBert, "ps-molbert"),
        (Self::KdMolBert, "kd-molbert"),
        (Self::Delicate, "delicate"),
        (Self::MolBertSmall, "molbert-small"),
        (Self::PsMolBertSmall, "ps-molbert-small"),
        (Self::KdMolBertSmall, "kd-molbert-small"),
        (Self::DelicateSmall, "delicate-small"),
    ];

    /// The name on the command line and in `config.json`.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(preset, _)| *preset == self)
            .map_or("", |(_, name)| name)
    }

    /// The preset of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(preset, _)| *preset)
    }

    /// Its configuration, with the paper's constants.
    pub fn config(self) -> EncoderConfig {
        let (layers, sharing, small) = match self {
            Self::MolBert => (12, Sharing::None, false),
            Self::PsMolBert => (12, Sharing::All, false),
            Self::KdMolBert => (3, Sharing::None, false),
            Self::Delicate => (3, Sharing::All, false),
            Self::MolBertSmall => (12, Sharing::None, true),
            Self::PsMolBertSmall => (12, Sharing::All, true),
            Self::KdMolBertSmall => (3, Sharing::None, true),
            Self::DelicateSmall => (3, Sharing::All, true),
        };
        let hidden_size = if small { 256 } else { 768 };
        EncoderConfig {
            vocab_size: VOCABULARY_SIZE,
            hidden_size,
            num_hidden_layers: layers,
            parameter_sharing: sharing,
            // Heads of 64, as in BERT.
            num_attention_heads: hidden_size / 64,
            intermediate_size: 4 * hidden_size,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            pooling: Pooling::Cls,
            hidden_dropout_prob: 0.1,
            // ALBERT's default, which the paper keeps for shared encoders.
            attention_probs_dropout_prob: match sharing {
                Sharing::None => 0.1,
                Sharing::All => 0.0,
            },
            initializer_range: 0.02,
            max_length: 128,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_those_of_the_paper() {
        let parameters = |preset: Preset| preset.config().parameters();
        assert_eq!(parameters(Preset::MolBert), 85_680_384);
        assert_eq!(parameters(Preset::PsMolBert), 8_304_384);
        assert_eq!(parameters(Preset::KdMolBert), 21_889_536);
        assert_eq!(parameters(Preset::Delicate), 8_304_384);
    }

    #[test]
    fn every_preset_is_in_bounds_and_found_by_name() {
        for (preset, name) in Preset::ALL {
            assert_eq!(preset.config().check(), Ok(()));
            assert_eq!(Preset::from_name(name), Some(preset));
            assert_eq!(preset.name(), name);
        }
    }

    #[test]
    fn hostile_sizes_are_refused_by_name() {
        let base = Preset::DelicateSmall.config();
        let refused = |change: &dyn Fn(&mut EncoderConfig)| {
            let mut config = base.clone();
            change(&mut config);
            config.check().map_err(|error| error.field)
        };
        assert_eq!(refused(&|c| c.hidden_size = 0), Err("hidden_size"));
        assert_eq!(refused(&|c| c.hidden_size = usize::MAX), Err("hidden_size"));
        assert_eq!(refused(&|c| c.hidden_size = 254), Err("hidden_size"));
        assert_eq!(
            refused(&|c| c.num_attention_heads = 0),
            Err("num_attention_heads")
        );
        assert_eq!(
            refused(&|c| c.num_hidden_layers = 1 << 40),
            Err("num_hidden_layers")
        );
        assert_eq!(refused(&|c| c.vocab_size = 30_522), Err("vocab_size"));
        assert_eq!(
            refused(&|c| c.layer_norm_eps = f64::NAN),
            Err("layer_norm_eps")
        );
        assert_eq!(
            refused(&|c| {
                c.hidden_size = 8192;
                c.intermediate_size = 65_536;
                c.num_hidden_layers = 128;
                c.parameter_sharing = Sharing::None;
            }),
            Err("hidden_size")
        );
    }
}
