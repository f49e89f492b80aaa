"""Scores molecules in many spellings: every spelling has to give the same numbers.

    pip install rdkit==2026.9.1
    python tests/compare/spellings.py target/release/delicate molecules.smi [COUNT]

Of each of the first COUNT (1,000) molecules of `molecules.smi`: 20 random SMILES, the
Kekulé form, hydrogens written out, atom maps, all as RDKit writes them. Compares the
text of every number, then the rows in reverse order and with one thread. Ends with an
error where a spelling differs.
"""

import csv
import io
import os
import subprocess
import sys

from rdkit import Chem, RDLogger, __version__

RDLogger.DisableLog("rdApp.*")
RANDOM = 20


def spellings(smiles):
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return []
    texts = [smiles]
    texts += Chem.MolToRandomSmilesVect(mol, RANDOM, randomSeed=1)
    kekulized = Chem.Mol(mol)
    Chem.Kekulize(kekulized, clearAromaticFlags=True)
    texts.append(Chem.MolToSmiles(kekulized, kekuleSmiles=True))
    texts.append(Chem.MolToSmiles(Chem.AddHs(mol)))
    mapped = Chem.Mol(mol)
    for number, atom in enumerate(mapped.GetAtoms(), 1):
        atom.SetAtomMapNum(number)
    texts.append(Chem.MolToSmiles(mapped))
    return texts


def score(program, texts, threads=None):
    environment = dict(os.environ)
    if threads is not None:
        environment["RAYON_NUM_THREADS"] = str(threads)
    done = subprocess.run(
        [program, "score", "-", "--format", "csv", "--device", "cpu", "--quiet"],
        input="smiles\n" + "\n".join(texts) + "\n",
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == len(texts), (len(rows), len(texts))
    return [{k: v for k, v in row.items() if k not in ("smiles", "changes")} for row in rows]


def difference(a, b):
    """The largest relative difference of two rows of numbers."""
    worst = 0.0
    for name, text in a.items():
        if name in ("standardized", "error") or text == b[name]:
            continue
        x, y = float(text), float(b[name])
        worst = max(worst, abs(x - y) / max(abs(x), abs(y), 1e-12))
    return worst


def main(program, path, count="1000"):
    lines = [line.split()[0] for line in open(path) if line.strip()]
    groups = [group for group in map(spellings, lines[: int(count)]) if group]
    texts = [text for group in groups for text in group]
    rows = score(program, texts)
    wrong, refused, start = [], 0, 0
    for group in groups:
        of_group = rows[start : start + len(group)]
        start += len(group)
        refused += bool(of_group[0]["error"])
        for text, row in zip(group, of_group):
            same = bool(row["error"]) == bool(of_group[0]["error"])
            if not same or (not row["error"] and row != of_group[0]):
                wrong.append((group[0], text, difference(row, of_group[0]) if same else None))
    print(
        f"RDKit {__version__}: {len(groups)} molecules in {len(texts)} spellings, "
        f"{refused} molecules refused in all; {len(wrong)} spellings differ"
    )
    for first, text, by in wrong[:10]:
        print(f"  {first}\n  {text}\n    {by}")
    plain = [group[0] for group in groups]
    whole = score(program, plain)
    for name, other in [
        ("rows in reverse order", score(program, plain[::-1])[::-1]),
        ("one thread", score(program, plain, threads=1)),
        ("the first ten alone", score(program, plain[:10])),
    ]:
        pairs = list(zip(whole, other))
        differ = sum(a != b for a, b in pairs)
        worst = max(difference(a, b) for a, b in pairs)
        print(f"{name}: {differ} of {len(pairs)} rows differ, by at most {worst:.1e}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
