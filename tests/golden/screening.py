"""Writes the folder screening beside this file: a benchmark of three small
classes of drugs, and what RDKit's ECFP4, Tanimoto similarity, AUROC and BEDROC
make of it, for tests/it/screening.rs to compare with.

    python3 -m venv venv && venv/bin/pip install rdkit
    venv/bin/python tests/golden/screening.py

Decoys are the drugs and natural products of molecules.py.
"""

import gzip
import json
import pathlib
import random

from descriptors import ECFP4
from molecules import DRUGS, NATURAL, written
from rdkit import Chem, DataStructs, rdBase
from rdkit.ML.Scoring import Scoring

REPETITIONS, QUERIES = 8, 3

CLASSES = {
    "beta_blockers": """
CC(C)NCC(O)COc1cccc2ccccc12 propranolol
CC(C)NCC(O)COc1ccc(CC(N)=O)cc1 atenolol
COCCc1ccc(OCC(O)CNC(C)C)cc1 metoprolol
CC(C)NCC(O)COc1ccc(COCCOC(C)C)cc1 bisoprolol
CC(C)NCC(O)COc1cccc2[nH]ccc12 pindolol
CC(C)(C)NC[C@H](O)COc1nsnc1N1CCOCC1 timolol
CC(C)NCC(O)c1ccc(NS(C)(=O)=O)cc1 sotalol
CC(CCc1ccccc1)NCC(O)c1ccc(O)c(C(N)=O)c1 labetalol
COc1ccccc1OCCNCC(O)COc1cccc2[nH]c3ccccc3c12 carvedilol
CC(C)(C)NCC(O)COc1cccc2CC(O)C(O)Cc12 nadolol
CC(C)NCC(O)COc1ccc(CCOCC2CC2)cc1 betaxolol
COC(=O)CCc1ccc(OCC(O)CNC(C)C)cc1 esmolol
CCCC(=O)Nc1ccc(OCC(O)CNC(C)C)c(C(C)=O)c1 acebutolol
C=CCOc1ccccc1OCC(O)CNC(C)C oxprenolol
C=CCc1ccccc1OCC(O)CNC(C)C alprenolol
OC(CNCC(O)C1CCc2cc(F)ccc2O1)C1CCc2cc(F)ccc2O1 nebivolol
""",
    "benzodiazepines": """
CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc12 diazepam
O=C1CN=C(c2ccccc2)c2cc(Cl)ccc2N1 nordazepam
OC1N=C(c2ccccc2)c2cc(Cl)ccc2NC1=O oxazepam
CN1C(=O)C(O)N=C(c2ccccc2)c2cc(Cl)ccc12 temazepam
O=C1CN=C(c2ccccc2Cl)c2cc([N+](=O)[O-])ccc2N1 clonazepam
CN1C(=O)CN=C(c2ccccc2F)c2cc([N+](=O)[O-])ccc12 flunitrazepam
O=C1CN=C(c2ccccn2)c2cc(Br)ccc2N1 bromazepam
Cc1nnc2n1-c1ccc(Cl)cc1C(c1ccccc1)=NC2 alprazolam
Cc1ncc2n1-c1ccc(Cl)cc1C(c1ccccc1F)=NC2 midazolam
CNC1=Nc2ccc(Cl)cc2C(c2ccccc2)=[N+]([O-])C1 chlordiazepoxide
CN1C(=O)CC(=O)N(c2ccccc2)c2cc(Cl)ccc12 clobazam
Cc1ccc(-c2nc3ccc(C)cn3c2CC(=O)N(C)C)cc1 zolpidem
CCN(C(C)=O)c1cccc(-c2ccnc3c(C#N)cnn23)c1 zaleplon
""",
    "nsaids": """
CC(=O)Oc1ccccc1C(=O)O aspirin
CC(C)Cc1ccc(C(C)C(=O)O)cc1 ibuprofen
COc1ccc2cc([C@H](C)C(=O)O)ccc2c1 naproxen
CC(C(=O)O)c1cccc(C(=O)c2ccccc2)c1 ketoprofen
CC(C(=O)O)c1ccc(-c2ccccc2)c(F)c1 flurbiprofen
OC(=O)Cc1ccccc1Nc1c(Cl)cccc1Cl diclofenac
Cc1cccc(Nc2ccccc2C(=O)O)c1C mefenamic_acid
COc1ccc2c(c1)c(CC(=O)O)c(C)n2C(=O)c1ccc(Cl)cc1 indomethacin
CC1=C(CC(=O)O)c2cc(F)ccc2C1=Cc1ccc(S(C)=O)cc1 sulindac
OC(=O)C1CCn2c1ccc2C(=O)c1ccccc1 ketorolac
CCc1cccc2c3c([nH]c12)C(CC)(CC(=O)O)OCC3 etodolac
Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F celecoxib
CS(=O)(=O)c1ccc(C2=C(c3ccccc3)C(=O)OC2)cc1 rofecoxib
CN1C(C(=O)Nc2ccccn2)=C(O)c2ccccc2S1(=O)=O piroxicam
CN1C(C(=O)Nc2ncc(C)s2)=C(O)c2ccccc2S1(=O)=O meloxicam
OC(=O)c1cc(-c2ccc(F)cc2F)ccc1O diflunisal
CCCCC1C(=O)N(c2ccccc2)N(c2ccccc2)C1=O phenylbutazone
""",
}


def fingerprints(smiles):
    return [ECFP4.GetFingerprint(Chem.MolFromSmiles(s)) for s in smiles]


def measure(actives, decoys, repetitions):
    """Mean AUROC and BEDROC; of equal scores the decoy comes first."""
    auroc, bedroc = [], []
    for repetition in repetitions:
        queries = [actives[i] for i in repetition["queries"]]
        ranked = [
            (-max(DataStructs.BulkTanimotoSimilarity(molecule, queries)), active)
            for molecules, active, left_out in [
                (decoys, False, repetition["excluded_decoys"]),
                (actives, True, repetition["queries"]),
            ]
            for i, molecule in enumerate(molecules)
            if i not in left_out
        ]
        ranked.sort()
        rows = [[active] for _, active in ranked]
        auroc.append(Scoring.CalcAUC(rows, 0))
        bedroc.append(Scoring.CalcBEDROC(rows, 0, 20.0))
    return sum(auroc) / len(auroc), sum(bedroc) / len(bedroc)


def compressed(path, lines):
    text = "".join(line + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def main():
    folder = pathlib.Path(__file__).with_name("screening")
    folder.mkdir(exist_ok=True)
    rng = random.Random(20261127)
    classes = {name: block.strip().split("\n") for name, block in CLASSES.items()}
    active = {Chem.CanonSmiles(line.split()[0]) for lines in classes.values() for line in lines}
    decoys = dict.fromkeys(written(DRUGS) + written(NATURAL))
    decoys = [smiles for smiles in decoys if Chem.CanonSmiles(smiles) not in active]
    compressed(folder / "decoys_chembl.smi.gz", decoys)
    targets = []
    for name, lines in classes.items():
        compressed(folder / f"{name}.actives.smi.gz", lines)
        repetitions = [
            {
                "queries": rng.sample(range(len(lines)), QUERIES),
                "excluded_decoys": sorted(rng.sample(range(len(decoys)), len(decoys) // 10)),
            }
            for _ in range(REPETITIONS)
        ]
        compressed(folder / f"{name}.queries.jsonl.gz", map(json.dumps, repetitions))
        actives = fingerprints(line.split()[0] for line in lines)
        auroc, bedroc = measure(actives, fingerprints(decoys), repetitions)
        targets.append({"target": name, "auroc": auroc, "bedroc": bedroc})
    (folder / "targets.txt").write_text("".join(name + "\n" for name in classes))
    expected = {
        "made_by": f"tests/golden/screening.py with RDKit {rdBase.rdkitVersion}",
        "targets": targets,
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
