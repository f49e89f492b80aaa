"""Expressions of Polars: importing this module gives each column ``.delicate``.

>>> import polars as pl
>>> import delicate.polars
>>> frame.with_columns(pl.col("smiles").delicate.score().struct.unnest())
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ._scorer import Scorer, ScoreOptions, default_scorer

__all__ = ["DelicateExpression"]


@pl.api.register_expr_namespace("delicate")
class DelicateExpression:
    """What can be computed of a column of SMILES."""

    def __init__(self, expression: pl.Expr) -> None:
        self._expression = expression

    def score(
        self,
        *,
        uncertainty: bool = False,
        percentiles: bool = False,
        properties: bool = False,
        endpoints: Sequence[str] | None = None,
        scorer: Scorer | None = None,
    ) -> pl.Expr:
        """The columns of ``Scorer.score``, as one column of structures."""
        scorer = scorer or default_scorer()
        options: ScoreOptions = {
            "uncertainty": uncertainty,
            "percentiles": percentiles,
            "properties": properties,
            "endpoints": None if endpoints is None else list(endpoints),
        }

        def compute(column: pl.Series) -> pl.Series:
            return scorer.score(column, **options).to_polars().to_struct(column.name)

        # The types, as those of no molecules.
        none = scorer.score([], **options).to_polars()
        return self._expression.map_batches(
            compute, return_dtype=pl.Struct(none.schema), is_elementwise=True
        )

    def embed(self, *, scorer: Scorer | None = None) -> pl.Expr:
        """The embedding of each molecule; null where it cannot be read."""
        scorer = scorer or default_scorer()

        def compute(column: pl.Series) -> pl.Series:
            return scorer.embed(column).to_polars()["embedding"].alias(column.name)

        none = scorer.embed([]).to_polars()["embedding"]
        return self._expression.map_batches(
            compute, return_dtype=none.dtype, is_elementwise=True
        )
