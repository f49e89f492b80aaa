"""Parquet files in and out, row group by row group, in memory for one of them.

>>> import delicate.parquet
>>> delicate.parquet.score("library.parquet", "scored.parquet", resume=True)

Needs pyarrow. The same on the command line: ``python -m delicate score --help``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ._native import DelicateError, __version__
from ._result import Result
from ._scorer import Scorer, default_scorer
from ._tables import ColumnError, flat, names_beside, smiles_column_of

__all__ = ["ColumnError", "FileError", "ResumeError", "Summary", "embed", "score"]

# Rows that are read and computed together.
_ROWS = 16_384

# Rows of a row group that is written, at most: what is held in memory. Where they are
# said, up to as many as the command takes.
_GROUP = 131_072
_MOST = 1 << 20

# What the settings are called in a file that is whole.
_KEY = b"delicate"


class FileError(DelicateError):
    """A file that is cut short, or no Parquet file."""


class ResumeError(DelicateError):
    """An output that cannot be gone on with, because it was made otherwise."""


class Summary(NamedTuple):
    """What a run came to."""

    rows: int
    """Rows that were computed."""
    failed: int
    """Of them those with an error."""
    row_groups: int
    """Row groups that were computed."""
    skipped: int
    """Row groups that were finished before."""


def score(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    smiles_column: str | None = None,
    scorer: Scorer | None = None,
    shard: tuple[int, int] = (1, 1),
    resume: bool = False,
    row_group: int | None = None,
    uncertainty: bool = False,
    percentiles: bool = False,
    properties: bool = False,
    endpoints: Sequence[str] | None = None,
    keep_salts: bool = False,
    keep_charges: bool = False,
    augmentations: int = 1,
) -> Summary:
    """Scores the molecules of a Parquet file into another.

    The columns of ``source`` stay as they are, with their types; those of
    ``Scorer.score`` come after them, named ``delicate_…`` where a name is taken.

    ``shard=(i, n)`` takes the ``i``-th of ``n`` parts of the row groups, from 1. Row
    groups are finished one by one in ``TARGET.partial``; ``target`` appears once it is
    whole. With ``resume`` a run goes on from those that are finished, and leaves a
    ``target`` that is whole as it is. ``row_group`` is the most rows of a row group that
    is written: those of ``source`` without it, 131,072 at most.
    """
    of = scorer or default_scorer()
    options: dict[str, Any] = {
        "uncertainty": uncertainty,
        "percentiles": percentiles,
        "properties": properties,
        "endpoints": None if endpoints is None else list(endpoints),
        "keep_salts": keep_salts,
        "keep_charges": keep_charges,
        "augmentations": augmentations,
    }
    return _run(
        Path(source),
        Path(target),
        smiles_column,
        shard,
        resume,
        row_group,
        {"what": "score", "model": _digest(of), **_computed(of), **options},
        lambda molecules: of.score(molecules, **options),
    )


def embed(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    smiles_column: str | None = None,
    scorer: Scorer | None = None,
    shard: tuple[int, int] = (1, 1),
    resume: bool = False,
    row_group: int | None = None,
    keep_salts: bool = False,
    keep_charges: bool = False,
    augmentations: int = 1,
) -> Summary:
    """Embeds the molecules of a Parquet file into another: see ``score``."""
    of = scorer or default_scorer()
    options: dict[str, Any] = {
        "keep_salts": keep_salts,
        "keep_charges": keep_charges,
        "augmentations": augmentations,
    }
    return _run(
        Path(source),
        Path(target),
        smiles_column,
        shard,
        resume,
        row_group,
        {"what": "embed", "model": _digest(of), **_computed(of), **options},
        lambda molecules: of.embed(molecules, **options),
    )


def _computed(scorer: Scorer) -> dict[str, Any]:
    """What the last digits depend on."""
    return {"device": scorer.device, "precision": scorer.precision}


def _digest(scorer: Scorer) -> str:
    """What tells a model from every other: its configuration names its files with
    their SHA-256."""
    if scorer.path is None:
        return f"built in {__version__}"
    return hashlib.sha256(Path(scorer.path, "config.json").read_bytes()).hexdigest()


def _run(
    source: Path,
    target: Path,
    smiles_column: str | None,
    shard: tuple[int, int],
    resume: bool,
    row_group: int | None,
    settings: dict[str, Any],
    compute: Callable[[pa.ChunkedArray], Result],
) -> Summary:
    part, parts = shard
    if not 1 <= part <= parts:
        raise ValueError(f"shard is (i, n) with i from 1 to n, not ({part}, {parts})")
    if row_group is not None and not 1 <= row_group <= _MOST:
        raise ValueError(f"row_group is from 1 to {_MOST}, not {row_group}")
    size = row_group or _GROUP
    if target.exists() and source.resolve() == target.resolve():
        raise ValueError(f"{target} is both source and target: choose another target")
    with _file_errors(source):
        file = pq.ParquetFile(source, memory_map=True)
    with file:
        # The types, as those of no molecules.
        results = compute(pa.chunked_array([], pa.string())).to_arrow().schema
        column = smiles_column_of(file.schema_arrow, smiles_column)
        names = names_beside(file.schema_arrow.names, results.names)
        schema = file.schema_arrow
        for name, field in zip(names, results, strict=True):
            schema = schema.append(field.with_name(name))
        first = (part - 1) * file.num_row_groups // parts
        last = part * file.num_row_groups // parts
        settings = {
            **settings,
            "version": __version__,
            "column": column,
            "shard": list(shard),
            "row_group": size,
            "source": _fingerprint(source, file),
        }
        text = json.dumps(settings, sort_keys=True)
        if resume and target.exists():
            if _settings_of(target) != text:
                raise ResumeError(
                    f"{target} is there and was made otherwise (another source, model, version "
                    "or option): leave resume out to make it anew"
                )
            return Summary(0, 0, 0, last - first)

        folder = target.with_name(target.name + ".partial")
        _begin(folder, text, resume)
        schema = schema.with_metadata({**(schema.metadata or {}), _KEY: text.encode()})
        rows = failed = done = 0
        finished = [folder / f"{group:08}.parquet" for group in range(first, last)]
        for group, path in zip(range(first, last), finished, strict=True):
            if path.exists():
                continue
            with _whole(path) as unfinished, pq.ParquetWriter(
                unfinished, schema, compression="zstd"
            ) as writer:
                for batch in _batches(source, file, group):
                    result = compute(pa.chunked_array([batch.column(column)])).to_arrow()
                    error = result.column("error")
                    rows += len(error)
                    failed += len(error) - error.null_count
                    arrays = [*batch.columns, *flat(result)]
                    writer.write_batch(
                        pa.RecordBatch.from_arrays(arrays, schema=schema), row_group_size=size
                    )
            done += 1
        _join(target, finished, schema, size)
    shutil.rmtree(folder)
    return Summary(rows, failed, done, len(finished) - done)


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Says of a file that cannot be read which one it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise FileError(f"{path}: cut short, damaged or no Parquet file: {error}") from error


def _batches(source: Path, file: pq.ParquetFile, group: int) -> Iterator[pa.RecordBatch]:
    batches = file.iter_batches(batch_size=_ROWS, row_groups=[group])
    while True:
        with _file_errors(source):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _fingerprint(source: Path, file: pq.ParquetFile) -> str:
    """What tells a file from others: its size and its last 64 KiB, where Parquet says
    what its row groups are and where they lie."""
    size = source.stat().st_size
    with source.open("rb") as opened:
        opened.seek(max(0, size - (1 << 16)))
        digest = hashlib.sha256(opened.read()).hexdigest()
    return f"{size} bytes, {file.metadata.num_rows} rows, {digest}"


def _settings_of(target: Path) -> str | None:
    with _file_errors(target):
        metadata = pq.read_schema(target).metadata or {}
    text = metadata.get(_KEY)
    return None if text is None else text.decode()


def _begin(folder: Path, text: str, resume: bool) -> None:
    """Makes the folder of finished row groups, or finds it as it was left."""
    record = folder / "settings.json"
    if folder.exists():
        if not record.is_file():
            raise ResumeError(
                f"{folder} is there, and no interrupted run left it: remove it, or choose another "
                "target"
            )
        if resume and record.read_text() != text:
            raise ResumeError(
                f"{folder} was made otherwise (another source, model, version or option): leave "
                "resume out to begin again"
            )
        if resume:
            return
        shutil.rmtree(folder)
    folder.mkdir()
    with _whole(record) as unfinished:
        unfinished.write(text.encode())


@contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """A file that gets its name once it is whole and on the disk."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _join(target: Path, parts: Sequence[Path], schema: pa.Schema, size: int) -> None:
    """Writes the finished row groups into one file, in their order."""
    with _whole(target) as unfinished, pq.ParquetWriter(
        unfinished, schema, compression="zstd"
    ) as writer:
        for path in parts:
            held = schema.empty_table()
            with pq.ParquetFile(path, memory_map=True) as part:
                # What was written together is smaller than a row group may be.
                for group in range(part.num_row_groups):
                    held = pa.concat_tables([held, part.read_row_group(group)])
                    while len(held) >= size:
                        writer.write_table(held.slice(0, size), row_group_size=size)
                        held = held.slice(size)
            if len(held):
                writer.write_table(held, row_group_size=size)
