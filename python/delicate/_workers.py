"""What the engines of clusters have in common: batches of Arrow, scored in a process that
loads the model once."""

from __future__ import annotations

import functools
import os
from typing import Literal, NamedTuple

import pyarrow as pa

from ._scorer import Scorer, ScoreOptions
from ._tables import append, appended, smiles_column_of

Device = Literal["auto", "gpu", "opengl", "cpu"]
Precision = Literal["int8", "fp32", "fp16"]


class Work(NamedTuple):
    """What a worker is told: it is pickled and goes to each of them."""

    column: str | None
    model: str | None
    device: Device
    threads: int
    precision: Precision | None
    options: ScoreOptions

    @classmethod
    def of(
        cls,
        column: str | None,
        model: str | os.PathLike[str] | None,
        device: Device,
        threads: int,
        precision: Precision | None,
        options: ScoreOptions,
    ) -> Work:
        """The same, with what can be copied anywhere."""
        path = None if model is None else os.path.abspath(os.fspath(model))
        names = options.get("endpoints")
        options = {**options, "endpoints": None if names is None else list(names)}
        return cls(column, path, device, threads, precision, options)

    def scorer(self) -> Scorer:
        """The model, loaded once a process."""
        return _loaded(os.getpid(), self.model, self.device, self.threads, self.precision)

    def score(self, table: pa.Table) -> pa.Table:
        """The table with the columns of ``Scorer.score`` behind its own."""
        column = smiles_column_of(table.schema, self.column)
        return append(table, self.scorer().score(table.column(column), **self.options))

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema of what ``score`` makes of a table with this one."""
        smiles_column_of(schema, self.column)
        return appended(schema, self.scorer().score([], **self.options))


@functools.lru_cache(maxsize=4)
def _loaded(
    process: int, model: str | None, device: Device, threads: int, precision: Precision | None
) -> Scorer:
    # A process that was forked loads its own.
    return Scorer(model, device, threads, precision)


def with_plain_text(schema: pa.Schema) -> pa.Schema:
    """The schema with texts as engines have them that know one kind of text."""
    large = pa.types.is_large_string
    return pa.schema(
        [field.with_type(pa.string()) if large(field.type) else field for field in schema]
    )
