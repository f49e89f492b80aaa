//! The examples run as they stand.

#[path = "../../examples/canonicalize.rs"]
mod canonicalize;
#[cfg(feature = "train")]
#[path = "../../examples/finetune.rs"]
mod finetune;
#[path = "../../examples/score.rs"]
mod score;
#[path = "../../examples/screen.rs"]
mod screen;

#[test]
fn the_example_that_canonicalizes_runs() {
    canonicalize::main().expect("it writes its molecules");
}

#[cfg(feature = "train")]
#[test]
fn the_example_that_finetunes_runs() {
    finetune::main().expect("it trains and predicts");
}

#[test]
fn the_example_that_scores_runs() {
    score::main().expect("it scores its molecules");
}

#[test]
fn the_example_that_screens_runs() {
    screen::main().expect("it ranks its library");
}
