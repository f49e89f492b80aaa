"""A model that scores, embeds, explains and compares molecules."""

from __future__ import annotations

import functools
import json
import operator
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from . import _native
from ._native import Engine
from ._result import Result

if TYPE_CHECKING:
    import numpy as np

    from ._native import Options

# Pixels of a side of a picture, at most.
_MOST_PIXELS = 100_000

# What `by` is called in files.
_SIMILARITIES = {
    "both": "fused",
    "embedding": "embedding",
    "rarity": "weighted",
    "ecfp": "fingerprint",
}


class Endpoint(NamedTuple):
    """Something that a model predicts."""

    name: str
    """Its name in columns, such as ``log_s``."""
    title: str
    """Its name for people, such as ``Aqueous solubility``."""
    unit: str
    """The unit of its values; empty for a pure number and for a probability."""
    task: str
    """``regression`` or ``classification``: then values are probabilities."""
    group: str
    """The endpoints that it belongs to, such as ``absorption``; empty for none."""
    description: str
    """What it is and where its data come from, in a sentence."""


class ScoreOptions(TypedDict, total=False):
    """What ``Scorer.score`` can be told beside the molecules."""

    uncertainty: bool
    percentiles: bool
    properties: bool
    endpoints: Sequence[str] | None
    keep_salts: bool
    keep_charges: bool
    augmentations: int


class Explanation(TypedDict):
    """What the predictions of one molecule rest on: as ``delicate explain`` has it."""

    smiles: str
    """The molecule as it was scored."""
    standardization: dict[str, Any]
    """What was done to it before."""
    predictions: list[dict[str, Any]]
    """One an endpoint: value, unit, interval, domain, nearest training molecule."""
    units: list[str]
    """The unit of each endpoint's contributions."""
    atoms: list[dict[str, Any]]
    """The heavy atoms: ``range``, their characters of ``smiles``, and ``contributions``,
    one an endpoint."""


def _options(
    *,
    keep_salts: bool = False,
    keep_charges: bool = False,
    augmentations: int = 1,
    uncertainty: bool = False,
    percentiles: bool = False,
    properties: bool = False,
    endpoints: Sequence[str] | None = None,
) -> Options:
    if isinstance(endpoints, str):
        raise TypeError("endpoints are a list of names: pass [name] for one")
    if endpoints is not None:
        endpoints = list(endpoints)
        if not endpoints:
            raise ValueError("endpoints names none: leave it out, or pass None, for all")
    augmentations = _whole("augmentations", augmentations, 1, 1000)
    return {
        "keep_salts": keep_salts,
        "keep_charges": keep_charges,
        "augmentations": augmentations,
        "uncertainty": uncertainty,
        "percentiles": percentiles,
        "properties": properties,
        "endpoints": endpoints,
    }


def _ranking(top: int, by: str) -> tuple[int, str]:
    """How many are asked for, and the engine's name of the similarity."""
    top = _whole("top", top, 1, sys.maxsize)
    if by not in _SIMILARITIES:
        raise ValueError(f"by must be one of {', '.join(_SIMILARITIES)}")
    return top, _SIMILARITIES[by]


def _whole(name: str, value: int, least: int, most: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if not least <= number <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}")
    return number


def _number_of_threads(threads: int | None) -> int | None:
    try:
        return None if threads is None else _whole("threads", threads, 1, 1024)
    except ValueError as error:
        raise ValueError(f"{error}, or None") from None


def _text(smiles: str) -> str:
    """One SMILES, of characters alone."""
    if not isinstance(smiles, str):
        raise TypeError(f"a molecule is its SMILES, as text, not {type(smiles)}")
    try:
        smiles.encode()
    except UnicodeEncodeError:
        message = "SMILES are text; this holds a lone surrogate, which is no character"
        raise _native.MoleculeError(message) from None
    return smiles


class Scorer:
    """A model on a device.

    ``model`` is the path of a model directory; without it, the built-in model.
    ``device`` is ``auto`` (a GPU where there is one), ``gpu``, ``opengl`` or ``cpu``.
    ``threads`` are those of the CPU; without it, one a core. ``precision`` is ``int8``
    (on a CPU alone), ``fp32`` or ``fp16``; without it, ``int8`` on a CPU that is fast in
    it and otherwise ``fp32``, as in the command.

    One scorer may be used from several threads. It is pickled by the path of its model,
    so that other processes load it again.

    Molecules are SMILES: in a list, a NumPy array, a series of pandas or Polars, or
    whatever hands out an Arrow column, which is read where it lies. A row that cannot be
    used has its error in the column ``error``, and the others go on.
    """

    __slots__ = ("_device", "_engine", "_model", "_precision", "_threads")

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        device: Literal["auto", "gpu", "opengl", "cpu"] = "auto",
        threads: int | None = None,
        precision: Literal["int8", "fp32", "fp16"] | None = None,
    ) -> None:
        self._model = None if model is None else os.path.abspath(os.fspath(model))
        self._device = device
        self._threads = threads = _number_of_threads(threads)
        self._precision = precision
        _leave_session_out()
        self._engine = Engine(self._model, device, threads, precision)

    def __reduce__(self) -> tuple[type[Scorer], tuple[object, ...]]:
        return (type(self), (self._model, self._device, self._threads, self._precision))

    def __repr__(self) -> str:
        return f"<delicate.Scorer of {self._engine.model} on {self.device} in {self.precision}>"

    @property
    def path(self) -> str | None:
        """The model's directory; None for the built-in model."""
        return self._model

    @property
    def device(self) -> str:
        """The name of the device that computes."""
        return "CPU" if self._engine.device_lost is not None else self._engine.device

    @property
    def precision(self) -> str:
        """What the encoder computes in: ``int8``, ``fp32`` or ``fp16``."""
        return self._engine.precision

    @property
    def is_calibrated(self) -> bool:
        """Whether the model has intervals and an applicability domain."""
        return self._engine.is_calibrated

    @property
    def has_reference(self) -> bool:
        """Whether the model has reference molecules, which ``percentiles`` are among."""
        return self._engine.has_reference

    @property
    def endpoints(self) -> list[Endpoint]:
        """What the model predicts, in the order of its columns."""
        fields = Endpoint._fields
        return [
            Endpoint(*(endpoint.get(field, "") for field in fields))
            for endpoint in json.loads(self._engine.endpoints())
        ]

    def score(
        self,
        molecules: Iterable[object],
        *,
        uncertainty: bool = False,
        percentiles: bool = False,
        properties: bool = False,
        endpoints: Sequence[str] | None = None,
        keep_salts: bool = False,
        keep_charges: bool = False,
        augmentations: int = 1,
    ) -> Result:
        """Predicts the endpoints of each molecule: those named, or all.

        The columns are those of ``delicate score``: ``log_s``, with ``uncertainty`` also
        ``log_s_low``, ``log_s_high``, ``log_s_domain``, ``log_s_similarity``,
        ``log_s_nearest`` and ``log_s_nearest_measured`` (and ``pka_base_domain_reason``
        where an endpoint is not defined for every molecule), with ``percentiles`` also
        ``log_s_percentile``, where the value stands among the model's reference
        molecules, and so on; with ``properties`` those of ``delicate.properties``; then
        ``standardized``, ``changes`` and ``error``.
        ``augmentations`` averages over so many SMILES a molecule.
        """
        options = _options(
            uncertainty=uncertainty,
            percentiles=percentiles,
            properties=properties,
            endpoints=endpoints,
            keep_salts=keep_salts,
            keep_charges=keep_charges,
            augmentations=augmentations,
        )
        return Result(self._engine.score(molecules, options))

    def embed(
        self,
        molecules: Iterable[object],
        *,
        keep_salts: bool = False,
        keep_charges: bool = False,
        augmentations: int = 1,
    ) -> Result:
        """The embedding of each molecule, in the rows of the column ``embedding``.

        Embeddings are compared by their cosine. Without a model of one's own they are
        those of the built-in model for similarity.
        """
        options = _options(
            keep_salts=keep_salts, keep_charges=keep_charges, augmentations=augmentations
        )
        return Result(self._engine.embed(molecules, options))

    def explain(
        self,
        smiles: str,
        *,
        endpoints: Sequence[str] | None = None,
        keep_salts: bool = False,
        keep_charges: bool = False,
    ) -> Explanation:
        """Which atoms the predictions of one molecule come from.

        Raises ``MoleculeError`` where it cannot be scored.
        """
        options = _options(
            endpoints=endpoints, keep_salts=keep_salts, keep_charges=keep_charges
        )
        explanation: Explanation = json.loads(
            self._engine.explain(_text(smiles), options)
        )
        return explanation

    def similar(
        self,
        queries: Iterable[object],
        library: Iterable[object],
        *,
        top: int = 100,
        by: Literal["both", "embedding", "rarity", "ecfp"] = "both",
        aggregate: Literal["max", "mean"] = "mean",
        keep_salts: bool = False,
        keep_charges: bool = False,
    ) -> Result:
        """The ``top`` molecules of a library that are most similar to the queries.

        The columns are ``row``, the place in the library, ``similarity``,
        ``nearest_query``, ``standardized`` and ``changes``; the best come first. Rows and
        queries that cannot be read are passed over; where no query can be,
        ``MoleculeError`` says why.
        """
        top, similarity = _ranking(top, by)
        options = _options(keep_salts=keep_salts, keep_charges=keep_charges)
        table, _ = self._engine.similar(
            queries, library, top, similarity, aggregate, options
        )
        return Result(table)

    def search(
        self,
        queries: Iterable[object],
        index: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        top: int = 100,
        by: Literal["both", "embedding", "rarity", "ecfp"] = "both",
        aggregate: Literal["max", "mean"] = "mean",
        keep_salts: bool = False,
        keep_charges: bool = False,
    ) -> Result:
        """The ``top`` molecules of an index that are most similar to the queries.

        ``index`` is a file of ``delicate index``, or several that are one library. Its
        columns come first, then those of ``similar``. It is streamed, in memory for a
        batch of rows a thread, and no row is left out.
        """
        top, similarity = _ranking(top, by)
        options = _options(keep_salts=keep_salts, keep_charges=keep_charges)
        paths = [index] if isinstance(index, (str, os.PathLike)) else index
        files = [os.fspath(path) for path in paths]
        table = self._engine.search(queries, files, top, similarity, aggregate, options)
        return Result(table)

    def fingerprints(
        self,
        molecules: Iterable[object],
        *,
        keep_salts: bool = False,
        keep_charges: bool = False,
    ) -> tuple[np.ndarray[Any, Any], list[str | None]]:
        """The ECFP4 fingerprints (2048 bits, a byte each) and the errors of the rows.

        A row with an error has no bit set.
        """
        import numpy as np

        options = _options(keep_salts=keep_salts, keep_charges=keep_charges)
        packed, width, errors = self._engine.fingerprints(molecules, options)
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")
        return bits.reshape(len(errors), width), errors


def _leave_session_out() -> None:
    """Leaves Mesa's choice between GPUs out where there is no graphical session, as the
    command does: its Vulkan layer would write an error of its own to stderr."""
    choices = ("XDG_RUNTIME_DIR", "DRI_PRIME", "MESA_VK_DEVICE_SELECT", "NODEVICE_SELECT")
    if sys.platform == "linux" and not any(name in os.environ for name in choices):
        os.environ["NODEVICE_SELECT"] = "1"


@functools.lru_cache(maxsize=1)
def _default_of(process: int) -> Scorer:
    return Scorer()


def default_scorer() -> Scorer:
    """The built-in model, loaded once a process."""
    return _default_of(os.getpid())


def score(
    molecules: Iterable[object],
    *,
    uncertainty: bool = False,
    percentiles: bool = False,
    properties: bool = False,
    endpoints: Sequence[str] | None = None,
    keep_salts: bool = False,
    keep_charges: bool = False,
    augmentations: int = 1,
) -> Result:
    """Scores molecules with the built-in model: see ``Scorer.score``."""
    return default_scorer().score(
        molecules,
        uncertainty=uncertainty,
        percentiles=percentiles,
        properties=properties,
        endpoints=endpoints,
        keep_salts=keep_salts,
        keep_charges=keep_charges,
        augmentations=augmentations,
    )


def properties(
    molecules: Iterable[object], *, keep_salts: bool = False, keep_charges: bool = False
) -> Result:
    """Molar mass, Crippen's log P, polar surface, donors, acceptors, rotatable bonds, rule
    of five, QED and structural alerts: the columns of ``delicate properties``.
    """
    options = _options(keep_salts=keep_salts, keep_charges=keep_charges)
    return Result(_native.properties(molecules, options))


def standardize(
    molecules: Iterable[object], *, keep_salts: bool = False, keep_charges: bool = False
) -> Result:
    """The standard form of each molecule, and what that changes: the columns
    ``standardized``, ``changes`` and ``error`` of ``delicate standardize``. A model may
    read less of it, such as no stereo: ``score`` tells what it read.
    """
    options = _options(keep_salts=keep_salts, keep_charges=keep_charges)
    return Result(_native.standardize(molecules, options))


def draw(smiles: str, *, width: int = 300, height: int = 200) -> str:
    """A picture of a molecule, as the text of an SVG.

    Raises ``MoleculeError`` where it cannot be read.
    """
    width = _whole("width", width, 1, _MOST_PIXELS)
    height = _whole("height", height, 1, _MOST_PIXELS)
    return _native.draw(_text(smiles), width, height)
