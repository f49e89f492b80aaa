//! The built-in training configurations.

macro_rules! built_in {
    ($($kind:literal / $name:literal),* $(,)?) => {
        &[$(($kind, $name, include_str!(concat!(
            "../../configs/", $kind, "/", $name, ".toml"
        )))),*]
    };
}

/// The configurations of `configs/`: what they are for (`pretrain`, `distill` or
/// `finetune`), name, text in TOML.
pub const CONFIGURATIONS: &[(&str, &str, &str)] = built_in!(
    "pretrain" / "molbert",
    "pretrain" / "ps-molbert",
    "pretrain" / "molbert-small",
    "pretrain" / "ps-molbert-small",
    "pretrain" / "kd-molbert-small",
    "pretrain" / "delicate-small",
    "distill" / "delicate",
    "distill" / "kd-molbert",
    "distill" / "kd-molbert-small",
    "distill" / "delicate-small",
    "finetune" / "molbert",
    "finetune" / "ps-molbert",
    "finetune" / "kd-molbert",
    "finetune" / "delicate",
    "finetune" / "delicate-small",
    "finetune" / "delicate-admet",
    "finetune" / "delicate-admet-encoder",
    "finetune" / "delicate-small-from-scratch",
    "finetune" / "delicate-small-hiv",
    "finetune" / "delicate-small-tox21",
    "finetune" / "delicate-small-clintox",
    "finetune" / "delicate-small-sider",
    "finetune" / "esol",
);
