"""Which measure of trust tells errors apart: applicability domains by similarity alone, by
what the neighbours' measured values say, and by both.

    domains.py RUN [--model MODEL] [-o JSON]

RUN is the run directory of `delicate-admet`, whose held-out molecules and predictions are
read; MODEL (RUN/model otherwise) holds the training molecules that neighbours are sought among
(ECFP4, Tanimoto). Of each endpoint the tenth of the validation molecules with the least
trust ends the domain, and the next two tenths are its border, as in the model. Then errors
of test molecules are counted by band: mean squares, which for a class are its Brier score.

- *outward*: endpoints whose mean square is greater out of the domain than in it;
- *in order*: those where the border lies between the two as well.

A measure is chosen by validation molecules alone: thresholds from a random half of them,
errors of the other half (40 times), averaged. Test molecules are counted once for the report,
with 95 % of 1,000 bootstrap samples of each endpoint's test molecules, and with 200 shuffled
measures for what chance gives.
"""

import argparse
import csv
import gzip
import json
from pathlib import Path

import numpy as np
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator

NEIGHBOURS = 5
OUTSIDE, AT_THE_BORDER, UNLIKE = 0.1, 0.3, 0.01
fingerprints = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


def bits(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    return fingerprints.GetFingerprintAsNumPy(molecule) if molecule else np.zeros(2048, np.uint8)


def learnt(endpoint, value):
    return np.log10(value) if endpoint.get("transform") == "log10" else value


def read(run, model):
    """For each endpoint: split, labels, predictions, similarities and measured values."""
    config = json.loads((model / "config.json").read_text())
    domain = json.loads(gzip.decompress((model / "domain.json.gz").read_bytes()))
    held = {}
    with open(run / "predictions.csv", newline="") as file:
        for row in csv.DictReader(file):
            held.setdefault(row["endpoint"], []).append(row)
    known = {molecule["smiles"] for molecule in domain["molecules"]}
    known |= {row["smiles"] for rows in held.values() for row in rows}
    of = {smiles: np.packbits(bits(smiles)) for smiles in sorted(known)}
    endpoints = []
    for place, endpoint in enumerate(config["endpoints"]):
        rows = held.get(endpoint["name"], [])
        neighbours = [
            (of[molecule["smiles"]], molecule["measured"][molecule["endpoints"].index(place)])
            for molecule in domain["molecules"]
            if place in molecule["endpoints"]
        ]
        theirs = np.unpackbits(np.stack([one for one, _ in neighbours]), axis=1).astype(np.float32)
        measured = learnt(endpoint, np.array([value for _, value in neighbours], float))
        own = np.unpackbits(np.stack([of[row["smiles"]] for row in rows]), axis=1).astype(np.float32)
        both = own @ theirs.T
        similarity = both / np.maximum(own.sum(1)[:, None] + theirs.sum(1)[None] - both, 1)
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]
        endpoints.append(
            {
                "name": endpoint["name"],
                "test": np.array([row["split"] == "test" for row in rows]),
                "label": np.array([float(row["label"]) for row in rows]),
                "prediction": np.array([float(row["prediction"]) for row in rows]),
                "similarity": np.take_along_axis(similarity, nearest, 1).astype(float),
                "measured": measured[nearest],
            }
        )
    return endpoints


def measures(one):
    """Trust in each prediction of an endpoint, by name; the mean is of validation molecules."""
    near = one["similarity"]
    similarity = (near**2).sum(1) / np.maximum(near.sum(1), 1e-9)
    weights = near**2 + 1e-12
    square = (weights * (one["prediction"][:, None] - one["measured"]) ** 2).sum(1) / weights.sum(1)
    disagreement = np.sqrt(square)
    scale = disagreement[~one["test"]].mean()
    ordered = np.sort(similarity[~one["test"]])
    is_like = similarity >= ordered[int(len(ordered) * UNLIKE)]
    mean = (weights * one["measured"]).sum(1) / weights.sum(1)
    distance = np.abs(one["prediction"] - mean)
    return {
        "similarity of the nearest": near[:, 0],
        "similarity of the nearest five": similarity,
        "agreement of the nearest five": -disagreement,
        "agreement with their mean": -distance,
        "similarity / (1 + d/2m)": similarity / (1 + disagreement / scale / 2),
        "similarity / (1 + d/m)": similarity / (1 + disagreement / scale),
        "similarity / (1 + 2d/m)": similarity / (1 + 2 * disagreement / scale),
        "similarity / (1 + (d/m)²)": similarity / (1 + (disagreement / scale) ** 2),
        "similarity / (1 + d/m), 0 where unlike all": is_like * similarity / (1 + disagreement / scale),
    }


def bands(trust, fitted, rated):
    ordered = np.sort(trust[fitted])
    border, within = (ordered[int(len(ordered) * part)] for part in (OUTSIDE, AT_THE_BORDER))
    return (trust[rated] >= border).astype(int) + (trust[rated] >= within)


def grows(band, square):
    """Whether the error grows outward, and in order."""
    count = np.bincount(band, minlength=3)
    with np.errstate(invalid="ignore"):
        out, border, within = np.bincount(band, square, minlength=3) / count
    return bool(out > within), bool(out >= border >= within)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    endpoints = read(options.run, options.model or options.run / "model")
    trusts = [measures(one) for one in endpoints]
    squares = [(one["label"] - one["prediction"]) ** 2 for one in endpoints]
    random = np.random.default_rng(0)
    halves = [
        [random.permutation(np.flatnonzero(~one["test"])) for _ in range(40)] for one in endpoints
    ]
    results = {}
    for name in trusts[0]:
        chosen, counted, drawn, chance, wrong = np.zeros(2), np.zeros(2), [], [], []
        for one, trust, square, orders in zip(endpoints, trusts, squares, halves):
            trust = trust[name]
            for order in orders:
                fitted, rated = order[: len(order) // 2], order[len(order) // 2 :]
                chosen += np.array(grows(bands(trust, fitted, rated), square[rated])) / len(orders)
            valid, test = np.flatnonzero(~one["test"]), np.flatnonzero(one["test"])
            band, error = bands(trust, valid, test), square[test]
            found = grows(band, error)
            counted += found
            if not found[0]:
                wrong.append(one["name"])
            picks = [random.integers(len(test), size=len(test)) for _ in range(1000)]
            drawn.append([grows(band[pick], error[pick]) for pick in picks])
            chance.append([grows(random.permutation(band), error) for _ in range(200)])
        spread = np.quantile(np.array(drawn).sum(0), [0.025, 0.975], axis=0)
        results[name] = {
            "validation": chosen.tolist(),
            "test": counted.astype(int).tolist(),
            "interval": spread.astype(int).T.tolist(),
            "chance": np.array(chance).sum(0).mean(0).tolist(),
            "not_outward": wrong,
        }
    if options.output:
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{len(endpoints)} endpoints")
    print("| Measure | Validation: outward | in order | Test: outward | in order | By chance |")
    print("|---|---|---|---|---|---|")
    for name, of in results.items():
        (outward, order), (low, high) = of["test"], zip(*of["interval"])
        print(
            f"| {name} | {of['validation'][0]:.1f} | {of['validation'][1]:.1f} "
            f"| {outward} [{low[0]}, {high[0]}] | {order} [{low[1]}, {high[1]}] "
            f"| {of['chance'][0]:.1f}, {of['chance'][1]:.1f} |"
        )


if __name__ == "__main__":
    main()
