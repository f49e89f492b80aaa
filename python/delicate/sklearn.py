"""Molecules as features of scikit-learn's estimators, and estimators that are trained on
molecules.

>>> from sklearn.ensemble import RandomForestRegressor
>>> from sklearn.pipeline import make_pipeline
>>> from delicate.sklearn import DelicateFingerprint
>>> model = make_pipeline(DelicateFingerprint(), RandomForestRegressor())

>>> from delicate.sklearn import DelicateRegressor
>>> model = DelicateRegressor().fit(frame["smiles"], frame["pIC50"])
>>> low, high = model.predict_interval(others["smiles"])
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ._native import ModelError
from ._result import Result
from ._scorer import Scorer
from ._training import finetune

__all__ = ["DelicateClassifier", "DelicateFingerprint", "DelicateRegressor"]


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
        if self.on_error == "raise":
            _check_errors(errors)
        features[[error is not None for error in errors]] = np.nan
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


class _Finetuned(BaseEstimator):  # type: ignore[misc]
    """What both estimators that are trained have in common."""

    def __init__(
        self,
        *,
        start: str | os.PathLike[str] | None = "built-in",
        split: Literal["random", "scaffold", "scaffold-hash"] = "scaffold",
        epochs: float | None = None,
        learning_rate: float | None = None,
        random_state: int | None = None,
        settings: Mapping[str, Any] | None = None,
        run: str | os.PathLike[str] | None = None,
        on_error: Literal["raise", "nan"] = "raise",
        device: Literal["auto", "gpu", "opengl", "cpu"] = "auto",
        threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.start = start
        self.split = split
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.settings = settings
        self.run = run
        self.on_error = on_error
        self.device = device
        self.threads = threads
        self.verbose = verbose

    def _check_y(self, y: Any) -> None:
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")

    def _train(self, X: Any, y: np.ndarray[Any, Any], task: Any) -> None:  # noqa: N803
        """Trains on ``y``, a row a molecule; NaN where there is no label."""
        if self.on_error not in ("raise", "nan"):
            raise ValueError("on_error must be raise or nan")
        molecules = list(_column(X))
        check_consistent_length(molecules, y)
        columns = y.reshape(len(y), -1)
        names = ["y"] if y.ndim == 1 else [f"y{place}" for place in range(columns.shape[1])]
        table = {"smiles": molecules} | dict(zip(names, columns.T, strict=True))
        with tempfile.TemporaryDirectory(prefix="delicate-") as folder:
            done = finetune(
                table,
                Path(folder, "run") if self.run is None else self.run,
                label=names,
                smiles="smiles",
                task=task,
                name="estimator",
                start=self.start,
                split=self.split,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                seed=self.random_state,
                # What is compared with here is scikit-learn's.
                baseline=False,
                settings=self.settings,
                device=self.device,
                threads=self.threads,
                quiet=not self.verbose,
            )
            # The model goes where the estimator goes: into pickles, to other machines.
            files = [path for path in Path(done.path).iterdir() if path.is_file()]
            self.model_ = {path.name: path.read_bytes() for path in files}
            self.evaluation_ = done.evaluation
        self._names = names
        self._scorer: Scorer | None = None
        self.n_outputs_ = columns.shape[1]
        self.n_features_in_ = 1

    def _score(self, X: Any, uncertainty: bool = False) -> Result:  # noqa: N803
        check_is_fitted(self)
        scorer = self._scorer
        if scorer is None:
            with tempfile.TemporaryDirectory(prefix="delicate-") as folder:
                for name, data in self.model_.items():
                    Path(folder, name).write_bytes(data)
                scorer = self._scorer = Scorer(folder, self.device, self.threads)
        scores = scorer.score(_column(X), uncertainty=uncertainty and scorer.is_calibrated)
        if self.on_error == "raise":
            _check_errors(scores["error"])
        return scores

    def _values(self, scores: Result, end: str = "") -> np.ndarray[Any, Any]:
        values = np.stack([scores[name + end] for name in self._names], axis=1)
        return values[:, 0] if self._names == ["y"] else values

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_scorer": None} if "_scorer" in state else state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


class DelicateRegressor(RegressorMixin, _Finetuned):  # type: ignore[misc]
    """Predicts quantities of molecules, by a model that ``fit`` trains: see
    ``delicate.finetune`` for the parameters.

    ``X`` is a column of SMILES, ``y`` a column of numbers or a table of several, NaN where
    there is no label. ``fit`` holds out molecules by itself, to know when to stop and how
    wide intervals are; what it measured on them is in ``evaluation_``. A molecule of
    ``fit`` that cannot be read is left out; one of ``predict`` is an error that names its
    row, or with ``on_error="nan"`` a row of NaN.
    """

    def fit(self, X: Any, y: Any) -> DelicateRegressor:  # noqa: N803
        """Trains; with ``run``, in that folder, where an interrupted run goes on."""
        self._check_y(y)
        labels = check_array(
            y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y"
        )
        self._train(X, labels, "regression")
        return self

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """A number a molecule, or a row of them."""
        return self._values(self._score(X))

    def predict_interval(self, X: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # noqa: N803
        """The lower and the upper ends of the 90 % intervals.

        Raises ``ModelError`` where the model has none.
        """
        scores = self._score(X, uncertainty=True)
        ends = [f"{name}{end}" for name in self._names for end in ("_low", "_high")]
        is_read = [error is None for error in scores["error"]]
        if not all(end in scores and np.isfinite(scores[end][is_read]).all() for end in ends):
            raise ModelError(
                "this model has no intervals: too few molecules were held out for them; fit on "
                "more, or hold out more (split.valid and split.test of settings)"
            )
        return self._values(scores, "_low"), self._values(scores, "_high")


class DelicateClassifier(ClassifierMixin, _Finetuned):  # type: ignore[misc]
    """Tells two classes of molecules apart, by a model that ``fit`` trains: see
    ``DelicateRegressor``.

    ``y`` is a column of any two classes, or a table of several of 0 and 1, NaN where there
    is no label; then, as of scikit-learn's forests, ``classes_`` and the result of
    ``predict_proba`` are lists, an entry each.
    """

    def fit(self, X: Any, y: Any) -> DelicateClassifier:  # noqa: N803
        """Trains; with ``run``, in that folder, where an interrupted run goes on."""
        self._check_y(y)
        several = np.ndim(y) > 1
        if several:
            labels = check_array(
                y, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y"
            )
            if not np.isin(labels[~np.isnan(labels)], (0, 1)).all():
                raise ValueError("several columns of classes are of 0, 1 and NaN")
            classes: Any = [np.array([0, 1])] * labels.shape[1]
        else:
            classes, labels = np.unique(np.asarray(y), return_inverse=True)
            if len(classes) != 2:
                raise ValueError(f"two classes can be told apart; y has {len(classes)}")
        self._train(X, labels, "classification")
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """The probability of each class, in the order of ``classes_``."""
        ones = self._values(self._score(X))
        both = np.stack([1 - ones, ones], axis=-1)
        return both if ones.ndim == 1 else [both[:, place] for place in range(both.shape[1])]

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803
        """The likelier class of each molecule; a class has to be told of every one."""
        scores = self._score(X)
        _check_errors(scores["error"])
        ones = (self._values(scores) > 0.5).astype(int)
        return ones if ones.ndim > 1 else np.asarray(self.classes_[ones])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags


def _check_errors(errors: Any) -> None:
    failed = [row for row, error in enumerate(errors) if error is not None]
    if failed:
        raise ValueError(
            f"{len(failed)} molecules cannot be used, the first in row {failed[0]}: "
            f"{errors[failed[0]]}"
        )


def _column(X: Any) -> Any:  # noqa: N803
    """The one column of a table, or what is a column already."""
    shape = getattr(X, "shape", None)
    if shape is None or len(shape) == 1:
        return X
    if len(shape) != 2 or shape[1] != 1:
        raise ValueError(f"molecules are one column of SMILES; this has the shape {shape}")
    return np.asarray(X).reshape(-1)
