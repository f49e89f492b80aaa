#!/usr/bin/env bash
# RDKit's charge parent of molsidomine, a drug, is another compound: two
# hydrogen atoms more, the aromatic ring gone, not an ion in sight.
#
# Versions: RDKit 2026.9.1.
# Behaviour: molsidomine and mesocarb are sydnone imines, mesoionic rings that
# can only be drawn with charges. Cleanup redraws them without charges, the
# formula unchanged; Uncharger alone leaves them as they are; but ChargeParent,
# which does both, hydrogenates them. A betaine of xanthine gains four.
# Who meets it: whoever standardises a library by ChargeParent, or by Cleanup
# and Uncharger, as most published protocols do.
# Source: documented nowhere; neutralisation is documented to move protons.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

for name, smiles in (
    ("molsidomine", "CCOC(=O)[N-]c1c[n+](N2CCOCC2)no1"),
    ("mesocarb", "CC(Cc1ccccc1)[n+]1cc([N-]C(=O)Nc2ccccc2)on1"),
    ("xanthinium betaine", "Cn1c[n+](C)c2c1c(=O)n(C)c([O-])n2"),
):
    molecule = Chem.MolFromSmiles(smiles)
    print(name, CalcMolFormula(molecule))
    for step in (
        rdMolStandardize.Uncharger().uncharge,
        rdMolStandardize.Cleanup,
        rdMolStandardize.ChargeParent,
    ):
        after = step(molecule)
        print(f"  {step.__name__:<12} {CalcMolFormula(after)} {Chem.MolToSmiles(after)}")
PYTHON
)
expected='molsidomine C9H14N4O4
  uncharge     C9H14N4O4 CCOC(=O)[N-]c1c[n+](N2CCOCC2)no1
  Cleanup      C9H14N4O4 CCOC(=O)N=c1cn(N2CCOCC2)no1
  ChargeParent C9H16N4O4 CCOC(=O)N=C1CN(N2CCOCC2)NO1
mesocarb C18H18N4O2
  uncharge     C18H18N4O2 CC(Cc1ccccc1)[n+]1cc([N-]C(=O)Nc2ccccc2)on1
  Cleanup      C18H18N4O2 CC(Cc1ccccc1)n1cc(=NC(=O)Nc2ccccc2)on1
  ChargeParent C18H20N4O2 CC(Cc1ccccc1)N1CC(=NC(=O)Nc2ccccc2)ON1
xanthinium betaine C8H10N4O2
  uncharge     C8H10N4O2 Cn1c([O-])nc2c(c1=O)n(C)c[n+]2C
  Cleanup      C8H10N4O2 Cn1c(=O)nc2c(c1=O)n(C)cn2C
  ChargeParent C8H14N4O2 CN1C(=O)NC2C(C1=O)N(C)CN2C'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the charge parent of molsidomine has two hydrogen atoms more."
