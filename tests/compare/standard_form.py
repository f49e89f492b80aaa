"""Compares `delicate standardize` with RDKit's standardiser, molecule by molecule.

    pip install rdkit==2026.9.1
    python tests/compare/standard_form.py target/release/delicate molecules.smi

`molecules.smi` has one SMILES a line. RDKit's form: isotopes and atom maps cleared,
`LargestFragmentChooser` on organic parts by heavy atoms, `Uncharger` moving protons
alone. Prints how many agree and, of every kind of difference, how many there are and
the first three. Ends with an error where a difference has no name.
"""

import collections
import csv
import io
import subprocess
import sys

from rdkit import Chem, RDLogger, __version__
from rdkit.Chem.MolStandardize import rdMolStandardize

RDLogger.DisableLog("rdApp.*")

def is_metal(atom):
    number = atom.GetAtomicNum()
    ranges = [(3, 4), (11, 13), (19, 31), (37, 50), (55, 83), (87, 118)]
    return any(low <= number <= high for low, high in ranges)


def parameters():
    cleanup = rdMolStandardize.CleanupParameters()
    cleanup.largestFragmentChooserUseAtomCount = True
    cleanup.largestFragmentChooserCountHeavyAtomsOnly = True
    cleanup.preferOrganic = True
    return cleanup


PARAMETERS = parameters()
CHOOSER = rdMolStandardize.LargestFragmentChooser(PARAMETERS)
UNCHARGER = rdMolStandardize.Uncharger(True, False, True)


def rdkit_form(smiles):
    """RDKit's standard form, canonical; None where it reads no molecule."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return None
    for atom in mol.GetAtoms():
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    # Without isotopes a deuterium is a hydrogen to be folded.
    mol = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
    mol = UNCHARGER.uncharge(CHOOSER.choose(mol))
    again = Chem.MolFromSmiles(Chem.MolToSmiles(mol))
    return Chem.MolToSmiles(again) if again is not None else None


def kind(smiles, ours, theirs):
    """The name of a difference; None where it has none."""
    if ours["error"]:
        mol = Chem.MolFromSmiles(smiles)
        error = ours["error"]
        symbols = {atom.GetSymbol() for atom in mol.GetAtoms()} if mol else set()
        if error.startswith("no organic part") and "C" not in symbols:
            return "no carbon: refused here"
        if error.startswith("metal") and any(map(is_metal, mol.GetAtoms())):
            return "a metal in the largest part: refused here"
        if error.startswith("radical"):
            return "a radical: refused here"
        if error.startswith("mixture"):
            return "different parts of one size: refused here"
        if error.startswith("wildcard"):
            return "a wildcard: refused here"
        if error.startswith(("dative", "quadruple", "query", "reaction")):
            return "a bond that is none of a covalent structure: refused here"
        if error.startswith("too large"):
            return "beyond the limits of size: refused here"
        return None
    if theirs is None:
        return "RDKit's own form cannot be read back (aromatic carbanions, bridging hydrides)"
    parts = ours["changes"].partition("left out: ")[2].partition(";")[0].split(", ")
    left_out = {Chem.CanonSmiles(part.split(" (")[0]) for part in parts if part}
    neutral = lambda text: Chem.MolToSmiles(UNCHARGER.uncharge(Chem.MolFromSmiles(text)))
    if any(neutral(part) == theirs for part in left_out):
        return "a known counter-ion is the larger part: the other stays here"
    a, b = Chem.MolFromSmiles(ours["standardized"]), Chem.MolFromSmiles(theirs)
    if Chem.MolToSmiles(a, isomericSmiles=False) == Chem.MolToSmiles(b, isomericSmiles=False):
        return "stereo"
    charges = lambda mol: [atom.GetFormalCharge() for atom in mol.GetAtoms()]
    positive = sum(charge for charge in charges(a) if charge > 0)
    negative = -sum(charge for charge in charges(a) if charge < 0)
    if sum(map(abs, charges(a))) == sum(map(abs, charges(b))) and negative:
        return "which of several equal anions balances a fixed cation"
    if positive > negative > 0 and sum(charges(b)) > sum(charges(a)):
        return "fewer anions than fixed cations: RDKit protonates them, they stay here"
    return None


def main(program, path):
    lines = [line.split()[0] for line in open(path) if line.strip()]
    text = "smiles\n" + "\n".join(lines) + "\n"
    done = subprocess.run(
        [program, "standardize", "-", "--format", "csv", "--quiet"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == len(lines), (len(rows), len(lines))
    kinds = collections.defaultdict(list)
    agreed = 0
    for smiles, row in zip(lines, rows):
        theirs = rdkit_form(smiles)
        if theirs is None and row["error"]:
            agreed += 1
        elif row["standardized"] and row["standardized"] == theirs:
            agreed += 1
        else:
            name = kind(smiles, row, theirs)
            kinds[name].append((smiles, row["standardized"] or row["error"], theirs))
    print(f"RDKit {__version__}: {agreed} of {len(lines)} agree")
    for name, found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"{len(found):6}  {name}")
        for smiles, ours, theirs in found[:3]:
            print(f"          {smiles}\n            ours  {ours}\n            RDKit {theirs}")
    return 1 if None in kinds else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
