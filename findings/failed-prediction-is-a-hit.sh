#!/usr/bin/env bash
# A prediction that is not a number is above every threshold in DuckDB and
# Polars, and below none in pandas and PyArrow; in Polars it is the top row,
# though not the maximum.
#
# Versions: duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1.
# Behaviour: DuckDB and Polars order NaN after all numbers and hold it equal to
# itself. `p > 1` keeps such rows, a descending sort begins with them. Polars'
# `max` passes over NaN all the same, so that the largest value and the value
# of the top row are two things; DuckDB's is NaN.
# Who meets it: whoever picks hits from a table of scores in which a failed
# molecule is NaN and not empty.
# Source: documented for DuckDB (floating-point types) and for Polars'
# comparisons; the exception of Polars' `max` stands in that function's page.
# Way out: leave the cell empty (null); then all four agree.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

seen=$(venv/bin/python - <<'PYTHON'
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

for text, missing in (("NaN", float("nan")), ("null", None)):
    scores = pa.table({"name": ["low", "failed", "high"], "p": pa.array([0.1, missing, 3.0], pa.float64())})
    frame = pl.from_arrow(scores)
    pandas = scores.to_pandas()
    rows = duckdb.sql("select name from scores where p > 1").fetchall()
    print(text, "duckdb ", [row[0] for row in rows], "max", *duckdb.sql("select max(p) from scores").fetchall()[0])
    print(text, "polars ", frame.filter(pl.col("p") > 1)["name"].to_list(), "max", frame["p"].max(),
          "top row", frame.top_k(1, by="p")["name"].item())
    print(text, "pandas ", pandas[pandas["p"] > 1]["name"].tolist(), "max", pandas["p"].max())
    print(text, "pyarrow", scores.filter(pc.greater(scores["p"], 1))["name"].to_pylist(), "max", pc.max(scores["p"]))
PYTHON
)
seen=${seen//\'/}
expected='NaN duckdb  [failed, high] max nan
NaN polars  [failed, high] max 3.0 top row failed
NaN pandas  [high] max 3.0
NaN pyarrow [high] max 3.0
null duckdb  [high] max 3.0
null polars  [high] max 3.0 top row high
null pandas  [high] max 3.0
null pyarrow [high] max 3.0'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the molecule whose prediction failed is a hit for two of four."
