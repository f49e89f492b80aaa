"""The test molecules of a fine-tuning run through ADMET-AI: how its networks and ours rank
what neither was trained on.

    beside_admet_ai.py RUN --data FOLDER [--molecules N] [-o JSON]

RUN is a run directory of `delicate finetune` with endpoints of the names below: its
predictions of test molecules (scaffolds that no endpoint was trained on) stand in
`predictions.csv`. FOLDER holds the tables of `reproduce`, of which those that ADMET-AI was
trained on (Therapeutics Data Commons took them from the same publications) are left out:
lipophilicity, microsomal clearance and plasma protein binding of AstraZeneca. Of the sets
of Caco-2, hERG and rat LD50 that it was trained on no list is at hand; they are 6, 4 and
at most half of the size of ours, and what it has seen of our test molecules helps it alone.
Endpoints whose molecules it has all seen (solubility, CYP, P-gp, Tox21, ...) are not
compared. It gets the SMILES that our network gets: the standard form without stereo.

Ranks, because units and assays differ: Spearman's coefficient, or ROC-AUC; 1,000 bootstrap
samples of the molecules for the difference. Prints a table as Markdown.

    python -m venv venv && venv/bin/pip install admet-ai==2.0.1 rdkit==2026.9.1
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
from admet_ai import ADMETModel
from comparison import SAMPLES, constitution, spearman
from rdkit import RDLogger
from scipy.stats import rankdata

# Ours, theirs, whether theirs falls as ours rises, and table and column of what it has seen.
ENDPOINTS = [
    ("log_d", "Lipophilicity_AstraZeneca", False, ("qsar/lipop.csv", "label")),
    ("caco2_papp", "Caco2_Wang", False, None),
    ("bbb", "BBB_Martins", False, None),
    ("human_fup", "PPBR_AZ", True, ("admet/az_dmpk.csv", "log_hppb_unbound")),
    ("hlm_clint", "Clearance_Microsome_AZ", False, ("admet/az_dmpk.csv", "log_hlm_clint_ml_min_g")),
    ("herg_pic50", "hERG", False, None),
    ("rat_oral_ld50", "LD50_Zhu", False, None),
]


def roc_auc(truth, values):
    positive = truth > 0.5
    ranks = rankdata(values)
    pairs = positive.sum() * (~positive).sum()
    above = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(above / pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--molecules", type=int, default=1000, help="of each endpoint, at most")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")

    rows = {ours: [] for ours, *_ in ENDPOINTS}
    with open(options.run / "predictions.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test" and row["endpoint"] in rows:
                rows[row["endpoint"]].append((row["smiles"], float(row["label"]), float(row["prediction"])))
    left_out = {}
    for ours, _, _, seen in ENDPOINTS:
        if not rows[ours]:
            sys.exit(f"{options.run}/predictions.csv has no test molecules of {ours}")
        left_out[ours] = 0
        if seen:
            table, column = seen
            with open(options.data / table, newline="") as file:
                known = {constitution(row["smiles"]) for row in csv.DictReader(file) if row[column]}
            new = [row for row in rows[ours] if constitution(row[0]) not in known]
            left_out[ours] = len(rows[ours]) - len(new)
            rows[ours] = new
        count = min(options.molecules, len(rows[ours]))
        rows[ours] = [rows[ours][i * len(rows[ours]) // count] for i in range(count)]

    smiles = sorted({row[0] for some in rows.values() for row in some})
    start = time.time()
    found = ADMETModel(num_workers=0).predict(smiles=smiles)
    print(f"{len(smiles)} molecules in {time.time() - start:.0f} s", file=sys.stderr)

    random = np.random.default_rng(0)
    results = {}
    for ours, theirs, falls, _ in ENDPOINTS:
        truth = np.array([row[1] for row in rows[ours]])
        values = np.array([row[2] for row in rows[ours]])
        peer = found[theirs].reindex([row[0] for row in rows[ours]]).to_numpy(float)
        readable = ~np.isnan(peer)
        truth, values, peer = truth[readable], values[readable], peer[readable] * (-1 if falls else 1)
        is_class = set(np.unique(truth)) <= {0.0, 1.0}
        rate = roc_auc if is_class else spearman
        differences = []
        for _ in range(SAMPLES):
            drawn = random.integers(len(truth), size=len(truth))
            differences.append(rate(truth[drawn], values[drawn]) - rate(truth[drawn], peer[drawn]))
        low, high = np.quantile(differences, [0.025, 0.975])
        results[ours] = {
            "theirs": theirs,
            "metric": "roc_auc" if is_class else "spearman",
            "molecules": len(truth),
            "left_out": left_out[ours],
            "delicate": rate(truth, values),
            "admet_ai": rate(truth, peer),
            "difference": [float(low), float(high)],
        }
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    print("| Endpoint | ADMET-AI's | Molecules | Left out as seen | Metric | Delicate | ADMET-AI | Difference |")
    print("|---|---|---|---|---|---|---|---|")
    for ours, of in results.items():
        metric = {"roc_auc": "ROC-AUC", "spearman": "Spearman"}[of["metric"]]
        low, high = of["difference"]
        print(
            f"| `{ours}` | {of['theirs']} | {of['molecules']} | {of['left_out']} | {metric} "
            f"| {of['delicate']:.3f} | {of['admet_ai']:.3f} "
            f"| {of['delicate'] - of['admet_ai']:+.3f} [{low:+.3f}, {high:+.3f}] |"
        )


if __name__ == "__main__":
    main()
