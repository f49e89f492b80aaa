#!/usr/bin/env bash
# RDKit's Uncharger leaves the carboxylate of a betaine as it is, and protonates
# it where the molecule has one quaternary nitrogen more, although that leaves
# it further from neutral; with a chloride beside it, it does not.
#
# Versions: RDKit 2026.9.1.
# Behaviour: anions are to stay as far as they balance cations that no proton can
# neutralise. How many are in surplus is a difference, which is acted on unless
# it is zero: below zero every anion takes a proton. Net charge: +1 before, +2
# after.
# Who meets it: whoever standardises bisquaternary betaines, or compares the forms
# of a drug with and without its counter-ion.
# Source: documented nowhere; seen in MolStandardize/Charge.cpp.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

for smiles in (
    "C[N+](C)(C)CC(=O)[O-]",
    "C[N+](C)(C)CC[N+](C)(C)CC(=O)[O-]",
    "C[N+](C)(C)CC[N+](C)(C)CC(=O)[O-].[Cl-]",
):
    after = rdMolStandardize.Uncharger().uncharge(Chem.MolFromSmiles(smiles))
    print(Chem.GetFormalCharge(after), Chem.MolToSmiles(after))
PYTHON
)
expected='0 C[N+](C)(C)CC(=O)[O-]
2 C[N+](C)(C)CC[N+](C)(C)CC(=O)O
0 C[N+](C)(C)CC[N+](C)(C)CC(=O)[O-].[Cl-]'
diff <(echo "$expected") <(echo "$seen")
echo "seen: Uncharger protonates a lone carboxylate beside two quaternary nitrogens, net charge 2"
