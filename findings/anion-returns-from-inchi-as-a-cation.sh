#!/usr/bin/env bash
# An anion that goes through InChI comes back from RDKit as a cation.
#
# Versions: RDKit 2026.9.1 (InChI 1.07.3).
# Behaviour: InChI keeps a tetrazolide as a mobile hydrogen too few (`/p-1`).
# If the molecule holds an amide and another basic ring beside it, the protons
# are handed out to both, and one or two too many: the net charge is +1 instead
# of -1. The InChI of the result ends in `/p+1`; the log has a warning of the
# proton balance, the call returns a molecule.
# Who meets it: whoever stores compounds as InChI, counter-ions stripped, and
# reads structures back from it; one of 1,000 drug-like molecules did this.
# Source: InChI documents that it gives up the position of mobile hydrogens,
# not the charge.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from rdkit import Chem

for smiles in (
    "CC(=O)Nc1ccc(-c2nnn[n-]2)cc1",
    "O=C(Cn1ccnc1)Nc1ccc(-c2nnn[n-]2)cc1",
):
    before = Chem.MolFromSmiles(smiles)
    inchi = Chem.MolToInchi(before)
    after = Chem.MolFromInchi(inchi)
    print(smiles, Chem.GetFormalCharge(before), inchi.rsplit("/", 1)[1])
    print(" ", Chem.MolToSmiles(after), Chem.GetFormalCharge(after), Chem.MolToInchi(after).rsplit("/", 1)[1])
PYTHON
)
expected='CC(=O)Nc1ccc(-c2nnn[n-]2)cc1 -1 p-1
  CC(=O)N=C1C=CC(=C2N=NN[N-]2)C=C1 -1 p-1
O=C(Cn1ccnc1)Nc1ccc(-c2nnn[n-]2)cc1 -1 p-1
  O=C(C[n+]1cc[nH]c1)N=C1C=CC(=C2N=NNN2)C=C1 1 p+1'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: a tetrazolide of charge -1 returns from InChI with charge +1."
