"""Molecules as features of scikit-learn's estimators.

>>> from sklearn.ensemble import RandomForestRegressor
>>> from sklearn.pipeline import make_pipeline
>>> from delicate.sklearn import DelicateFingerprint
>>> model = make_pipeline(DelicateFingerprint(), RandomForestRegressor())
"""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from ._scorer import Scorer

__all__ = ["DelicateFingerprint"]


class DelicateFingerprint(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns SMILES into embeddings, ECFP4 fingerprints or both.

    ``X`` is a column of SMILES: a list, an array, a series, or a table of one column.
    There is nothing to be learnt. A molecule that cannot be read is an error that names
    its row; with ``on_error="nan"`` its row is NaN.
    """

    def __init__(
        self,
        by: Literal["embedding", "ecfp", "both"] = "both",
        *,
        on_error: Literal["raise", "nan"] = "raise",
        model: str | os.PathLike[str] | None = None,
        device: Literal["auto", "gpu", "opengl", "cpu"] = "auto",
        threads: int | None = None,
    ) -> None:
        self.by = by
        self.on_error = on_error
        self.model = model
        self.device = device
        self.threads = threads

    def fit(self, X: Any, y: Any = None) -> DelicateFingerprint:  # noqa: N803
        """Loads the model, and checks the parameters."""
        if self.by not in ("embedding", "ecfp", "both"):
            raise ValueError("by must be embedding, ecfp or both")
        if self.on_error not in ("raise", "nan"):
            raise ValueError("on_error must be raise or nan")
        self.scorer_ = Scorer(self.model, self.device, self.threads)
        self.n_features_in_ = 1
        return self

    def transform(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """One row of features a molecule, in single precision."""
        if not hasattr(self, "scorer_"):
            self.fit(X)
        molecules = _column(X)
        parts: list[np.ndarray[Any, Any]] = []
        errors: list[str | None] = []
        if self.by != "ecfp":
            embedded = self.scorer_.embed(molecules)
            parts.append(embedded["embedding"])
            errors = list(embedded["error"])
        if self.by != "embedding":
            bits, unread = self.scorer_.fingerprints(molecules)
            parts.append(bits.astype(np.float32))
            errors = [a or b for a, b in zip(errors, unread, strict=True)] if errors else unread
        features = np.concatenate(parts, axis=1)
        failed = [row for row, error in enumerate(errors) if error is not None]
        if failed and self.on_error == "raise":
            raise ValueError(
                f"{len(failed)} molecules cannot be used, the first in row {failed[0]}: "
                f"{errors[failed[0]]}"
            )
        features[failed] = np.nan
        return features

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """``embedding_0`` and so on, then ``ecfp_0`` and so on."""
        names: list[str] = []
        for kind in ("embedding", "ecfp"):
            if self.by in (kind, "both"):
                width = self.transform(["C"]).shape[1] - len(names)
                width = min(width, 2048) if kind == "ecfp" else width - 2048 * (self.by == "both")
                names.extend(f"{kind}_{place}" for place in range(width))
        return np.asarray(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.requires_fit = False
        return tags


def _column(X: Any) -> Any:  # noqa: N803
    """The one column of a table, or what is a column already."""
    shape = getattr(X, "shape", None)
    if shape is None or len(shape) == 1:
        return X
    if len(shape) != 2 or shape[1] != 1:
        raise ValueError(f"molecules are one column of SMILES; this has the shape {shape}")
    return np.asarray(X).reshape(-1)
