"""``python -m delicate``: Parquet files in and out."""

from __future__ import annotations

import argparse
import sys
import time

from . import DelicateError, Scorer, __version__


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not slash or not part.isdecimal() or not parts.isdecimal():
        raise argparse.ArgumentTypeError("write it as 1/4: the first of four parts")
    if not 1 <= int(part) <= int(parts):
        raise argparse.ArgumentTypeError("the first is 1, and the last as high as their number")
    return int(part), int(parts)


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
        if arguments.command == "score":
            names = arguments.endpoints.split(",") if arguments.endpoints else None
            done = parquet.score(
                arguments.source,
                arguments.output,
                smiles_column=arguments.smiles_column,
                scorer=scorer,
                shard=arguments.shard,
                resume=arguments.resume,
                uncertainty=arguments.uncertainty,
                percentiles=arguments.percentiles,
                properties=arguments.properties,
                endpoints=names,
            )
        else:
            done = parquet.embed(
                arguments.source,
                arguments.output,
                smiles_column=arguments.smiles_column,
                scorer=scorer,
                shard=arguments.shard,
                resume=arguments.resume,
            )
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
