//! Every check and test, counted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo, run_watched};
use crate::setup;
use crate::tally::{Tally, cargo_tests, failed_test, page_test, pytest};
use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{features, links, modules, native, needs, page, python};

/// A check, or a group of tests that one command runs.
struct Step {
    name: &'static str,
    needs: Needs,
    run: fn(&Suite<'_>) -> Result<Tally>,
}

/// What a step needs installed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Rust,
    Page,
}

impl Step {
    /// The counts, and how long it took.
    fn outcome(&self, suite: &Suite<'_>) -> (Tally, Duration) {
        let start = Instant::now();
        let tally = (self.run)(suite).unwrap_or_else(|error| {
            println!("failed: {}: {error:#}", self.name);
            suite.failed(format!("{}: {error:#}", self.name));
            Tally::FAILED
        });
        (tally, start.elapsed())
    }
}

/// In the order they run: the quickest to fail first. Those of the page run beside
/// the others.
const STEPS: [Step; 14] = [
    Step {
        name: "format",
        needs: Needs::Rust,
        run: format,
    },
    Step {
        name: "clippy",
        needs: Needs::Rust,
        run: clippy,
    },
    Step {
        name: "features",
        needs: Needs::Rust,
        run: backends,
    },
    Step {
        name: TESTS,
        needs: Needs::Rust,
        run: rust_tests,
    },
    Step {
        name: TRANSLATION,
        needs: Needs::Rust,
        run: translation,
    },
    Step {
        name: "docs",
        needs: Needs::Rust,
        run: docs,
    },
    Step {
        name: PYTHON,
        needs: Needs::Rust,
        run: python_tests,
    },
    // The page's types are partly those of the modules' bindings.
    Step {
        name: "modules",
        needs: Needs::Page,
        run: web_modules,
    },
    Step {
        name: "page-types",
        needs: Needs::Page,
        run: page_types,
    },
    Step {
        name: "page-lint",
        needs: Needs::Page,
        run: page_lint,
    },
    Step {
        name: "page-tests",
        needs: Needs::Page,
        run: page_tests,
    },
    Step {
        name: "page-build",
        needs: Needs::Page,
        run: page_build,
    },
    Step {
        name: BROWSER_TESTS,
        needs: Needs::Page,
        run: browser_tests,
    },
    Step {
        name: PACKAGE_TESTS,
        needs: Needs::Page,
        run: package_tests,
    },
];
const TESTS: &str = "tests";
const TRANSLATION: &str = "translation";
const PYTHON: &str = "python";
const BROWSER_TESTS: &str = "browser-tests";
const PACKAGE_TESTS: &str = "package-tests";

/// Where Mesa keeps compiled pipelines.
const PIPELINES: &str = "MESA_SHADER_CACHE_DIR";

struct Suite<'a> {
    workspace: &'a Workspace,
    /// None where the page cannot be built here, which has been reported.
    tools: Option<Tools>,
    filter: Option<&'a str>,
    /// What failed, to be named at the end: a long log may be seen from there only.
    failures: Mutex<Vec<String>>,
}

impl Suite<'_> {
    fn failed(&self, what: String) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(what);
    }

    /// Runs tests whose lines `count` counts; the failed ones are kept by name.
    fn count(&self, tests: &mut Command, count: impl Fn(&str) -> Option<Tally>) -> Result<Tally> {
        let mut counts = Tally::default();
        let status = run_watched(tests, |line| {
            counts += count(line).unwrap_or_default();
            if let Some(name) = failed_test(line) {
                self.failed(name.to_owned());
            }
        })?;
        if !status.success() && counts.failed == 0 {
            self.failed(format!(
                "`{}` failed ({status}) without a failed test",
                command::shown(tests)
            ));
        }
        if status.success() && counts.total() == 0 && self.filter.is_none() {
            bail!("no result of any test was printed");
        }
        Ok(counts.concluded(status.success()))
    }
}

/// Runs what was asked for and prints the counts; whether nothing failed.
pub(crate) fn run(workspace: &Workspace, filter: Option<&str>, only: &[String]) -> Result<bool> {
    let steps = chosen(filter, only)?;
    let mut table: Vec<(&str, Option<Tally>, Duration)> = Vec::new();

    let start = Instant::now();
    setup::for_checks();
    if steps
        .iter()
        .any(|step| [TESTS, TRANSLATION, BROWSER_TESTS, PACKAGE_TESTS].contains(&step.name))
    {
        setup::for_tests();
    }
    if steps.iter().any(|step| step.name == PYTHON) {
        setup::for_python();
    }
    let mut set_up = None;
    let mut failures = Vec::new();
    let tools = if steps.iter().any(|step| step.needs == Needs::Page) {
        setup::for_page(workspace).map_err(|error| {
            // Unlike a device, this is no matter of the machine: without it
            // half of the product would go untested unnoticed.
            println!("failed: set-up: {error:#}");
            failures.push(format!("set-up: {error:#}"));
            set_up = Some(Tally::FAILED);
        })
    } else {
        Err(())
    };
    table.push(("set-up", set_up, start.elapsed()));

    let suite = Suite {
        workspace,
        tools: tools.ok(),
        filter,
        failures: Mutex::new(failures),
    };
    // For most of its time a compiler works on one core, and so do the browsers:
    // the page and the Rust code side by side end well before one after the other.
    let (page, rust): (Vec<&Step>, Vec<&Step>) =
        steps.iter().partition(|step| step.needs == Needs::Page);
    let outcomes = |steps: &[&Step]| -> Vec<_> {
        let outcome = |step: &&Step| {
            println!("\n== {}", step.name);
            let (tally, time) = step.outcome(&suite);
            (step.name, Some(tally), time)
        };
        steps.iter().map(outcome).collect()
    };
    thread::scope(|scope| {
        let page = scope.spawn(|| outcomes(&page));
        table.extend(outcomes(&rust));
        table.extend(page.join().unwrap_or_else(|_| {
            println!("failed: the page's checks ended in a panic");
            vec![("page", Some(Tally::FAILED), Duration::ZERO)]
        }));
    });

    println!(
        "\n{:<15}{:>8}{:>8}{:>8}{:>10}",
        "", "passed", "failed", "skipped", "seconds"
    );
    let mut sum = Tally::default();
    for (name, tally, time) in table {
        let counts = tally.unwrap_or_default();
        sum += counts;
        println!(
            "{name:<15}{:>8}{:>8}{:>8}{:>10.1}",
            counts.passed,
            counts.failed,
            counts.skipped,
            time.as_secs_f64()
        );
    }
    println!("{:<15}{:>34.1}", "in all", start.elapsed().as_secs_f64());
    if let Some(filter) = filter.filter(|_| sum.total() == 0) {
        println!("no test that can run here has `{filter}` in its name");
    }
    for failure in suite
        .failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        println!("failed: {failure}");
    }
    println!("{sum}");
    Ok(sum.failed == 0 && sum.total() > 0)
}

/// The steps to run: all, those named, or the one a filter applies to.
fn chosen(filter: Option<&str>, only: &[String]) -> Result<Vec<Step>> {
    if let Some(unknown) = only
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != **name))
    {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!(
            "there is no step `{unknown}`; the steps are {}",
            names.join(", ")
        );
    }
    let wanted = |step: &Step| match filter {
        Some(_) => step.name == TESTS,
        None => only.is_empty() || only.iter().any(|name| name == step.name),
    };
    Ok(STEPS.into_iter().filter(wanted).collect())
}

/// A command that counts as one check.
fn check(command: &mut Command) -> Result<Tally> {
    command::run(command)?;
    Ok(Tally::PASSED)
}

fn format(suite: &Suite<'_>) -> Result<Tally> {
    for folder in [suite.workspace.root.clone(), translation_folder(suite)] {
        command::run(cargo(&folder).args(["fmt", "--all", "--check"]))?;
    }
    Ok(Tally::PASSED)
}

/// The package that translates shaders for other platforms. It is no member of
/// the workspace: with its features of naga the engine would compile once more.
fn translation_folder(suite: &Suite<'_>) -> PathBuf {
    suite.workspace.root.join("tests/translation")
}

fn clippy(suite: &Suite<'_>) -> Result<Tally> {
    check(cargo(&suite.workspace.root).args([
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn backends(suite: &Suite<'_>) -> Result<Tally> {
    features::check(suite.workspace)?;
    Ok(Tally::PASSED)
}

fn rust_tests(suite: &Suite<'_>) -> Result<Tally> {
    let program = native::build(suite.workspace, "delicate")?;
    let mut tests = cargo(&suite.workspace.root);
    tests.args(["test", "--release", "--workspace", "--no-fail-fast"]);
    tests.args(suite.filter).args(["--", "--include-ignored"]);
    count_rust_tests(suite, tests, &program)
}

/// Runs and counts tests of Rust, without those that cannot run here.
fn count_rust_tests(suite: &Suite<'_>, mut tests: Command, program: &Path) -> Result<Tally> {
    for (part, why) in needs::unmet(suite.workspace, program) {
        println!("skipped: the tests with `{part}` in their names: {why}");
        tests.args(["--skip", part]);
    }
    // A software GPU compiles pipelines for minutes; what it made is kept with
    // all else that was compiled.
    if std::env::var_os(PIPELINES).is_none() {
        tests.env(PIPELINES, suite.workspace.target.join("pipelines"));
    }
    let filtered = suite.filter.is_some();
    suite.count(&mut tests, |line| cargo_tests(line, filtered))
}

fn translation(suite: &Suite<'_>) -> Result<Tally> {
    let program = native::build(suite.workspace, "delicate")?;
    let folder = translation_folder(suite);
    // Kept with what the workspace builds.
    let target = ("CARGO_TARGET_DIR", &suite.workspace.target);
    command::run(
        cargo(&folder)
            .args([
                "clippy",
                "--release",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])
            .env(target.0, target.1),
    )?;
    let mut tests = cargo(&folder);
    tests.args(["test", "--release", "--no-fail-fast"]);
    tests.args(["--", "--include-ignored"]);
    tests.env(target.0, target.1).env("DELICATE_BIN", &program);
    count_rust_tests(suite, tests, &program)
}

fn docs(suite: &Suite<'_>) -> Result<Tally> {
    let mut docs = cargo(&suite.workspace.root);
    docs.args(["doc", "--release", "--no-deps", "--workspace"]);
    let mut tally = check(docs.env("RUSTDOCFLAGS", "-D warnings"))?;
    tally += links::check(suite.workspace)?;
    Ok(tally)
}

fn python_tests(suite: &Suite<'_>) -> Result<Tally> {
    if let Err(why) = python::is_there() {
        println!("skipped: {PYTHON}: {why:#}");
        return Ok(Tally::SKIPPED);
    }
    let program = native::build(suite.workspace, "delicate")?;
    let mut tests = python::tests(suite.workspace, &program)?;
    suite.count(&mut tests, pytest)
}

fn web_modules(suite: &Suite<'_>) -> Result<Tally> {
    let Some(tools) = &suite.tools else {
        return Ok(not_set_up("modules"));
    };
    modules::build(suite.workspace, tools, false)?;
    Ok(Tally::PASSED)
}

fn page_types(suite: &Suite<'_>) -> Result<Tally> {
    page_check(suite, "page-types", "typecheck")
}

fn page_lint(suite: &Suite<'_>) -> Result<Tally> {
    page_check(suite, "page-lint", "lint")
}

fn page_check(suite: &Suite<'_>, step: &str, script: &str) -> Result<Tally> {
    let Some(tools) = &suite.tools else {
        return Ok(not_set_up(step));
    };
    check(&mut page::script(suite.workspace, &tools.node, script))
}

fn page_build(suite: &Suite<'_>) -> Result<Tally> {
    let Some(tools) = &suite.tools else {
        return Ok(not_set_up("page-build"));
    };
    page::build(suite.workspace, &tools.node)?;
    Ok(Tally::PASSED)
}

fn page_tests(suite: &Suite<'_>) -> Result<Tally> {
    let Some(tools) = &suite.tools else {
        return Ok(not_set_up("page-tests"));
    };
    count_page_tests(
        suite,
        &mut page::script(suite.workspace, &tools.node, "test"),
    )
}

fn browser_tests(suite: &Suite<'_>) -> Result<Tally> {
    let Some(tools) = &suite.tools else {
        return Ok(not_set_up(BROWSER_TESTS));
    };
    let Some(browser) = page::browser() else {
        println!("skipped: browser tests: no chromium");
        return Ok(Tally::SKIPPED);
    };
    // They compare the page's numbers with those of the native command.
    let program = native::build(suite.workspace, "delicate")?;
    let mut tests = page::script(suite.workspace, &tools.node, "test:browser");
    let tests = tests
        .env(page::BROWSER, browser)
        .env("DELICATE_BIN", &program);
    let mut counts = count_page_tests(suite, tests)?;
    let mut tests = page::script(suite.workspace, &tools.node, "test:firefox");
    counts += count_page_tests(suite, tests.env("DELICATE_BIN", program))?;
    Ok(counts)
}

/// The npm package and the folder to be served, as their users have them.
fn package_tests(suite: &Suite<'_>) -> Result<Tally> {
    let Some(tools) = &suite.tools else {
        return Ok(not_set_up(PACKAGE_TESTS));
    };
    page::package(suite.workspace, &tools.node)?;
    page::bundle(suite.workspace)?;
    let program = native::build(suite.workspace, "delicate")?;
    let mut tests = page::script(suite.workspace, &tools.node, "test:package");
    // Without a browser they say so.
    if let Some(browser) = page::browser() {
        tests.env(page::BROWSER, browser);
    }
    count_page_tests(suite, tests.env("DELICATE_BIN", program))
}

/// Runs and counts tests of the page.
fn count_page_tests(suite: &Suite<'_>, tests: &mut Command) -> Result<Tally> {
    suite
        .count(tests, page_test)
        .context("the page's tests did not run")
}

/// For a step whose tools are missing: why they are was counted as a failure.
fn not_set_up(step: &str) -> Tally {
    println!("skipped: {step}: the set-up failed");
    Tally::SKIPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(filter: Option<&str>, only: &[&str]) -> Vec<&'static str> {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let steps = chosen(filter, &only).unwrap_or_default();
        steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn without_a_choice_every_step_runs() {
        assert_eq!(names(None, &[]).len(), STEPS.len());
    }

    #[test]
    fn a_filter_leaves_the_tests_of_rust() {
        assert_eq!(names(Some("salt"), &[]), ["tests"]);
    }

    #[test]
    fn steps_can_be_named_and_an_unknown_one_is_an_error() {
        assert_eq!(names(None, &["docs", "format"]), ["format", "docs"]);
        let error = chosen(None, &["doc".to_owned()])
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("`doc`") && text.contains("docs")));
    }
}
