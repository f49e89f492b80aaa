//! Counting tests from what their runners print.

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

/// The line with which a binary of Rust's tests ends: `test result: ok. 3 passed;
/// 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s`. What was
/// not run was skipped, but for what a filter leaves out.
pub(crate) fn cargo_tests(line: &str, filtered: bool) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |label: &str| -> Option<usize> {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(label)?.trim_end().parse().ok())
    };
    let left_out = count("filtered out")?;
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
        skipped: count("ignored")? + if filtered { 0 } else { left_out },
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

/// The line with which pytest ends: `3 passed, 1 failed, 2 skipped in 0.12s`. An error
/// around a test is a failure.
pub(crate) fn pytest(line: &str) -> Option<Tally> {
    let (counts, time) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    time.split(' ')
        .next()?
        .strip_suffix('s')?
        .parse::<f64>()
        .ok()?;
    let mut tally = Tally::default();
    for part in counts.split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        match what {
            "passed" | "xpassed" => tally.passed += number,
            "failed" | "error" | "errors" => tally.failed += number,
            "skipped" | "xfailed" | "deselected" => tally.skipped += number,
            "warning" | "warnings" => {}
            _ => return None,
        }
    }
    Some(tally)
}

/// The name of a failed test, from the line that a runner prints of it: `test name ... FAILED`
/// (Rust), `not ok - name: reason` (the page), `FAILED file::name - reason` or `ERROR …` (pytest).
pub(crate) fn failed_test(line: &str) -> Option<&str> {
    if let Some(test) = line.strip_prefix("test ") {
        return test.strip_suffix(" ... FAILED");
    }
    ["not ok - ", "FAILED ", "ERROR "]
        .iter()
        .find_map(|start| line.strip_prefix(start))
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

    #[test]
    fn what_a_binary_left_out_was_skipped_unless_a_filter_did() {
        let line = "test result: FAILED. 20 passed; 1 failed; 2 ignored; 0 measured; \
                    7 filtered out; finished in 0.10s";
        assert_eq!(cargo_tests(line, false), Some(tally(20, 1, 9)));
        assert_eq!(cargo_tests(line, true), Some(tally(20, 1, 2)));
        assert_eq!(cargo_tests("test result: unknown", false), None);
        assert_eq!(cargo_tests("test a ... ok", false), None);
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
    fn a_failed_test_is_known_by_its_line() {
        for (line, name) in [
            ("test screen::a_query ... FAILED", Some("screen::a_query")),
            ("test screen::a_query ... ok", None),
            ("test result: FAILED. 1 passed", None),
            ("not ok - loads: no engine", Some("loads: no engine")),
            ("ok - loads", None),
            (
                "FAILED tests/test_a.py::test_b - assert 1 == 2",
                Some("tests/test_a.py::test_b - assert 1 == 2"),
            ),
        ] {
            assert_eq!(failed_test(line), name, "{line}");
        }
    }

    #[test]
    fn pytests_last_line_is_counted() {
        let line =
            "=== 20 passed, 1 failed, 2 skipped, 3 warnings, 1 error in 12.30s (0:00:12) ===";
        assert_eq!(pytest(line), Some(tally(20, 2, 2)));
        assert_eq!(pytest("7 passed in 0.12s"), Some(tally(7, 0, 0)));
        assert_eq!(pytest("SKIPPED [1] test.py:3: no polars in 2s"), None);
        assert_eq!(pytest("tests/test_delicate.py ..s.   [100%]"), None);
    }

    #[test]
    fn the_last_line_has_its_exact_form() {
        assert_eq!(tally(1, 2, 3).to_string(), "1 passed, 2 failed, 3 skipped");
    }
}
