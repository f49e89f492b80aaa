#!/usr/bin/env bash
# chematic's RDKit-compatible SMILES has a furan across a macrocycle aromatic in
# some spellings of the molecule and not in others, and reads its own back as
# another.
#
# Versions: chematic 1.2.1 beside rdkit 2026.9.1.
# Behaviour: three spellings of one furan bridged at 2 and 5 by six carbons. RDKit
# writes one canonical SMILES of all, with the furan aromatic. chematic writes it
# of the spelling that begins with the oxygen, and one without any aromatic atom of
# the others; what it wrote of these, it reads as the first.
# Cause: a divalent oxygen or sulphur gives no electrons to a ring of nine atoms or
# more. chematic decides so in the ring in which it meets the atom first, and which
# that is depends on the order of the atoms.
# Who meets it: whoever takes the string for the molecule's key, or counts aromatic
# rings: macrocycles with furans, thiophenes and oxadiazoles, which are natural
# products and kinase inhibitors.
# Way out: order the atoms so that such oxygens and sulphurs come first.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check chematic==1.2.1 rdkit==2026.9.1
seen=$(venv/bin/python - <<'PYTHON'
import chematic
from rdkit import Chem

for text in ["O1C2=CC=C1CCCCCC2", "C1CCCc2ccc(o2)CC1", "C1CCC2=CC=C(O2)CCC1"]:
    theirs = chematic.from_smiles(text).rdkit_smiles
    again = chematic.from_smiles(theirs).rdkit_smiles
    print(text, Chem.CanonSmiles(text), theirs, again, sep=" | ")
PYTHON
)
expected='O1C2=CC=C1CCCCCC2 | c1cc2oc1CCCCCC2 | c1cc2oc1CCCCCC2 | c1cc2oc1CCCCCC2
C1CCCc2ccc(o2)CC1 | c1cc2oc1CCCCCC2 | C1=C2CCCCCCC(=C1)O2 | c1cc2oc1CCCCCC2
C1CCC2=CC=C(O2)CCC1 | c1cc2oc1CCCCCC2 | C1=C2CCCCCCC(=C1)O2 | c1cc2oc1CCCCCC2'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: one furan, two canonical SMILES by the order of its atoms."
