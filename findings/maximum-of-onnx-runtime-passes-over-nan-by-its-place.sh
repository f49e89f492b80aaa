#!/usr/bin/env bash
# ONNX Runtime's maximum of a row with a NaN in it depends on where the NaN is,
# and on which of four operators takes the maximum.
#
# Versions: onnxruntime 1.32.0 (CPU), onnx 1.23.2.
# Behaviour: Max (of two tensors) hands a NaN on. ReduceMax does so only if the
# NaN comes first, ArgMax finds it only there, and GlobalMaxPool never does: of
# one NaN alone it makes the smallest finite number.
# Who meets it: whoever pools over atoms or tokens by maximum in an exported
# model, or takes the arg-max of classes: a broken activation becomes a
# plausible prediction.
# Source: the ONNX specification of these operators says nothing about NaN.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0

seen=$(venv/bin/python - <<'PYTHON'
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper


def run(operator, values, kind=TensorProto.FLOAT, **attributes):
    value = np.array(values, np.float32)
    names = ["x", "x"] if operator == "Max" else ["x"]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["y"], **attributes)],
        "one_operator",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, value.shape)],
        [helper.make_tensor_value_info("y", kind, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return ort.InferenceSession(model.SerializeToString()).run(None, {"x": value})[0].ravel()


nan = float("nan")
for row in ([nan, 1, 3], [1, nan, 3], [1, 3, nan]):
    print(
        row,
        "ReduceMax", run("ReduceMax", [row], axes=[1])[0],
        "ArgMax", run("ArgMax", [row], kind=TensorProto.INT64, axis=1)[0],
        "Max", run("Max", [row]).tolist(),
    )
print("GlobalMaxPool of one NaN", run("GlobalMaxPool", [[[nan]]])[0])
PYTHON
)
expected='[nan, 1, 3] ReduceMax nan ArgMax 0 Max [nan, 1.0, 3.0]
[1, nan, 3] ReduceMax 3.0 ArgMax 2 Max [1.0, nan, 3.0]
[1, 3, nan] ReduceMax 3.0 ArgMax 1 Max [1.0, 3.0, nan]
GlobalMaxPool of one NaN -3.4028235e+38'
diff <(echo "$expected") <(echo "$seen")
echo "$seen"
echo "Seen: a NaN survives ReduceMax in the first place only, and GlobalMaxPool never."
