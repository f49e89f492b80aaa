"""Compares our reading of mol blocks with RDKit's, and prints a table of what
differs, kind by kind, for docs/standard-form.md.

    python3 -m venv venv && venv/bin/pip install rdkit==2026.9.1
    venv/bin/python tests/compare/mol_blocks.py FOLDER [--list FILE]

FOLDER is searched for .sdf, .sd, .mol and .mdl files, plain or gzipped; records
that occur again are left out. RDKit's reading is its canonical SMILES, read
back once; ours is that of `examples/canonicalize.rs`. With --list every record
that differs is written to FILE, tab-separated.
"""

import argparse
import collections
import gzip
import hashlib
import pathlib
import re
import subprocess
import tempfile

from rdkit import Chem, rdBase

ENDINGS = re.compile(r"\.(sdf|sd|mol|mdl)(\.gz)?$", re.IGNORECASE)


def records(folder):
    """Every mol block below `folder` once: its file, its place there, its text."""
    seen = set()
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not ENDINGS.search(path.name) or not path.is_file():
            continue
        data = path.read_bytes()
        if path.suffix.lower() == ".gz":
            data = gzip.decompress(data)
        text = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
        for place, record in enumerate(re.split(r"^\$\$\$\$.*\n?", text, flags=re.M), 1):
            block, end, _ = record.partition("M  END")
            digest = hashlib.sha1(block.partition("\n")[2].encode()).digest()
            if end and digest not in seen:
                seen.add(digest)
                yield path.relative_to(folder), place, block + end + "\n"


def theirs(block):
    """RDKit's canonical SMILES of `block` as written and as read back, or nothing."""
    try:
        molecule = Chem.MolFromMolBlock(block)
        if molecule is None or molecule.GetNumAtoms() == 0:
            return None, None
        written = Chem.MolToSmiles(molecule)
        again = Chem.MolFromSmiles(written)
        return written, None if again is None else Chem.MolToSmiles(again)
    except RuntimeError:
        return None, None


def ours(blocks):
    """For each block our canonical SMILES, and the error where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "records.sdf"
        path.write_text("".join(block + "$$$$\n" for block in blocks), encoding="utf-8")
        command = ["cargo", "run", "--release", "--quiet", "--example", "canonicalize"]
        output = subprocess.run(
            [*command, "--", str(path)], check=True, capture_output=True, text=True
        ).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    assert len(rows) == len(blocks), f"{len(rows)} rows for {len(blocks)} records"
    return [(row[1] or None, row[2] if len(row) > 2 else "") for row in rows]


def without(smiles, stereo=False, isotopes=False, maps=False):
    """The canonical SMILES with less in it."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return smiles
    for atom in molecule.GetAtoms():
        if isotopes:
            atom.SetIsotope(0)
        if maps:
            atom.SetAtomMapNum(0)
        if stereo == "atoms":
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    if stereo == "bonds":
        for bond in molecule.GetBonds():
            bond.SetStereo(Chem.BondStereo.STEREONONE)
            bond.SetBondDir(Chem.BondDir.NONE)
    smiles = Chem.MolToSmiles(molecule, isomericSmiles=stereo != "all")
    again = Chem.MolFromSmiles(smiles)
    return smiles if again is None else Chem.MolToSmiles(again)


def kind(block, mine, error, written, rdkit):
    """What kind of difference it is, in a few words."""
    if mine is None:
        reason = "valence" if "valence" in error else error.partition(":")[0]
        if reason.startswith("mol block"):
            reason = "malformed"
        reason = re.sub(r" in line \d+.*| at position.*| \(.*| is not supported.*|`.*", "", reason)
        return "refused here: " + reason.strip()
    if rdkit is None:
        molecule = Chem.MolFromMolBlock(block, sanitize=False, strictParsing=False)
        if molecule is None:
            return "refused by RDKit: its grammar"
        problems = Chem.DetectChemistryProblems(molecule)
        if problems:
            return "refused by RDKit: " + re.sub(r"# \d+", "", problems[0].Message())
        return "refused by RDKit: strict grammar"
    if mine == written:
        return "as RDKit writes it; RDKit reads that otherwise"
    if re.search(r"@(SP|TB|OH)", rdkit):
        return "coordination geometry"
    for name, less in [
        ("stereo of double bonds", {"stereo": "bonds"}),
        ("stereo of atoms", {"stereo": "atoms"}),
        ("stereo of both", {"stereo": "all"}),
        ("isotopes", {"isotopes": True}),
        ("atom maps", {"maps": True}),
    ]:
        if without(mine, **less) == without(rdkit, **less):
            z = [line[20:30].strip() for line in block.split("\n")[4:6]]
            flat = "V3000" in block or all(re.fullmatch(r"-?0?\.?0*", value) for value in z)
            return f"{name}, {'in a drawing' if flat else 'in space'}"
    return "another molecule"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--list", type=pathlib.Path)
    arguments = parser.parse_args()
    rdBase.DisableLog("rdApp.*")

    found = list(records(arguments.folder))
    mine = ours([block for _, _, block in found])
    same = both_refuse = 0
    kinds = collections.Counter()
    listed = []
    for (path, place, block), (smiles, error) in zip(found, mine):
        written, rdkit = theirs(block)
        if smiles is None and rdkit is None:
            both_refuse += 1
        elif smiles == rdkit:
            same += 1
        else:
            what = kind(block, smiles, error, written, rdkit)
            kinds[what] += 1
            listed.append("\t".join([what, f"{path}#{place}", smiles or error, rdkit or ""]))
    print(f"RDKit {rdBase.rdkitVersion}: {len(found)} records, {same} read alike, ", end="")
    print(f"{both_refuse} refused by both, {sum(kinds.values())} different\n")
    print("| Kind | Records |\n| --- | ---: |")
    for what, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
        print(f"| {what} | {count} |")
    if arguments.list:
        arguments.list.write_text("\n".join(sorted(listed)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
