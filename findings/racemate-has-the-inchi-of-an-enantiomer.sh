#!/usr/bin/env bash
# The InChI of a racemate drawn with an AND group is that of one enantiomer for
# RDKit and Open Babel, of neither for OpenChemLib, and not a standard one for
# Indigo.
#
# Versions: RDKit 2026.9.1 (InChI 1.07.3), Open Babel 3.1.1 (openbabel-wheel
# 3.1.1.23), Indigo 1.46.0 (PyPI); openchemlib 9.25.0 (npm). Needs Node.
# Behaviour: V3000 says that alanine is racemic by the collection STERAC1. RDKit
# keeps the group in its molecule and leaves it out of SMILES and InChI, so that
# the racemate has the key of L-alanine. Open Babel does not read the group at
# all. OpenChemLib's SMILES has no centre, hence the key without stereo. Indigo
# asks InChI for racemic stereo (`/s3`), which no standard InChI (`1S`) has.
# Who meets it: whoever merges or looks up compounds by InChIKey: a racemate and
# its enantiomer are one compound, or two, or three.
# Source: CTfile formats (BIOVIA), V3000 collections; InChI's technical manual
# has racemic stereo as an option that leaves the standard.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23 epam.indigo==1.46.0
npm install --silent --no-audit --no-fund --prefix . openchemlib@9.25.0 >/dev/null

cat > alanine.mol <<'MOL'
racemic alanine
  by hand

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 6 5 0 0 0
M  V30 BEGIN ATOM
M  V30 1 C 1.5 1.299 0 0
M  V30 2 C 0.75 0 0 0
M  V30 3 N 1.5 -1.299 0 0
M  V30 4 C -0.75 0 0 0
M  V30 5 O -1.5 1.299 0 0
M  V30 6 O -1.5 -1.299 0 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 2 1 CFG=3
M  V30 2 1 2 3
M  V30 3 1 2 4
M  V30 4 2 4 5
M  V30 5 1 4 6
M  V30 END BOND
M  V30 BEGIN COLLECTION
M  V30 MDLV30/STERAC1 ATOMS=(1 2)
M  V30 END COLLECTION
M  V30 END CTAB
M  END
MOL

trap 'cat errors >&2' ERR
seen=$(
  ocl=$(node -e '
    const { Molecule } = require("openchemlib");
    const block = require("fs").readFileSync("alanine.mol", "utf8");
    console.log(Molecule.fromMolfile(block).toIsomericSmiles());
  ')
  venv/bin/python - "$ocl" 2>errors <<'PYTHON'
import sys

from indigo import Indigo
from indigo.inchi import IndigoInchi
from openbabel import pybel
from rdkit import Chem

block = open("alanine.mol").read()
print("L-alanine  ", Chem.MolToInchi(Chem.MolFromSmiles("C[C@H](N)C(=O)O")))
print("RDKit      ", Chem.MolToInchi(Chem.MolFromMolBlock(block)))
print("Open Babel ", pybel.readstring("mol", block).write("inchi").strip())
indigo = Indigo()
print("Indigo     ", IndigoInchi(indigo).getInchi(indigo.loadMolecule(block)))
print("OpenChemLib", Chem.MolToInchi(Chem.MolFromSmiles(sys.argv[1])))
PYTHON
)
expected='L-alanine   InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1
RDKit       InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1
Open Babel  InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1
Indigo      InChI=1/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/s3
OpenChemLib InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: one racemate has three InChIs, one of them that of an enantiomer."
