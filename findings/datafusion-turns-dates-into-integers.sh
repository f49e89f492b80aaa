#!/usr/bin/env bash
# DataFusion writes a column of Arrow's date64 (dates in milliseconds) into Parquet
# as plain integers, where pyarrow writes dates; DuckDB and pyarrow read numbers.
#
# Versions: DataFusion 55.0.0, pyarrow 26.0.1, DuckDB 2.0.1, Polars 2.1.0.
# Behaviour: the file of pyarrow has a DATE (INT32), which all read as a date. That of
# DataFusion has an INT64 without a logical type: DuckDB answers BIGINT, pyarrow int64,
# both 1714953600000 for 2024-05-06, with no error. Polars alone finds the type again,
# in the Arrow schema that both files carry, as a datetime. date32 is unharmed.
# Who meets it: whoever passes an assay table with dates through an engine built on
# Rust's parquet crate, which writes so unless it is told to coerce types.
# Source: seen; the option is `coerce_types` of the crate's writer, off by default.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  datafusion==55.0.0 pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0
seen=$(
  venv/bin/python - <<'PYTHON'
import datetime
import pathlib

import datafusion
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

day = [datetime.date(2024, 5, 6)]
table = pa.table({"measured": pa.array(day, pa.date64()), "short": pa.array(day, pa.date32())})
pq.write_table(table, "pyarrow.parquet")
datafusion.SessionContext().from_arrow(table).write_parquet("written")
pathlib.Path("datafusion.parquet").write_bytes(next(pathlib.Path("written").iterdir()).read_bytes())
for name in ("pyarrow", "datafusion"):
    path = f"{name}.parquet"
    column = pq.ParquetFile(path).schema.column(0)
    read = pq.read_table(path)
    answer = duckdb.sql(f"select typeof(measured), typeof(short) from '{path}'").fetchall()[0]
    print(
        f"{name}: {column.physical_type} {column.logical_type}; pyarrow {read.schema.types[0]}; "
        f"DuckDB {answer[0]}, date32 {answer[1]}; Polars {polars.read_parquet(path)['measured'].dtype}"
    )
print(pq.read_table("datafusion.parquet")["measured"].to_pylist())
PYTHON
)
expected="pyarrow: INT32 Date; pyarrow date32[day]; DuckDB DATE, date32 DATE; Polars Datetime(time_unit='ms', time_zone=None)
datafusion: INT64 None; pyarrow int64; DuckDB BIGINT, date32 DATE; Polars Datetime(time_unit='ms', time_zone=None)
[1714953600000]"
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
