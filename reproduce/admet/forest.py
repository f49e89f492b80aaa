"""A random forest for every endpoint of a fine-tuning run: what the model has to beat,
and, as one of its teachers, predictions of molecules with and without labels.

    forest.py RUN [--corpus SMILES_FILE] [-o TABLE] [--evaluation JSON]

reads the examples, the split and the endpoints of the run directory RUN. A forest has
100 trees (scikit-learn) on RDKit's count fingerprint ECFP4 of 2,048 numbers and the 69
descriptors of RDKit that the model reads too; it is fitted to the training molecules of
the run's first fold. TABLE gets its predictions, in the endpoint's unit and as
probabilities: out-of-bag where the forest has seen the label. JSON gets RMSE (of what
is learnt: logarithms, where the endpoint says so) or ROC-AUC on the test molecules.
"""

import argparse
import csv
import gzip
import json
import os
import sys
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.EState import EState_VSA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import roc_auc_score

TREES = 100
BITS = 2048
GENERAL = [
    Descriptors.HeavyAtomCount,
    rdMolDescriptors.CalcNumHeteroatoms,
    Descriptors.NOCount,
    Descriptors.NumHAcceptors,
    Descriptors.NumHDonors,
    Descriptors.NumRotatableBonds,
    rdMolDescriptors.CalcNumAmideBonds,
    Descriptors.FractionCSP3,
    Descriptors.RingCount,
    rdMolDescriptors.CalcNumAromaticRings,
    rdMolDescriptors.CalcNumAliphaticRings,
    rdMolDescriptors.CalcNumSaturatedRings,
    rdMolDescriptors.CalcNumAromaticHeterocycles,
    rdMolDescriptors.CalcNumAliphaticHeterocycles,
    rdMolDescriptors.CalcNumSaturatedHeterocycles,
    rdMolDescriptors.CalcNumSpiroAtoms,
    rdMolDescriptors.CalcNumBridgeheadAtoms,
]
fingerprints = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)


def features(smiles):
    """Counts and descriptors of a molecule; None where RDKit cannot read it."""
    RDLogger.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    # Stereo is no part of the form that the endpoints are predicted in.
    Chem.RemoveStereochemistry(molecule)
    counts = fingerprints.GetCountFingerprintAsNumPy(molecule)
    log_p, refractivity = Crippen.MolLogP(molecule), Crippen.MolMR(molecule)
    descriptors = [log_p, refractivity, Descriptors.MolWt(molecule)]
    descriptors += [of(molecule) for of in GENERAL]
    descriptors += rdMolDescriptors.SlogP_VSA_(molecule)
    descriptors += rdMolDescriptors.SMR_VSA_(molecule)
    descriptors += list(EState_VSA.EState_VSA_(molecule))
    descriptors += rdMolDescriptors.PEOE_VSA_(molecule)
    descriptors += [rdMolDescriptors.CalcLabuteASA(molecule), rdMolDescriptors.CalcTPSA(molecule)]
    descriptors = np.nan_to_num(np.array(descriptors, np.float32), posinf=0.0, neginf=0.0)
    return np.minimum(counts, 255).astype(np.uint8), descriptors


def forest_of(is_class, threads, **more):
    """A forest that is not fitted."""
    common = {"n_estimators": TREES, "random_state": 0, "n_jobs": threads, **more}
    if is_class:
        return RandomForestClassifier(max_features="sqrt", **common)
    return RandomForestRegressor(max_features=0.1, **common)


def score(is_class, truth, values):
    """RMSE, or the area under the curve where both classes occur."""
    if is_class:
        both = 0.0 < truth.mean() < 1.0
        return {"roc_auc": float(roc_auc_score(truth, values)) if both else None}
    return {"rmse": float(np.sqrt(np.mean((truth - values) ** 2)))}


def matrix(rows):
    counts = np.stack([row[0] for row in rows]).astype(np.float32)
    return np.hstack([counts, np.stack([row[1] for row in rows])])


def read_smiles(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as lines:
        return [line.split()[0] for line in lines if line.strip()]


def sampled(smiles, count):
    """An even sample, the same every time."""
    if count is None or count >= len(smiles):
        return smiles
    return [smiles[i * len(smiles) // count] for i in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--corpus", type=Path, help="molecules to predict beside those of the run")
    parser.add_argument("--molecules", type=int, help="so many of the corpus, evenly drawn")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--evaluation", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    with open(options.run / "config.toml", "rb") as file:
        config = tomllib.load(file)
    with open(options.run / "examples.csv", newline="") as file:
        header, *rows = csv.reader(file)
    split = json.loads((options.run / "splits.json").read_text())[0]
    of = {endpoint["name"]: endpoint for endpoint in config["endpoints"]}
    shown = [i for i, name in enumerate(header) if i and not of[name].get("auxiliary")]
    names = [header[i] for i in shown]
    labels = np.array([[float(row[i] or "nan") for i in shown] for row in rows], np.float32)
    # Examples of pseudo-labels alone teach no forest and are not measured.
    measured = ~np.isnan(labels).all(axis=1)
    smiles = [row[0] for row in rows]
    known = set(smiles)
    corpus = sampled(read_smiles(options.corpus), options.molecules) if options.corpus else []
    corpus = [one for one in corpus if one not in known]

    start = time.time()
    with ProcessPoolExecutor(options.threads) as pool:
        found = list(pool.map(features, smiles + corpus, chunksize=500))
    readable = np.array([row is not None for row in found])
    print(f"features of {len(found)} molecules in {time.time() - start:.0f} s", file=sys.stderr)
    places = np.flatnonzero(readable)
    data = matrix([found[place] for place in places])
    at = np.full(len(found), -1)
    at[places] = np.arange(len(places))
    part = {name: np.array(split[name], int) for name in ("train", "test")}
    part = {name: rows[readable[rows] & measured[rows]] for name, rows in part.items()}

    predictions = np.full((len(found), len(names)), np.nan, np.float32)
    evaluation = {}
    for column, name in enumerate(names):
        start = time.time()
        endpoint = of[name]
        is_class = endpoint.get("task") == "classification"
        train, test = (rows[~np.isnan(labels[rows, column])] for rows in part.values())
        forest = forest_of(is_class, options.threads, oob_score=True)
        if is_class:
            forest.fit(data[at[train]], labels[train, column] > 0.5)
            own = forest.oob_decision_function_[:, 1]
            predict = lambda rows: forest.predict_proba(data[at[rows]])[:, 1]
        else:
            forest.fit(data[at[train]], labels[train, column])
            own = forest.oob_prediction_
            predict = lambda rows: forest.predict(data[at[rows]])
        if len(test):
            found_score = score(is_class, labels[test, column], predict(test))
            evaluation[name] = {"train": len(train), "test": len(test), **found_score}
        if options.output:
            predictions[places, column] = predict(places)
            predictions[train, column] = own
            if endpoint.get("transform") == "log10":
                predictions[:, column] = 10.0 ** predictions[:, column].astype(np.float64)
        print(f"{name}: {evaluation.get(name)}, {time.time() - start:.0f} s", file=sys.stderr)

    if options.evaluation:
        options.evaluation.write_text(json.dumps(evaluation, indent=1) + "\n")
    if options.output:
        partial = options.output.with_suffix(".partial")
        with open(partial, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["smiles", *names])
            for one, values in zip(smiles + corpus, predictions):
                if not np.isnan(values).all():
                    writer.writerow([one] + ["" if np.isnan(v) else f"{v:.5g}" for v in values])
        partial.replace(options.output)


if __name__ == "__main__":
    main()
