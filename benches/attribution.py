"""Atom contributions to lipophilicity beside Wildman and Crippen's (1999), which
add up to a computed logP: the rank correlation of the two within each molecule.

    python -m venv venv
    venv/bin/pip install rdkit==2026.9.1 scipy==1.17.0
    venv/bin/python benches/attribution.py --delicate target/release/delicate

Molecules: the 64 drugs of benches/molecules.smi with 8 heavy atoms or more.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from scipy.stats import spearmanr

HERE = pathlib.Path(__file__).resolve().parent


def explained(delicate, smiles, model):
    command = [delicate, "explain", smiles, "--format", "json", "--device", "cpu"]
    if model:
        command += ["--model", model]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--delicate", default="target/release/delicate")
    parser.add_argument("--model")
    parser.add_argument("--endpoint", default="lipophilicity")
    arguments = parser.parse_args()
    random.seed(0)
    ours, shuffled = [], []
    for line in (HERE / "molecules.smi").read_text().splitlines():
        explanation = explained(arguments.delicate, line.split()[0], arguments.model)
        names = [endpoint["name"] for endpoint in explanation["endpoints"]]
        place = names.index(arguments.endpoint)
        shares = [atom["contributions"][place] for atom in explanation["atoms"]]
        molecule = Chem.MolFromSmiles(explanation["smiles"])
        # Of the heavy atom and its hydrogens, which are one place here.
        whole = Chem.AddHs(molecule)
        crippen = [0.0] * molecule.GetNumAtoms()
        for atom, (logp, _) in zip(
            whole.GetAtoms(), rdMolDescriptors._CalcCrippenContribs(whole), strict=True
        ):
            heavy = atom.GetIdx() if atom.GetAtomicNum() > 1 else atom.GetNeighbors()[0].GetIdx()
            crippen[heavy] += logp
        if len(shares) != len(crippen) or len(shares) < 8:
            continue
        found = spearmanr(shares, crippen).statistic
        if found == found:
            ours.append(found)
            shuffled.append(spearmanr(random.sample(shares, len(shares)), crippen).statistic)
    for title, values in (("ours", ours), ("shuffled", shuffled)):
        quarter = statistics.quantiles(values, n=4)
        print(
            f"{title}: {len(values)} molecules, median rank correlation {quarter[1]:.2f} "
            f"(quartiles {quarter[0]:.2f}, {quarter[2]:.2f}), "
            f"positive in {sum(value > 0 for value in values)}"
        )


if __name__ == "__main__":
    main()
