//! What is compared with what, and for how long it is trained.

use crate::stages::Kind;

/// One target in four chooses between ways to compare; the others are the test.
pub(crate) const EVERY: usize = 4;

/// SMILES that a molecule is read as in the table's second column.
pub(crate) const READINGS: usize = 16;

/// Epochs of fine-tuning where many models are trained; the one that is built in is
/// trained for as many as its configuration says.
pub(crate) const FOLD_EPOCHS: &str = "8";
pub(crate) const SCAFFOLD_EPOCHS: &str = "12";
pub(crate) const FAMILY_EPOCHS: &str = "2";
/// The part of the corpus that each of the family reads before.
pub(crate) const FAMILY_PRETRAINING: &str = "0.12";

/// Sets of classes: the run's and the result's name, its title, and the built-in
/// configuration.
pub(crate) const TOXICITY: [(&str, &str, &str); 4] = [
    ("clintox", "ClinTox", "delicate-small-clintox"),
    ("sider", "SIDER", "delicate-small-sider"),
    ("tox21", "Tox21", "delicate-small-tox21"),
    ("hiv", "HIV", "delicate-small-hiv"),
];

/// A model of the family that is compared at equal training.
pub(crate) struct Member {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) preset: &'static str,
    pub(crate) kind: Kind,
    pub(crate) config: &'static str,
    /// Key of the member that teaches it.
    pub(crate) teacher: Option<&'static str>,
}

/// Teachers first.
pub(crate) const FAMILY: [Member; 4] = [
    Member {
        key: "molbert",
        title: "MolBERT-small",
        preset: "molbert-small",
        kind: Kind::Pretrain,
        config: "molbert-small",
        teacher: None,
    },
    Member {
        key: "kd-molbert",
        title: "KDMolBERT-small",
        preset: "kd-molbert-small",
        kind: Kind::Distill,
        config: "kd-molbert-small",
        teacher: Some("molbert"),
    },
    Member {
        key: "ps-molbert",
        title: "PSMolBERT-small",
        preset: "ps-molbert-small",
        kind: Kind::Pretrain,
        config: "ps-molbert-small",
        teacher: None,
    },
    Member {
        key: "delicate",
        title: "DeLiCaTe-small",
        preset: "delicate-small",
        kind: Kind::Distill,
        config: "delicate-small",
        teacher: Some("ps-molbert"),
    },
];

/// A way to screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// By fingerprints.
    EcfpMax,
    /// By fingerprints whose bits count by their rarity.
    RarityMean,
    EmbeddingMax,
    EmbeddingMean,
    /// As the command does it without flags.
    BothMean,
}

impl Screen {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 5] = [
        Self::EcfpMax,
        Self::RarityMean,
        Self::EmbeddingMax,
        Self::EmbeddingMean,
        Self::BothMean,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::EcfpMax => "ECFP4, Tanimoto, nearest query",
            Self::RarityMean => "ECFP4 weighted by rarity, mean over queries",
            Self::EmbeddingMax => "Embedding, nearest query",
            Self::EmbeddingMean => "Embedding, mean over queries",
            Self::BothMean => "Both (embedding and rarity), mean over queries",
        }
    }

    /// The flags of `delicate screen`.
    pub(crate) fn flags(self) -> [&'static str; 4] {
        let (by, aggregate) = match self {
            Self::EcfpMax => ("ecfp", "max"),
            Self::RarityMean => ("rarity", "mean"),
            Self::EmbeddingMax => ("embedding", "max"),
            Self::EmbeddingMean => ("embedding", "mean"),
            Self::BothMean => ("both", "mean"),
        };
        ["--by", by, "--aggregate", aggregate]
    }
}
