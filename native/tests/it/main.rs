//! The `delicate` command as its users run it: one binary, so that it is linked once.

mod bench;
mod command;
mod context;
mod convert;
mod evaluate;
mod finetune_table;
mod formats;
#[cfg(unix)]
mod guide;
mod index;
mod mcp;
mod nothing_lost;
mod parquet;
mod screen;
mod training;
