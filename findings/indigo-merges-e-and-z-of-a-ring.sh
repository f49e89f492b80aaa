#!/usr/bin/env bash
# Indigo's canonical SMILES is the same for the E and the Z isomer of a ring's
# double bond, and its layout draws both as Z.
#
# Versions: epam.indigo 1.46.0; rdkit 2026.9.1 and openbabel-wheel 3.1.1.23
# read what it writes.
# Behaviour: a double bond in a ring of eight atoms and more may be E or Z.
# Indigo reads both from SMILES and knows them apart: `smiles()` writes no `/`
# and `\` there but a CXSMILES field behind the structure, `|t:8|` or `|c:8|`,
# which Open Babel takes for a title, and so leaves the bond open.
# `canonicalSmiles()` leaves the field out. `layout()` and `molfile()` give the
# E isomer coordinates of the Z isomer, which RDKit reads as Z.
# Who meets it: whoever removes duplicates by Indigo's canonical SMILES, or
# draws macrocycles with it: the two isomers of a musk become one molecule.
# Source: found with the molecules below; the Python API calls canonicalSmiles
# canonical without an exception for rings. Way out: RDKit's canonical SMILES,
# or `smiles()` with its field, which RDKit reads.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  epam.indigo==1.46.0 rdkit==2026.9.1 openbabel-wheel==3.1.1.23

seen=$(venv/bin/python - <<'PYTHON'
from indigo import Indigo
from openbabel import pybel
from rdkit import Chem

indigo = Indigo()
for name, smiles in [
    ("chain E", "C/C=C/C"),
    ("chain Z", r"C/C=C\C"),
    ("musk E ", "O=C1CCCCCCC/C=C/CCCCCO1"),
    ("musk Z ", r"O=C1CCCCCCC/C=C\CCCCCO1"),
]:
    molecule = indigo.loadMolecule(smiles)
    written = molecule.smiles()
    canonical = molecule.canonicalSmiles()
    molecule.layout()
    drawn = Chem.MolFromMolBlock(molecule.molfile())
    print(name, "canonical", canonical)
    print(name, "written  ", written)
    print(name, "rdkit    ", Chem.MolToSmiles(Chem.MolFromSmiles(written)))
    print(name, "babel    ", pybel.readstring("smi", written).write("can").split("\t")[0])
    print(name, "drawn    ", Chem.MolToSmiles(drawn))
PYTHON
)
expected='chain E canonical C/C=C/C
chain E written   C/C=C/C
chain E rdkit     C/C=C/C
chain E babel     C/C=C/C
chain E drawn     C/C=C/C
chain Z canonical C/C=C\C
chain Z written   C/C=C\C
chain Z rdkit     C/C=C\C
chain Z babel     C/C=C\C
chain Z drawn     C/C=C\C
musk E  canonical O=C1CCCCCCCC=CCCCCCO1
musk E  written   O=C1OCCCCCC=CCCCCCCC1 |t:8|
musk E  rdkit     O=C1CCCCCCC/C=C/CCCCCO1
musk E  babel     O=C1CCCCCCCC=CCCCCCO1
musk E  drawn     O=C1CCCCCCC/C=C\CCCCCO1
musk Z  canonical O=C1CCCCCCCC=CCCCCCO1
musk Z  written   O=C1OCCCCCC=CCCCCCCC1 |c:8|
musk Z  rdkit     O=C1CCCCCCC/C=C\CCCCCO1
musk Z  babel     O=C1CCCCCCCC=CCCCCCO1
musk Z  drawn     O=C1CCCCCCC/C=C\CCCCCO1'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: two isomers, one canonical SMILES, one drawing."
