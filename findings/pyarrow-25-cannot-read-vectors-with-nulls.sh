#!/usr/bin/env bash
# pyarrow 25 writes a column of vectors of one length (a FixedSizeList) with a
# null into Parquet, and cannot read it back; pyarrow 26 reads the same file.
#
# Versions: pyarrow 25.0.1 and 26.0.1.
# Behaviour: 25.0.1 ends with "Expected all lists to be of size=2 but index 2
# had size=0", 26.0.1 gives the null back. The file is the same and valid.
# Who meets it: whoever keeps embeddings as Parquet, where a molecule that
# cannot be read has none, beside a package that holds pyarrow below 26 (Daft
# 0.7.26 does).
# Source: seen; Parquet itself has lists alone, whose length is Arrow's.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
seen=$(
  for version in 25.0.1 26.0.1; do
    python3 -m venv --clear venv >&2
    venv/bin/pip install --quiet --disable-pip-version-check "pyarrow==$version" >&2
    venv/bin/python - <<'PYTHON'
import pathlib
import pyarrow as pa
import pyarrow.parquet as pq

if not pathlib.Path("vectors.parquet").exists():
    vectors = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"embedding": vectors}), "vectors.parquet")
try:
    print(pa.__version__, pq.read_table("vectors.parquet")["embedding"].to_pylist())
except pa.ArrowInvalid as error:
    print(pa.__version__, error)
PYTHON
  done
)
expected='25.0.1 Expected all lists to be of size=2 but index 2 had size=0
26.0.1 [[1.0, 2.0], None, [3.0, 4.0]]'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
