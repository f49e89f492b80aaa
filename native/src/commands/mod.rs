//! One module a command.

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod finetune_table;
pub(crate) mod import;
pub(crate) mod report;
pub(crate) mod score;
pub(crate) mod screen;
pub(crate) mod train;
