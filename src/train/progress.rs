//! What a run tells while it trains.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Map, Number, Value};

/// Steps that one line of metrics averages.
const WINDOW: u64 = 10;

/// Something a run has to say.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A step was made.
    Step(Step),
    /// The model was validated.
    Validation {
        /// Steps done.
        step: u64,
        /// The fold, in fine-tuning.
        fold: Option<usize>,
        /// The weighted sum of all losses.
        loss: f64,
    },
    /// A checkpoint is on the disk.
    Checkpoint(PathBuf),
    /// Something to know that is no error.
    Note(String),
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Steps done.
    pub step: u64,
    /// Epoch, from 1.
    pub epoch: u64,
    /// The fold, in fine-tuning.
    pub fold: Option<usize>,
    /// Fraction of the run that is done.
    pub progress: f64,
    /// The weighted sum of all losses of the step.
    pub loss: f32,
    /// Molecules a second, of late.
    pub molecules_per_second: f64,
    /// Seconds of training so far, over all sessions.
    pub seconds: f64,
}

/// Averages losses and throughput between two lines of metrics.
pub(super) struct ThroughputMeter {
    /// Seconds of earlier sessions.
    before: f64,
    started: Instant,
    window: Window,
}

struct Window {
    since: Instant,
    steps: u64,
    molecules: usize,
    sums: Vec<(&'static str, f64)>,
}

impl Window {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            steps: 0,
            molecules: 0,
            sums: Vec::new(),
        }
    }
}

impl ThroughputMeter {
    pub(super) fn new(seconds_before: f64) -> Self {
        Self {
            before: seconds_before,
            started: Instant::now(),
            window: Window::new(),
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    pub(super) fn molecules_per_second(&self) -> f64 {
        self.window.molecules as f64 / self.window.since.elapsed().as_secs_f64().max(1e-9)
    }

    pub(super) fn add(&mut self, molecules: usize, values: &[(&'static str, f32)]) {
        self.window.steps += 1;
        self.window.molecules += molecules;
        for &(name, value) in values {
            match self
                .window
                .sums
                .iter_mut()
                .find(|(known, _)| *known == name)
            {
                Some((_, sum)) => *sum += f64::from(value),
                None => self.window.sums.push((name, f64::from(value))),
            }
        }
    }

    /// Whether it is time for a line.
    pub(super) fn is_due(&self) -> bool {
        self.window.steps >= WINDOW
    }

    /// The averages as a line of `metrics.jsonl`, and a new window; `None`
    /// where nothing was added.
    pub(super) fn line(
        &mut self,
        step: u64,
        epoch: u64,
        fold: Option<usize>,
        rate: f64,
    ) -> Option<Map<String, Value>> {
        let seconds = self.seconds();
        let throughput = self.molecules_per_second();
        let window = std::mem::replace(&mut self.window, Window::new());
        if window.steps == 0 {
            return None;
        }
        let mut line = metrics_line(step, epoch, fold, "train");
        for (name, sum) in window.sums {
            line.insert(name.to_owned(), json_number(sum / window.steps as f64));
        }
        line.insert("learning_rate".to_owned(), json_number(rate));
        line.insert("molecules_per_second".to_owned(), json_number(throughput));
        line.insert("seconds".to_owned(), json_number(seconds));
        Some(line)
    }
}

/// The beginning of a line of metrics.
pub(super) fn metrics_line(
    step: u64,
    epoch: u64,
    fold: Option<usize>,
    split: &str,
) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("step".to_owned(), step.into());
    line.insert("epoch".to_owned(), epoch.into());
    if let Some(fold) = fold {
        line.insert("fold".to_owned(), fold.into());
    }
    line.insert("split".to_owned(), split.into());
    line
}

/// A JSON number; null where it is none.
pub(super) fn json_number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
