"""The package, as it is installed."""

from __future__ import annotations

import base64
import copy
import csv
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import delicate

DRUGS = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O.[Na]",
    "OC(=O)CCCN",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
]


def run(code: str, *, timeout: float = 120.0) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def scorer() -> delicate.Scorer:
    return delicate.Scorer(device="cpu")


def test_a_row_with_an_error_has_no_value_and_the_others_go_on() -> None:
    scores = delicate.score(["CCO", "C1CC", None, "", math.nan, 7, "O=C=O"])
    assert scores.rows == 7
    known = np.isfinite(scores["log_s"])
    assert scores["log_s"].dtype == np.float32
    assert list(known) == [True, False, False, False, False, False, True]
    errors = scores["error"]
    assert errors[0] is None and errors[6] is None
    assert "ring" in errors[1]
    assert errors[2] == errors[3] == errors[4] == "the column `smiles` is empty in this row"
    assert errors[5] == "SMILES are text; this is a Python `int`"
    assert scores["standardized"][0] == "CCO" and scores["standardized"][1] is None


def test_columns_are_those_of_the_command(scorer: delicate.Scorer) -> None:
    names = [endpoint.name for endpoint in scorer.endpoints]
    assert list(scorer.score(DRUGS)) == [*names, "standardized", "changes", "error"]
    interval = ["_low", "_high"]
    others = ["_domain", "_similarity", "_nearest", "_nearest_measured"]
    scores = scorer.score(DRUGS, uncertainty=True)
    expected = []
    for endpoint in scorer.endpoints:
        # A probability has no interval.
        ends = ["", *(interval if endpoint.task == "regression" else []), *others]
        # What is required of molecules is told where they lack it.
        if endpoint.name in ("pka_acid", "pka_base"):
            ends.insert(ends.index("_domain") + 1, "_domain_reason")
        expected += [endpoint.name + end for end in ends]
    assert {endpoint.task for endpoint in scorer.endpoints} == {"regression", "classification"}
    assert list(scores)[: len(expected)] == expected
    assert set(scores["log_s_domain"]) <= {"in", "borderline", "out"}
    assert (scores["log_s_low"] < scores["log_s"]).all()
    assert (scores["log_s"] < scores["log_s_high"]).all()
    assert scores["log_s_similarity"].dtype == np.float64
    assert scores.units["log_s"] == "log mol/L"
    assert scores.units["ames"] == "probability"
    hexane = scorer.score(["CCCCCC", "CCCCCN"], uncertainty=True, endpoints=["pka_base"])
    reason = "no basic atom: the endpoint is not defined for this molecule"
    assert hexane["pka_base_domain"][0] == "out"
    assert list(hexane["pka_base_domain_reason"]) == [reason, None]
    assert scores["changes"][2].startswith("left out")
    assert list(scorer.score(DRUGS, endpoints=["log_p", "log_s"]))[:2] == [
        "log_p",
        "log_s",
    ]


def test_numbers_are_those_of_the_command(scorer: delicate.Scorer, tmp_path: Path) -> None:
    program = os.environ.get("DELICATE_BIN")
    if program is None:
        pytest.skip("DELICATE_BIN names no command")
    many = DRUGS * 250
    (tmp_path / "in.smi").write_text("\n".join(many))
    command = [program, "score", "in.smi", "--device", "cpu", "-q", "-o", "out.jsonl"]
    subprocess.run(command, cwd=tmp_path, check=True)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    expected = [json.loads(line)["scores"] for line in lines]
    scores = scorer.score(many)
    assert scores.rows == len(expected)
    for endpoint in scorer.endpoints:
        values = [np.float32(row[endpoint.name]["value"]) for row in expected]
        assert (scores[endpoint.name] == np.array(values)).all(), endpoint.name
    (tmp_path / "in.smi").write_text("\n".join(DRUGS))
    subprocess.run([*command, "--uncertainty"], cwd=tmp_path, check=True)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    expected = [json.loads(line)["scores"] for line in lines]
    scores = scorer.score(DRUGS, uncertainty=True)
    for endpoint in scorer.endpoints:
        for key, end in [("low", "_low"), ("high", "_high"), ("domain", "_domain")]:
            if endpoint.name + end not in scores:
                assert key != "domain" and all(key not in row[endpoint.name] for row in expected)
                continue
            found = scores[endpoint.name + end]
            for row, value in zip(expected, found, strict=True):
                told = row[endpoint.name][key]
                assert told is None or (told == value if key == "domain" else np.float32(told) == value)
        nearest = [row[endpoint.name]["nearest"]["smiles"] for row in expected]
        assert list(scores[f"{endpoint.name}_nearest"]) == nearest
    embeddings = scorer.embed(DRUGS)["embedding"]
    command = [program, "embed", "in.smi", "--device", "cpu", "-q", "-o", "embedded.jsonl"]
    subprocess.run(command, cwd=tmp_path, check=True)
    line = (tmp_path / "embedded.jsonl").read_text().splitlines()[0]
    difference = np.abs(embeddings[0] - np.array(json.loads(line)["embedding"], dtype=np.float32))
    assert difference.max() < 1e-5


def test_percentiles_and_properties_are_columns_of_the_command(
    scorer: delicate.Scorer, tmp_path: Path
) -> None:
    rows = [*DRUGS, "C1CC"]
    scores = scorer.score(rows, endpoints=["log_s"], percentiles=True, properties=True)
    properties = delicate.properties(rows)
    described = list(properties)[:-3]
    assert {"mol_wt", "crippen_log_p", "tpsa", "qed", "pains", "brenk"} <= set(described)
    assert list(scores) == [
        "log_s", "log_s_percentile", *described, "standardized", "changes", "error"
    ]  # fmt: skip
    assert scores.units["log_s_percentile"] == "%"
    assert ((scores["log_s_percentile"][:5] >= 0) & (scores["log_s_percentile"][:5] <= 100)).all()
    assert np.isnan(scores["qed"][5]) and properties["pains"][5] is None
    for name in described:
        assert list(scores[name][:5]) == list(properties[name][:5]), name
    assert properties["mol_wt"][0] == pytest.approx(180.16, abs=0.01)
    standardized = delicate.standardize(rows)
    assert list(standardized) == ["standardized", "changes", "error"]
    for name in standardized:
        assert list(standardized[name]) == list(properties[name]), name
    kept = delicate.standardize([DRUGS[2]], keep_salts=True)["standardized"][0]
    assert "Na" in kept and "Na" not in standardized["standardized"][2]
    program = os.environ.get("DELICATE_BIN")
    if program is not None:
        (tmp_path / "in.smi").write_text("\n".join(DRUGS))
        options = "--endpoints log_s --percentiles --properties --device cpu -q -o out.csv"
        command = [program, "score", "in.smi", *options.split()]
        subprocess.run(command, cwd=tmp_path, check=True)
        with (tmp_path / "out.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        assert [name for name in table[0] if name in scores] == list(scores)
        for name in ["log_s", "log_s_percentile", *described]:
            values = [row[name] for row in table]
            if scores[name].dtype == object:
                assert [value or "" for value in scores[name][:5]] == values, name
            else:
                told = np.array(values, dtype=scores[name].dtype)
                # The command writes percentiles with one decimal.
                places = 0.051 if name.endswith("_percentile") else 1e-8
                assert np.allclose(scores[name][:5], told, rtol=1e-5, atol=places), name


def test_a_model_without_reference_molecules_has_no_percentiles(tmp_path: Path) -> None:
    plain = Path(__file__).parents[2] / "models" / "delicate-small"
    if not plain.is_dir():
        pytest.skip("not beside the sources")
    scorer = delicate.Scorer(plain, "cpu")
    if scorer.has_reference:
        pytest.skip("it has reference molecules")
    with pytest.raises(delicate.ModelError, match="reference molecules"):
        scorer.score(DRUGS, percentiles=True)


def test_molecules_are_drawn() -> None:
    svg = delicate.draw("C[C@H](N)C(=O)O", width=100, height=80)
    picture = ElementTree.fromstring(svg)
    assert (picture.get("width"), picture.get("height")) == ("100", "80")
    with pytest.raises(delicate.MoleculeError, match="ring"):
        delicate.draw("C1CC")


def arrow_inputs() -> list[tuple[str, Callable[[list[str | None]], Any]]]:
    """What makes a column of another library."""
    makers: list[tuple[str, Callable[[list[str | None]], Any]]] = [
        ("tuple", tuple),
        ("generator", iter),
        ("numpy", lambda values: np.array(values, dtype=object)),
    ]
    try:
        import pandas as pd

        makers.append(("pandas", lambda values: pd.Series(values, name="smiles")))
        makers.append(("pandas string", lambda values: pd.Series(values, dtype="string")))
    except ImportError:
        pass
    try:
        import polars as pl

        makers.append(("polars", lambda values: pl.Series("smiles", values)))
        makers.append(
            ("polars categories", lambda values: pl.Series(values, dtype=pl.Categorical))
        )
        makers.append(("polars null", lambda values: pl.Series(values).slice(1, 4)))
    except ImportError:
        pass
    try:
        import pyarrow as pa

        for kind in [pa.string(), pa.large_string(), pa.string_view()]:
            makers.append((str(kind), lambda values, kind=kind: pa.array(values, kind)))  # type: ignore[misc]
        makers.append(("dictionary", lambda values: pa.array(values).dictionary_encode()))
        makers.append(
            ("chunks", lambda values: pa.chunked_array([values[:2], [], values[2:]], pa.string()))
        )
        makers.append(("slice", lambda values: pa.array(["C", *values, "C"])[1:-1]))
    except ImportError:
        pass
    return makers


@pytest.mark.parametrize(("name", "make"), arrow_inputs(), ids=lambda it: str(it))
def test_columns_of_every_library_are_read(
    name: str, make: Callable[[list[str | None]], Any], scorer: delicate.Scorer
) -> None:
    values: list[str | None] = [DRUGS[0], None, DRUGS[1], DRUGS[2], "C"]
    expected = scorer.score(values)["standardized"]
    if name == "polars null":
        expected = expected[1:]
    assert list(scorer.score(make(values))["standardized"]) == list(expected)


def test_what_is_no_column_of_text_is_a_type_error(scorer: delicate.Scorer) -> None:
    with pytest.raises(TypeError, match="pass \\[smiles\\] for one"):
        scorer.score("CCO")
    for one in (b"CCO", bytearray(b"CCO")):
        with pytest.raises(TypeError, match="pass \\[smiles\\] for one"):
            scorer.score(one)
    with pytest.raises(TypeError, match="not <class 'int'>"):
        scorer.score(7)  # type: ignore[arg-type]
    pa = pytest.importorskip("pyarrow")
    for array, name in [
        (pa.array([1, 2]), "int64"),
        (pa.array([1.5]), "float64"),
        (pa.array([b"C"]), "binary"),
        (pa.array([[1]]), "list"),
        (pa.array([1, 2]).dictionary_encode(), "int64"),
    ]:
        with pytest.raises(TypeError, match=f"Arrow type `{name}`"):
            scorer.score(array)
    with pytest.raises(TypeError, match="pass one column"):
        scorer.score(pa.table({"smiles": ["C"]}))


def test_a_lazy_frame_is_to_be_collected_first(scorer: delicate.Scorer) -> None:
    pl = pytest.importorskip("polars")
    with pytest.raises(TypeError, match="collect\\(\\) it first"):
        scorer.score(pl.LazyFrame({"smiles": ["C"]}))


def test_a_lone_surrogate_is_an_error_of_its_row(scorer: delicate.Scorer) -> None:
    scores = scorer.score(["C\ud800", "CCO"])
    assert "lone surrogate" in scores["error"][0] and scores["error"][1] is None
    for call in (scorer.explain, delicate.draw):
        with pytest.raises(delicate.MoleculeError, match="lone surrogate"):
            call("C\ud800")
        with pytest.raises(TypeError, match="as text"):
            call(None)  # type: ignore[arg-type]


def test_results_are_pickled_and_copied(scorer: delicate.Scorer) -> None:
    results = [
        scorer.score([*DRUGS, "?"], uncertainty=True),
        scorer.embed([*DRUGS, "?"]),
        scorer.similar(DRUGS[:1], DRUGS),
        delicate.properties([*DRUGS, "?"]),
        delicate.standardize([]),
    ]
    for result in results:
        for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
            assert list(again) == list(result) and again.units == result.units
            assert again.rows == result.rows
            for name, array in result.items():
                np.testing.assert_array_equal(again[name], array)
    pa = pytest.importorskip("pyarrow")
    table = pickle.loads(pickle.dumps(results[0])).to_arrow()
    table.validate(full=True)
    assert isinstance(table, pa.Table) and table.equals(results[0].to_arrow())


def test_results_are_frames_and_arrow(scorer: delicate.Scorer) -> None:
    scores = scorer.score([*DRUGS, "?"], uncertainty=True)
    embedded = scorer.embed([*DRUGS, "?"])
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"smiles": [*DRUGS, "?"]}, index=list("abcdef"))
    joined = frame.join(scores.to_pandas(frame.index))
    assert list(joined.columns) == ["smiles", *scores]
    assert math.isnan(joined.loc["f", "log_s"]) and joined.loc["f", "error"]
    pl = pytest.importorskip("polars")
    polars = scores.to_polars()
    assert polars.schema["log_s"] == pl.Float32
    assert polars["log_s"].null_count() == 1
    assert polars["log_s"].drop_nulls().to_list() == [float(v) for v in scores["log_s"][:5]]
    assert polars["log_s_nearest"][:5].to_list() == list(scores["log_s_nearest"][:5])
    assert isinstance(embedded.to_polars().schema["embedding"], pl.Array)
    pa = pytest.importorskip("pyarrow")
    table = embedded.to_arrow()
    table.validate(full=True)
    scores.to_arrow().validate(full=True)
    width = embedded["embedding"].shape[1]
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), width)
    assert scores.to_arrow().schema.field("log_s").metadata == {b"unit": b"log mol/L"}
    assert table["embedding"].null_count == 1
    # The columns outlive what they are of.
    del embedded, scores
    assert len(table["embedding"][0].as_py()) == width


def test_results_are_shown(scorer: delicate.Scorer) -> None:
    scores = scorer.score(DRUGS * 5)
    assert "15 more rows" in repr(scores) and "log_s" in repr(scores)
    page = ElementTree.fromstring(f"<div>{scores._repr_html_()}</div>")
    images = list(page.iter("img"))
    assert len(images) == 10
    header, data = images[0].attrib["src"].split(",")
    assert header == "data:image/svg+xml;base64"
    assert ElementTree.fromstring(base64.b64decode(data)).tag.endswith("svg")
    assert images[0].get("alt") == scores["standardized"][0]
    wrong = scorer.score(["<b>&", "C" * 500, *DRUGS])
    page = ElementTree.fromstring(f"<div>{wrong._repr_html_()}</div>")
    assert len(list(page.iter("img"))) == 5 and page.find(".//b") is None
    rows = list(page.iter("tr"))
    # What is refused says why, in the room of its missing values.
    cell = rows[1].find("td")
    assert cell is not None and cell.text == wrong["error"][0]
    assert len(rows[1]) == 1 and cell.get("colspan") == str(len(rows[0]))
    assert len(rows[3]) == len(rows[0])
    assert "log_s" in repr(scorer.score([]))


def test_similar_molecules_come_first(scorer: delicate.Scorer) -> None:
    library = [*DRUGS, "no molecule", "CC(=O)Oc1ccccc1C(=O)OC"]
    for by in ("both", "embedding", "rarity", "ecfp"):
        found = scorer.similar([DRUGS[0]], library, top=3, by=by)
        assert list(found["row"][:2]) == [0, 6], by
        assert found["similarity"][0] == pytest.approx(1.0)
        assert found["nearest_query"][0] == DRUGS[0]
    assert found.to_polars()["row"].to_list() == list(found["row"])
    with pytest.raises(delicate.MoleculeError, match="no query"):
        scorer.similar(["C1CC"], library)
    with pytest.raises(delicate.MoleculeError, match="there is no query"):
        scorer.similar([], library)
    with pytest.raises(ValueError, match="by must be"):
        scorer.similar(DRUGS, library, by="shape")  # type: ignore[arg-type]


def test_an_index_is_searched(scorer: delicate.Scorer, tmp_path: Path) -> None:
    program = os.environ.get("DELICATE_BIN")
    if program is None:
        pytest.skip("DELICATE_BIN names no command")
    library = [*DRUGS[1:], "C1CC", DRUGS[0], "OCC"]
    rows = [f"{place},{smiles}" for place, smiles in enumerate(library)]
    parts = []
    for part, lines in enumerate([rows[:4], rows[4:]]):
        (tmp_path / "part.csv").write_text("\n".join(["id,smiles", *lines]))
        command = [program, "index", "part.csv", "--device", "cpu", "-q", "-o", f"{part}.index"]
        subprocess.run(command, cwd=tmp_path, check=True)
        parts.append(tmp_path / f"{part}.index")
    for by in ("ecfp", "rarity", "embedding", "both"):
        found = scorer.search([DRUGS[0], "C1CC"], parts, top=3, by=by)
        names = ["id", "smiles", "row", "similarity", "nearest_query", "standardized", "changes"]
        assert list(found) == names
        expected = scorer.similar([DRUGS[0]], library, top=3, by=by)
        assert list(found["row"]) == list(expected["row"]), by
        assert list(found["id"]) == [str(row) for row in expected["row"]]
        np.testing.assert_allclose(found["similarity"], expected["similarity"], atol=0.01)
    one = scorer.search(DRUGS[:1], str(parts[1]), top=1)
    assert one["smiles"][0] == DRUGS[0] and one.rows == 1
    with pytest.raises(delicate.MoleculeError, match="no query"):
        scorer.search(["C1CC"], parts)
    with pytest.raises(delicate.DelicateError, match="nowhere"):
        scorer.search(DRUGS, tmp_path / "nowhere")
    with pytest.raises(delicate.DelicateError, match="salts"):
        scorer.search(DRUGS, parts, keep_salts=True)


def test_atoms_explain_a_prediction(scorer: delicate.Scorer) -> None:
    explanation = scorer.explain("CCO", endpoints=["log_s"])
    assert len(explanation["atoms"]) == 3
    assert [p["endpoint"] for p in explanation["predictions"]] == ["log_s"]
    with pytest.raises(delicate.MoleculeError, match="ring"):
        scorer.explain("C1CC")


def test_errors_have_types(tmp_path: Path, scorer: delicate.Scorer) -> None:
    with pytest.raises(delicate.ModelError, match="nowhere"):
        delicate.Scorer(tmp_path / "nowhere", "cpu")
    with pytest.raises(delicate.DeviceError, match="use auto, gpu, opengl or cpu"):
        delicate.Scorer(device="tpu")  # type: ignore[arg-type]
    with pytest.raises(delicate.EndpointError, match="it has: "):
        scorer.score(DRUGS, endpoints=["beauty"])
    with pytest.raises(ValueError, match="augmentations"):
        scorer.score(DRUGS, augmentations=0)
    with pytest.raises(ValueError, match="endpoints names none"):
        scorer.score(DRUGS, endpoints=[])
    for wrong in (0, -1, 100_000, "2"):
        with pytest.raises(ValueError, match="threads must be a whole number from 1 to 1024"):
            delicate.Scorer(device="cpu", threads=wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="threads must be a whole number from 1 to 1024"):
            delicate.finetune({}, label="y", threads=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="augmentations must be a whole number from 1 to 1000"):
        scorer.score(DRUGS, augmentations=-1)
    with pytest.raises(ValueError, match="top must be"):
        scorer.similar(DRUGS, DRUGS, top=-1)
    for size in ({"width": -1}, {"height": 0}, {"width": 1.5}):
        with pytest.raises(ValueError, match="must be a whole number from 1"):
            delicate.draw("C", **size)
    assert issubclass(delicate.ModelError, delicate.DelicateError)


def test_a_scorer_is_pickled_by_its_path_and_keeps_its_numbers(scorer: delicate.Scorer) -> None:
    one = delicate.Scorer(device="cpu", threads=1)
    again = pickle.loads(pickle.dumps(one))
    assert (again.score(DRUGS)["log_s"] == scorer.score(DRUGS)["log_s"]).all()


def test_the_precision_is_that_of_the_command_or_the_one_asked_for(
    scorer: delicate.Scorer,
) -> None:
    reference = delicate.Scorer(device="cpu", precision="fp32")
    assert reference.precision == "fp32" and scorer.precision in ("int8", "fp32")
    assert pickle.loads(pickle.dumps(reference)).precision == "fp32"
    assert delicate.Scorer(precision="int8").device == "CPU"
    difference = np.abs(reference.score(DRUGS)["log_s"] - scorer.score(DRUGS)["log_s"])
    assert difference.max() < 0.1
    with pytest.raises(ValueError, match="precision must be"):
        delicate.Scorer(precision="fp8")  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_is_an_error_and_not_a_wait() -> None:
    print_ = run(
        """
import os, warnings, delicate
warnings.simplefilter("ignore")
scorer = delicate.Scorer(device="cpu")
before = scorer.score(["CCO"])["log_s"][0]
child = os.fork()
if child == 0:
    try:
        scorer.score(["CCO"])
    except delicate.DelicateError as error:
        print("forked" in str(error), flush=True)
    after = delicate.Scorer(device="cpu").score(["CCO"])["log_s"][0]
    print(before == after, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert print_.split() == ["True", "True"]


def test_other_threads_go_on(scorer: delicate.Scorer) -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    before = ticks
    scorer.score(DRUGS * 400)
    during = ticks - before
    done.set()
    thread.join()
    # One or two if they had to wait for the end.
    assert during >= 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_long_run_can_be_interrupted() -> None:
    code = """
import signal
import delicate
# A shell may start what runs behind it without.
signal.signal(signal.SIGINT, signal.default_int_handler)
scorer = delicate.Scorer(device="cpu")
try:
    print("ready", flush=True)
    scorer.score(["CN1CCC[C@H]1c1cccnc1CCCCCCCCCCCCCCCCCCCCCCCCCCC"] * 2_000_000)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(scorer.score(["CCO"]).rows)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(2.0)
        child.send_signal(signal.SIGINT)
        start = time.monotonic()
        assert child.stdout.readline() == "interrupted\n"
        # All of them would take far longer, however busy the machine is.
        assert time.monotonic() - start < 60.0
        assert child.stdout.readline() == "1\n"


def test_nothing_but_the_package_is_imported_at_the_start() -> None:
    heavy = run(
        """
import sys, delicate
delicate.Scorer(device="cpu").score(["CCO"])
print([name for name in ("numpy", "pandas", "polars", "pyarrow", "sklearn") if name in sys.modules])
"""
    )
    assert heavy.strip() == "[]"


def test_scikit_learn_takes_molecules_as_features(scorer: delicate.Scorer) -> None:
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    from delicate.sklearn import DelicateFingerprint

    labels = [1.0, 2.0, 3.0, 4.0, 5.0]
    for by in ("embedding", "ecfp", "both"):
        features = DelicateFingerprint(by, device="cpu")
        model = make_pipeline(clone(features), Ridge(1e-3)).fit(DRUGS, labels)
        assert np.abs(model.predict(DRUGS) - labels).max() < 0.5
        width = clone(features).transform(np.array(DRUGS).reshape(-1, 1)).shape[1]
        assert len(set(features.get_feature_names_out())) == width
    with pytest.raises(ValueError, match="row 1"):
        DelicateFingerprint(device="cpu").transform(["C", "C1CC"])
    holes = DelicateFingerprint(device="cpu", on_error="nan").transform(["C", "C1CC"])
    assert np.isfinite(holes[0]).all() and np.isnan(holes[1]).all()


def test_polars_has_expressions(scorer: delicate.Scorer) -> None:
    pl = pytest.importorskip("polars")
    import delicate.polars  # noqa: F401

    frame = pl.DataFrame({"smiles": [*DRUGS, None]})
    column = pl.col("smiles").delicate
    scored = frame.lazy().with_columns(column.score(scorer=scorer).alias("scores")).collect()
    values = scored["scores"].struct.field("log_s")
    assert values[:5].to_list() == [float(v) for v in scorer.score(DRUGS)["log_s"]]
    assert values[5] is None
    vectors = frame.select(column.embed(scorer=scorer))["smiles"]
    assert vectors[5] is None and len(vectors[0]) == scorer.embed([])["embedding"].shape[1]


def test_the_installed_package_is_typed() -> None:
    folder = Path(delicate.__file__).parent
    for name in ("py.typed", "_native.pyi"):
        assert (folder / name).is_file(), name


def test_types_are_those_that_the_stubs_say() -> None:
    pytest.importorskip("mypy")
    folder = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", os.devnull],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
