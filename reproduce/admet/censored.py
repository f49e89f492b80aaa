"""Values at an assay's limit: taken as they stand, left out, or learnt with a one-sided loss.

    censored.py RUN --work FOLDER [--embeddings CSV] [--seeds N] [-o JSON]

RUN, `--work` and `--embeddings` as for `splits.py`, which has the head and its inputs. No
table of the endpoints has a column of relations; what stands in for one are piles of one
value. LIMITS names those that are an assay's limit: the lowest or highest number of a table,
and the concentrations at which dose-response curves of channels end (10 and 30 µM). Heads
are trained on the molecules with a label for one of these endpoints, on the scaffold split
`scaffold-0`, in three ways; the one-sided loss is zero beyond the limit. Rated on test
molecules: the RMSE where the value is no limit, the fraction of limits that the prediction
keeps to within half a unit, and Spearman's coefficient over all.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from splits import EPOCHS, network, parts, prepare

# The endpoint, the limit in the numbers that are learnt, and on which side the value is.
LIMITS = [
    ("rlm_clint", 1.0279, "below"),
    ("hlm_clint", 0.4771, "below"),
    ("human_hepatocyte_clint", 0.4771, "below"),
    ("human_hepatocyte_clint", 2.1761, "above"),
    ("herg_pic50", 5.0, "below"),
    ("herg_pic50", 4.5229, "below"),
    ("nav15_pic50", 5.0, "below"),
    ("nav15_pic50", 4.5229, "below"),
    ("cav12_pic50", 5.0, "below"),
    ("cav12_pic50", 4.5229, "below"),
    ("egfr", 1.9841, "above"),
    ("fgfr1", -1.731, "below"),
]
WAYS = ["as it stands", "left out", "one-sided"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    import torch

    smiles, names, labels, classes, scaffolds, inputs, _ = prepare(
        options.run, options.work, options.embeddings
    )
    columns = sorted({names.index(name) for name, _, _ in LIMITS})
    names, labels, classes = [names[c] for c in columns], labels[:, columns], classes[columns]
    # -1: the value is at most the label; 1: at least.
    sides = np.zeros_like(labels, np.int8)
    for name, limit, side in LIMITS:
        column = names.index(name)
        at = np.abs(labels[:, column] - limit) < 2e-4
        sides[at, column] = -1 if side == "below" else 1
    train, test = parts("scaffold-0", smiles, scaffolds)

    rows = {}
    if options.output and options.output.is_file():
        rows = json.loads(options.output.read_text())
    for seed, way in itertools.product(range(options.seeds), WAYS):
        if all(len(rows.get(name, {}).get(way, [])) > seed for name in names):
            continue
        kept = labels.copy()
        loss_of = None
        if way == "left out":
            kept[sides != 0] = np.nan
        if way == "one-sided":

            def loss_of(distance, batch):
                side = torch.from_numpy(sides[batch])
                distance = torch.where(side < 0, distance.clamp(min=0.0), distance)
                return torch.where(side > 0, distance.clamp(max=0.0), distance)

        start = time.time()
        held, values = network(inputs, kept, names, classes, train, test, seed, EPOCHS, loss_of)
        for column, name in enumerate(names):
            truth, own, side = labels[held, column], values[:, column], sides[held, column]
            known = ~np.isnan(truth)
            exact, limits = known & (side == 0), known & (side != 0)
            beyond = (own - truth)[limits] * side[limits]
            found = {
                "rmse": float(np.sqrt(np.mean((truth - own)[exact] ** 2))),
                "kept": float(np.mean(beyond > -0.5)) if limits.any() else None,
                "spearman": float(spearmanr(truth[known], own[known])[0]),
            }
            rows.setdefault(name, {}).setdefault(way, []).append(found)
            of = rows[name]
            of["train"], of["limits"] = (
                int((train & ~np.isnan(labels[:, column])).sum()),
                int((train & (sides[:, column] != 0)).sum()),
            )
            of["test"], of["test_limits"] = int(exact.sum()), int(limits.sum())
        print(f"{way}, seed {seed}: {time.time() - start:.0f} s", file=sys.stderr, flush=True)
        if options.output:
            options.output.write_text(json.dumps(rows, indent=1) + "\n")

    print("| Endpoint | Trained on, at a limit | Tested on, at a limit | RMSE elsewhere | Limits kept | Spearman |")
    print("|---|---|---|---|---|---|")
    for name, of in rows.items():
        mean = lambda what: [np.mean([one[what] for one in of[way]]) for way in WAYS]
        rmse = " / ".join(f"{value:.3f}" for value in mean("rmse"))
        share = " / ".join(f"{100 * value:.0f} %" for value in mean("kept")) if of["test_limits"] else "–"
        rank = " / ".join(f"{value:.3f}" for value in mean("spearman"))
        print(
            f"| `{name}` | {of['train']}, {of['limits']} | {of['test'] + of['test_limits']}, "
            f"{of['test_limits']} | {rmse} | {share} | {rank} |"
        )


if __name__ == "__main__":
    main()
