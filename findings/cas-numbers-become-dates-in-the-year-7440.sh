#!/usr/bin/env bash
# The CAS numbers of palladium, platinum and potassium are dates in the year
# 7440: DuckDB and SheetJS make them so unasked, Polars if it is asked for
# dates. Lipid names become times of day, and compound numbers such as 3-4 days
# in March.
#
# Versions: duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1 (PyPI);
# xlsx 0.18.5 (npm). Needs Node.
# Behaviour: the middle pair of a CAS number is taken for the month. DuckDB
# does it to strings of JSON too. SheetJS, the commonest reader of tables in
# web pages, does it to each cell by itself, so that one column holds numbers
# and texts, and pads (007), per cents and brackets become numbers.
# Who meets it: whoever keys compounds by CAS number; the check digit of
# 7440-05-3 is written back as 03.
# Source: DuckDB documents that types are guessed, for CSV and JSON; SheetJS
# documents `raw`. Way out: `all_varchar`, `raw: true`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
npm install --silent --no-audit --no-fund --prefix . xlsx@0.18.5 >/dev/null

cat > catalysts.csv <<'CSV'
cas,lipid
7440-05-3,18:1
7440-06-4,20:4
7440-09-7,22:6
CSV
echo '[{"cas": "7440-05-3"}, {"cas": "7440-06-4"}]' > catalysts.json
cat > compounds.csv <<'CSV'
compound,cas,yield
3-4,7440-05-3,10%
A-1,50-00-0,(5)
007,1951-12-3,<5
CSV

seen=$(
  venv/bin/python - <<'PYTHON'
import duckdb
import pandas as pd
import polars as pl
import pyarrow.csv

table = "catalysts.csv"
print("duckdb csv  ", *(row[0] for row in duckdb.sql(f"select cas from '{table}'").fetchall()))
print("duckdb json ", *(row[0] for row in duckdb.sql("select cas from 'catalysts.json'").fetchall()))
dates = pl.read_csv(table, try_parse_dates=True)
print("polars dates", *dates["cas"], *dates["lipid"])
print("polars      ", *pl.read_csv(table)["cas"])
print("pandas      ", *pd.read_csv(table)["cas"])
print("pyarrow     ", *pyarrow.csv.read_csv(table)["cas"].to_pylist())
PYTHON
  TZ=UTC node -e '
    const XLSX = require("xlsx");
    const text = require("fs").readFileSync("compounds.csv", "utf8");
    for (const raw of [false, true]) {
      const sheet = XLSX.read(text, { type: "string", raw }).Sheets.Sheet1;
      console.log(raw ? "sheetjs raw " : "sheetjs     ", JSON.stringify(XLSX.utils.sheet_to_json(sheet, { header: 1 }).slice(1)));
    }'
)
expected='duckdb csv   7440-05-03 7440-06-04 7440-09-07
duckdb json  7440-05-03 7440-06-04
polars dates 7440-05-03 7440-06-04 7440-09-07 18:01:00 20:04:00 22:06:00
polars       7440-05-3 7440-06-4 7440-09-7
pandas       7440-05-3 7440-06-4 7440-09-7
pyarrow      7440-05-3 7440-06-4 7440-09-7
sheetjs      [[36954,2023568,0.1],["A-1","50-00-0",-5],[7,18965,"<5"]]
sheetjs raw  [["3-4","7440-05-3","10%"],["A-1","50-00-0","(5)"],["007","1951-12-3","<5"]]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: CAS numbers, lipid names and compound numbers come back as dates and times."
