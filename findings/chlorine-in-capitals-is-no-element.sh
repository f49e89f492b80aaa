#!/usr/bin/env bash
# In a mol block with element symbols in capitals, chlorine is an unknown atom
# for two toolkits, without an error, and chlorine for two others.
#
# Versions: RDKit 2026.9.1, Open Babel 3.1.1 (openbabel-wheel 3.1.1.23), Indigo
# 1.46.0 (PyPI); openchemlib 9.25.0 (npm). Needs Node.
# Behaviour: `CL`, `BR` and `SI`, as PDB files spell them and converters copy
# them, are read by RDKit and OpenChemLib as the elements; Open
# Babel and Indigo make a dummy atom of them. The mass of chloromethane is then
# that of a methyl group.
# Who meets it: whoever takes ligands from PDB-derived SDF files.
# Source: the CTfile specification (BIOVIA) wants the symbols of the periodic
# table and does not speak of case.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23 epam.indigo==1.46.0
npm install --silent --no-audit --no-fund --prefix . openchemlib@9.25.0 >/dev/null

for symbol in CL BR SI; do
  {
    printf '%s\n  by hand\n\n' "$symbol"
    printf '  2  1  0  0  0  0  0  0  0  0999 V2000\n'
    printf '    0.0000    0.0000    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0\n'
    printf '    1.3000    0.7000    0.0000 %s  0  0  0  0  0  0  0  0  0  0  0  0\n' "$symbol"
    printf '  1  2  1  0\nM  END\n'
  } > "$symbol.mol"
done

seen=$(
  for symbol in CL BR SI; do
    venv/bin/python - "$symbol" <<'PYTHON'
import sys

from indigo import Indigo
from openbabel import pybel
from rdkit import Chem

symbol = sys.argv[1]
block = open(f"{symbol}.mol").read()
print(symbol, "RDKit", Chem.MolToSmiles(Chem.MolFromMolBlock(block)), end=" ")
molecule = pybel.readstring("mol", block)
print("Open Babel", molecule.write("can").split()[0], f"({molecule.molwt:.1f})", end=" ")
print("Indigo", Indigo().loadMolecule(block).canonicalSmiles(), end=" ")
PYTHON
    node -e '
      const { Molecule } = require("openchemlib");
      const block = require("fs").readFileSync(process.argv[1], "utf8");
      console.log("OpenChemLib", Molecule.fromMolfile(block).toIsomericSmiles());
    ' "$symbol.mol"
  done
)
expected='CL RDKit CCl Open Babel *C (15.0) Indigo C* OpenChemLib CCl
BR RDKit CBr Open Babel *C (15.0) Indigo C* OpenChemLib CBr
SI RDKit C[SiH3] Open Babel *C (15.0) Indigo C* OpenChemLib C[SiH3]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: chlorine in capitals is chlorine for two toolkits and nothing for two."
