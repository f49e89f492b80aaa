"""Scoring on a cluster of Spark 4.

>>> import delicate.spark
>>> scored = delicate.spark.score(spark.read.parquet("library/"))
>>> scored.write.parquet("scored/")
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from ._workers import Device, Precision, Work, with_plain_text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._scorer import ScoreOptions

__all__ = ["score"]


def score(
    frame: Any,
    *,
    smiles_column: str | None = None,
    model: str | os.PathLike[str] | None = None,
    device: Device = "cpu",
    threads: int = 1,
    precision: Precision | None = None,
    **options: Unpack[ScoreOptions],
) -> Any:
    """The frame with the columns of ``Scorer.score`` beside its own; ``options`` are its.

    Each Python worker loads the model once and scores on ``threads`` threads: as many as
    ``spark.task.cpus`` says. A model directory must be there on every node. A task that
    fails is Spark's to repeat.
    """
    work = Work.of(smiles_column, model, device, threads, precision, options)
    theirs = to_arrow_schema(frame.schema)
    ours = with_plain_text(work.schema(theirs))
    added = from_arrow_schema(pa.schema(list(ours)[len(theirs) :]))

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            # Their columns are as Spark sent them: it takes them back as they are.
            scored = work.score(pa.Table.from_batches([batch])).columns[len(theirs) :]
            types = ours.types[len(theirs) :]
            added = [column.cast(of) for column, of in zip(scored, types, strict=True)]
            arrays = [*batch.columns, *(pa.concat_arrays(column.chunks) for column in added)]
            yield pa.RecordBatch.from_arrays(arrays, names=ours.names)

    return frame.mapInArrow(compute, StructType([*frame.schema.fields, *added.fields]))
