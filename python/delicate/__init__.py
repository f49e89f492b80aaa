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
    __version__,
)
from ._result import Result
from ._scorer import Endpoint, Explanation, Scorer, score

__all__ = [
    "DelicateError",
    "DeviceError",
    "Endpoint",
    "EndpointError",
    "Explanation",
    "ModelError",
    "MoleculeError",
    "Result",
    "Scorer",
    "__version__",
    "score",
]
