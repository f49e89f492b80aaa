"""ADMET-AI and chemprop's predict beside `delicate score` and the wheel, in turn on one
machine: start, molecules a second, memory, and the size of what is installed.

    cargo build --release && cargo xtask python
    python benches/peers.py --delicate target/release/delicate --wheel target/wheels/*.whl

installs what is compared into environments of their own below `--environments` (admet-ai
brings torch: 6 GB, and its models). `--admet-python` names a Python that has it already.
Each is a whole process from its start to a written table; `start` is that of one molecule,
and the rate is that of the others between it and `--count`. Processor time is told beside
the clock, because other work on the machine changes it little. Prints JSON, and with
`--markdown` the table of `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ADMET_AI = "admet-ai==2.0.1"

# Both take a file and give one: no module of theirs is imported here.
WHEEL = """
import sys
import delicate
molecules = open(sys.argv[1]).read().split()[1:]
scores = delicate.Scorer(device="cpu", threads=int(sys.argv[3])).score(molecules)
import csv
with open(sys.argv[2], "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(scores)
    writer.writerows(zip(*scores.values()))
"""
PEER = """
import sys
import pandas, torch
torch.set_num_threads(int(sys.argv[3]))
from admet_ai import ADMETModel
molecules = pandas.read_csv(sys.argv[1])["smiles"].tolist()
model = ADMETModel(num_workers=0)
predicted = model.predict(smiles=molecules)
predicted.to_csv(sys.argv[2])
"""


class Run(NamedTuple):
    """What a process took."""

    seconds: float
    processor: float
    megabytes: float


class Contestant(NamedTuple):
    """What is measured."""

    name: str
    # The command line, of input, output and threads.
    command: Callable[[str, str, str], list[str]]
    # Bytes that have to be installed.
    installed: int


def measured(command: list[str], threads: int) -> Run:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads)), "CUDA_VISIBLE_DEVICES": ""}
    start = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            sys.exit(f"{command[0]} ended with {process.returncode}:\n{said.read().decode()}")
    return Run(
        time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
    )


def size_of(path: Path) -> int:
    """Bytes of a file or of all below a folder; what links point to is elsewhere."""
    if path.is_file():
        return path.stat().st_size
    files = (it for it in path.rglob("*") if it.is_file() and not it.is_symlink())
    return sum(it.stat().st_size for it in files)


def environment(folder: Path, packages: list[str]) -> Path:
    """The Python of a virtual environment with these packages."""
    python = folder / "bin" / "python"
    whole = folder / "whole"
    if not whole.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        whole.write_text("")
    return python


def contestants(arguments: argparse.Namespace) -> list[Contestant]:
    delicate = str(arguments.delicate)
    all_of_them = [
        Contestant(
            "delicate score",
            lambda source, target, _: [
                delicate, "score", source, "-q", "--device", "cpu", "-o", target
            ],
            size_of(arguments.delicate),
        )
    ]
    if arguments.wheel:
        folder = arguments.environments / "wheel"
        python = str(environment(folder, [str(arguments.wheel)]))
        all_of_them.append(
            Contestant(
                "the wheel",
                lambda source, target, threads: [python, "-c", WHEEL, source, target, threads],
                size_of(folder),
            )
        )
    folder = arguments.environments / "admet-ai"
    theirs = arguments.admet_python or environment(folder, [ADMET_AI])
    if arguments.admet_python:
        folder = arguments.admet_python.parent.parent
    peer = str(theirs)
    all_of_them.append(
        Contestant(
            ADMET_AI.replace("==", " "),
            lambda source, target, threads: [peer, "-c", PEER, source, target, threads],
            size_of(folder),
        )
    )
    if arguments.chemprop_model:
        program = str(Path(peer).parent / "chemprop")
        model = str(arguments.chemprop_model)
        all_of_them.append(
            Contestant(
                "chemprop predict",
                lambda source, target, _: [
                    program, "predict", "-i", source, "-s", "smiles", "-o", target,
                    "--model-paths", model, "--accelerator", "cpu", "-n", "0",
                ],
                size_of(folder),
            )
        )
    return all_of_them


def molecules(arguments: argparse.Namespace) -> list[str]:
    """Different molecules, from all over the list."""
    if arguments.molecules:
        lines = arguments.molecules.read_text().splitlines()
        known = list(dict.fromkeys(line.split()[0] for line in lines if line))
    else:
        path = Path(__file__).parents[1] / "models" / "delicate-small" / "domain.json.gz"
        with gzip.open(path) as domain:
            known = [molecule["smiles"] for molecule in json.load(domain)["molecules"]]
    step = len(known) // arguments.count
    if step == 0:
        sys.exit(f"there are {len(known)} molecules: --count {arguments.count} is too many")
    return known[:: step][: arguments.count]


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--delicate", type=Path, required=True)
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--environments", type=Path, default=Path("target/peers"))
    parser.add_argument("--admet-python", type=Path)
    parser.add_argument("--chemprop-model", type=Path, help="a model file of chemprop's")
    parser.add_argument("--molecules", type=Path, help="SMILES; default: some of delicate-small's")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    arguments.environments = arguments.environments.absolute()
    smiles = molecules(arguments)
    compared = contestants(arguments)
    runs: dict[str, list[tuple[Run, Run]]] = {one.name: [] for one in compared}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, rows in (("one.csv", smiles[:1]), ("all.csv", smiles)):
            (folder / file).write_text("\n".join(["smiles", *rows, ""]))
        for _ in range(arguments.rounds):
            for one in compared:
                pair = []
                for file, rows in (("one.csv", 1), ("all.csv", len(smiles))):
                    target = folder / "out.csv"
                    target.unlink(missing_ok=True)
                    command = one.command(str(folder / file), str(target), str(arguments.threads))
                    pair.append(measured(command, arguments.threads))
                    with target.open(newline="") as written:
                        found = sum(1 for _ in csv.reader(written)) - 1
                    if found != rows:
                        sys.exit(f"{one.name} wrote {found} rows of {rows}")
                runs[one.name].append((pair[0], pair[1]))
    report: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "molecules": len(smiles),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "measured": {},
    }
    for one in compared:
        first, all_ = zip(*runs[one.name], strict=True)
        more = len(smiles) - 1
        report["measured"][one.name] = {
            "start_seconds": median([run.seconds for run in first]),
            "start_processor_seconds": median([run.processor for run in first]),
            "seconds": median([run.seconds for run in all_]),
            "processor_seconds": median([run.processor for run in all_]),
            "molecules_per_second": median(
                [more / max(b.seconds - a.seconds, 1e-3) for a, b in runs[one.name]]
            ),
            "molecules_per_processor_second": median(
                [more / max(b.processor - a.processor, 1e-3) for a, b in runs[one.name]]
            ),
            "megabytes": median([run.megabytes for run in all_]),
            "installed_megabytes": one.installed / 1e6,
        }
    if arguments.markdown:
        print("| | Start, s of processor time | Molecules a second of it | All, s of it (by the clock) | Peak memory, MB | Installed, MB |")
        print("|---|---|---|---|---|---|")
        for name, of in report["measured"].items():
            print(
                f"| {name} | {of['start_processor_seconds']:.2f} "
                f"| {of['molecules_per_processor_second']:.0f} "
                f"| {of['processor_seconds']:.1f} ({of['seconds']:.1f}) "
                f"| {of['megabytes']:.0f} | {of['installed_megabytes']:.0f} |"
            )
    else:
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
