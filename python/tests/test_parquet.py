"""Parquet in and out: whole, once, with everything that was there."""

from __future__ import annotations

import datetime
import decimal
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import delicate

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SMILES = ["CCO", "c1ccccc1O", None, "CC(=O)Nc1ccc(O)cc1", "C1CC", "CN1CCC[C@H]1c1cccnc1", "CCN.Cl"]


@pytest.fixture(scope="session")
def scorer() -> delicate.Scorer:
    return delicate.Scorer(device="cpu")


def library(path: Path, groups: int = 5, rows: int = 8) -> Any:
    """A table of many types, in several row groups."""
    count = groups * rows
    smiles = [SMILES[row % len(SMILES)] for row in range(count)]
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    table = pa.table(
        {
            "number": pa.array(range(count), pa.uint16()),
            "SMILES": pa.array(smiles, pa.large_string()),
            "error": pa.array([row / 3 for row in range(count)], pa.float64()),
            "vendor": pa.array([f"v{row % 3}" for row in range(count)]).dictionary_encode(),
            "when": pa.array([moment] * count, pa.timestamp("ms", tz="Europe/Berlin")),
            "price": pa.array([decimal.Decimal("1.25")] * count, pa.decimal128(9, 2)),
            "tags": pa.array([["a", None], []] * (count // 2), pa.list_(pa.string())),
            "more": pa.array([{"x": 1, "y": None}] * count),
        },
    )
    table = table.replace_schema_metadata({"owner": "somebody"})
    pq.write_table(table, path, row_group_size=rows)
    return table


def test_columns_and_types_of_the_user_stay(tmp_path: Path, scorer: delicate.Scorer) -> None:
    import delicate.parquet

    table = library(tmp_path / "in.parquet")
    target = tmp_path / "out.parquet"
    done = delicate.parquet.score(
        tmp_path / "in.parquet", target, scorer=scorer, uncertainty=True
    )
    found = pq.read_table(target)
    found.validate(full=True)
    kept = found.select(table.column_names)
    assert kept.equals(table) and kept.schema.equals(table.schema)
    assert found.schema.metadata[b"owner"] == b"somebody"
    scores = scorer.score(table["SMILES"], uncertainty=True)
    names = found.column_names[len(table.column_names) :]
    assert names == [name if name != "error" else "delicate_error" for name in scores]
    expected = scores.to_arrow()
    for name, column in zip(names, expected.columns, strict=True):
        assert found[name].to_pylist() == column.to_pylist(), name
    failed = len(scores["error"]) - list(scores["error"]).count(None)
    assert done == (40, failed, 5, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]
    # Once more, whole as it is: nothing to do.
    again = delicate.parquet.score(
        tmp_path / "in.parquet", target, scorer=scorer, uncertainty=True, resume=True
    )
    assert again == (0, 0, 0, 5)
    with pytest.raises(delicate.parquet.ResumeError, match="made otherwise"):
        delicate.parquet.score(tmp_path / "in.parquet", target, scorer=scorer, resume=True)


def test_row_groups_have_as_many_rows_as_were_asked_for(
    tmp_path: Path, scorer: delicate.Scorer
) -> None:
    from delicate import parquet

    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    # Two row groups, of which the first is read in two parts.
    table = pa.table({"smiles": ["C" * (1 + row % 5) for row in range(20_010)]})
    pq.write_table(table, source, row_group_size=20_000)
    for asked, sizes in [(None, [20_000, 10]), (17_000, [17_000, 3_000, 10])]:
        parquet.score(source, target, scorer=scorer, endpoints=["log_s"], row_group=asked)
        with pq.ParquetFile(target) as file:
            metadata = file.metadata
            groups = range(metadata.num_row_groups)
            assert [metadata.row_group(group).num_rows for group in groups] == sizes
            assert file.read(["smiles"]).equals(table)
    command = [sys.executable, "-m", "delicate", "embed", "in.parquet", "-o", "small.parquet"]
    pq.write_table(table.slice(0, 10), source)
    subprocess.run([*command, "--device", "cpu", "--row-group", "4"], cwd=tmp_path, check=True)
    with pq.ParquetFile(tmp_path / "small.parquet") as file:
        assert file.num_row_groups == 3
    with pytest.raises(ValueError, match="row_group is from 1 to 1048576"):
        parquet.embed(source, target, scorer=scorer, row_group=0)


def test_shards_are_the_whole(tmp_path: Path, scorer: delicate.Scorer) -> None:
    import delicate.parquet

    library(tmp_path / "in.parquet")
    delicate.parquet.embed(tmp_path / "in.parquet", tmp_path / "whole.parquet", scorer=scorer)
    parts = []
    for part in range(1, 8):
        path = tmp_path / f"{part}.parquet"
        delicate.parquet.embed(
            tmp_path / "in.parquet", path, scorer=scorer, shard=(part, 7)
        )
        parts.append(pq.read_table(path))
    whole = pq.read_table(tmp_path / "whole.parquet")
    # More shards than row groups: some are empty, and files all the same.
    assert sorted(part.num_rows for part in parts) == [0, 0, 8, 8, 8, 8, 8]
    assert pa.concat_tables(parts).equals(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL there")
def test_a_run_that_is_killed_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    library(tmp_path / "in.parquet", groups=60, rows=100)
    command = [sys.executable, "-m", "delicate", "score", "in.parquet", "--device", "cpu"]
    subprocess.run([*command, "-o", "whole.parquet"], cwd=tmp_path, check=True)
    partial = tmp_path / "out.parquet.partial"
    with subprocess.Popen([*command, "-o", "out.parquet"], cwd=tmp_path) as child:
        while child.poll() is None and len(list(partial.glob("0*.parquet"))) < 3:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.parquet").exists()
    before = {path.name: path.stat().st_mtime_ns for path in partial.glob("0*.parquet")}
    assert 3 <= len(before) < 60
    resumed = subprocess.run(
        [*command, "-o", "out.parquet", "--resume"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert f"{len(before)} row groups were done before" in resumed.stderr
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not partial.exists()


def test_what_is_wrong_with_a_file_has_a_type(tmp_path: Path, scorer: delicate.Scorer) -> None:
    from delicate import parquet

    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    library(source)
    with pytest.raises(parquet.ColumnError, match="no column `smile`; the table has `number`"):
        parquet.score(source, target, scorer=scorer, smiles_column="smile")
    with pytest.raises(parquet.ColumnError, match="`price` has the type decimal128"):
        parquet.score(source, target, scorer=scorer, smiles_column="price")
    with pytest.raises(ValueError, match="both source and target"):
        parquet.score(source, source, scorer=scorer)
    with pytest.raises(ValueError, match="from 1 to n"):
        parquet.score(source, target, scorer=scorer, shard=(0, 2))
    with pytest.raises(FileNotFoundError):
        parquet.score(tmp_path / "none.parquet", target, scorer=scorer)
    whole = source.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"smiles\nCCO\n", b""):
        source.write_bytes(damaged)
        with pytest.raises(parquet.FileError, match=r"in.parquet: cut short, damaged or no"):
            parquet.score(source, target, scorer=scorer)
    pq.write_table(pa.table({"name": ["a"]}), source)
    with pytest.raises(parquet.ColumnError, match="no column of text is called SMILES"):
        parquet.score(source, target, scorer=scorer)
    (tmp_path / "out.parquet.partial").mkdir()
    library(source)
    with pytest.raises(parquet.ResumeError, match="no interrupted run left it"):
        parquet.score(source, target, scorer=scorer)
    assert not target.exists()


def test_the_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "delicate", "score", "in.parquet", "-o", "out.parquet"]
    for words, code, said in [
        (["--device", "cpu"], 1, "in.parquet"),
        (["--shard", "5/4"], 2, "the first is 1"),
        (["--row-group", "0"], 2, "a whole number from 1 to 1048576"),
        (["--tta", "1001"], 2, "a whole number from 1 to 1000"),
        (["--device", "abacus"], 1, "unknown device"),
    ]:
        done = subprocess.run(
            [*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code and said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
