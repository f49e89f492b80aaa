use std::path::Path;

use super::{ReportError, write};

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
 {"split":"test","fold":1,"molecules":2,"model":{"rmse":null},"baseline":null}]}]}"#;
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
            r#"{"command":"finetune","version":"0.1.0","device":"CPU","backend":"flex","threads":2,"started":"2026-01-02T03:04:05Z","data":[{"path":"esol.csv","sha256":"fe56fc5e","rows":1128}]}"#,
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
        "ECFP4 forest: predicted against measured",
        "4 molecules of the test split, all folds together",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert_eq!(html.matches("<svg").count(), 8);
}

#[test]
fn network_and_gaussian_process_stand_beside_their_blend() {
    let metric = |value: f64| format!(r#"{{"rmse":{{"value":{value},"low":0.1,"high":0.9}}}}"#);
    let evaluation = format!(
        r#"{{"readings":1,"endpoints":[{{"name":"esol","title":"Solubility","unit":"log mol/L","task":"regression","splits":[{{"split":"test","molecules":2,"model":{},"network":{},"process":{},"baseline":{}}}]}}]}}"#,
        metric(0.25),
        metric(0.5),
        metric(0.375),
        metric(0.75),
    );
    let html = report(&[
        ("evaluation.json", &evaluation),
        (
            "predictions.csv",
            "fold,split,endpoint,smiles,label,prediction,network,process,baseline\n\
             0,test,esol,C,-1,-1.5,-1.25,-1.75,-2\n0,test,esol,CC,-2,-1.8,-1.75,,-2.2\n",
        ),
    ]);
    check_markup(&html);
    check_numbers(&html);
    let mut rest = html.as_str();
    for wanted in [
        "weighted mean of its network",
        "Model</th>",
        "Network</th>",
        "Gaussian process</th>",
        "ECFP4 forest</th>",
        "<strong>0.250</strong>",
        ">0.500 ",
        ">0.375 ",
        ">0.750 ",
        "Model: predicted against measured",
        "RMSE 0.250.",
        "Network: predicted against measured",
        "RMSE 0.500.",
        "Gaussian process: predicted against measured",
        "RMSE 0.375.",
        "Residuals",
    ] {
        let place = rest.find(wanted);
        rest = &rest[place.unwrap_or_else(|| panic!("{wanted} is missing, or out of place"))..];
    }
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
    assert!(!html.contains("</i>ECFP4 forest"));
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
                r#"{{"command":"{evil}","version":"{evil}","device":"{evil}","backend":"{evil}","threads":1,"started":"{evil}","data":[{{"path":"{evil}","sha256":"{evil}","rows":1}}]}}"#
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
    assert!(!html.contains("was left out"));
    assert!(!html.contains("<script"));
    assert!(!html.contains('\u{0}'));
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
            "split,endpoint,label,prediction,baseline\ntest,a,1e38,-1e38,NaN\ntest,a,2,2,inf\ntest,a,1e300,2,\n",
        ),
        (
            "evaluation.json",
            r#"{"endpoints":[{"name":"a","title":"","unit":"","task":"regression","splits":[{"split":"test","molecules":2,"model":{"rmse":null,"r2":null}}]}]}"#,
        ),
    ]);
    check_markup(&html);
    check_numbers(&html);
    assert!(html.contains("metrics.jsonl: 3 values left out"));
    assert!(html.contains("predictions.csv: 1 row left out"));
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
