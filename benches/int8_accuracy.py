"""What predictions lose in int8: RMSE or ROC-AUC of each endpoint in both precisions, on
labelled molecules that the model was not trained on.

    python -m venv venv
    venv/bin/pip install numpy==2.4.6
    venv/bin/python benches/int8_accuracy.py --delicate target/release/delicate \\
        --model models/delicate-small --configuration configs/finetune/delicate-small.toml \\
        --data FOLDER

FOLDER is the one that the tables of the configuration lie in. A molecule counts as
trained on if `domain.json.gz`, which lists the training molecules, has its standard form
for the endpoint. Endpoints that were trained on logarithms are compared in them. Prints
one JSON object; limits are exceeded where RMSE is more than 0.5 % larger or ROC-AUC more
than 0.002 smaller.
"""

import argparse
import collections
import csv
import gzip
import json
import math
import pathlib
import re
import subprocess
import tempfile
import tomllib

import numpy as np

RMSE, AUC = 0.5, 0.002


def table(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as rows:
        yield from csv.DictReader(rows)


def labels(configuration, folder):
    """For each endpoint the labels of each SMILES as it is written."""
    found = {}
    for endpoint in configuration["endpoints"]:
        own = collections.defaultdict(list)
        sources = endpoint.get("sources") or [endpoint]
        for source in sources:
            for row in table(folder / source["file"]):
                try:
                    value = float(row[source.get("label_column", "label")])
                except ValueError:
                    continue
                # As training reads them.
                value = (10**value if source.get("log10") else value) * source.get("factor", 1)
                if value > source.get("at_most", math.inf):
                    continue
                if endpoint.get("transform") == "log10":
                    if value <= 0:
                        continue
                    value = math.log10(value)
                if math.isfinite(value):
                    smiles = row[source.get("smiles_column", "smiles")].strip()
                    own[smiles].append(value)
        found[endpoint["name"]] = own
    return found


def scored(arguments, smiles, precision, directory):
    """Rows of `delicate score`, or of `delicate standardize` without a precision."""
    rows, out = directory / "rows.csv", directory / "out.csv"
    rows.write_text("smiles\n" + "".join(f"{one}\n" for one in smiles))
    command = [arguments.delicate, "standardize", rows]
    if precision:
        command = [
            arguments.delicate, "score", rows, "--model", arguments.model,
            "--device", "cpu", "--precision", precision,
        ]
    subprocess.run([*command, "-q", "-o", out], check=True, stderr=subprocess.DEVNULL)
    with open(out, newline="") as opened:
        return list(csv.DictReader(opened))


def auc(labels, values):
    order = np.sort(values)
    rank = np.searchsorted(order, values) + np.searchsorted(order, values, side="right") + 1
    positive = labels == 1
    p, n = positive.sum(), (~positive).sum()
    return float((rank[positive].sum() / 2 - p * (p + 1) / 2) / (p * n))


def compared(labels, fp32, int8, classes):
    difference = np.abs(fp32 - int8)
    found = dict(
        molecules=len(labels), largest_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
    )
    if classes:
        found["fp32"], found["int8"] = auc(labels, fp32), auc(labels, int8)
        found["change"] = found["int8"] - found["fp32"]
        return found | dict(metric="roc_auc", within=found["change"] >= -AUC)
    rmse = [float(np.sqrt(((values - labels) ** 2).mean())) for values in (fp32, int8)]
    found["fp32"], found["int8"] = rmse
    found["change_percent"] = 100 * (rmse[1] / rmse[0] - 1)
    return found | dict(metric="rmse", within=found["change_percent"] <= RMSE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--delicate", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--configuration", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    configuration = tomllib.loads(arguments.configuration.read_text())
    endpoints = {one["name"]: one for one in configuration["endpoints"]}
    all_labels = labels(configuration, arguments.data)
    with gzip.open(arguments.model / "domain.json.gz") as domain:
        trained = collections.defaultdict(set)
        for molecule in json.load(domain)["molecules"]:
            for index in molecule["endpoints"]:
                trained[list(endpoints)[index]].add(molecule["smiles"])
    constitution = configuration.get("standard_form") == "constitution"
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        smiles = sorted(set().union(*all_labels.values()))
        forms = {}
        for one, row in zip(smiles, scored(arguments, smiles, None, directory), strict=True):
            if row["standardized"]:
                forms[one] = row["standardized"]
        if constitution:
            # Its training molecules have no marks of stereo: neither do these.
            plain = {one: re.sub(r"[/\\@]", "", form) for one, form in forms.items()}
            again = scored(arguments, list(plain.values()), None, directory)
            forms = {
                one: row["standardized"] for one, row in zip(plain, again, strict=True)
                if row["standardized"]
            }
        held_out = {
            name: {one for one in own if one in forms and forms[one] not in trained[name]}
            for name, own in all_labels.items()
        }
        smiles = sorted(set().union(*held_out.values()))
        values = {}
        for precision in ("fp32", "int8"):
            rows = scored(arguments, smiles, precision, directory)
            values[precision] = dict(zip(smiles, rows, strict=True))
    found = {}
    for name, own in held_out.items():
        chosen = [one for one in sorted(own) if values["fp32"][one][name]]
        measured = np.array([np.mean(all_labels[name][one]) for one in chosen])
        both = [
            np.array([float(values[precision][one][name]) for one in chosen])
            for precision in ("fp32", "int8")
        ]
        if endpoints[name].get("transform") == "log10":
            both = [np.log10(np.maximum(one, 1e-30)) for one in both]
        classes = endpoints[name].get("task") == "classification"
        if classes:
            # Of labels that contradict themselves nothing is known.
            sure = (measured == 0) | (measured == 1)
            measured, both = measured[sure], [one[sure] for one in both]
        if len(measured) < 10 or (classes and not 0 < measured.mean() < 1):
            found[name] = dict(molecules=len(measured), metric=None, within=True)
            continue
        found[name] = compared(measured, *both, classes)
    print(json.dumps(dict(
        molecules=len(smiles), within=all(one["within"] for one in found.values()),
        endpoints=found,
    ), indent=2))


if __name__ == "__main__":
    main()
