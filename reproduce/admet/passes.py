"""Passes and hidden size: DeLiCaTe-small with 3 and 4 passes, and with hidden 256 and 384.

    passes.py RUN --model models/delicate-small-pretrained --corpus train.smi.gz --work FOLDER
              [--most 400] [--seeds 2] [--corpus-molecules 4000] [-o JSON]

The presets have 3 passes and hidden 256, so the same encoder is written here in PyTorch;
`--check CSV` compares it with what `delicate embed SMILES_FILE --model MODEL -o CSV` says of
molecules in their standard form.

RUN is the run directory of `delicate-admet`: its examples and endpoints are read, its split is
not. Molecules are drawn by a hash until each of ENDPOINTS has `--most` labels to train on and
as many to test on, parted by `scaffold-0` of `splits.py`.

- Passes: the shipped pre-trained encoder, which has seen no label, is fine-tuned with 3 and
  with 4 passes through its one layer for 3 epochs, and with 3 passes for 4 epochs, which is as
  much work as 4 passes for 3.
- Hidden size: encoders of 256 and 384 are pre-trained from random weights on the same molecules
  of the corpus (hidden tokens and descriptors) and fine-tuned alike; that of 256 once more with
  twice as many molecules of the corpus and twice as many epochs, which takes about as much
  processor time as that of 384.

Losses, batches, rates and initial weights are those of `configs/finetune/delicate-admet-encoder.toml`
and `configs/pretrain/delicate-small.toml`, without structure vectors; on processors that have it,
matrices are multiplied in bfloat16 (`--fp32`: not). One run after the other, on one thread; what
is finished stands in FOLDER and is not done again, and an epoch that is finished neither.
Several processes may share a FOLDER if each is given other runs (`--only`).

    python -m venv venv && venv/bin/pip install -r requirements.txt torch==2.15.0
"""

import argparse
import csv
import gzip
import json
import math
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch
from forest import features
from rdkit import Chem, RDLogger
from rdkit.Chem.Scaffolds import MurckoScaffold
from sklearn.metrics import roc_auc_score
from splits import parts, place, read_run
from torch.nn import functional as F

ENDPOINTS = [
    "log_s",
    "log_d",
    "hlm_clint",
    "rlm_clint",
    "mdck_efflux",
    "cyp1a2_inhibitor",
    "cyp2c9_inhibitor",
    "cyp2c19_inhibitor",
    "cyp2d6_inhibitor",
    "cyp3a4_inhibitor",
]
EPOCHS, BATCH, RATE = 3, 32, 3e-4
PRETRAIN_BATCH, PRETRAIN_RATE, MASKED = 64, 4e-4, 0.1
LONGEST = 128
PAIRS = ["Br", "Cl", "Si", "Se", "se", "@@"]
PAD, CLS, SEP, MASK, FIRST = 0, 1, 2, 3, 4
LAYER = "encoder.albert_layer_groups.0.albert_layers.0."


class Encoder(torch.nn.Module):
    """One layer passed several times, and the mean over tokens pooled."""

    def __init__(self, vocabulary, hidden=256, passes=3):
        super().__init__()
        self.hidden, self.passes, self.heads = hidden, passes, hidden // 64
        linear, norm = torch.nn.Linear, lambda: torch.nn.LayerNorm(hidden, eps=1e-12)
        self.words = torch.nn.Embedding(vocabulary, hidden)
        self.first_type = torch.nn.Parameter(torch.empty(hidden))
        self.mapping = linear(hidden, hidden)
        self.query, self.key, self.value = (linear(hidden, hidden) for _ in range(3))
        self.attended, self.inner = linear(hidden, hidden), linear(hidden, 4 * hidden)
        self.output, self.pooler = linear(4 * hidden, hidden), linear(hidden, hidden)
        self.norm, self.attended_norm, self.output_norm = norm(), norm(), norm()
        self.initial()
        angle = torch.arange(LONGEST)[:, None] / 10_000 ** (torch.arange(0, hidden, 2) / hidden)
        self.register_buffer("positions", torch.cat([angle.sin(), angle.cos()], 1), persistent=False)

    def initial(self):
        for part in self.modules():
            if isinstance(part, torch.nn.Linear):
                torch.nn.init.normal_(part.weight, std=0.06)
                torch.nn.init.zeros_(part.bias)
        torch.nn.init.normal_(self.words.weight, std=0.5)
        torch.nn.init.normal_(self.first_type, std=0.5)

    def load(self, file):
        """The weights of a model directory; of its encoder."""
        data = file.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header, body = json.loads(data[8 : 8 + length]), data[8 + length :]

        def read(name):
            of = header[name]
            start, end = of["data_offsets"]
            kind = {"F16": np.float16, "F32": np.float32}[of["dtype"]]
            values = np.frombuffer(body[start:end], kind).reshape(of["shape"])
            return torch.from_numpy(values.astype(np.float32))

        names = {
            "mapping": "encoder.embedding_hidden_mapping_in",
            "norm": "embeddings.LayerNorm",
            "query": LAYER + "attention.query",
            "key": LAYER + "attention.key",
            "value": LAYER + "attention.value",
            "attended": LAYER + "attention.dense",
            "attended_norm": LAYER + "attention.LayerNorm",
            "inner": LAYER + "ffn",
            "output": LAYER + "ffn_output",
            "output_norm": LAYER + "full_layer_layer_norm",
            "pooler": "pooler",
        }
        with torch.no_grad():
            self.words.weight.copy_(read("embeddings.word_embeddings.weight"))
            self.first_type.copy_(read("embeddings.token_type_embeddings.weight")[0])
            for part, name in names.items():
                getattr(self, part).weight.copy_(read(name + ".weight"))
                getattr(self, part).bias.copy_(read(name + ".bias"))
        return self, read

    def forward(self, ids):
        rows, length = ids.shape
        known = ids != PAD
        x = self.words(ids) + self.positions[:length] + self.first_type
        x = self.mapping(self.norm(x))
        split = lambda y: y.view(rows, length, self.heads, 64).transpose(1, 2)
        for _ in range(self.passes):
            query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
            y = F.scaled_dot_product_attention(query, key, value, attn_mask=known[:, None, None, :])
            y = y.transpose(1, 2).reshape(rows, length, self.hidden)
            x = self.attended_norm(x + self.attended(y))
            x = self.output_norm(x + self.output(F.gelu(self.inner(x))))
        mean = (x * known[..., None]).sum(1) / known.sum(1, keepdim=True)
        return x, torch.tanh(self.pooler(mean))


def tokens(smiles, ids):
    """Token numbers, or nothing where the molecule is too large or has an unknown element."""
    found, at = [CLS], 0
    while at < len(smiles):
        token = smiles[at : at + 2] if smiles[at : at + 2] in PAIRS else smiles[at]
        if token not in ids:
            return None
        found.append(ids[token])
        at += len(token)
    return found + [SEP] if len(found) < LONGEST else None


def kekule(smiles, seed=None):
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return ""
    if seed is not None:
        order = np.random.default_rng(seed).permutation(molecule.GetNumAtoms())
        molecule = Chem.RenumberAtoms(molecule, [int(atom) for atom in order])
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    return Chem.MolToSmiles(molecule, canonical=seed is None)


def batches(sequences, rows, size, random):
    """Batches of like length, in random order."""
    rows = random.permutation(rows)
    pools = [rows[i : i + 32 * size] for i in range(0, len(rows), 32 * size)]
    found = []
    for pool in pools:
        pool = sorted(pool, key=lambda row: len(sequences[row]))
        found += [pool[i : i + size] for i in range(0, len(pool), size)]
    random.shuffle(found)
    return found


def padded(sequences):
    ids = np.zeros((len(sequences), max(map(len, sequences))), np.int64)
    for row, sequence in zip(ids, sequences):
        row[: len(sequence)] = sequence
    return torch.from_numpy(ids)


def fit(kept, net, loss_of, sequences, rows, size, rate, epochs, seed, fp32):
    """Trains, an epoch at a time; gives the processor time."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.01)
    steps, warmup = epochs * math.ceil(len(rows) / size), 0.05
    share = lambda step: min((step + 1) / (warmup * steps), (steps - step) / (steps * (1 - warmup)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    seconds, first = 0.0, 0
    if kept.is_file():
        state = torch.load(kept)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        seconds, first = state["seconds"], state["epochs"]
    for epoch in range(first, epochs):
        start = time.process_time()
        random = np.random.default_rng([seed, epoch])
        for batch in batches(sequences, rows, size, random):
            with torch.autocast("cpu", torch.bfloat16, enabled=not fp32):
                loss = loss_of(net, batch, random)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        seconds += time.process_time() - start
        print(f"{kept.stem}: epoch {epoch + 1} of {epochs}, {seconds:.0f} s", file=sys.stderr, flush=True)
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
        state |= {"schedule": schedule.state_dict(), "seconds": seconds, "epochs": epoch + 1}
        aside = kept.with_suffix(".part")
        torch.save(state, aside)
        aside.replace(kept)
    return seconds


def finetune(options, name, encoder, data, epochs, seed):
    """Metrics of the test molecules and processor time."""
    sequences, labels, classes, train, test = data
    torch.manual_seed(seed)
    net = torch.nn.ModuleDict({"encoder": encoder, "head": torch.nn.Linear(encoder.hidden, len(ENDPOINTS))})
    torch.nn.init.normal_(net["head"].weight, std=0.02)
    torch.nn.init.zeros_(net["head"].bias)
    mean, spread = np.nanmean(labels[train], axis=0), np.nanstd(labels[train], axis=0)
    mean[classes], spread[classes] = 0.0, 1.0
    targets, is_class = (labels - mean) / spread, torch.tensor(classes)

    def loss_of(net, batch, random):
        found = net["head"](net["encoder"](padded([sequences[row] for row in batch]))[1]).float()
        target = torch.from_numpy(targets[batch].astype(np.float32))
        known = ~torch.isnan(target)
        target = torch.nan_to_num(target)
        of_class = F.binary_cross_entropy_with_logits(found, target.clamp(0, 1), reduction="none")
        return (torch.where(is_class, of_class, (found - target) ** 2) * known).sum() / known.sum()

    kept = options.work / f"{name}.pt"
    seconds = fit(kept, net, loss_of, sequences, train, BATCH, RATE, epochs, seed, options.fp32)
    found = np.zeros((len(test), len(ENDPOINTS)), np.float32)
    places = np.argsort([len(sequences[row]) for row in test])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=not options.fp32):
        for start in range(0, len(places), 64):
            at = places[start : start + 64]
            ids = padded([sequences[test[i]] for i in at])
            found[at] = net["head"](net["encoder"](ids)[1]).float().numpy()
    found, metrics = found * spread + mean, {}
    for column, endpoint in enumerate(ENDPOINTS):
        truth = labels[test, column]
        known = ~np.isnan(truth)
        truth, own = truth[known], found[known, column]
        if classes[column]:
            metrics[endpoint] = float(roc_auc_score(truth > 0.5, own))
        else:
            metrics[endpoint] = float(np.sqrt(np.mean((truth - own) ** 2)))
    kept.unlink()
    return metrics, seconds


def pretrain(options, hidden, count, corpus, vocabulary, seed):
    """An encoder of this size, pre-trained on so many molecules, and processor time."""
    sequences, descriptors = corpus
    torch.manual_seed(seed)
    encoder = Encoder(vocabulary, hidden)
    linear = torch.nn.Linear
    heads = {
        "transform": linear(hidden, hidden),
        "norm": torch.nn.LayerNorm(hidden),
        "decoder": linear(hidden, vocabulary),
        "inner": linear(hidden, hidden),
        "descriptors": linear(hidden, descriptors.shape[1]),
    }
    for head in heads.values():
        if isinstance(head, linear):
            torch.nn.init.normal_(head.weight, std=0.06)
            torch.nn.init.zeros_(head.bias)
    net = torch.nn.ModuleDict({"encoder": encoder} | heads)

    def loss_of(net, batch, random):
        truth = padded([sequences[row] for row in batch])
        hide = torch.from_numpy(random.random(truth.shape) < MASKED) & (truth >= FIRST)
        states, pooled = net["encoder"](truth.masked_fill(hide, MASK))
        hidden_states = net["norm"](F.gelu(net["transform"](states[hide])))
        of_tokens = F.cross_entropy(net["decoder"](hidden_states).float(), truth[hide])
        own = net["descriptors"](F.relu(net["inner"](pooled))).float()
        return of_tokens + 2.0 * F.mse_loss(own, torch.from_numpy(descriptors[batch]))

    kept = options.work / f"pretrained-{hidden}-{count}-{seed}.pt"
    rows = np.arange(min(count, len(sequences)))
    size, rate = PRETRAIN_BATCH, PRETRAIN_RATE
    seconds = fit(kept, net, loss_of, sequences, rows, size, rate, 1, seed, options.fp32)
    return encoder, seconds


def read_labels(options, ids):
    """Tokens, labels, which are classes, molecules of training and of the test."""
    smiles, names, labels, classes = read_run(options.run)
    columns = [names.index(name) for name in ENDPOINTS]
    labels, classes = labels[:, columns], classes[columns]
    rows = np.flatnonzero(~np.isnan(labels).all(axis=1))
    rows = sorted(rows, key=lambda row: place(smiles[row], 7))
    most = {True: options.most, False: options.most}
    counts = {True: np.zeros(len(columns)), False: np.zeros(len(columns))}
    sequences, kept, sides = [], [], []
    for row in rows:
        known = ~np.isnan(labels[row])
        if all((of[known] >= most[side]).all() for side, of in counts.items()):
            continue
        molecule = Chem.MolFromSmiles(smiles[row])
        scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule) if molecule else ""
        (train,), (test,) = parts("scaffold-0", [smiles[row]], [scaffold or smiles[row]])
        if not (train or test) or (counts[bool(train)][known] >= most[bool(train)]).all():
            continue
        sequence = tokens(kekule(smiles[row]), ids)
        if sequence:
            counts[bool(train)] += known
            sequences.append(sequence)
            kept.append(row)
            sides.append(bool(train))
    sides = np.array(sides)
    return sequences, labels[kept], classes, np.flatnonzero(sides), np.flatnonzero(~sides)


def read_corpus(options, ids):
    """Tokens and descriptors of twice `--corpus-molecules` molecules; kept."""
    kept = options.work / "corpus.npz"
    if not kept.is_file():
        sequences, descriptors = [], []
        with gzip.open(options.corpus, "rt") as file:
            lines = [line.split()[0] for line in file if line.strip()]
        for line in sorted(lines, key=lambda line: place(line, 7)):
            sequence = tokens(kekule(line, seed=len(sequences)), ids)
            found = features(line) if sequence else None
            if found is not None:
                sequences.append(sequence)
                descriptors.append(found[1])
            if len(sequences) == 2 * options.corpus_molecules:
                break
        descriptors = np.array(descriptors, np.float32)
        scaled = (descriptors - descriptors.mean(axis=0)) / (descriptors.std(axis=0) + 1e-6)
        ends = np.cumsum([len(sequence) for sequence in sequences])
        flat = np.concatenate(sequences)
        np.savez(kept, flat=flat, ends=ends, descriptors=np.clip(scaled, -6, 6).astype(np.float32))
    kept = np.load(kept)
    sequences = [list(part) for part in np.split(kept["flat"], kept["ends"][:-1])]
    return sequences, kept["descriptors"]


def compare(first, second, classes):
    """How the second of two runs fares beside the first, over endpoints."""
    ratios = [second[name] / first[name] for name, kind in zip(ENDPOINTS, classes) if not kind]
    areas = [second[name] - first[name] for name, kind in zip(ENDPOINTS, classes) if kind]
    better = sum(ratio < 1.0 for ratio in ratios) + sum(area > 0.0 for area in areas)
    mean = math.exp(np.mean(np.log(ratios)))
    return mean, min(ratios), max(ratios), np.mean(areas), min(areas), max(areas), better


def row(kind, pairs, classes):
    """A row of the table: one number for each pair of runs, and the range over endpoints."""
    if not pairs:
        return
    found = [compare(first["metrics"], second["metrics"], classes) for first, second in pairs]
    spent = [np.mean([second[of] for _, second in pairs]) for of in ("pretraining_s", "finetuning_s")]
    ratios, lows, highs, areas, leasts, mosts, better = zip(*found)
    print(
        f"| {kind} | {spent[0]:.0f} + {spent[1]:.0f} "
        f"| {', '.join(f'{ratio:.3f}' for ratio in ratios)} [{min(lows):.3f}, {max(highs):.3f}] "
        f"| {', '.join(f'{area:+.3f}' for area in areas)} [{min(leasts):+.3f}, {max(mosts):+.3f}] "
        f"| {', '.join(str(count) for count in better)} of {len(ENDPOINTS)} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--check", type=Path, help="embeddings to compare with; nothing else is done")
    parser.add_argument("--only", nargs="+", help="names of runs, such as 4-passes-3-epochs-0")
    parser.add_argument("--most", type=int, default=400, help="labels to train on, of each endpoint")
    parser.add_argument("--corpus-molecules", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--fp32", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    RDLogger.DisableLog("rdApp.*")
    vocabulary = (options.model / "vocab.txt").read_text().split()
    ids = {token: number for number, token in enumerate(vocabulary)}
    weights = options.model / "model.safetensors"

    if options.check:
        encoder, read = Encoder(len(vocabulary)).load(weights)
        with open(options.check, newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["embedding_0"]]
        own = [tokens(kekule(row["smiles"]), ids) for row in rows]
        kept = [i for i, sequence in enumerate(own) if sequence]
        with torch.no_grad():
            found = encoder(padded([own[i] for i in kept]))[1] @ read("embedding_head.weight").T
        width = found.shape[1]
        theirs = [[float(rows[i][f"embedding_{k}"]) for k in range(width)] for i in kept]
        cosine = F.cosine_similarity(found, torch.tensor(theirs))
        print(f"{len(kept)} molecules, cosine similarity {cosine.median():.4f}, least {cosine.min():.4f}")
        return

    *data, train, test = read_labels(options, ids)
    data = (*data, train, test)
    classes = data[2]
    print(f"{len(train)} molecules to train on, {len(test)} to test on", file=sys.stderr)
    count = options.corpus_molecules
    runs = {}
    for seed in range(options.seeds):
        for passes, epochs in [(3, EPOCHS), (4, EPOCHS), (3, EPOCHS + 1)]:
            runs[f"{passes}-passes-{epochs}-epochs-{seed}"] = (passes, epochs, seed)
        for hidden, times in [(256, 1), (384, 1), (256, 2)] if options.corpus else []:
            runs[f"hidden-{hidden}-{times}-times-{seed}"] = (hidden, times, seed)
    results = {}
    for name, (shape, amount, seed) in runs.items():
        kept = options.work / f"{name}.json"
        if not kept.is_file():
            if options.only and name not in options.only:
                continue
            spent = 0.0
            if "passes" in name:
                encoder, _ = Encoder(len(vocabulary), passes=shape).load(weights)
                epochs = amount
            else:
                corpus = read_corpus(options, ids)
                encoder, spent = pretrain(options, shape, amount * count, corpus, len(vocabulary), seed)
                epochs = amount * EPOCHS
            metrics, seconds = finetune(options, name, encoder, data, epochs, seed)
            found = {"metrics": metrics, "pretraining_s": spent, "finetuning_s": seconds}
            kept.write_text(json.dumps(found, indent=1) + "\n")
        results[name] = json.loads(kept.read_text())
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    print("| Run | Processor time, s | RMSE, times | ROC-AUC, difference | Better on |")
    print("|---|---|---|---|---|")
    bases = [f"3-passes-{EPOCHS}-epochs", "hidden-256-1-times"]
    for kind in dict.fromkeys(name.rsplit("-", 1)[0] for name in runs):
        base = bases["hidden" in kind]
        pairs = [(f"{base}-{seed}", f"{kind}-{seed}") for seed in range(options.seeds)]
        if kind == base:
            # How much another seed alone changes.
            pairs = [(f"{base}-0", second) for _, second in pairs[1:]]
        row(kind, [(results[a], results[b]) for a, b in pairs if a in results and b in results], classes)


if __name__ == "__main__":
    main()
