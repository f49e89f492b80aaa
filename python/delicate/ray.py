"""Scoring on a cluster of Ray.

>>> import ray
>>> import delicate.ray
>>> scored = delicate.ray.score(ray.data.read_parquet("library/"), concurrency=64)
>>> scored.write_parquet("scored/")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray.data

from ._workers import Device, Precision, Work

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._scorer import ScoreOptions

__all__ = ["score"]


class _Actor:
    """A process that loads the model once and scores batch after batch."""

    def __init__(self, work: Work) -> None:
        self._work = work
        work.scorer()

    def __call__(self, table: pa.Table) -> pa.Table:
        return self._work.score(table)


def score(
    dataset: Any,
    *,
    smiles_column: str | None = None,
    model: str | os.PathLike[str] | None = None,
    device: Device = "cpu",
    threads: int = 1,
    precision: Precision | None = None,
    concurrency: int | tuple[int, int] = 1,
    num_gpus: float = 0,
    batch_size: int = 4096,
    **options: Unpack[ScoreOptions],
) -> Any:
    """The dataset with the columns of ``Scorer.score`` beside its own; ``options`` are its.

    ``concurrency`` actors load the model once each, or between ``(fewest, most)`` of them;
    each takes ``threads`` CPUs, or with ``device="gpu"`` and ``num_gpus=1`` a GPU. A model
    directory must be there on every node. The rows are handed out by ``batch_size``: where
    a worker dies, its batches are computed again by another, so that each row comes out
    once.
    """
    work = Work.of(smiles_column, model, device, threads, precision, options)
    if isinstance(concurrency, int):
        actors = ray.data.ActorPoolStrategy(size=concurrency)
    else:
        fewest, most = concurrency
        actors = ray.data.ActorPoolStrategy(min_size=fewest, max_size=most)
    # Blocks as they are read may hold rows for an hour.
    return dataset.repartition(target_num_rows_per_block=batch_size).map_batches(
        _Actor,
        fn_constructor_args=(work,),
        batch_format="pyarrow",
        batch_size=batch_size,
        compute=actors,
        num_cpus=threads,
        num_gpus=num_gpus or None,
    )
