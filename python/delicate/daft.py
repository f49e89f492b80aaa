"""Scoring in Daft, on one machine or on a cluster.

>>> import daft
>>> import delicate.daft
>>> scored = delicate.daft.score(daft.read_parquet("library/"), concurrency=8)
>>> scored.write_parquet("scored/")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import daft
import pyarrow as pa
from daft import DataType

from ._tables import flat, names_beside, smiles_column_of
from ._workers import Device, Precision, Work

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
    concurrency: int = 1,
    num_gpus: float = 0,
    batch_size: int = 4096,
    **options: Unpack[ScoreOptions],
) -> Any:
    """The frame with the columns of ``Scorer.score`` beside its own; ``options`` are its.

    ``concurrency`` processes load the model once each and score on ``threads`` threads, or
    with ``device="gpu"`` and ``num_gpus=1`` on a GPU. A model directory must be there on
    every node.
    """
    schema = frame.schema().to_pyarrow_schema()
    column = smiles_column_of(schema, smiles_column)
    work = Work.of(column, model, device, threads, precision, options)
    ours = work.scorer().score([], **work.options).to_arrow().schema
    names = names_beside(schema.names, ours.names)
    fields = {
        name: DataType.from_arrow_type(field.type) for name, field in zip(names, ours, strict=True)
    }

    # Daft asks for a class, and for how it runs before there is one.
    @daft.cls(cpus=threads, gpus=num_gpus, use_process=True, max_concurrency=concurrency)
    class Worker:
        def __init__(self) -> None:
            self.scorer = work.scorer()

        @daft.method.batch(
            return_dtype=DataType.struct(fields), unnest=True, batch_size=batch_size
        )
        def score(self, molecules: Any) -> Any:
            scored = self.scorer.score(molecules.to_arrow(), **work.options)
            return pa.StructArray.from_arrays(flat(scored.to_arrow()), names=names)

    theirs = [frame[name] for name in schema.names]
    return frame.select(*theirs, Worker().score(frame[column]))
