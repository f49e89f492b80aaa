//! Feeds a target, and watches over time, memory and stack.

use std::fs::File;
use std::io::{Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cpu_time::ProcessTime;

use super::ALLOCATOR;
use super::mutate::Mutator;
use super::targets::TARGETS;

/// The stack of a thread that Rust starts, and of one of rayon's.
const STACK: usize = 2 << 20;

/// Most processor time of one input, all threads together: a second, and room for a
/// processor that is shared.
const LIMIT: Duration = Duration::from_secs(3);

/// One that took longer is tried so often again: the processor may have been shared.
const RETRIES: usize = 2;

/// Bytes that an input may have allocated at once.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Whatever the input is.
    pub(super) base: usize,
    /// For each of its bytes.
    pub(super) per_byte: usize,
}

impl Limits {
    fn of(self, input: &[u8]) -> usize {
        self.base + self.per_byte * input.len()
    }
}

/// The files of a folder, by name.
pub(super) fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("listed");
    let paths = entries.map(|entry| entry.expect("listed").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    files.sort();
    let read = |path| std::fs::read(path).expect("read");
    files.iter().map(read).collect()
}

/// `executions` mutations of `seeds`, or as many as the environment asks for.
pub(super) fn mutations<'a>(
    seeds: &'a [Vec<u8>],
    tokens: &'a [Vec<u8>],
    executions: u64,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let first = number("DELICATE_FUZZ_SEED").unwrap_or(0);
    let count = number("DELICATE_FUZZ_EXECUTIONS").unwrap_or(executions);
    let mutator = Mutator { seeds, tokens };
    (first..first + count).map(move |seed| mutator.mutated(seed))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// What came of the inputs.
#[derive(Default)]
struct Seen {
    inputs: u64,
    /// Those that were taken for what they should be.
    accepted: u64,
    /// The most that one took, and its bytes.
    time: (Duration, usize),
    /// As `time`, in bytes.
    memory: (usize, usize),
}

/// Feeds `inputs` to the target called `name` in a thread of its own. The one in work
/// lies in a file, for a crash leaves no other word of it.
pub(super) fn survive(name: &str, inputs: impl Iterator<Item = Vec<u8>>, limits: Limits) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let target = TARGETS.iter().find(|target| target.name == name);
    let run = target.expect("a target of this name").run;
    // Another run may be at work beside this one.
    let file = format!("fuzz-{name}-{}", std::process::id());
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);

    let mut file = File::create(&kept).expect("a file");
    let mut seen = Seen::default();
    let inputs = &mut inputs.into_iter();
    loop {
        // Made by this thread and read by another, a thousand at a time.
        let batch: Vec<Vec<u8>> = inputs.by_ref().take(1000).collect();
        if batch.is_empty() {
            break;
        }
        let (kept, file, seen) = (&kept, &mut file, &mut seen);
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name(format!("the input in {}", kept.display()))
                .stack_size(STACK);
            let watched = move || {
                for input in &batch {
                    keep(file, input);
                    watch(run, input, kept, limits, seen);
                }
            };
            let thread = thread.spawn_scoped(scope, watched).expect("a thread");
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }
    std::fs::remove_file(&kept).expect("removed");
    let Seen {
        inputs,
        accepted,
        time,
        memory,
    } = seen;
    println!(
        "{name}: {inputs} inputs, {accepted} accepted; the longest took {:.3} s ({} bytes), the \
         largest {:.1} MiB ({} bytes)",
        time.0.as_secs_f64(),
        time.1,
        memory.0 as f64 / f64::from(1 << 20),
        memory.1
    );
    assert!(accepted > 0, "no input of {name} gets past the door");
}

/// Puts `input` in place of what the file holds, without a new file: that would be
/// written to the disk each time.
fn keep(file: &mut File, input: &[u8]) {
    file.rewind()
        .and_then(|()| file.write_all(input))
        .and_then(|()| file.set_len(input.len() as u64))
        .expect("written");
}

fn watch(run: fn(&[u8]) -> bool, input: &[u8], kept: &Path, limits: Limits, seen: &mut Seen) {
    let before = ALLOCATOR.current_usage();
    for retry in 0.. {
        ALLOCATOR.reset_peak_usage();
        let start = ProcessTime::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| run(input)));
        let time = start.elapsed();
        let memory = ALLOCATOR.peak_usage().saturating_sub(before);
        let place = format!("the input of {} bytes in {}", input.len(), kept.display());
        let Ok(accepted) = outcome else {
            panic!("{place} panics: see above");
        };
        assert!(
            memory <= limits.of(input),
            "{place} takes {memory} bytes of memory, more than {}",
            limits.of(input)
        );
        seen.memory = seen.memory.max((memory, input.len()));
        if time <= LIMIT {
            seen.time = seen.time.max((time, input.len()));
            seen.inputs += 1;
            seen.accepted += u64::from(accepted);
            return;
        }
        assert!(
            retry < RETRIES,
            "{place} takes {time:?} of processor time, more than {LIMIT:?}"
        );
    }
}
