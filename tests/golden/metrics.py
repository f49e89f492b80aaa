"""Writes metrics.json beside this file: what scikit-learn, RDKit and SciPy make
of the cases drawn here, for tests/it/metrics.rs to compare with.

    python3 -m venv venv && venv/bin/pip install numpy scipy scikit-learn rdkit
    venv/bin/python tests/golden/metrics.py
"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from rdkit import rdBase
from rdkit.ML.Scoring import Scoring
from scipy.stats import bootstrap
from sklearn.metrics import (
    average_precision_score,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

rng = np.random.default_rng(20260923)


def float32(values):
    return [float(np.float32(value)) for value in values]


def interval(metric, labels, predictions):
    """Percentile bounds of many resamples, which a fair bootstrap approaches."""
    found = bootstrap(
        (np.array(labels), np.array(predictions)),
        metric,
        paired=True,
        vectorized=False,
        n_resamples=9999,
        method="percentile",
        random_state=1,
    ).confidence_interval
    return [float(found.low), float(found.high)]


regression = []
for size, noise in [(2, 1.0), (7, 0.3), (120, 0.8), (400, 2.5)]:
    labels = float32(rng.normal(-3, 2, size))
    predictions = float32(np.array(labels) + rng.normal(0.1, noise, size))
    case = {
        "labels": labels,
        "predictions": predictions,
        "rmse": float(np.sqrt(mean_squared_error(labels, predictions))),
        "mae": float(mean_absolute_error(labels, predictions)),
        "r2": float(r2_score(labels, predictions)),
    }
    if size == 120:
        case["intervals"] = {
            "rmse": interval(
                lambda a, b: np.sqrt(mean_squared_error(a, b)), labels, predictions
            ),
            "mae": interval(mean_absolute_error, labels, predictions),
            "r2": interval(r2_score, labels, predictions),
        }
    regression.append(case)

classification = []
for size, rate, decimals in [(5, 0.5, 1), (60, 0.3, 1), (150, 0.2, 6), (300, 0.05, 2)]:
    labels = rng.random(size) < rate
    labels[:2] = [True, False]
    # Rounded, so that many scores are ties.
    scores = float32(np.round(rng.normal(labels * 0.8, 1.0), decimals))
    case = {
        "labels": [bool(label) for label in labels],
        "scores": scores,
        "roc_auc": float(roc_auc_score(labels, scores)),
        "pr_auc": float(average_precision_score(labels, scores)),
    }
    if size == 150:
        case["intervals"] = {
            "roc_auc": interval(roc_auc_score, labels, scores),
            "pr_auc": interval(average_precision_score, labels, scores),
        }
    classification.append(case)

rankings = []
for size, actives in [(2, 1), (10, 3), (100, 5), (400, 40), (400, 1), (30, 29)]:
    ranking = np.zeros(size, bool)
    places = rng.choice(size, actives, replace=False, p=np.arange(size, 0, -1) / (size * (size + 1) / 2))
    ranking[places] = True
    rows = [[bool(active)] for active in ranking]
    rankings.append(
        {
            "size": size,
            "actives": sorted(int(place) for place in places),
            "auroc": Scoring.CalcAUC(rows, 0),
            "bedroc": {str(alpha): Scoring.CalcBEDROC(rows, 0, alpha) for alpha in [0.5, 20.0, 100.0]},
            # 1.0 is left out: RDKit gives no number for it.
            "enrichment": {
                str(fraction): Scoring.CalcEnrichment(rows, 0, [fraction])[0]
                for fraction in [0.1, 0.5]
                if int(np.ceil(size * fraction)) < size
            },
        }
    )

versions = f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, RDKit {rdBase.rdkitVersion}"
text = json.dumps(
    {
        "made_by": f"tests/golden/metrics.py with {versions}",
        "regression": regression,
        "classification": classification,
        "rankings": rankings,
    }
)
# A case a line.
text = text.replace('}, {"', '},\n{"').replace('": [{', '": [\n{')
pathlib.Path(__file__).with_name("metrics.json").write_text(text + "\n")
