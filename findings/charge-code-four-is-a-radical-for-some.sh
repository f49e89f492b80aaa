#!/usr/bin/env bash
# Charge code 4 of a V2000 atom line is no charge but a radical: two toolkits
# read it so, two read a closed shell and add the hydrogen that is missing.
#
# Versions: RDKit 2026.9.1, Open Babel 3.1.1 (openbabel-wheel 3.1.1.23), Indigo
# 1.46.0 (PyPI); openchemlib 9.25.0 (npm). Needs Node.
# Behaviour: the codes 1 to 3 and 5 to 7 are the charges +3 to +1 and -1 to
# -3; 4, where zero would be, is a doublet radical. RDKit and Open Babel pass
# over it, Indigo and OpenChemLib read the radical. Of the same radical in a
# line `M  RAD` all four read the same.
# Who meets it: whoever has old files of spin labels or radicals; TEMPO becomes
# its hydroxylamine.
# Source: CTfile formats (BIOVIA), atom block, field `ccc`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23 epam.indigo==1.46.0
npm install --silent --no-audit --no-fund --prefix . openchemlib@9.25.0 >/dev/null

block() { # block CODE LINE: dimethyl nitroxide, the mark on its oxygen
  printf 'nitroxide\n  by hand\n\n  4  3  0  0  0  0  0  0  0  0999 V2000\n'
  printf '    0.0000    0.0000    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0\n'
  printf '    1.3000    0.7000    0.0000 N   0  0  0  0  0  0  0  0  0  0  0  0\n'
  printf '    2.6000    0.0000    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0\n'
  printf '    1.3000    2.2000    0.0000 O   0  %s  0  0  0  0  0  0  0  0  0  0\n' "$1"
  printf '  1  2  1  0\n  2  3  1  0\n  2  4  1  0\n%sM  END\n' "$2"
}
block 4 '' > code.mol
block 0 $'M  RAD  1   4   2\n' > line.mol

seen=$(
  for file in code line; do
    venv/bin/python - "$file" <<'PYTHON'
import sys

from indigo import Indigo
from openbabel import pybel
from rdkit import Chem

block = open(f"{sys.argv[1]}.mol").read()
print(sys.argv[1], "RDKit", Chem.MolToSmiles(Chem.MolFromMolBlock(block)), end=" ")
print("Open Babel", pybel.readstring("mol", block).write("can").split()[0], end=" ")
print("Indigo", Indigo().loadMolecule(block).canonicalSmiles(), end=" ")
PYTHON
    node -e '
      const { Molecule } = require("openchemlib");
      const block = require("fs").readFileSync(process.argv[1], "utf8");
      console.log("OpenChemLib", Molecule.fromMolfile(block).toIsomericSmiles());
    ' "$file.mol"
  done
)
expected='code RDKit CN(C)O Open Babel CN(O)C Indigo CN(C)[O] OpenChemLib CN(C)[O]
line RDKit CN(C)[O] Open Babel CN([O])C Indigo CN(C)[O] OpenChemLib CN(C)[O]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: a nitroxide is a radical for two toolkits and a hydroxylamine for two."
