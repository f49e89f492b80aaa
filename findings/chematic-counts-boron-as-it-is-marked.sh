#!/usr/bin/env bash
# chematic has two polar surfaces and two log P of one canonical SMILES: lower-case
# boron counts as aromatic, though its own writer takes the mark away.
#
# Versions: chematic 1.2.1 beside rdkit 2026.9.1.
# Behaviour: a boronic ester of catechol with its boron in lower case and in
# capitals. RDKit and chematic write one canonical SMILES of both, without aromatic
# boron. RDKit's polar surface and log P are one as well; chematic's differ, and
# those of the capitals are RDKit's.
# Who meets it: whoever reads molecules that Open Babel wrote, which has aromatic
# boron in such rings: boronates and diazaborines, some of them drugs.
# Way out: count on the molecule of the canonical SMILES.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check chematic==1.2.1 rdkit==2026.9.1
seen=$(venv/bin/python - <<'PYTHON'
import chematic
from rdkit import Chem
from rdkit.Chem import Crippen, rdMolDescriptors

def value(found):
    return round(found() if callable(found) else found, 2)

for text in ["Cb1oc2c(o1)cccc2", "CB1Oc2ccccc2O1"]:
    rdkit, other = Chem.MolFromSmiles(text), chematic.from_smiles(text)
    print(text, "RDKit", Chem.MolToSmiles(rdkit), value(rdMolDescriptors.CalcTPSA(rdkit)),
          value(Crippen.MolLogP(rdkit)), "| chematic", other.rdkit_smiles,
          value(other.rdkit_tpsa), value(other.logp))
PYTHON
)
expected='Cb1oc2c(o1)cccc2 RDKit CB1Oc2ccccc2O1 18.46 1.58 | chematic CB1Oc2ccccc2O1 26.28 1.87
CB1Oc2ccccc2O1 RDKit CB1Oc2ccccc2O1 18.46 1.58 | chematic CB1Oc2ccccc2O1 18.46 1.58'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: one canonical SMILES with two polar surfaces and two log P."
