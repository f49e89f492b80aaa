"""Properties of molecules from SMILES, by a compact chemical transformer.

>>> import delicate
>>> scores = delicate.score(["CCO", "c1ccccc1O"])
>>> scores["log_s"].shape
(2,)
"""

from ._native import (
    DelicateError,
    DeviceError,
    EndpointError,
    ModelError,
    MoleculeError,
    TrainingError,
    __version__,
)
from ._result import Result
from ._scorer import Endpoint, Explanation, Scorer, draw, properties, score, standardize
from ._training import Finetuned, TrainingEvent, finetune

__all__ = [
    "DelicateError",
    "DeviceError",
    "Endpoint",
    "EndpointError",
    "Explanation",
    "Finetuned",
    "ModelError",
    "MoleculeError",
    "Result",
    "Scorer",
    "TrainingError",
    "TrainingEvent",
    "__version__",
    "draw",
    "finetune",
    "properties",
    "score",
    "standardize",
]
