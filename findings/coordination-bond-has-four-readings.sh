#!/usr/bin/env bash
# One coordination bond of V3000, four toolkits, four structures and three
# formulas: trimethylamine borane loses one hydrogen, or three, or none.
#
# Versions: RDKit 2026.9.1, Open Babel 3.1.1 (openbabel-wheel 3.1.1.23), Indigo
# 1.46.0 (PyPI); openchemlib 9.25.0 (npm). Needs Node.
# Behaviour: bond type 9 is the pair that nitrogen gives to boron. RDKit keeps
# it and lets it fill a valence of boron (BH2); Open Babel keeps an order of 9
# and drops every hydrogen of boron; Indigo makes a covalent bond, nitrogen with
# four and no charge; OpenChemLib cuts it and has two molecules. Right is
# C3H12BN.
# Who meets it: whoever has ligands, boranes or catalysts in V3000 files; mass
# and element counts differ before any model is asked.
# Source: CTfile formats (BIOVIA), V3000 bond block: 9 is a coordination bond.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23 epam.indigo==1.46.0
npm install --silent --no-audit --no-fund --prefix . openchemlib@9.25.0 >/dev/null

cat > borane.mol <<'MOL'
trimethylamine borane
  by hand

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 5 4 0 0 0
M  V30 BEGIN ATOM
M  V30 1 C 1.5 0.0 0.0 0
M  V30 2 N 0.0 0.0 0.0 0
M  V30 3 C 0.0 1.5 0.0 0
M  V30 4 C 0.0 -1.5 0.0 0
M  V30 5 B -1.5 0.0 0.0 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 1 2 3
M  V30 3 1 2 4
M  V30 4 9 2 5
M  V30 END BOND
M  V30 END CTAB
M  END
MOL

seen=$(
  venv/bin/python - <<'PYTHON'
from indigo import Indigo
from openbabel import pybel
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

block = open("borane.mol").read()
molecule = Chem.MolFromMolBlock(block)
print("RDKit      ", CalcMolFormula(molecule), Chem.MolToSmiles(molecule))
molecule = pybel.readstring("mol", block)
print("Open Babel ", molecule.formula, molecule.write("can").split()[0])
molecule = Indigo().loadMolecule(block)
print("Indigo     ", molecule.grossFormula().replace(" ", ""), molecule.smiles())
PYTHON
  node -e '
    const { Molecule } = require("openchemlib");
    const molecule = Molecule.fromMolfile(require("fs").readFileSync("borane.mol", "utf8"));
    console.log("OpenChemLib", molecule.getMolecularFormula().formula, molecule.toIsomericSmiles());
  '
)
expected='RDKit       C3H11BN B<-N(C)(C)C
Open Babel  C3H9BN C[N]([B])(C)C
Indigo      C3H12BN CN(B)(C)C
OpenChemLib C3H12NB CN(C)C.B'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: a coordination bond is read in four ways."
