#!/usr/bin/env bash
# RDKit's families of surface descriptors are put one behind the other by `+`,
# until one of them is `VSA_EState_`: then ten numbers are added to ten others.
#
# Versions: RDKit 2026.9.1 with numpy 2.4.6.
# Behaviour: `SlogP_VSA_`, `SMR_VSA_` and `PEOE_VSA_` give lists, `EState_VSA_`
# and `VSA_EState_` arrays. Of a list and an array numpy's addition is taken:
# `SMR_VSA_(m) + VSA_EState_(m)` has 10 sums where 20 numbers are expected,
# with no error, since both have 10; `SlogP_VSA_(m) + SMR_VSA_(m)` has 22.
# Where the lengths differ, as beside `EState_VSA_` with its 11, it raises.
# Who meets it: whoever makes feature vectors of these families for a model.
# Source: their documentation names no type.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors as descriptors
from rdkit.Chem.EState import EState_VSA as estate

paracetamol = Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1")
refractivity = descriptors.SMR_VSA_(paracetamol)
log_p = descriptors.SlogP_VSA_(paracetamol)
surface = estate.VSA_EState_(paracetamol)
print("two lists", len(log_p + refractivity), "of", len(log_p) + len(refractivity))
both = refractivity + surface
print("a list and an array", len(both), "of", len(refractivity) + len(surface))
print("sums", all(abs(b - x - y) < 1e-9 for b, x, y in zip(both, refractivity, surface)))
PYTHON
)
expected='two lists 22 of 22
a list and an array 10 of 20
sums True'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: SMR_VSA_ + VSA_EState_ has ten sums, SlogP_VSA_ + SMR_VSA_ twenty-two numbers."
