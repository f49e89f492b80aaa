"""Writes baseline.json beside this file: how well scikit-learn's random forests
on RDKit's ECFP4 fingerprints predict RDKit's logP, for tests/it/baseline.rs to
compare with, split by split.

    python3 -m venv venv && venv/bin/pip install numpy scikit-learn rdkit
    venv/bin/python tests/golden/baseline.py

The molecules are those of descriptors.py with seven heavy atoms or more, but
for the few whose fingerprints differ from RDKit's. The classes are logP above
2 and the rest.
"""

import json
import pathlib

import numpy as np
import sklearn
from descriptors import DIFFERENT, ECFP4, chosen
from molecules import written
from rdkit import Chem, rdBase
from rdkit.Chem import Crippen
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import mean_squared_error, roc_auc_score

SPLITS, SEEDS = 3, 20
LIMIT = 2.0


def molecules():
    different = set(written(DIFFERENT))
    for smiles in dict.fromkeys(chosen()):
        molecule = Chem.MolFromSmiles(smiles)
        if molecule.GetNumHeavyAtoms() >= 7 and smiles not in different:
            yield smiles, molecule


def main():
    rng = np.random.default_rng(20261127)
    smiles, parsed = zip(*molecules())
    bits = np.array([ECFP4.GetFingerprintAsNumPy(m) for m in parsed], np.float32)
    labels = np.array([round(Crippen.MolLogP(m), 4) for m in parsed])
    classes = labels > LIMIT

    splits = []
    for _ in range(SPLITS):
        order = rng.permutation(len(labels))
        test, train = np.split(order, [len(labels) // 5])
        rmse, auc = [], []
        for seed in range(SEEDS):
            forest = RandomForestRegressor(100, max_features=0.33, random_state=seed)
            forest.fit(bits[train], labels[train])
            predicted = forest.predict(bits[test])
            rmse.append(np.sqrt(mean_squared_error(labels[test], predicted)))
            forest = RandomForestClassifier(100, max_features="sqrt", random_state=seed)
            forest.fit(bits[train], classes[train])
            predicted = forest.predict_proba(bits[test])[:, 1]
            auc.append(roc_auc_score(classes[test], predicted))
        splits.append(
            {
                "test": sorted(int(i) for i in test),
                # Mean and standard deviation over the seeds of the forest.
                "rmse": [float(np.mean(rmse)), float(np.std(rmse))],
                "roc_auc": [float(np.mean(auc)), float(np.std(auc))],
            }
        )
    versions = f"scikit-learn {sklearn.__version__}, RDKit {rdBase.rdkitVersion}"
    text = json.dumps(
        {
            "made_by": f"tests/golden/baseline.py with {versions}",
            "limit": LIMIT,
            "molecules": list(zip(smiles, labels.tolist())),
            "splits": splits,
        }
    )
    # A molecule or a split a line.
    text = text.replace('], ["', '],\n["').replace('}, {"', '},\n{"')
    pathlib.Path(__file__).with_name("baseline.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
