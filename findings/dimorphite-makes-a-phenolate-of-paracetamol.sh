#!/usr/bin/env bash
# At pH 7.4 Dimorphite-DL makes a phenolate of paracetamol and a double anion
# of uracil, but leaves phenol and cresol as they are.
#
# Versions: dimorphite_dl 2.1.0 (with RDKit 2026.9.1).
# Behaviour: asked for the one state at pH 7.4 (precision 0), it answers with
# the phenolate for paracetamol (pKa 9.5), 4-fluorophenol (9.9), 2-naphthol
# (9.5) and dopamine (both hydroxyls), and takes two protons from uracil (9.5
# and above 13). Phenol (10.0) and p-cresol (10.3) stay neutral. With the
# default precision the phenolate is the first of the states that it lists.
# Who meets it: whoever protonates a library before docking or training.
# Source: site_substructures.smarts in the package: phenol and alkyl phenols have
# an entry of their own (10.1 ± 0.1), all others share one (7.1 ± 3.3).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 rdkit==2026.9.1 dimorphite_dl==2.1.0

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from dimorphite_dl import protonate_smiles

for name, smiles in (
    ("phenol", "Oc1ccccc1"),
    ("p-cresol", "Cc1ccc(O)cc1"),
    ("4-fluorophenol", "Oc1ccc(F)cc1"),
    ("2-naphthol", "Oc1ccc2ccccc2c1"),
    ("paracetamol", "CC(=O)Nc1ccc(O)cc1"),
    ("dopamine", "NCCc1ccc(O)c(O)c1"),
    ("uracil", "O=c1cc[nH]c(=O)[nH]1"),
):
    one = protonate_smiles(smiles, ph_min=7.4, ph_max=7.4, precision=0.0)
    first = protonate_smiles(smiles, ph_min=7.4, ph_max=7.4)[0]
    print(f"{name:<15}", *one, "first by default:", first)
PYTHON
)
expected='phenol          Oc1ccccc1 first by default: Oc1ccccc1
p-cresol        Cc1ccc(O)cc1 first by default: Cc1ccc(O)cc1
4-fluorophenol  [O-]c1ccc(F)cc1 first by default: [O-]c1ccc(F)cc1
2-naphthol      [O-]c1ccc2ccccc2c1 first by default: [O-]c1ccc2ccccc2c1
paracetamol     CC(=O)Nc1ccc([O-])cc1 first by default: CC(=O)Nc1ccc([O-])cc1
dopamine        [NH3+]CCc1ccc([O-])c([O-])c1 first by default: [NH3+]CCc1ccc([O-])c([O-])c1
uracil          O=c1cc[n-]c(=O)[n-]1 first by default: O=c1cc[n-]c(=O)[n-]1'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: paracetamol is a phenolate at pH 7.4, phenol is not."
