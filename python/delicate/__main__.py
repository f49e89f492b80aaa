"""``python -m delicate``: Parquet files in and out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from . import DelicateError, Scorer, __version__


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not slash or not part.isdecimal() or not parts.isdecimal():
        raise argparse.ArgumentTypeError("write it as 1/4: the first of four parts")
    if not 1 <= int(part) <= int(parts):
        raise argparse.ArgumentTypeError("the first is 1, and the last as high as their number")
    return int(part), int(parts)


def _number(most: int) -> Callable[[str], int]:
    """Reads a whole number from 1 to ``most``."""

    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"it must be a whole number from 1 to {most}")
        return int(text)

    return read


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m delicate", description="Scores or embeds the molecules of a Parquet file."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("command", choices=["score", "embed"])
    parser.add_argument("source", help="Parquet file of molecules")
    parser.add_argument("-o", "--output", required=True, help="Parquet file to write")
    parser.add_argument("--smiles-column", metavar="NAME", help="column of SMILES")
    parser.add_argument("--model", metavar="DIR", help="model directory (default: built in)")
    parser.add_argument("--device", default="auto", help="auto, gpu, opengl or cpu")
    parser.add_argument("--precision", choices=["int8", "fp32", "fp16"], help="default: by device")
    parser.add_argument("--threads", type=int, help="threads of the CPU (default: one a core)")
    parser.add_argument(
        "--shard", type=_shard, default=(1, 1), metavar="I/N", help="this part of the row groups"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the row groups that are finished"
    )
    parser.add_argument(
        "--row-group",
        type=_number(1 << 20),
        metavar="ROWS",
        help="rows of a row group of the output, at most (default: those of the input, 131072 at most)",
    )
    parser.add_argument(
        "--keep-salts", action="store_true", help="default: the largest organic part only"
    )
    parser.add_argument(
        "--keep-charges",
        action="store_true",
        help="default: neutral where moving protons can do it",
    )
    parser.add_argument(
        "--tta",
        type=_number(1000),
        default=1,
        metavar="N",
        help="average over N SMILES of each molecule",
    )
    parser.add_argument("--uncertainty", action="store_true", help="add intervals and domain")
    parser.add_argument("--percentiles", action="store_true", help="add places among references")
    parser.add_argument("--properties", action="store_true", help="add properties and alerts")
    parser.add_argument("--endpoints", metavar="NAME,...", help="these alone (default: all)")
    parser.add_argument("-q", "--quiet", action="store_true", help="print no summary")
    return parser


def main() -> int:
    """Runs the command line; the exit code is that of the `delicate` command."""
    parser = _arguments()
    arguments = parser.parse_args()
    try:
        from . import parquet
    except ImportError as error:
        parser.exit(1, f"delicate: {error}: install delicate[arrow]\n")
    start = time.monotonic()
    try:
        scorer = Scorer(
            arguments.model, arguments.device, arguments.threads, arguments.precision
        )
        options: dict[str, Any] = {
            "smiles_column": arguments.smiles_column,
            "scorer": scorer,
            "shard": arguments.shard,
            "resume": arguments.resume,
            "row_group": arguments.row_group,
            "keep_salts": arguments.keep_salts,
            "keep_charges": arguments.keep_charges,
            "augmentations": arguments.tta,
        }
        if arguments.command == "score":
            names = arguments.endpoints.split(",") if arguments.endpoints else None
            done = parquet.score(
                arguments.source,
                arguments.output,
                uncertainty=arguments.uncertainty,
                percentiles=arguments.percentiles,
                properties=arguments.properties,
                endpoints=names,
                **options,
            )
        else:
            done = parquet.embed(arguments.source, arguments.output, **options)
    except KeyboardInterrupt:
        parser.exit(130, "delicate: interrupted; the same command with --resume goes on\n")
    except (DelicateError, OSError, ValueError) as error:
        parser.exit(1, f"delicate: {error}\n")
    if not arguments.quiet:
        seconds = time.monotonic() - start
        before = f", {done.skipped} row groups were done before" if done.skipped else ""
        print(
            f"{done.rows} rows, {done.failed} with errors, {seconds:.1f} s "
            f"({done.rows / max(seconds, 1e-9):.0f} rows/s) on {scorer.device} in {scorer.precision}{before}",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
