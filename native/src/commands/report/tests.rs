use std::path::Path;

use super::{ReportError, curves, write};

/// A small run directory; the files that are named replace or add to it.
fn run(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let metrics = r#"{"step":1,"epoch":0,"split":"train","loss":4.0,"mlm":3.5,"learning_rate":1e-5,"molecules_per_second":100.0,"seconds":1.0}
{"step":2,"epoch":0,"split":"train","loss":2.0,"mlm":1.5,"learning_rate":2e-5,"molecules_per_second":110.0,"seconds":2.0}
{"step":2,"epoch":0,"split":"valid","loss":2.5,"mlm":2.0}
"#;
    put(dir.path(), "metrics.jsonl", metrics);
    for (name, content) in files {
        put(dir.path(), name, content);
    }
    dir
}

fn put(dir: &Path, name: &str, content: &str) {
    std::fs::write(dir.join(name), content).expect("written");
}

fn report(files: &[(&str, &str)]) -> String {
    let dir = run(files);
    write(dir.path()).expect("a report");
    std::fs::read_to_string(dir.path().join("report.html")).expect("UTF-8")
}

/// That every element is closed in order and every attribute quoted.
fn check_markup(html: &str) {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a bare `>`: {}", &rest[..at]);
        let end = rest[at..].find('>').map(|end| at + end);
        let end = end.unwrap_or_else(|| panic!("a tag that never ends: {rest}"));
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        assert!(tag.matches('"').count().is_multiple_of(2), "<{tag}>");
        assert!(!tag.contains('<'), "<{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
            continue;
        }
        let name = tag.split_whitespace().next().expect("a name");
        if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
        if name == "style" {
            rest = &rest[rest.find("</style>").expect("an end of the style")..];
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// No number in a chart's attributes that no viewer can read.
fn check_numbers(html: &str) {
    for chart in html.split("<svg").skip(1) {
        let chart = &chart[..chart.find("</svg>").expect("an end of the chart")];
        for bad in ["NaN", "inf"] {
            assert!(!chart.contains(bad), "{bad} in a chart");
        }
    }
}

const REGRESSION: &str = r#"{"endpoints":[{"name":"esol","title":"Solubility","unit":"log mol/L","task":"regression","splits":[
 {"split":"test","molecules":4,"model":{"rmse":{"value":0.6251,"low":0.5,"high":0.7},"r2":{"value":0.8,"low":0.7,"high":0.9}},"baseline":{"rmse":{"value":0.91,"low":0.8,"high":1.0},"r2":{"value":0.5,"low":0.4,"high":0.6}}},
 {"split":"test","fold":1,"molecules":2,"model":{"rmse":{"value":0.6,"low":null,"high":null}},"baseline":null}]}]}"#;
const PREDICTIONS: &str = "fold,split,endpoint,smiles,label,prediction,baseline\n\
    0,test,esol,C,-1.0,-1.5,-2.0\n0,test,esol,CC,-2.0,-1.8,-2.2\n\
    1,test,esol,CCC,-3.0,-3.1,-1.0\n1,test,esol,CCCC,0.5,0.0,-1.0\n";

#[test]
fn metrics_alone_make_a_report() {
    let html = report(&[]);
    check_markup(&html);
    check_numbers(&html);
    assert_eq!(html.matches("<svg").count(), 4, "loss, mlm, rate, speed");
    assert!(html.contains("2.500 at step 2"));
    assert!(html.contains("no run.json"));
    assert!(!html.contains("class=\"notes\""));
}

#[test]
fn a_whole_run_shows_what_was_run_its_metrics_and_its_figures() {
    let html = report(&[
        (
            "run.json",
            r#"{"command":"finetune","version":"0.1.0","device":"CPU","threads":2,"data":[{"path":"esol.csv","sha256":"fe56fc5e","rows":1128}]}"#,
        ),
        ("config.toml", "seed = 7\n"),
        (
            "splits.json",
            r#"[{"fold":0,"train":[0,1,2],"valid":[3],"test":[4,5]}]"#,
        ),
        ("evaluation.json", REGRESSION),
        ("predictions.csv", PREDICTIONS),
    ]);
    check_markup(&html);
    check_numbers(&html);
    for wanted in [
        "delicate finetune",
        "on CPU",
        "<code>fe56fc5e</code>",
        ">1,128<",
        "seed = 7",
        "<strong>0.625</strong> <span class=\"ci\">0.500 to 0.700</span>",
        "Test, fold 1",
        "R² 0.500, RMSE 0.910.",
        "ECFP baseline: predicted against measured",
        "4 molecules of the test split, all folds together",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert_eq!(html.matches("<svg").count(), 8);
}

#[test]
fn a_classification_shows_roc_precision_recall_and_reliability() {
    let html = report(&[(
        "predictions.csv",
        "fold,split,endpoint,smiles,label,prediction,baseline\n0,test,tox,C,1,0.9,\n\
         0,test,tox,CC,0,0.2,\n0,test,tox,CCC,1,0.4,\n0,test,tox,CCCC,0,0.6,\n",
    )]);
    check_markup(&html);
    check_numbers(&html);
    for wanted in ["ROC curve", "Precision–recall curve", "Reliability"] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert!(!html.contains("</i>ECFP baseline"));
    let one_class = report(&[(
        "predictions.csv",
        "split,endpoint,label,prediction\ntest,tox,1,0.9\ntest,tox,1,0.2\n",
    )]);
    assert!(one_class.contains("all of these molecules are of one class"));
}

#[test]
fn text_from_files_is_never_markup() {
    let evil = "</td></svg><script>alert(1)</script>\\\" onload='x' &amp;";
    let in_csv = "</svg><script>alert(1)</script>";
    let html = report(&[
        (
            "run.json",
            &format!(
                r#"{{"command":"{evil}","{evil}":"{evil}","data":[{{"path":"{evil}","sha256":"{evil}","rows":"{evil}"}}]}}"#
            ),
        ),
        ("config.toml", &format!("name = \"{evil}\"\u{0}\n")),
        (
            "metrics.jsonl",
            &format!(r#"{{"step":1,"split":"{evil}","loss":1.0,"{evil}":2.0}}"#),
        ),
        (
            "evaluation.json",
            &REGRESSION
                .replace("Solubility", evil)
                .replace("log mol/L", evil)
                .replace("\"split\":\"test\"", &format!("\"split\":\"{evil}\""))
                .replace("r2", evil),
        ),
        ("predictions.csv", &PREDICTIONS.replace("test", in_csv)),
    ]);
    check_markup(&html);
    assert!(!html.contains("<script"));
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn damaged_lines_and_rows_are_counted_and_the_rest_is_shown() {
    let long = format!("{{\"step\":9,\"x\":\"{}\"}}\n", "y".repeat(1 << 17));
    let metrics = format!(
        "{{\"step\":1,\"loss\":1.0}}\n{{\"step\":2,\"lo\nnull\n[1]\n\u{1}\n{long}\
         {{\"loss\":3.0}}\n\n{{\"step\":3,\"loss\":0.5}}\n{{\"step\":4,\"loss\":0."
    );
    let html = report(&[
        ("metrics.jsonl", &metrics),
        (
            "predictions.csv",
            "split,endpoint,label,prediction\ntest,a,1.5,2\ntest,a,x,2\ntest,a,1,NaN\ntest\n",
        ),
        ("evaluation.json", "{\"endpoints\": 3}"),
        ("splits.json", ""),
    ]);
    check_markup(&html);
    check_numbers(&html);
    for wanted in [
        "metrics.jsonl: 7 damaged lines left out",
        "predictions.csv: 3 rows left out",
        "evaluation.json was left out",
        "splits.json was left out",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
}

#[test]
fn empty_files_and_values_that_are_not_finite_are_no_trouble() {
    for file in [
        "run.json",
        "config.toml",
        "splits.json",
        "evaluation.json",
        "predictions.csv",
    ] {
        check_markup(&report(&[(file, "")]));
    }
    check_markup(&report(&[("metrics.jsonl", "")]));
    let html = report(&[
        (
            "metrics.jsonl",
            "{\"step\":1,\"loss\":null,\"a\":null}\n{\"step\":2,\"loss\":1e300}\n{\"step\":3,\"loss\":-1e300}\n{\"step\":4,\"loss\":null}\n{\"step\":5,\"loss\":0}\n",
        ),
        (
            "predictions.csv",
            "split,endpoint,label,prediction,baseline\ntest,a,1e300,-1e300,NaN\ntest,a,2,2,inf\n",
        ),
        (
            "evaluation.json",
            r#"{"endpoints":[{"name":"a","splits":[{"split":"test","model":{"rmse":{"value":null},"r2":null}}]}]}"#,
        ),
    ]);
    check_markup(&html);
    check_numbers(&html);
    assert!(html.contains("metrics.jsonl: 3 values left out"));
}

#[test]
fn a_report_stays_small_whatever_the_run() {
    use std::fmt::Write as _;
    let (mut metrics, mut predictions) = (
        String::new(),
        String::from("split,endpoint,label,prediction\n"),
    );
    for step in 0..50_000 {
        let loss = 1.0 + f64::from(step % 7);
        writeln!(
            metrics,
            "{{\"step\":{step},\"loss\":{loss},\"rate\":{loss}}}"
        )
        .expect("a string");
        writeln!(predictions, "test,a,{loss},{}", f64::from(step % 1000)).expect("a string");
    }
    let html = report(&[
        ("metrics.jsonl", &metrics),
        ("predictions.csv", &predictions),
    ]);
    check_markup(&html);
    assert!(html.len() < 400_000, "{} bytes", html.len());
    assert!(html.contains("the mean of up to 250 records"));
    assert!(html.contains("1500 of 50000 molecules are drawn"));
}

#[test]
fn a_directory_without_metrics_is_refused_with_advice() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = write(dir.path()).expect_err("no metrics");
    assert!(matches!(error, ReportError::Read { .. }));
    assert!(error.to_string().contains("not a run directory?"));
    assert!(!dir.path().join("report.html").exists());
}

#[test]
fn steps_done_twice_after_a_resume_count_once() {
    let html = report(&[(
        "metrics.jsonl",
        "{\"step\":1,\"split\":\"valid\",\"loss\":3}\n{\"step\":2,\"split\":\"valid\",\"loss\":0.1}\n{\"step\":2,\"split\":\"valid\",\"loss\":2}\n",
    )]);
    assert!(html.contains("2.000 at step 2"), "the first try was undone");
}

/// The expected values are scikit-learn 1.9.1's, of `roc_curve` (all thresholds)
/// and `precision_recall_curve` on the same scores.
#[test]
fn curves_equal_those_of_scikit_learn() {
    let scores = [
        (0.1, false),
        (0.4, false),
        (0.35, true),
        (0.8, true),
        (0.8, false),
        (0.35, false),
        (0.9, true),
        (0.05, true),
    ];
    let curves = curves::thresholds(&scores).expect("both classes");
    let roc = [
        (0.0, 0.0),
        (0.0, 0.25),
        (0.25, 0.5),
        (0.5, 0.5),
        (0.75, 0.75),
        (1.0, 0.75),
        (1.0, 1.0),
    ];
    assert_eq!(curves.roc, roc);
    let pr = [
        (0.25, 1.0),
        (0.5, 2.0 / 3.0),
        (0.5, 0.5),
        (0.75, 0.5),
        (0.75, 3.0 / 7.0),
        (1.0, 0.5),
    ];
    assert_eq!(curves.pr, pr);
}

/// The interval is statsmodels' `proportion_confint(3, 10, method="wilson")`.
#[test]
fn a_reliability_bin_has_its_mean_its_share_and_wilsons_interval() {
    let scores: Vec<_> = (0..10).map(|at| (0.25, at < 3)).collect();
    let bins = curves::reliability(&scores);
    assert_eq!(bins.len(), 1);
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(close(bins[0].predicted, 0.25) && close(bins[0].observed, 0.3));
    assert!(
        close(bins[0].low, 0.107_791) && close(bins[0].high, 0.603_222),
        "{bins:?}"
    );
}
