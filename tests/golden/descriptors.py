"""Writes descriptors.tsv beside this file: RDKit's descriptors, fingerprints and
scaffolds, for tests/it/descriptors.rs to compare with.

    python3 -m venv venv && venv/bin/pip install rdkit
    venv/bin/python tests/golden/descriptors.py

The molecules are those of molecules.py: the drugs, the natural products, and
of the hard ones those with hydrogens written out or with seven atoms or more;
and a few that differ from RDKit, or once did.
"""

import pathlib

from molecules import DRUGS, HARD, NATURAL, written
from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

GENERAL = """MolLogP MolMR MolWt HeavyAtomCount NumHeteroatoms NOCount NumHAcceptors NumHDonors
NumRotatableBonds NumAmideBonds FractionCSP3 RingCount NumAromaticRings NumAliphaticRings
NumSaturatedRings NumAromaticHeterocycles NumAliphaticHeterocycles NumSaturatedHeterocycles
NumSpiroAtoms NumBridgeheadAtoms""".split()
AREAS = {"SlogP_VSA": 12, "SMR_VSA": 10, "EState_VSA": 11, "PEOE_VSA": 14}
SURFACE = [f"{name}{i}" for name, bins in AREAS.items() for i in range(1, bins + 1)]
NAMES = GENERAL + SURFACE + ["LabuteASA", "TPSA"]

FUNCTIONS = dict(Descriptors.descList, NumAmideBonds=rdMolDescriptors.CalcNumAmideBonds)
ECFP4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
ECFP6 = rdFingerprintGenerator.GetMorganGenerator(radius=3, fpSize=1024)

DIFFERENT = """
b1ccccc1
c1ccbcc1
P12P3P1P23
C12C3C4CC5C6C4C1C6C(C53)N2
COc1ncc2cc1NS(=O)(=O)c1ccc(Cl)c(c1)C(=O)NCc1ccc(s1)-c1ncnc3cc-2sc13
c1cc2oc1cc2
"""


def chosen():
    yield from written(DRUGS) + written(NATURAL)
    for smiles in written(HARD):
        atoms = Chem.MolFromSmiles(smiles).GetNumAtoms()
        if "|" not in smiles and (atoms >= 7 or "[H]" in smiles or "[2H]" in smiles):
            yield smiles
    yield from written(DIFFERENT)


def digest(molecule):
    """How many kinds of environments of radius 2, how many environments, and a sum that
    changes with each hash and count."""
    counts = ECFP4.GetSparseCountFingerprint(molecule).GetNonzeroElements()
    total = sum(hash * count for hash, count in counts.items())
    return f"{len(counts)} {sum(counts.values())} {total}"


def row(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    bits = [generator.GetFingerprint(molecule).GetOnBits() for generator in (ECFP4, ECFP6)]
    values = [FUNCTIONS[name](molecule) for name in NAMES]
    return [
        smiles,
        MurckoScaffold.MurckoScaffoldSmiles(mol=molecule),
        *(" ".join(map(str, on)) for on in bits),
        digest(molecule),
        *(f"{value:.7g}" for value in values),
    ]


def main():
    rows = ["# RDKit " + rdBase.rdkitVersion]
    rows.append("\t".join(["input", "scaffold", "ecfp4_2048", "ecfp6_1024", "environments", *NAMES]))
    rows += ["\t".join(row(smiles)) for smiles in dict.fromkeys(chosen())]
    path = pathlib.Path(__file__).with_name("descriptors.tsv")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
