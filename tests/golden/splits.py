"""Writes splits.json beside this file: the scaffold splits that DeepChem makes
of the molecules of molecules.tsv, for tests/it/splits.rs to compare with.

    python3 -m venv venv && venv/bin/pip install rdkit deepchem
    venv/bin/python tests/golden/splits.py
"""

import json
import pathlib

import deepchem
from deepchem.data import NumpyDataset
from deepchem.splits import ScaffoldSplitter
from rdkit import Chem, RDLogger, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold

RDLogger.DisableLog("rdApp.*")

here = pathlib.Path(__file__)
rows = [line.split("\t") for line in here.with_name("molecules.tsv").read_text().splitlines()]
rows = [row for row in rows if not row[0].startswith("#")]
smiles = [row[0] for row in rows]
smiles = [s for s in smiles if (mol := Chem.MolFromSmiles(s)) is not None and mol.GetNumAtoms() > 0]
# DeepChem's own, stereo left out.
scaffolds = [MurckoScaffold.MurckoScaffoldSmiles(mol=Chem.MolFromSmiles(s)) for s in smiles]
dataset = NumpyDataset(X=[[0.0]] * len(smiles), ids=smiles)
splits = []
for train, valid, test in [(0.8, 0.1, 0.1), (0.7, 0.1, 0.2), (0.5, 0.25, 0.25)]:
    parts = ScaffoldSplitter().split(dataset, frac_train=train, frac_valid=valid, frac_test=test)
    splits.append({"fractions": {"train": train, "valid": valid, "test": test}} | {
        name: [int(index) for index in part] for name, part in zip(["train", "valid", "test"], parts)
    })
text = json.dumps({
    "made_by": f"tests/golden/splits.py with DeepChem {deepchem.__version__}, RDKit {rdBase.rdkitVersion}",
    "scaffolds": scaffolds,
    "splits": splits,
})
here.with_name("splits.json").write_text(text.replace('"splits": [', '"splits": [\n').replace('}, {"frac', '},\n{"frac') + "\n")
print(len(smiles), len(set(scaffolds)))
