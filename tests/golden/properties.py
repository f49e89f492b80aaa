"""Writes properties.tsv beside this file: RDKit's properties and structural alerts, for
tests/it/properties.rs to compare with. With a file of SMILES it writes those of that file's
molecules to standard output instead, for comparisons by hand: docs/properties.md.

    python3 -m venv venv && venv/bin/pip install rdkit
    venv/bin/python tests/golden/properties.py [FILE]
"""

import pathlib
import sys

from molecules import DRUGS, HARD, NATURAL, written
from rdkit import Chem, rdBase
from rdkit.Chem import QED, Crippen, Descriptors, FilterCatalog, Lipinski, rdMolDescriptors

# Molecules with alerts, several of them each.
ALERTED = """
O=C1C=CC(=O)C=C1
O=C1C(=O)c2ccccc2C=C1
Oc1ccccc1C=NNc1ccccc1
S=C1NC(=O)C(=Cc2ccccc2)S1
O=C1CSC(=S)N1Cc1ccccc1
Oc1ccc(O)c(Cc2ccccc2)c1
Oc1ccccc1O
Nc1ccc(N)cc1
Nc1ccc(cc1)-c1ccc(N)cc1
CN(C)c1ccc(cc1)N=Nc1ccccc1
CN(C)c1ccc(C=Cc2cc[nH]c2)cc1
O=[N+]([O-])c1ccc(cc1)C(=O)Cl
CC(=O)OC(C)=O
C=CC(=O)OC
C#CC(=O)c1ccccc1
CCCCCCCCCC
C1CCCNCC1
C1CCCCCC1
c1ccc2c(c1)CCCCC2
ClCCl
BrCCN
CI
N=C=O
CN=C=S
CC(=O)NN
O=CC=O
CC=O
CCOC(=O)CC(=O)OCC
C1OCCOCCOCCOCCO1
O=c1ccc2ccccc2o1
N#CCN
N#CC(C)O
NC#N
CSC#N
CN=NC
CSSC
CC(=O)On1nnc2ccccc12
O=C1CCO1
Clc1cccc(Cl)c1Cl
Clc1cc(Cl)c(Cl)cc1
C[Si](C)(C)C
OB(O)c1ccccc1
COCOC
O=C1CNC(=O)N1
NNc1ccccc1
ONC(=O)c1ccccc1
CC(C)=NO
CN(C)C=NC
C=C=O
CC=C(C)C
CN(C)N=O
c1cc[n+]([O-])cc1
On1ccccc1=O
FC(F)(F)C(F)(F)F
COOC
CC(=O)Oc1ccccc1
COC(=O)Oc1ccccc1
CP(C)C
O=C1NC(=O)c2ccccc12
c1ccc2c(c1)ccc1ccccc12
CC=CC=CC
C[N+](C)(C)C
C=[N+]=[N-]
CN=[N+]=[N-]
C(=Cc1ccccc1)c1ccccc1
CS(=O)O
COS(C)(=O)=O
OS(=O)(=O)c1ccccc1
N#CS(=O)(=O)C
CSO
COS(=O)(=O)[O-]
CSN
CC(=S)C
CC(=O)SC
CS
C[S-]
C1CO1
C1CN1
FC(F)(F)S(=O)(=O)Oc1ccccc1
c1ccc(cc1)C(c1ccccc1)(c1ccccc1)Cl
[CH3-]
C[O+](C)C
CC(=O)OCC(OC(C)=O)COC(C)=O
Clc1ccccn1
Nc1nnc(S)s1
CC(=O)Nc1nnc(S)s1
Nc1c(C#N)c(N)sc1C#N
Cc1cc(C)c(C=C2C(=O)Nc3ccccc23)[nH]1
O=C1NC(=O)C(=Cc2ccccc2)C(=O)N1
N#CC(C#N)=Cc1ccccc1
O=C(CN1C(=O)c2ccccc2C1=O)Nc1ccc(O)cc1
OC(=O)c1ccccc1Nc1cccc(c1)C(F)(F)F
Oc1c(CN2CCOCC2)cccc1
c1ccc(cc1)-c1nc2ccccc2s1
COc1ccc(N(C)C)cc1C=CC(=O)c1ccccc1
Cc1ccc(cc1)C1=NN(c2ccccc2)C(=O)C1=Cc1ccccc1
"""

CATALOGUES = [
    FilterCatalog.FilterCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    for name in ("PAINS", "BRENK")
]


def row(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    mass, log_p = Descriptors.MolWt(molecule), Crippen.MolLogP(molecule)
    broken = [
        mass > 500,
        log_p > 5,
        rdMolDescriptors.CalcNumLipinskiHBD(molecule) > 5,
        rdMolDescriptors.CalcNumLipinskiHBA(molecule) > 10,
    ]
    values = [
        mass,
        log_p,
        rdMolDescriptors.CalcTPSA(molecule),
        Lipinski.NumHDonors(molecule),
        Lipinski.NumHAcceptors(molecule),
        Lipinski.NumRotatableBonds(molecule),
        sum(broken),
        QED.qed(molecule),
    ]
    alerts = [
        "; ".join(match.GetDescription() for match in catalogue.GetMatches(molecule))
        for catalogue in CATALOGUES
    ]
    return "\t".join([smiles, *map(repr, values), *alerts])


def chosen():
    yield from written(DRUGS) + written(NATURAL) + written(ALERTED)
    for smiles in written(HARD):
        if "|" not in smiles and Chem.MolFromSmiles(smiles).GetNumAtoms() >= 7:
            yield smiles


NAMES = """mol_wt crippen_log_p tpsa h_bond_donors h_bond_acceptors rotatable_bonds
rule_of_five_violations qed pains brenk"""

if len(sys.argv) > 1:
    for line in open(sys.argv[1]):
        print(row(line.split()[0]))
else:
    head = [f"# RDKit {rdBase.rdkitVersion}", "\t".join(["input", *NAMES.split()])]
    lines = head + [row(smiles) for smiles in chosen()]
    path = pathlib.Path(__file__).with_name("properties.tsv")
    path.write_text("\n".join(lines) + "\n")
