#!/usr/bin/env bash
# The V3000 blocks that Open Babel writes carry the wedges of V2000: two
# toolkits refuse them, two lose the centre without a word, and one of the two
# is Open Babel itself.
#
# Versions: RDKit 2026.9.1, Open Babel 3.1.1 (openbabel-wheel 3.1.1.23), Indigo
# 1.46.0 (PyPI); openchemlib 9.25.0 (npm). Needs Node.
# Behaviour: a bond going down is 6 in V2000 and CFG=3 in V3000; Open Babel
# writes CFG=6. With the 6 made a 3, all four read L-alanine.
# Who meets it: whoever lets Open Babel write V3000 (`-x3`, and unasked from
# 1,000 atoms on); of 1,000 drug-like molecules RDKit refused 242.
# Source: CTfile formats (BIOVIA), V3000 bond block: CFG is 0 to 3.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23 epam.indigo==1.46.0
npm install --silent --no-audit --no-fund --prefix . openchemlib@9.25.0 >/dev/null

trap 'cat errors >&2' ERR
seen=$(
  venv/bin/python - 2>errors <<'PYTHON'
from indigo import Indigo
from openbabel import pybel
from rdkit import Chem
from rdkit.Chem import AllChem

alanine = Chem.MolFromSmiles("C[C@H](N)C(=O)O")
AllChem.Compute2DCoords(alanine)
written = pybel.readstring("mol", Chem.MolToMolBlock(alanine)).write("mol", opt={"3": None})
print("written:", *(line for line in written.splitlines() if "CFG" in line))


def indigo(block):
    try:
        return Indigo().loadMolecule(block).canonicalSmiles()
    except Exception as error:
        return str(error)


def rdkit(block):
    molecule = Chem.MolFromMolBlock(block)
    return Chem.MolToSmiles(molecule) if molecule else "refused"


for name, block in (("6", written), ("3", written.replace("CFG=6", "CFG=3"))):
    open(f"{name}.mol", "w").write(block)
    print(f"CFG={name} RDKit:", rdkit(block))
    print(f"CFG={name} Indigo:", indigo(block))
    print(f"CFG={name} Open Babel:", pybel.readstring("mol", block).write("can").split()[0])
PYTHON
  for mark in 6 3; do
    node -e '
      const { Molecule } = require("openchemlib");
      const mark = process.argv[1];
      const block = require("fs").readFileSync(mark + ".mol", "utf8");
      console.log("CFG=" + mark + " OpenChemLib:", Molecule.fromMolfile(block).toIsomericSmiles());
    ' "$mark"
  done
)
expected='written: M  V30 1 1 2 1 CFG=6
CFG=6 RDKit: refused
CFG=6 Indigo: molfile loader: unknown bond CFG=6
CFG=6 Open Babel: CC(C(=O)O)N
CFG=3 RDKit: C[C@H](N)C(=O)O
CFG=3 Indigo: C[C@@H](N)C(O)=O
CFG=3 Open Babel: C[C@@H](C(=O)O)N
CFG=6 OpenChemLib: CC(C(O)=O)N
CFG=3 OpenChemLib: C[C@@H](C(O)=O)N'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: nobody reads the centre that Open Babel wrote, Open Babel included."
