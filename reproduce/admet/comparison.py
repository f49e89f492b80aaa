"""What comparisons with another model share: which molecules are the same, and how values rank."""

import numpy as np
from rdkit import Chem
from scipy.stats import rankdata

# Bootstrap samples of the molecules.
SAMPLES = 1000


def constitution(smiles):
    """The largest part without stereo, by which molecules are compared."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    Chem.RemoveStereochemistry(molecule)
    parts = Chem.GetMolFrags(molecule, asMols=True)
    return Chem.MolToSmiles(max(parts, key=lambda part: part.GetNumHeavyAtoms()))


def spearman(truth, values):
    return float(np.corrcoef(rankdata(truth), rankdata(values))[0, 1])
