//! Metrics against scikit-learn, RDKit and SciPy.

use std::collections::BTreeMap;

use delicate::metrics::{self, Bootstrap, Metrics};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    regression: Vec<Regression>,
    classification: Vec<Classification>,
    rankings: Vec<Ranking>,
}

type Intervals = BTreeMap<String, (f64, f64)>;

#[derive(Deserialize)]
struct Regression {
    labels: Vec<f32>,
    predictions: Vec<f32>,
    rmse: f64,
    mae: f64,
    r2: f64,
    intervals: Option<Intervals>,
}

#[derive(Deserialize)]
struct Classification {
    labels: Vec<bool>,
    scores: Vec<f32>,
    roc_auc: f64,
    pr_auc: f64,
    intervals: Option<Intervals>,
}

#[derive(Deserialize)]
struct Ranking {
    size: usize,
    actives: Vec<usize>,
    auroc: f64,
    bedroc: BTreeMap<String, f64>,
    enrichment: BTreeMap<String, f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/metrics.json")).expect("the golden file is JSON")
}

fn assert_close(found: Option<f64>, expected: f64, what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what} is not defined"));
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{what}: {found}, expected {expected}"
    );
}

/// The bounds are random; SciPy's of 9,999 resamples and ours of 1,000 differ
/// by a few percent of the interval's width.
fn assert_near(found: &Metrics, expected: &Option<Intervals>) {
    for (name, &(low, high)) in expected.iter().flatten() {
        let found = found[name].expect("defined");
        let margin = 0.08 * (high - low);
        assert!(
            (found.low - low).abs() < margin && (found.high - high).abs() < margin,
            "{name}: {found:?}, expected {low} to {high}"
        );
    }
}

#[test]
fn regression_metrics_are_those_of_scikit_learn() {
    for case in golden().regression {
        let (labels, predictions) = (&case.labels, &case.predictions);
        assert_close(metrics::rmse(labels, predictions), case.rmse, "RMSE");
        assert_close(metrics::mae(labels, predictions), case.mae, "MAE");
        assert_close(metrics::r2(labels, predictions), case.r2, "R²");
        let found = Bootstrap::default().regression(labels, predictions);
        assert_eq!(
            found["rmse"].map(|rmse| rmse.value),
            metrics::rmse(labels, predictions)
        );
        assert_near(&found, &case.intervals);
    }
}

#[test]
fn classification_metrics_are_those_of_scikit_learn_ties_included() {
    for case in golden().classification {
        let (labels, scores) = (&case.labels, &case.scores);
        assert_close(metrics::roc_auc(labels, scores), case.roc_auc, "ROC-AUC");
        let precision = metrics::average_precision(labels, scores);
        assert_close(precision, case.pr_auc, "average precision");
        let found = Bootstrap::default().classification(labels, scores);
        assert_near(&found, &case.intervals);
    }
}

#[test]
fn ranking_metrics_are_those_of_rdkit() {
    for case in golden().rankings {
        let mut ranking = vec![false; case.size];
        for place in case.actives {
            ranking[place] = true;
        }
        assert_close(metrics::ranking_auroc(&ranking), case.auroc, "AUROC");
        for (alpha, expected) in case.bedroc {
            let alpha = alpha.parse().expect("a number");
            assert_close(metrics::bedroc(&ranking, alpha), expected, "BEDROC");
        }
        for (fraction, expected) in case.enrichment {
            let fraction = fraction.parse().expect("a number");
            let found = metrics::enrichment_factor(&ranking, fraction);
            assert_close(found, expected, "enrichment factor");
        }
    }
}
