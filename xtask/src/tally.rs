//! Counting tests from what their runners print.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::AddAssign;

/// How many checks passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub(crate) const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    pub(crate) fn total(self) -> usize {
        self.passed + self.failed + self.skipped
    }

    /// What a run of tests comes to, given how its process ended: one that
    /// fails without a failed test has crashed, and that is a failure too.
    pub(crate) fn concluded(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Reads the output of `cargo test -- --show-output`.
///
/// Rust's harness knows no test that skips itself while running: it reports
/// such a test as passed, and what the test printed tells the difference.
#[derive(Default)]
pub(crate) struct CargoTests {
    done: Tally,
    /// A binary has begun and not yet given its result.
    running: bool,
    /// The list being printed is that of the tests that passed.
    successes: bool,
    /// The test whose output is being printed.
    test: Option<String>,
    /// Tests of this binary that passed only because they were skipped.
    skipped: BTreeSet<String>,
}

impl CargoTests {
    /// Takes the next line of standard output.
    pub(crate) fn line(&mut self, line: &str) {
        if is_start(line) {
            self.begin();
        } else if let Some(result) = binary_result(line) {
            // An ignored test was not run either.
            let skipped = self.skipped.len().min(result.passed);
            self.done += Tally {
                passed: result.passed - skipped,
                failed: result.failed,
                skipped: result.skipped + skipped,
            };
            self.end();
        } else if line == "successes:" || line == "failures:" {
            self.successes = line == "successes:";
            self.test = None;
        } else if let Some(name) = section(line) {
            self.test = Some(name.to_owned());
        } else if line.starts_with("skipped: ")
            && self.successes
            && let Some(test) = &self.test
        {
            self.skipped.insert(test.clone());
        }
    }

    /// The counts, once the output has ended.
    pub(crate) fn finish(mut self) -> Tally {
        self.begin();
        self.done
    }

    /// Before another binary begins: one that gave no result has crashed.
    fn begin(&mut self) {
        if self.running {
            self.done.failed += 1;
        }
        self.end();
        self.running = true;
    }

    fn end(&mut self) {
        *self = Self {
            done: self.done,
            ..Self::default()
        };
    }
}

/// `running 12 tests`
fn is_start(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words.as_slice(), ["running", count, "test" | "tests"] if count.parse::<usize>().is_ok())
}

/// `---- name stdout ----`
fn section(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`
fn binary_result(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |label: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(label)?.trim_end().parse().ok())
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
        skipped: count("ignored")?,
    })
}

/// One line of the page's tests: `ok - name`, `not ok - name: reason` or
/// `skipped: name: why`.
pub(crate) fn page_test(line: &str) -> Option<Tally> {
    if line.starts_with("ok - ") {
        Some(Tally::PASSED)
    } else if line.starts_with("not ok - ") {
        Some(Tally::FAILED)
    } else if line.starts_with("skipped: ") {
        Some(Tally::SKIPPED)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: usize, failed: usize, skipped: usize) -> Tally {
        Tally {
            passed,
            failed,
            skipped,
        }
    }

    fn count(output: &str) -> Tally {
        let mut tests = CargoTests::default();
        output.lines().for_each(|line| tests.line(line));
        tests.finish()
    }

    #[test]
    fn the_results_of_all_binaries_are_added() {
        let output = "
running 3 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s

running 1 test
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s
";
        assert_eq!(count(output), tally(2, 1, 1));
    }

    #[test]
    fn a_test_that_says_it_was_skipped_did_not_pass() {
        let output = "
running 2 tests
successes:

---- adapter stdout ----
skipped: adapter: no Vulkan
skipped: adapter: no Metal

---- other stdout ----
something skipped: not at the start of the line

successes:
    adapter
    other

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";
        assert_eq!(count(output), tally(1, 0, 1));
    }

    #[test]
    fn a_test_that_failed_after_saying_so_has_failed() {
        let output = "
running 2 tests
successes:

successes:
    b

failures:

---- a stdout ----
skipped: a: partly
thread 'a' panicked

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";
        assert_eq!(count(output), tally(1, 1, 0));
    }

    #[test]
    fn a_binary_that_ends_without_a_result_has_failed() {
        let result = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            count(&format!("running 5 tests\nrunning 1 test\n{result}")),
            tally(1, 1, 0)
        );
        assert_eq!(
            count(&format!("running 1 test\n{result}\nrunning 2 tests")),
            tally(1, 1, 0)
        );
    }

    #[test]
    fn lines_that_only_resemble_a_result_count_nothing() {
        assert_eq!(binary_result("test result: unknown"), None);
        assert!(!is_start("running late tests"));
        assert_eq!(
            count("running the tests\nskipped: nothing runs"),
            tally(0, 0, 0)
        );
    }

    #[test]
    fn a_process_that_fails_without_a_failed_test_counts_as_one() {
        assert_eq!(tally(3, 0, 0).concluded(false), tally(3, 1, 0));
        assert_eq!(tally(3, 2, 0).concluded(false), tally(3, 2, 0));
        assert_eq!(tally(3, 0, 1).concluded(true), tally(3, 0, 1));
    }

    #[test]
    fn the_pages_tests_are_counted_line_by_line() {
        assert_eq!(page_test("ok - loads"), Some(Tally::PASSED));
        assert_eq!(page_test("not ok - loads: no model"), Some(Tally::FAILED));
        assert_eq!(page_test("skipped: gpu: no adapter"), Some(Tally::SKIPPED));
        assert_eq!(page_test("  ok - nested"), None);
        assert_eq!(page_test("okay"), None);
    }

    #[test]
    fn the_last_line_has_its_exact_form() {
        assert_eq!(tally(1, 2, 3).to_string(), "1 passed, 2 failed, 3 skipped");
    }
}
