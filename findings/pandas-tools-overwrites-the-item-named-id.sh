#!/usr/bin/env bash
# RDKit's PandasTools.LoadSDF throws away the item named ID, the commonest name
# of all, and puts the title in its place, even a title that is empty.
#
# Versions: RDKit 2026.9.1, pandas 3.1.1.
# Behaviour: the first line of the mol block goes into the column `ID` after
# the items have been read, and overwrites the item of that name. In a file
# whose first lines are empty, as RDKit itself writes it, the column is empty.
# SDMolSupplier has both.
# Who meets it: whoever keeps identifiers in `> <ID>` and looks at results in
# pandas: rows can no longer be told apart.
# Source: `idName` is documented as the name of the column for titles; that it
# overwrites an item is not. Way out: `idName` with a name that is not in use.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 pandas==3.1.1 rdkit==2026.9.1

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
from rdkit import Chem
from rdkit.Chem import PandasTools

with Chem.SDWriter("compounds.sdf") as writer:
    for smiles, identifier, title in (("CCO", "X-1", ""), ("CCN", "X-2", "ethylamine")):
        molecule = Chem.MolFromSmiles(smiles)
        molecule.SetProp("_Name", title)
        molecule.SetProp("ID", identifier)
        writer.write(molecule)

print("items:  ", [molecule.GetProp("ID") for molecule in Chem.SDMolSupplier("compounds.sdf")])
print("ID:     ", PandasTools.LoadSDF("compounds.sdf")["ID"].tolist())
frame = PandasTools.LoadSDF("compounds.sdf", idName="title")
print("way out:", frame["ID"].tolist(), frame["title"].tolist())
PYTHON
)
seen=${seen//\'/}
expected='items:   [X-1, X-2]
ID:      [, ethylamine]
way out: [X-1, X-2] [, ethylamine]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the item ID of each record is replaced by its title, or by nothing."
