"""Training, from Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import labelled

import delicate

SMILES, SIZES, CLASSES = labelled(60)
TABLE = {"smiles": SMILES, "size": SIZES, "class": CLASSES}

# Two short epochs.
QUICK: dict[str, Any] = {
    "label": "size",
    "epochs": 2,
    "seed": 1,
    "split": "random",
    "baseline": False,
    "device": "cpu",
    "settings": {"batch.molecules": 8, "checkpoint_every": 2},
}


def test_several_labels_are_trained_on_and_told_apart(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(TABLE)
    frame.loc[3, "size"] = float("nan")
    events: list[delicate.TrainingEvent] = []
    done = delicate.finetune(
        frame,
        tmp_path / "run",
        **{**QUICK, "label": ["size", "class"], "unit": ["atoms", ""], "epochs": 1},
        on_event=events.append,
    )
    assert done.path == os.fspath(done) == str(tmp_path / "run" / "model")
    notes = [event["text"] for event in events if event["kind"] == "note"]
    assert "regression: 59 numbers" in notes[0] and "1 without a label" in notes[0]
    assert "classification" in notes[1]
    steps = [event for event in events if event["kind"] == "step"]
    assert steps and 0.0 < steps[-1]["progress"] <= 1.0 and steps[0]["epoch"] == 1
    scorer = done.scorer("cpu")
    assert [(e.name, e.task, e.unit) for e in scorer.endpoints] == [
        ("size", "regression", "atoms"),
        ("class", "classification", ""),
    ]
    scores = delicate.Scorer(done, "cpu").score(SMILES)
    assert np.isfinite(scores["size"]).all()
    assert ((scores["class"] >= 0) & (scores["class"] <= 1)).all()
    assert {one["name"] for one in done.evaluation["endpoints"]} == {"size", "class"}


def test_every_kind_of_table_is_the_same_table(tmp_path: Path) -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    (tmp_path / "table.csv").write_text(
        "smiles,size\n" + "".join(f"{s},{v}\n" for s, v in zip(SMILES, SIZES, strict=True))
    )
    tables = [TABLE, pd.DataFrame(TABLE), pl.DataFrame(TABLE), pa.table(TABLE)]
    tables.append(tmp_path / "table.csv")
    run = tmp_path / "run"
    same: dict[str, Any] = {"smiles": "smiles", "name": "table", "quiet": True}
    first = delicate.finetune(tables[0], run, **QUICK, **same)
    written = Path(first.path, "config.json").stat().st_mtime_ns
    for table in tables[1:]:
        # A run that is finished and of the same table is not done again.
        again = delicate.finetune(table, run, **QUICK, **same)
        assert again.path == first.path and again.evaluation == first.evaluation
    assert Path(first.path, "config.json").stat().st_mtime_ns == written
    with pytest.raises(delicate.TrainingError, match="on another table"):
        delicate.finetune({**TABLE, "size": SIZES[::-1]}, run, **QUICK, **same)
    with pytest.raises(delicate.TrainingError, match="with other labels or settings"):
        delicate.finetune(TABLE, run, **{**QUICK, "learning_rate": 1e-3}, **same)


def test_a_run_that_was_stopped_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = delicate.finetune(TABLE, tmp_path / "whole", **QUICK, name="one", quiet=True)

    class Enough(Exception):
        pass

    def stop(event: delicate.TrainingEvent) -> None:
        if event["kind"] == "step" and event["step"] >= 5:
            # What was told of comes no more.
            assert not stopped
            stopped.append(event["step"])
            raise Enough

    stopped: list[int] = []
    with pytest.raises(Enough):
        delicate.finetune(TABLE, tmp_path / "run", **QUICK, name="one", on_event=stop)
    assert stopped == [5]
    assert not (tmp_path / "run" / "model").exists()
    steps = []
    resumed = delicate.finetune(
        TABLE,
        tmp_path / "run",
        **QUICK,
        name="one",
        on_event=lambda event: steps.append(event.get("step", 0)),
    )
    assert min(step for step in steps if step) > 3
    scores = [delicate.Scorer(one, "cpu").score(SMILES)["size"] for one in (whole, resumed)]
    assert (scores[0] == scores[1]).all()


def test_the_model_is_that_of_the_command(tmp_path: Path) -> None:
    program = os.environ.get("DELICATE_BIN")
    if program is None:
        pytest.skip("DELICATE_BIN names no command")
    (tmp_path / "table.csv").write_text(
        "smiles,size\n" + "".join(f"{s},{v}\n" for s, v in zip(SMILES, SIZES, strict=True))
    )
    arguments = (
        "finetune table.csv --label size --epochs 2 --seed 1 --split random --no-baseline -q "
        "--device cpu --set batch.molecules=8 --set checkpoint_every=2 -o theirs"
    )
    subprocess.run([program, *arguments.split()], cwd=tmp_path, check=True, capture_output=True)
    ours = delicate.finetune(TABLE, tmp_path / "ours", **QUICK, quiet=True)
    theirs = delicate.Scorer(tmp_path / "theirs" / "model", "cpu")
    assert (theirs.score(SMILES)["size"] == ours.scorer("cpu").score(SMILES)["size"]).all()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    code = f"""
import signal, sys
# A shell may start what runs behind it without.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(Path(__file__).parent)!r})
import delicate
from test_training import QUICK, TABLE
def hear(event):
    if event["kind"] == "step" and event["step"] == 1:
        print("begun", flush=True)
long = {{**QUICK, "epochs": 2000, "settings": {{**QUICK["settings"], "patience": 0}}}}
try:
    delicate.finetune(TABLE, {str(tmp_path / "run")!r}, **long, on_event=hear)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
    assert child.returncode == 0
    assert any((tmp_path / "run" / "checkpoints").iterdir())


def test_what_is_wrong_with_a_table_is_said(tmp_path: Path) -> None:
    def fail(table: Any, **others: Any) -> str:
        with pytest.raises((delicate.DelicateError, ValueError, TypeError, OSError)) as caught:
            delicate.finetune(table, tmp_path / "run", **{**QUICK, **others}, quiet=True)
        return str(caught.value)

    assert "no column `pIC50`; the table has `smiles`, `size`, `class`" in fail(TABLE, label="pIC50")
    assert "called SMILES" in fail({"structure": SMILES, "size": SIZES})
    assert "different numbers of rows" in fail({"smiles": SMILES, "size": SIZES[:-1]})
    assert "named twice" in fail(TABLE, label=["size", "size"])
    assert "2 entries for 1 labels" in fail(TABLE, unit=["a", "b"])
    assert "not <class 'int'>" in fail(7)
    assert "nowhere.csv" in fail(tmp_path / "nowhere.csv")
    assert "patiense" in fail(TABLE, settings={"patiense": 3})
    assert "nowhere" in fail(TABLE, start=tmp_path / "nowhere")
    words = {**TABLE, "size": ["good"] * len(SMILES)}
    assert "good" in fail(words)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("")
    with pytest.raises(delicate.TrainingError, match="is not empty"):
        delicate.finetune(TABLE, tmp_path / "full", **QUICK, quiet=True)
    assert not (tmp_path / "run").exists()
