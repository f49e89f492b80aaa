#!/usr/bin/env bash
# A sample name such as cells_x0020_B comes out of an Excel file with a blank
# in it, or not, depending on who wrote the file and who reads it.
#
# Versions: openpyxl 3.1.5, xlsxwriter 3.3.1, python-calamine 0.9.1,
# pandas 3.1.1.
# Behaviour: in the format, `_x`, four hexadecimal digits and `_` are the
# escape of a character, so that a writer must escape names that look like
# one. openpyxl does not, xlsxwriter does. openpyxl undoes the escape of the
# underscore alone, calamine those below 256: the two agree on the file of
# xlsxwriter and differ on that of openpyxl, as engines of one pandas call.
# Who meets it: whoever joins results by sample names that hold a batch,
# passage or dilution as x0020 between underscores.
# Source: ECMA-376, part 1, 22.9.2.19 (ST_Xstring); by it the file of openpyxl
# says "cells B", and the thousand of its second name is a letter of Burmese.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openpyxl==3.1.5 xlsxwriter==3.3.1 python-calamine==0.9.1 pandas==3.1.1 numpy==2.4.6

seen=$(venv/bin/python - <<'PYTHON'
import pandas as pd

frame = pd.DataFrame({"sample": ["cells_x0020_B", "dilution_x1000_A", "cells_x20_B"]})
for writer in ("openpyxl", "xlsxwriter"):
    frame.to_excel("samples.xlsx", index=False, engine=writer)
    for reader in ("openpyxl", "calamine"):
        back = pd.read_excel("samples.xlsx", engine=reader)["sample"]
        print(writer, reader, [ascii(name)[1:-1] for name in back])
PYTHON
)
seen=${seen//\'/}
expected='openpyxl openpyxl [cells_x0020_B, dilution_x1000_A, cells_x20_B]
openpyxl calamine [cells B, dilution_x1000_A, cells_x20_B]
xlsxwriter openpyxl [cells_x0020_B, dilution_x1000_A, cells_x20_B]
xlsxwriter calamine [cells_x0020_B, dilution_x1000_A, cells_x20_B]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the name that openpyxl wrote is another one for calamine."
