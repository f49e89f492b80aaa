"""Expressions of Polars: importing this module gives each column ``.delicate``.

>>> import polars as pl
>>> import delicate.polars
>>> frame.with_columns(pl.col("smiles").delicate.score().struct.unnest())
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ._scorer import Scorer, default_scorer

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
        endpoints: Sequence[str] | None = None,
        scorer: Scorer | None = None,
    ) -> pl.Expr:
        """The columns of ``Scorer.score``, as one column of structures."""
        scorer = scorer or default_scorer()
        names = None if endpoints is None else list(endpoints)

        def compute(column: pl.Series) -> pl.Series:
            result = scorer.score(column, uncertainty=uncertainty, endpoints=names)
            return result.to_polars().to_struct(column.name)

        # The types, as those of no molecules.
        none = scorer.score([], uncertainty=uncertainty, endpoints=names).to_polars()
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
