"""Clusters of several processes on this machine, in short: see `clusters.py`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa

import delicate
from delicate._tables import append
from delicate._workers import Work


def is_there(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def run(engine: str, molecules: int) -> str:
    """What a check says; in a process of its own, so that what hangs comes to an end."""
    command = [sys.executable, "clusters.py", engine, "--molecules", str(molecules)]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not is_there("ray"), reason="no Ray here")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers are found by /proc")
def test_a_killed_worker_of_ray_loses_nothing() -> None:
    assert "one worker killed" in run("ray", 4_000)


@pytest.mark.skipif(not is_there("daft"), reason="no Daft here")
def test_daft_scores_every_row_once() -> None:
    assert "4000 rows" in run("daft", 4_000)


@pytest.mark.skipif(not is_there("pyspark"), reason="no Spark here: `clusters.py` says how")
@pytest.mark.skipif(sys.platform == "win32", reason="local-cluster asks for a Unix")
def test_spark_scores_every_row_once() -> None:
    assert "2000 rows" in run("spark", 2_000)


def test_a_worker_appends_columns_and_leaves_those_that_are_there() -> None:
    table = pa.table({"SMILES": ["CCO", "C1CC"], "error": [1, 2]})
    work = Work.of(None, None, "cpu", 1, None, {"endpoints": ["log_s"], "properties": True})
    scored = work.score(table)
    assert scored.column_names[:3] == ["SMILES", "error", "log_s"]
    assert "delicate_error" in scored.column_names and "qed" in scored.column_names
    assert scored["error"].to_pylist() == [1, 2]
    assert scored.schema == work.schema(table.schema)
    assert scored["log_s"].null_count == 1
    twice = append(table, delicate.properties(table["SMILES"]))
    assert twice["mol_wt"].null_count == 1
