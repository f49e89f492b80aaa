"""How much of the gain over the forests is the split's: forest and network, both fitted
anew, on further splits of the examples of a fine-tuning run.

    splits.py RUN --embeddings CSV --work FOLDER [--split scaffold-1 ...] [-o JSON]

RUN is the run directory of `delicate-admet`: its examples and endpoints are read, its split
is not. A split of the name `scaffold-N` gives each Bemis-Murcko scaffold to training (80 %),
validation (5 %, passed over) or test (15 %) by a hash of the scaffold and of N; `random-N`
does so with each molecule.

The encoder of `delicate-admet` has learnt from the labels of its own training molecules, which
are test molecules here, and cannot be used: what it says of them would be known by heart.
CSV holds what an encoder says that has seen no label of any endpoint,

    delicate embed SMILES_FILE --model models/delicate-small-pretrained -o CSV

for the molecules of `--write-smiles SMILES_FILE`, in that order. The head reads it as it is,
with counts of environments and descriptors, as `[wide]` has it: 512 and 256 hidden units,
measured labels alone, without a teacher. It is written in PyTorch, since each split takes
minutes with the features at hand. The forests are those of `forest.py`. What is finished
stands in FOLDER and is not done again.

    python -m venv venv && venv/bin/pip install -r requirements.txt torch==2.11.0
"""

import argparse
import csv
import hashlib
import json
import struct
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
from forest import features, forest_of, score
from rdkit import Chem, RDLogger
from rdkit.Chem.Scaffolds import MurckoScaffold

SPLITS = ["scaffold-0", "scaffold-1", "scaffold-2", "random-0"]
TRAIN, VALID = 0.80, 0.05
EPOCHS, BATCH, RATE, DECAY, DROPOUT, BALANCE = 6, 256, 1e-3, 1e-2, 0.25, 0.5
WIDTHS = (512, 256)


def read_run(run):
    """SMILES, names, labels (of what is learnt) and which are classes."""
    with open(run / "config.toml", "rb") as file:
        config = tomllib.load(file)
    of = {endpoint["name"]: endpoint for endpoint in config["endpoints"]}
    with open(run / "examples.csv", newline="") as file:
        header, *rows = csv.reader(file)
    shown = [i for i, name in enumerate(header) if i and not of[name].get("auxiliary")]
    rows = [row for row in rows if any(row[i] for i in shown)]
    labels = np.array([[float(row[i] or "nan") for i in shown] for row in rows], np.float32)
    names = [header[i] for i in shown]
    classes = np.array([of[name].get("task") == "classification" for name in names])
    return [row[0] for row in rows], names, labels, classes


def read_features(smiles, work):
    """Counts, descriptors and the scaffold of each molecule, kept in `work`."""
    kept = work / "features.npz"
    if not kept.is_file():
        RDLogger.DisableLog("rdApp.*")
        counts = np.zeros((len(smiles), 2048), np.uint8)
        descriptors = np.zeros((len(smiles), 69), np.float32)
        scaffolds = []
        for place, one in enumerate(smiles):
            found = features(one)
            if found is not None:
                counts[place], descriptors[place] = found
            molecule = Chem.MolFromSmiles(one)
            of = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule) if molecule else ""
            scaffolds.append(of or one)
        np.savez_compressed(kept, counts=counts, descriptors=descriptors, scaffolds=np.array(scaffolds))
    kept = np.load(kept)
    return kept["counts"], kept["descriptors"], [str(scaffold) for scaffold in kept["scaffolds"]]


def place(text, seed):
    """A number from 0 to 1 that depends on the text and the seed alone."""
    digest = hashlib.sha256(struct.pack("<Q", seed) + text.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def parts(split, smiles, scaffolds):
    kind, seed = split.split("-")
    by = {"scaffold": scaffolds, "random": smiles}[kind]
    places = np.array([place(text, int(seed)) for text in by])
    return places < TRAIN, places >= TRAIN + VALID


def forests(data, labels, names, classes, train, test, kept, threads, most=None):
    """Metrics of the forests on the test molecules."""
    found = json.loads(kept.read_text()) if kept.is_file() else {}
    # Small ones first: they take seconds, and a run that is cut short has most of them.
    sizes = (~np.isnan(labels)).sum(axis=0)
    for column in np.argsort(sizes, kind="stable"):
        name = names[column]
        if name in found or (most and sizes[column] > most):
            continue
        known = ~np.isnan(labels[:, column])
        fitted, held = np.flatnonzero(train & known), np.flatnonzero(test & known)
        forest = forest_of(classes[column], threads, oob_score=False)
        of = data(fitted)
        if classes[column]:
            forest.fit(of, labels[fitted, column] > 0.5)
            values = forest.predict_proba(data(held))[:, 1]
        else:
            forest.fit(of, labels[fitted, column])
            values = forest.predict(data(held))
        found[name] = score(classes[column], labels[held, column], values)
        kept.write_text(json.dumps(found, indent=1))
    return found


def network(inputs, labels, names, classes, train, test, seed=0, epochs=EPOCHS, loss_of=None):
    """The head's predictions of the test molecules, one column an endpoint."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    mean, spread = np.nanmean(labels[train], axis=0), np.nanstd(labels[train], axis=0) + 1e-6
    mean[classes], spread[classes] = 0.0, 1.0
    targets = ((labels - mean) / spread).astype(np.float32)
    count = (~np.isnan(labels[train])).sum(axis=0)
    weights = (1.0 / np.maximum(count, 1)) ** BALANCE
    weights = torch.tensor(weights * count.sum() / (weights * count).sum(), dtype=torch.float32)
    is_class = torch.tensor(classes)
    width = inputs(np.array([0])).shape[1]
    layers = []
    for size in WIDTHS:
        layers += [torch.nn.Linear(width, size), torch.nn.LayerNorm(size), torch.nn.GELU()]
        layers += [torch.nn.Dropout(DROPOUT)]
        width = size
    net = torch.nn.Sequential(*layers, torch.nn.Linear(width, len(names)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    rows = np.flatnonzero(train & ~np.isnan(labels).all(axis=1))
    steps = epochs * (len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1, pct_start=0.1)
    for _ in range(epochs):
        random.shuffle(rows)
        for start in range(0, len(rows) - BATCH + 1, BATCH):
            batch = rows[start : start + BATCH]
            target = torch.from_numpy(targets[batch])
            is_known = ~torch.isnan(target)
            target = torch.nan_to_num(target)
            found = net(torch.from_numpy(inputs(batch)))
            distance = found - target
            if loss_of is not None:
                distance = loss_of(distance, batch)
            of_class = torch.nn.functional.binary_cross_entropy_with_logits(
                found, torch.where(is_class, target, 0.0), reduction="none"
            )
            each = torch.where(is_class, of_class, distance**2) * is_known * weights
            loss = each.sum() / (is_known * weights).sum()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    net.eval()
    held = np.flatnonzero(test)
    with torch.no_grad():
        chunks = [net(torch.from_numpy(inputs(held[i : i + 4096]))) for i in range(0, len(held), 4096)]
        found = torch.cat(chunks)
        found[:, is_class] = torch.sigmoid(found[:, is_class])
    return held, found.numpy() * spread + mean


def compare(ours, theirs):
    """Ahead, far behind and all: by more than 2 % of the RMSE or 0.01 of the area."""
    ahead, far, count = 0, [], 0
    for name, forest in theirs.items():
        if "rmse" in forest:
            gain, bound = 1.0 - ours[name]["rmse"] / forest["rmse"], 0.02
        elif forest["roc_auc"] is not None:
            gain, bound = ours[name]["roc_auc"] - forest["roc_auc"], 0.01
        else:
            continue
        count += 1
        ahead += gain > 0
        if gain < -bound:
            far.append(name)
    return ahead, far, count


def prepare(run, work, embeddings):
    """What the scripts of this folder train heads on."""
    smiles, names, labels, classes = read_run(run)
    counts, descriptors, scaffolds = read_features(smiles, work)
    logarithms = np.log1p(np.arange(256)).astype(np.float32)
    mean, spread = descriptors.mean(axis=0), descriptors.std(axis=0) + 1e-6
    scaled = np.clip((descriptors - mean) / spread, -6, 6).astype(np.float32)
    embedded = None
    if embeddings:
        kept = work / "embeddings.npy"
        if not kept.is_file():
            values = {}
            with open(embeddings, newline="") as file:
                table = csv.reader(file)
                header = next(table)
                at, of = header.index("smiles"), header.index("embedding_0")
                width = sum(name.startswith("embedding_") for name in header)
                for row in table:
                    if row[of]:
                        values[row[at]] = np.array(row[of : of + width], np.float32)
            # Molecules that the encoder cannot read, as too large, say nothing.
            nothing = np.zeros(width, np.float32)
            np.save(kept, np.stack([values.get(one, nothing) for one in smiles]))
        embedded = np.load(kept)
        embedded = (embedded - embedded.mean(axis=0)) / (embedded.std(axis=0) + 1e-6)

    def inputs(rows):
        blocks = [logarithms[counts[rows]], scaled[rows]]
        return np.hstack(blocks + ([embedded[rows]] if embedded is not None else []))

    def plain(rows):
        return np.hstack([counts[rows].astype(np.float32), descriptors[rows]])

    return smiles, names, labels, classes, scaffolds, inputs, plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--write-smiles", type=Path, help="the molecules to embed; nothing else is done")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--split", nargs="+", default=SPLITS)
    parser.add_argument("--forests-only", action="store_true")
    parser.add_argument("--most", type=int, help="leave out endpoints with more labels than this")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.write_smiles:
        options.write_smiles.write_text("\n".join(["smiles", *read_run(options.run)[0]]) + "\n")
        return
    smiles, names, labels, classes, scaffolds, inputs, plain = prepare(
        options.run, options.work, options.embeddings
    )
    results = {}
    for split in options.split:
        start = time.time()
        train, test = parts(split, smiles, scaffolds)
        kept = options.work / f"forest-{split}.json"
        theirs = forests(plain, labels, names, classes, train, test, kept, options.threads, options.most)
        print(f"{split}: forests after {time.time() - start:.0f} s", file=sys.stderr)
        if options.forests_only:
            continue
        kept = options.work / f"network-{split}.json"
        if not kept.is_file():
            held, values = network(
                inputs, labels, names, classes, train, test, epochs=options.epochs
            )
            ours = {}
            for column, name in enumerate(names):
                known = ~np.isnan(labels[held, column])
                ours[name] = score(classes[column], labels[held[known], column], values[known, column])
            kept.write_text(json.dumps(ours, indent=1))
        ours = json.loads(kept.read_text())
        ahead, far, count = compare(ours, theirs)
        results[split] = {
            "train": int(train.sum()),
            "test": int(test.sum()),
            "endpoints": count,
            "ahead": int(ahead),
            "far_behind": far,
            "network": ours,
            "forest": theirs,
        }
        print(f"{split}: ahead {ahead} of {count}, far behind {len(far)}", file=sys.stderr)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    print("| Split | Trained on | Tested on | Ahead of the forest | More than 2 % or 0.01 behind |")
    print("|---|---|---|---|---|")
    for split, of in results.items():
        count, far = of["endpoints"], len(of["far_behind"])
        print(f"| {split} | {of['train']} | {of['test']} | {of['ahead']} of {count} | {far} |")


if __name__ == "__main__":
    main()
