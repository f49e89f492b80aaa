//! The examples run as they stand.

#[path = "../../examples/score.rs"]
mod score;
#[path = "../../examples/screen.rs"]
mod screen;

#[test]
fn the_example_that_scores_runs() {
    score::main().expect("it scores its molecules");
}

#[test]
fn the_example_that_screens_runs() {
    screen::main().expect("it ranks its library");
}
