"""The model of 61 endpoints beside delicate-small, on molecules that neither was trained on.

    beside_small.py RUN --data FOLDER --delicate COMMAND --models FOLDER [-o JSON]

RUN is a run directory of `delicate finetune delicate-admet` (or `delicate-admet-encoder`,
which has the same molecules and splits; it may have been interrupted): its test molecules
(`splits.json`, `examples.csv`) belong to scaffolds that no endpoint was trained on. Those
that stand in the table that delicate-small learnt from are left out, by their structure
without stereo. FOLDER holds the tables of `reproduce`. Both models score the same SMILES
by the command, as they are shipped.

Hydration free energy cannot be compared: both learnt it from the one table there is.
Brackets: 95 % of 1,000 bootstrap samples of the molecules. Prints a table as Markdown.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 rdkit==2026.9.1
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from comparison import SAMPLES, constitution, spearman
from rdkit import RDLogger

# Ours, that of delicate-small, and the table that it learnt it from.
ENDPOINTS = [("log_s", "esol", "esol.csv"), ("log_d", "lipophilicity", "lipop.csv")]


def predicted(command, model, endpoint, smiles):
    """The endpoint of each SMILES, NaN where the model does not take it."""
    score = [command, "score", "-", "--model", str(model), "--endpoints", endpoint, "--format", "csv"]
    text = "smiles\n" + "".join(f"{one}\n" for one in smiles)
    done = subprocess.run(score, input=text, capture_output=True, text=True)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    if len(rows) != len(smiles):
        sys.exit(f"{' '.join(score)} failed:\n{done.stderr}")
    return np.array([float(row[endpoint] or "nan") for row in rows])


def rmse(truth, values):
    return float(np.sqrt(np.mean((truth - values) ** 2)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--delicate", required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")

    with open(options.run / "examples.csv", newline="") as file:
        examples = list(csv.DictReader(file))
    test = json.loads((options.run / "splits.json").read_text())[0]["test"]
    random = np.random.default_rng(0)
    results = []
    for ours, theirs, table in ENDPOINTS:
        with open(options.data / "qsar" / table, newline="") as file:
            known = {constitution(row["smiles"]) for row in csv.DictReader(file)}
        measured = [examples[index] for index in test if examples[index][ours]]
        new = [row for row in measured if constitution(row["smiles"]) not in known]
        smiles = [row["smiles"] for row in new]
        truth = np.array([float(row[ours]) for row in new])
        here = predicted(options.delicate, options.models / "delicate-admet", ours, smiles)
        before = predicted(options.delicate, options.models / "delicate-small", theirs, smiles)
        both = ~(np.isnan(here) | np.isnan(before))
        truth, here, before = truth[both], here[both], before[both]
        for name, rate in (("RMSE", rmse), ("Spearman", spearman)):
            differences = []
            for _ in range(SAMPLES):
                drawn = random.integers(len(truth), size=len(truth))
                differences.append(rate(truth[drawn], here[drawn]) - rate(truth[drawn], before[drawn]))
            low, high = np.quantile(differences, [0.025, 0.975])
            results.append(
                {
                    "endpoint": ours,
                    "molecules": len(truth),
                    "left_out": len(measured) - len(new),
                    "metric": name,
                    "delicate-admet": rate(truth, here),
                    "delicate-small": rate(truth, before),
                    "difference": [float(low), float(high)],
                }
            )
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    print("| Endpoint | Molecules | Left out as seen | Metric | delicate-admet | delicate-small | Difference |")
    print("|---|---|---|---|---|---|---|")
    for of in results:
        low, high = of["difference"]
        here, before = of["delicate-admet"], of["delicate-small"]
        print(
            f"| `{of['endpoint']}` | {of['molecules']} | {of['left_out']} | {of['metric']} "
            f"| {here:.3f} | {before:.3f} | {here - before:+.3f} [{low:+.3f}, {high:+.3f}] |"
        )


if __name__ == "__main__":
    main()
