#!/usr/bin/env bash
# A double that is cast to half precision is rounded once by NumPy, PyArrow and
# ONNX's reference, and twice by ONNX Runtime and Polars: one ends as the next
# number, another as infinity, a third as zero.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, pyarrow 26.0.1,
# polars 2.1.0.
# Behaviour: the cast goes by way of single precision. A value just above the
# middle of two halves is rounded to that middle first, and then to even: the
# wrong way. 65519.9999999 lies below the first number that overflows and
# overflows; the smallest value above 2^-25 becomes 0.
# Who meets it: whoever stores weights, embeddings or descriptors computed in
# double precision as halves and compares files or digests; the step is one
# unit in the last place, except at the two ends.
# Source: IEEE 754 asks for one rounding in a conversion of formats; the ONNX
# specification of Cast leaves it open.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 pyarrow==26.0.1 polars==2.1.0

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
import numpy as np
import onnxruntime as ort
import polars as pl
import pyarrow as pa
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

doubles = np.array([1 + 2**-11 + 2**-30, 2049 + 1e-9, 65519.9999999, 2**-25 + 2**-60])
graph = helper.make_graph(
    [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16)],
    "cast",
    [helper.make_tensor_value_info("x", TensorProto.DOUBLE, doubles.shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT16, doubles.shape)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
halves = {
    "numpy": doubles.astype(np.float16),
    "pyarrow": pa.array(doubles).cast(pa.float16()).to_numpy(),
    "onnx reference": ReferenceEvaluator(model).run(None, {"x": doubles})[0],
    "onnxruntime": ort.InferenceSession(model.SerializeToString()).run(None, {"x": doubles})[0],
    "polars": pl.Series(doubles).cast(pl.Float16).to_numpy(),
}
for name, values in halves.items():
    print(f"{name:<15}", *(f"{float(value):.10g}" for value in values))
PYTHON
)
expected='numpy           1.000976562 2050 65504 5.960464478e-08
pyarrow         1.000976562 2050 65504 5.960464478e-08
onnx reference  1.000976562 2050 65504 5.960464478e-08
onnxruntime     1 2048 inf 0
polars          1 2048 inf 0'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: two of five round a double twice on its way to half precision."
