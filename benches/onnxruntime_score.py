"""Our scoring beside ONNX Runtime, turn by turn, on the same molecules and with the same
number of threads.

    python -m venv venv
    venv/bin/pip install onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 rdkit==2026.9.1
    cargo build --release
    venv/bin/python benches/onnxruntime_score.py --delicate target/release/delicate --threads 1

or `cargo xtask bench native`, which does all of that. Prints one JSON object: molecules
a second of each (median, smallest and largest of the rounds) and, for ours over
theirs, the ratio of each round, above 1 where ours is faster: the load of the machine
changes, and the turns of a round lie side by side. `by_the_clock` is what passes;
`by_processor_time` is what processors worked at it, which other work on the machine
hardly changes: with one thread it is what would pass on a quiet machine (with more,
ONNX Runtime's threads work while they wait).

Ours is the whole process of `delicate score`, from its start to its end, in int8 and in
fp32: loading the model, reading SMILES, standard form, tokens, network, Gaussian
processes, writing a table. Theirs is less work: the exported network alone, loaded
before, with token ids given, in fp32, and in int8 as `quantize_dynamic` makes it (a scale
for each output of a matrix). Its batches are of 32 molecules of nearly equal length. The
ids are those of the same molecules in standard form as RDKit writes them: the same
tokens in another order. What the head of a model reads beside them is given ready-made,
too: RDKit's counts of circular environments, and the mean of every descriptor; the time
does not depend on the numbers. `one_molecule` is the time that the command takes for a file of
one molecule, from its start to its end.
"""

import argparse
import csv
import gzip
import json
import os
import pathlib
import platform
import random
import resource
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from rdkit import Chem, RDLogger, rdBase
from rdkit.Chem import rdFingerprintGenerator

CLS, SEP = 1, 2
BATCH = 32
MOLECULES = 3000
# Starts of the command for one molecule.
STARTS = 20


def tokens(smiles, ids, limit):
    """Token ids of a Kekulé SMILES; None for one that has none, or too many."""
    found, at = [CLS], 0
    while at < len(smiles):
        length = 2 if len(smiles[at:at + 2]) == 2 and smiles[at:at + 2] in ids else 1
        symbol = smiles[at:at + length]
        if symbol not in ids:
            return None
        found.append(ids[symbol])
        at += length
    found.append(SEP)
    return found if len(found) <= limit else None


def given(arguments, model):
    """The molecules to score: SMILES."""
    if arguments.molecules:
        lines = arguments.molecules.read_text().splitlines()
        return [line.split()[0] for line in lines if line.strip()]
    with gzip.open(model / "domain.json.gz") as domain:
        known = [molecule["smiles"] for molecule in json.load(domain)["molecules"]]
    return random.Random(0).sample(known, min(MOLECULES, len(known)))


def wide_inputs(molecule, wide):
    """What the head reads of a molecule beside its tokens, of a `wide` part of config.json."""
    row = np.zeros(wide["buckets"] + len(wide["descriptors"]), np.float32)
    counts = rdFingerprintGenerator.GetMorganGenerator(radius=2).GetSparseCountFingerprint(molecule)
    for environment, count in counts.GetNonzeroElements().items():
        row[environment % wide["buckets"]] += count
    return np.log1p(row)


def sequences(arguments, model, directory):
    """The molecules that have token ids; the ids in ascending length, each with what the
    head reads beside them, or None."""
    config = json.loads((model / "config.json").read_text())
    symbols = (model / "vocab.txt").read_text().split("\n")
    ids = {symbol: index for index, symbol in enumerate(symbols) if symbol}
    wide = config.get("wide")
    rows, table = directory / "given.smi", directory / "standard.csv"
    smiles = given(arguments, model)
    rows.write_text("".join(f"{one}\n" for one in smiles))
    run(arguments, 1, "standardize", rows, "-q", "-o", table)
    scored, found = [], []
    with open(table, newline="") as opened:
        for one, row in zip(smiles, csv.DictReader(opened), strict=True):
            molecule = Chem.MolFromSmiles(row["standardized"] or "")
            if molecule is None or molecule.GetNumAtoms() == 0:
                continue
            beside = wide_inputs(molecule, wide) if wide else None
            Chem.Kekulize(molecule, clearAromaticFlags=True)
            own = tokens(Chem.MolToSmiles(molecule, kekuleSmiles=True), ids, config["max_length"])
            if own:
                scored.append(one)
                found.append((own, beside))
    return scored, sorted(found, key=lambda one: len(one[0]))


def batches(found):
    """Padded inputs of the exported network."""
    for start in range(0, len(found), BATCH):
        part = found[start:start + BATCH]
        shape = (len(part), max(len(own) for own, _ in part))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, (own, _) in enumerate(part):
            ids[row, :len(own)], mask[row, :len(own)] = own, 1
        beside = [row for _, row in part if row is not None]
        inputs = dict(input_ids=ids, attention_mask=mask)
        yield inputs | dict(wide=np.stack(beside)) if beside else inputs


def prepare(directory, smiles, inputs):
    """Writes what another program scores: the network, the molecules, and the inputs of each
    batch as they lie in memory."""
    batches = []
    with open(directory / "inputs.bin", "wb") as data:
        for batch in inputs:
            parts = {}
            for name, array in batch.items():
                parts[name] = dict(type=str(array.dtype), shape=array.shape, start=data.tell())
                data.write(array.tobytes())
            batches.append(parts)
    (directory / "inputs.json").write_text(json.dumps(dict(smiles=smiles, batches=batches)))


def export(arguments, path):
    """The model as the network that ONNX Runtime loads."""
    run(arguments, 1, "export", arguments.model, "--onnx", "--device", "cpu", "-o", path)


def timed(work):
    """Seconds that pass while `work` is done, and those that processors work at it."""
    def busy():
        own, children = (
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return sum(one.ru_utime + one.ru_stime for one in (own, children))

    wall, before = time.perf_counter(), busy()
    work()
    return time.perf_counter() - wall, busy() - before


def run(arguments, threads, *command):
    """Runs a command of ours."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    command = [arguments.delicate, *map(str, command)]
    subprocess.run(
        command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


def ours(arguments, rows, precision, directory):
    """What `delicate score` takes."""
    return timed(lambda: run(
        arguments, arguments.threads, "score", rows, "--model", arguments.model,
        "--device", "cpu", "--precision", precision, "-q", "-o", directory / "scored.csv",
    ))


def theirs(session, inputs):
    """What a session takes."""
    return timed(lambda: [session.run(["values"], batch) for batch in inputs])


def spread(values):
    return dict(
        median=round(statistics.median(values), 3), smallest=round(min(values), 3),
        largest=round(max(values), 3),
    )


def processor():
    known = pathlib.Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--delicate", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("models/delicate-admet"))
    parser.add_argument("--molecules", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--prepare", type=pathlib.Path, metavar="FOLDER",
        help="measure nothing; write what web/tests/bench.ts measures with",
    )
    arguments = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    if arguments.prepare:
        arguments.prepare.mkdir(parents=True, exist_ok=True)
        export(arguments, arguments.prepare / "model.onnx")
        smiles, found = sequences(arguments, arguments.model, arguments.prepare)
        prepare(arguments.prepare, smiles, batches(found))
        return

    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        paths = dict(onnxruntime_fp32=directory / "fp32.onnx", onnxruntime_int8=directory / "int8.onnx")
        export(arguments, paths["onnxruntime_fp32"])
        quantize_dynamic(*paths.values(), weight_type=QuantType.QInt8, per_channel=True)
        smiles, found = sequences(arguments, arguments.model, directory)
        rows, one = directory / "scored.smi", directory / "one.smi"
        rows.write_text("".join(f"{molecule}\n" for molecule in smiles))
        one.write_text(f"{smiles[0]}\n")
        inputs = list(batches(found))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = arguments.threads, 1
        sessions = {
            name: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            for name, path in paths.items()
        }
        taken = {name: [] for name in ("delicate_int8", "delicate_fp32", *sessions)}
        # The first round warms up.
        for _ in range(arguments.rounds + 1):
            for precision in ("int8", "fp32"):
                taken[f"delicate_{precision}"].append(ours(arguments, rows, precision, directory))
            for name, session in sessions.items():
                taken[name].append(theirs(session, inputs))
        starts = [ours(arguments, one, "int8", directory) for _ in range(STARTS)]

    def compared(which):
        """Molecules a second and ratios, by the clock (0) or by the processors (1)."""
        speeds = {
            name: [len(smiles) / seconds[which] for seconds in rounds[1:]]
            for name, rounds in taken.items()
        }
        ratios = {
            f"{own} over {other}": spread([a / b for a, b in zip(speeds[own], speeds[other])])
            for own in ("delicate_int8", "delicate_fp32") for other in sessions
        }
        return dict(
            molecules_per_second={name: spread(found) for name, found in speeds.items()},
            ratios=ratios,
            one_molecule_milliseconds=spread([1000 * seconds[which] for seconds in starts]),
        )

    lengths = [len(own) for own, _ in found]
    print(json.dumps(dict(
        molecules=len(found), mean_tokens=round(statistics.mean(lengths), 1),
        threads=arguments.threads, rounds=arguments.rounds, processor=processor(),
        versions=dict(onnxruntime=onnxruntime.__version__, rdkit=rdBase.rdkitVersion),
        by_the_clock=compared(0), by_processor_time=compared(1),
    ), indent=2))


if __name__ == "__main__":
    main()
