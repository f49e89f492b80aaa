#!/usr/bin/env bash
# DuckDB reads a table of one column of CXSMILES as several columns, and takes
# the header for no header.
#
# Versions: duckdb 2.0.1; polars 2.1.0 beside it.
# Behaviour: the bars around the extension are taken for the delimiter. The
# molecule ends at the first bar, a radical or a stereo group is in a column of
# its own, the column names are made up and the name `smiles` is gone.
# Who meets it: whoever opens what RDKit's or ChemAxon's CXSMILES writers made.
# Source: DuckDB documents that the delimiter is guessed, among `,` `|` `;` and
# tabs. Way out: `delim = ','`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0

cat > radicals.csv <<'CSV'
smiles
[CH2]C |^1:0|
[CH2]CC |^1:0|
C[CH]C |^1:1|
CSV

seen=$(venv/bin/python - <<'PYTHON'
import duckdb
import polars as pl

guessed = duckdb.sql("select * from 'radicals.csv'")
print("duckdb", guessed.columns, guessed.fetchall())
told = duckdb.sql("select * from read_csv('radicals.csv', delim=',')")
print("told  ", told.columns, told.fetchall())
print("polars", pl.read_csv("radicals.csv").rows())
PYTHON
)
seen=${seen//\'/}
expected='duckdb [column0, column1, column2] [([CH2]C , ^1:0, None), ([CH2]CC , ^1:0, None), (C[CH]C , ^1:1, None)]
told   [smiles] [([CH2]C |^1:0|,), ([CH2]CC |^1:0|,), (C[CH]C |^1:1|,)]
polars [([CH2]C |^1:0|,), ([CH2]CC |^1:0|,), (C[CH]C |^1:1|,)]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the bars of CXSMILES are read as delimiters, and the header is lost."
