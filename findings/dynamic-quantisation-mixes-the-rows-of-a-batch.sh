#!/usr/bin/env bash
# A model quantised by ONNX Runtime's own tool answers for its whole batch: a
# molecule's prediction becomes exactly 0 beside a neighbour with large values,
# and a value that is not a number becomes an ordinary one.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2.
# Behaviour: `quantize_dynamic` replaces MatMul by DynamicQuantizeLinear, whose
# scale is that of the whole tensor, all rows of the batch. A row of 0.1 beside
# one of 100 is rounded to 0; one infinity makes every other row NaN; NaN
# itself is rounded to some integer, and the row comes out finite (x86-64).
# Who meets it: whoever quantises an exported model and scores more than one
# molecule at a time, or looks for broken rows by their NaN.
# Source: the scale per tensor is in the specification of
# DynamicQuantizeLinear; what it does to a batch, or to NaN, is not said there
# or in the guide to quantisation.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0

trap 'cat errors >&2' ERR
seen=$(venv/bin/python - 2>errors <<'PYTHON'
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

weight = np.eye(4, 1, dtype=np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"])],
    "first_of_four",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
    [numpy_helper.from_array(weight, "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, "whole.onnx")
quantize_dynamic("whole.onnx", "small.onnx", weight_type=QuantType.QInt8)
whole, small = map(ort.InferenceSession, ("whole.onnx", "small.onnx"))


def both(neighbour, first=0.1):
    rows = np.full((2, 4), 0.1, np.float32)
    rows[0, 0] = first
    rows[1] = neighbour
    return [session.run(None, {"x": rows})[0][0, 0] for session in (whole, small)]


for text, (plain, quantised) in (
    ("beside itself", both(0.1)),
    ("beside a row of 100", both(100)),
    ("beside a row of infinity", both(np.inf)),
):
    print(f"a row of 0.1 {text}: {plain:.3f} in float, {quantised:.3f} quantised")
plain, quantised = both(0.1, np.nan)
kind = "finite" if np.isfinite(quantised) else "not finite"
print(f"a row with NaN: {plain} in float, {kind} when quantised")
PYTHON
)
expected='a row of 0.1 beside itself: 0.100 in float, 0.100 quantised
a row of 0.1 beside a row of 100: 0.100 in float, 0.000 quantised
a row of 0.1 beside a row of infinity: 0.100 in float, nan quantised
a row with NaN: nan in float, finite when quantised'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: the quantised prediction of one row depends on the others, and NaN is lost."
