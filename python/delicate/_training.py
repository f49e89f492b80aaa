"""Training on a table of one's own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from . import _native
from ._scorer import Scorer, _leave_session_out, _number_of_threads

if TYPE_CHECKING:
    from pathlib import Path

Task = Literal["regression", "classification"]

# Seconds between two lines about a run.
_EVERY = 10.0


class TrainingEvent(TypedDict, total=False):
    """Something that a run has to say; keys that it says nothing about are not there."""

    kind: Literal["step", "validation", "note"]
    text: str
    """Of a note: what is to be known."""
    step: int
    epoch: int
    """From 1."""
    fold: int | None
    progress: float
    """The fraction of the run that is done."""
    loss: float
    molecules_per_second: float
    seconds: float
    """Of training, over all sessions of the run."""


class Finetuned(os.PathLike[str]):
    """A model that was trained, by its directory: ``delicate.Scorer`` takes it as it is."""

    __slots__ = ("evaluation", "path", "run")

    def __init__(self, path: str, run: str, evaluation: dict[str, Any]) -> None:
        self.path = path
        """The model's directory."""
        self.run = run
        """The run's folder, with its metrics, splits and predictions."""
        self.evaluation = evaluation
        """How good it is on molecules that were held out: ``evaluation.json``."""

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<delicate.Finetuned {self.path}>"

    def scorer(
        self,
        device: Literal["auto", "gpu", "opengl", "cpu"] = "auto",
        threads: int | None = None,
        precision: Literal["int8", "fp32", "fp16"] | None = None,
    ) -> Scorer:
        """The model on a device."""
        return Scorer(self.path, device, threads, precision)


def finetune(
    table: Any,
    run: str | os.PathLike[str] | None = None,
    *,
    label: str | Sequence[str],
    smiles: str | None = None,
    task: Task | Sequence[Task] | None = None,
    unit: str | Sequence[str] | None = None,
    name: str | None = None,
    start: str | os.PathLike[str] | None = "built-in",
    split: Literal["random", "scaffold", "scaffold-hash"] | None = None,
    folds: int | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    learning_rate: float | None = None,
    baseline: bool | None = None,
    settings: Mapping[str, Any] | None = None,
    device: Literal["auto", "gpu", "opengl", "cpu"] = "auto",
    threads: int | None = None,
    on_event: Callable[[TrainingEvent], object] | None = None,
    quiet: bool = False,
) -> Finetuned:
    """Trains a model on a table of molecules and labels, as ``delicate finetune`` does.

    ``table`` is a frame of pandas or Polars, a table of pyarrow, a mapping from names to
    columns, or the path of a file that the command reads. ``label`` names one column of
    labels or several, ``smiles`` that of the molecules; without it, it is found. Whether
    labels are a quantity or two classes is told from them, or by ``task``, and ``unit``
    is that of quantities: one for all, or one for each. A cell without a label is NaN,
    None or empty; rows and labels that cannot be used are listed in the run's
    ``left_out.csv``.

    ``run`` is the folder of the run; without it, a new one for temporary files. Called
    again with the same table, settings and folder, a run that was interrupted goes on
    where it stopped, and one that is finished is not done again.

    ``start`` is the encoder to begin with: the built-in one, a model or run directory, or
    None for random weights. ``settings`` are keys of a configuration, such as
    ``{"patience": 3, "batch.molecules": 64}``: ``--set`` of the command.

    ``on_event`` hears how the run goes; without it lines go to stderr, unless ``quiet``.
    What it raises ends the run, as Ctrl-C does: the run is saved first.
    """
    # What is imported here would slow the start of who only scores.
    import hashlib
    import tempfile
    from pathlib import Path

    threads = _number_of_threads(threads)
    labels = [label] if isinstance(label, str) else [str(one) for one in label]
    if not labels:
        raise ValueError("label names no column")
    tasks = _each("task", task, len(labels))
    units = _each("unit", unit, len(labels))
    if start is not None and os.fspath(start) != "built-in":
        start = os.path.abspath(os.fspath(start))
    keys: dict[str, Any] = {
        "seed": seed,
        # One seed for all that is random.
        "split.seed": seed,
        "split.kind": split,
        "split.folds": folds,
        "epochs": None if epochs is None else float(epochs),
        "optimizer.learning_rate": learning_rate,
        "baseline": baseline,
        **(settings or {}),
    }
    if run is None:
        run = tempfile.mkdtemp(prefix="delicate-")
    run = os.path.abspath(os.fspath(run))
    hear = on_event or (_ignore if quiet else _Lines(run))
    with tempfile.TemporaryDirectory(prefix="delicate-") as folder:
        if isinstance(table, (str, os.PathLike)):
            path = Path(os.path.abspath(table))
        else:
            path = Path(folder, "table.csv")
            smiles = _write(path, table, smiles, labels)
            name = name or Path(run).name
        asked = {
            "table": str(path),
            "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
            "labels": [
                {"name": label, "task": task, "unit": unit or ""}
                for label, task, unit in zip(labels, tasks, units, strict=True)
            ],
            "smiles_column": smiles,
            "start": start,
            "name": name,
            "settings": {key: value for key, value in keys.items() if value is not None},
            "run": run,
            "device": device,
            "threads": threads,
        }
        _leave_session_out()
        _native.finetune(json.dumps(asked), cast("Callable[[dict[str, object]], object]", hear))
    evaluation = json.loads(Path(run, "evaluation.json").read_text())
    return Finetuned(os.path.join(run, "model"), run, evaluation)


def _each(argument: str, said: Any, labels: int) -> list[Any]:
    """What was said of each label: nothing, the same of all, or one thing of each."""
    if said is None or isinstance(said, str):
        return [said] * labels
    if len(said) != labels:
        raise ValueError(
            f"{argument} has {len(said)} entries for {labels} labels: pass one, or one for each"
        )
    return list(said)


def _names(table: Any) -> list[str]:
    for attribute in ("column_names", "columns"):
        names = getattr(table, attribute, None)
        if names is not None and not callable(names) and all(isinstance(it, str) for it in names):
            return list(names)
    if isinstance(table, Mapping):
        return [str(name) for name in table]
    raise TypeError(
        "a table is a frame of pandas or Polars, a table of pyarrow, a mapping from names to "
        f"columns or a file, not {type(table)}"
    )


def _column(table: Any, name: str) -> list[object]:
    column = table[name]
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def _write(path: Path, table: Any, smiles: str | None, labels: Sequence[str]) -> str:
    """Writes what is needed of a table for the library to read; the column of SMILES."""
    import csv

    names = _names(table)
    if smiles is None:
        called = [name for name in names if "smiles" in name.lower()]
        exact = [name for name in called if name.lower() == "smiles"]
        chosen = exact or called
        if len(chosen) != 1:
            how = "several columns are" if chosen else "no column is"
            raise ValueError(f"{how} called SMILES; name one with smiles: {', '.join(names)}")
        smiles = chosen[0]
    needed = [smiles, *labels]
    for name in needed:
        if name not in names:
            listed = ", ".join(f"`{one}`" for one in names)
            raise _native.TrainingError(f"no column `{name}`; the table has {listed}")
    if len(set(needed)) < len(needed):
        raise _native.TrainingError(f"a column is named twice: {', '.join(needed)}")
    columns = [_column(table, name) for name in needed]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"`{n}` {len(c)}" for n, c in zip(needed, columns, strict=True))
        raise ValueError(f"columns have different numbers of rows: {lengths}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(needed)
        writer.writerows(_cells(row) for row in zip(*columns, strict=True))
    return smiles


def _cells(row: Iterable[object]) -> list[str]:
    return [_cell(value) for value in row]


def _cell(value: object) -> str:
    """A value as tables have it: what is missing is empty, also where it is NaN."""
    if value is None or type(value).__name__ == "NAType" or value != value:
        return ""
    # Before it is taken for a number; NumPy's own is not of Python's kind.
    if type(value).__name__ in ("bool", "bool_"):
        return "TRUE" if value else "FALSE"
    return str(value)


def _ignore(event: TrainingEvent) -> None:
    """Hears nothing."""


class _Lines:
    """A line about a run now and then, on stderr."""

    def __init__(self, run: str) -> None:
        self._last = time.monotonic()
        print(f"run: {run}", file=sys.stderr)

    def __call__(self, event: TrainingEvent) -> None:
        if event["kind"] == "note":
            print(event["text"], file=sys.stderr)
        elif event["kind"] == "validation":
            print(f"step {event['step']}  validation loss {event['loss']:.4f}", file=sys.stderr)
        elif time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            print(
                f"{100 * event['progress']:5.1f} %  step {event['step']}  epoch {event['epoch']}  "
                f"loss {event['loss']:.4f}  {event['molecules_per_second']:.0f} molecules/s",
                file=sys.stderr,
            )
