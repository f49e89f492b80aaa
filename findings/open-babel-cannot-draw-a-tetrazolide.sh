#!/usr/bin/env bash
# Open Babel cannot draw the anion of a tetrazole: protonated for pH 7.4, or
# read from InChI, the sartans come out as rings that nobody else reads.
#
# Versions: Open Babel 3.1.1 (openbabel-wheel 3.1.1.23), RDKit 2026.9.1.
# Behaviour: the negative nitrogen keeps a double bond, or gets two: three or
# four bonds where it has room for two. No error; RDKit refuses the SMILES for
# the valence of N. Acids and amines come out as expected.
# Who meets it: whoever prepares angiotensin blockers with `obabel -p 7.4`, or
# converts InChI to SMILES: those rows vanish in the next program.
# Source: documented nowhere.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 openbabel-wheel==3.1.1.23

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from openbabel import pybel
from rdkit import Chem


def show(name, molecule):
    smiles = molecule.write("smi").split()[0]
    print(f"{name:<28}", smiles, "read by RDKit:", "no" if Chem.MolFromSmiles(smiles) is None else "yes")


for name, smiles in (
    ("acetic acid at 7.4", "CC(=O)O"),
    ("5-phenyltetrazole at 7.4", "c1ccccc1-c1nnn[nH]1"),
    ("valsartan at 7.4", "CCCCC(=O)N(Cc1ccc(cc1)-c1ccccc1-c1nnn[nH]1)[C@@H](C(C)C)C(=O)O"),
):
    molecule = pybel.readstring("smi", smiles)
    molecule.OBMol.AddHydrogens(False, True, 7.4)
    molecule.OBMol.DeleteHydrogens()
    show(name, molecule)
inchi = Chem.MolToInchi(Chem.MolFromSmiles("Cc1nnn[n-]1"))
show("methyltetrazolide from InChI", pybel.readstring("inchi", inchi))
PYTHON
)
expected='acetic acid at 7.4           CC(=O)[O-] read by RDKit: yes
5-phenyltetrazole at 7.4     c1ccccc1C1=[N-]N=NN1 read by RDKit: no
valsartan at 7.4             CCCCC(=O)N(Cc1ccc(cc1)c1ccccc1C1=[N-]N=NN1)[C@@H](C(C)C)C(=O)[O-] read by RDKit: no
methyltetrazolide from InChI CC1=NN=[N-]=N1 read by RDKit: no'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the tetrazolides of Open Babel are no molecules for RDKit."
