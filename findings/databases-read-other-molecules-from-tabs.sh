#!/usr/bin/env bash
# Read from a file with tabs, `F/C=C\F` loses its geometry in PostgreSQL, and
# `C/C=C\N` its nitrogen in ClickHouse: valid SMILES of other molecules, and
# no error. An aromatic `n` behind the mark becomes a line break in both.
#
# Versions: chdb 4.4.0 (ClickHouse, chdb-core 26.9.0), PGlite 0.5.17 (PostgreSQL
# 18.7). Needs Node.
# Behaviour: both call a format of their own "tab-separated" or "text" in which a
# backslash begins an escape. PostgreSQL drops one that it does not know,
# ClickHouse keeps it; `\N` is N to the one where something stands before it, and
# to the other nothing.
# Who meets it: whoever copies a .smi or .tsv of a supplier, of ChEMBL or of this
# program into a database.
# Source: both document their escapes. Way out: PostgreSQL's `format csv` with
# a tab as the delimiter and a quote that no cell has; ClickHouse's `TSVRaw`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check chdb==4.4.0 chdb-core==26.9.0
npm install --silent --no-audit --no-fund --prefix . @electric-sql/pglite@0.5.17 >/dev/null

printf '%s\t%s\n' name smiles difluoroethene 'F/C=C\F' enamine 'C/C=C\N' pyrrole 'C/C=C\n1cccc1' > table.tsv

cat > postgres.mjs <<'JS'
import { readFileSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";

const database = new PGlite();
await database.exec("create table molecules (name text, smiles text)");
const blob = new Blob([readFileSync("table.tsv")]);
for (const [name, format] of [
  ["text", "format text, header"],
  ["csv", "format csv, header, delimiter E'\\t', quote E'\\x01'"],
]) {
  await database.exec("delete from molecules");
  await database.query(`copy molecules from '/dev/blob' with (${format})`, [], { blob });
  const { rows } = await database.query("select smiles from molecules");
  console.log("PostgreSQL", name.padEnd(6), JSON.stringify(rows.map(({ smiles }) => smiles)));
}
JS

seen=$(
  node postgres.mjs
  venv/bin/python - <<'PYTHON'
import json

import chdb

for form in ("TSV", "TSVRaw"):
    rows = str(chdb.query(f"select smiles from file('table.tsv', {form}WithNames)", "JSONEachRow"))
    print("ClickHouse", form.ljust(6), json.dumps([json.loads(row)["smiles"] for row in rows.split("\n") if row]))
PYTHON
)
seen=$(sed 's/","/", "/g' <<< "$seen")
expected='PostgreSQL text   ["F/C=CF", "C/C=CN", "C/C=C\n1cccc1"]
PostgreSQL csv    ["F/C=C\\F", "C/C=C\\N", "C/C=C\\n1cccc1"]
ClickHouse TSV    ["F/C=C\\F", "C/C=C", "C/C=C\n1cccc1"]
ClickHouse TSVRaw ["F/C=C\\F", "C/C=C\\N", "C/C=C\\n1cccc1"]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: backslashes of SMILES are escapes to both, and the molecules are others."
