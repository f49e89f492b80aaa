#!/usr/bin/env bash
# Three toolkits compute "the Wildman-Crippen logP and molar refractivity" and
# give three answers for plain molecules.
#
# Versions: RDKit 2026.9.1, Open Babel 3.1.1 (openbabel-wheel 3.1.1.23),
# Indigo 1.46.0.
# Behaviour: the three agree on the logP of propane. Open Babel types the
# nitrogen of nitro groups and the sulphur of sulfones differently (1.8 log
# units for benzenesulfonamide). Indigo gives fluorine the refractivity of
# chlorine and a carboxylate none at all (NaN, no error), and its logP of
# ethylbenzene differs too.
# Who meets it: whoever takes logP as a label, a descriptor or a filter and
# changes the toolkit.
# Source: all three name Wildman and Crippen, J. Chem. Inf. Comput. Sci. 1999,
# 39, 868 as their method; the differences are documented nowhere we know of.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23 epam.indigo==1.46.0

seen=$(venv/bin/python - <<'PYTHON'
from indigo import Indigo
from openbabel import pybel
from rdkit import Chem
from rdkit.Chem import Crippen

print("molecule            logP: RDKit  Open Babel  Indigo   MR: RDKit  Open Babel  Indigo")
for name, smiles, with_logp in (
    ("propane", "CCC", True),
    ("ethylbenzene", "CCc1ccccc1", True),
    ("nitrobenzene", "[O-][N+](=O)c1ccccc1", True),
    ("dimethyl sulfoxide", "CS(C)=O", True),
    ("benzenesulfonamide", "NS(=O)(=O)c1ccccc1", True),
    ("trifluoromethane", "FC(F)F", True),
    ("benzoate", "O=C([O-])c1ccccc1", True),
):
    a = Chem.MolFromSmiles(smiles)
    b = pybel.readstring("smi", smiles).calcdesc(["logP", "MR"])
    c = Indigo().loadMolecule(smiles)
    logp = (Crippen.MolLogP(a), b["logP"], c.logP())
    refractivity = (Crippen.MolMR(a), b["MR"], c.molarRefractivity())
    print(f"{name:<19}", *(f"{value:7.2f}" for value in (*logp, *refractivity)))
PYTHON
)
expected='molecule            logP: RDKit  Open Babel  Indigo   MR: RDKit  Open Babel  Indigo
propane                1.42    1.42    1.42   15.97   16.54   15.96
ethylbenzene           2.25    2.25    2.38   35.82   36.22   36.58
nitrobenzene           1.59    2.12    1.59   33.10   35.26   33.10
dimethyl sulfoxide    -0.01    0.86   -0.01   19.99   20.01   19.99
benzenesulfonamide     0.33    2.12    0.33   37.82   37.44   37.82
trifluoromethane       1.18    1.18    1.18    7.11    7.07   21.35
benzoate               0.05    0.05    0.05   30.77   31.46     nan'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: one method, three toolkits, three logP and refractivity tables."
