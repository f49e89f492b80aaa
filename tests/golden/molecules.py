"""Writes molecules.tsv and mol_blocks.tsv beside this file: what RDKit makes of
the molecules listed here, for tests/it/chemistry.rs to compare with.

    python3 -m venv venv && venv/bin/pip install rdkit
    venv/bin/python tests/golden/molecules.py
"""

import pathlib
import random

from rdkit import Chem, RDLogger, rdBase
from rdkit.Chem import AllChem
from rdkit.Chem.MolStandardize import rdMolStandardize

RDLogger.DisableLog("rdApp.*")

DRUGS = """
CC(=O)Oc1ccccc1C(=O)O
CC(C)Cc1ccc(cc1)C(C)C(=O)O
CC(=O)Nc1ccc(O)cc1
Cn1cnc2c1c(=O)n(C)c(=O)n2C
Cn1c(=O)c2[nH]cnc2n(C)c1=O
CN1C[C@H](C=C2[C@H]1CC3=CNC4=CC=CC2=C34)C(=O)O
CN1CCC[C@H]1c1cccnc1
CN1[C@H]2CC[C@@H]1[C@H]([C@H](C2)OC(=O)c1ccccc1)C(=O)OC
CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5
COc1ccc2nccc([C@@H](O)[C@@H]3C[C@@H]4CCN3C[C@@H]4C=C)c2c1
CC(C)NCC(O)COc1cccc2ccccc12
CN1c2ccc(Cl)cc2C(=NCC1=O)c1ccccc1
Clc1ccccc1C1=NCC(=O)Nc2ccc(cc12)[N+](=O)[O-]
CCOC(=O)C1=C(COCCN)NC(C)=C(C1c1ccccc1Cl)C(=O)OC
CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O
CC(C)(C)NC(=O)[C@@H]1C[C@@H]2CCCC[C@@H]2CN1C[C@@H](O)[C@H](Cc1ccccc1)NC(=O)[C@H](CC(N)=O)NC(=O)c1ccc2ccccc2n1
Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(CN2CCN(C)CC2)cc1
COCCOc1cc2ncnc(Nc3cccc(c3)C#C)c2cc1OCCOC
COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1
CS(=O)(=O)CCNCc1ccc(o1)-c1ccc2ncnc(Nc3ccc(OCc4cccc(F)c4)c(Cl)c3)c2c1
CCCc1nn(C)c2c1nc([nH]c2=O)-c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1
CN1CC(=O)N2[C@H](Cc3c([nH]c4ccccc34)[C@H]2c2ccc3OCOc3c2)C1=O
CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O
CC1(C)S[C@@H]2[C@H](NC(=O)[C@H](N)c3ccc(O)cc3)C(=O)N2[C@H]1C(=O)O
CC1=C(N2[C@H](SC1)[C@H](NC(=O)[C@H](N)c1ccccc1)C2=O)C(=O)O
C[C@@H]1[C@H]2[C@H](O)[C@H]3[C@H](N(C)C)C(O)=C(C(N)=O)C(=O)[C@@]3(O)C(O)=C2C(=O)c2c(O)cccc12
OC(=O)C1=CN(C2CC2)c2cc(N3CCNCC3)c(F)cc2C1=O
C[C@H]1COc2c(N3CCN(C)CC3)c(F)cc3c2n1cc(C(=O)O)c3=O
Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1
Nc1ccc(cc1)S(=O)(=O)Nc1ncccn1
CC(=O)N[C@@H](CS)C(=O)O
NC(=O)c1cnccn1
NNC(=O)c1ccncc1
OC(Cn1cncn1)(Cn1cncn1)c1ccc(F)cc1F
COc1ccc2[nH]c(nc2c1)S(=O)Cc1ncc(C)c(OC)c1C
COc1ccc2[nH]c(nc2c1)[S@@](=O)Cc1ncc(C)c(OC)c1C
CC(C)c1nc(CN(C)C(=O)N[C@@H](C(C)C)C(=O)N[C@@H](Cc2ccccc2)C[C@H](O)[C@H](Cc2ccccc2)NC(=O)OCc2cncs2)cs1
CCC(CC)O[C@@H]1C=C(C[C@@H]([C@H]1NC(C)=O)N)C(=O)OCC
C[C@H](Cn1cnc2c(N)ncnc12)OCP(O)(=O)O
Nc1nc2n(COCCO)cnc2c(=O)[nH]1
Cc1cn([C@H]2C[C@H](N=[N+]=[N-])[C@@H](CO)O2)c(=O)[nH]c1=O
NC1=NC(=O)N(C=C1)[C@@H]1CS[C@H](CO)O1
OC[C@H]1O[C@H](C[C@@H]1O)N1C=C(I)C(=O)NC1=O
FC(F)(F)c1ccc(cc1)OC(CCNC)c1ccccc1
CNCC[C@H](Oc1ccc(cc1)C(F)(F)F)c1ccccc1
CN[C@H]1CC[C@H](c2ccc(Cl)c(Cl)c2)c2ccccc12
CN(C)CCC[C@]1(OCc2cc(ccc12)C#N)c1ccc(F)cc1
CN(C)CCCN1c2ccccc2Sc2ccc(Cl)cc12
OCCN1CCN(CCCN2c3ccccc3Sc3ccc(cc23)C(F)(F)F)CC1
Cc1nc2n(c(=O)c1CCN1CCC(CC1)c1noc3cc(F)ccc13)CCCC2
Cc1cc2c(s1)Nc1ccccc1N=C2N1CCN(C)CC1
O=C1CCc2ccc(OCCCCN3CCN(CC3)c3cccc(Cl)c3Cl)cc2N1
NC(=O)N1c2ccccc2C=Cc2ccccc12
O=C1NC(=O)C(N1)(c1ccccc1)c1ccccc1
CCCC(CCC)C(=O)O
NCC1(CC(=O)O)CCCCC1
CCC1(CC)C(=O)NC(=O)NC1=O
CC(CC1=CC=CC=C1)NC
C1CC(CC(C1)(CN(C)C)O)c1cccc(OC)c1
CN1CCC23C4Oc5c(O)ccc(CC1C2C=CC4O)c35
CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1
CN(C)C(=N)NC(N)=N
CC1=C(C=C(C=C1)S(=O)(=O)NC(=O)NN2CC3CCCC3C2)C
Cc1ccc(cc1)S(=O)(=O)NC(=O)NN1CCCCCC1
OC(=O)c1ccc(cc1)-c1nc(-c2ccccc2O)n(n1)-c1ccccc1O
CC(C)OC(=O)C(C)(C)Oc1ccc(cc1)C(=O)c1ccc(Cl)cc1
CCCCc1nc(Cl)c(CO)n1Cc1ccc(cc1)-c1ccccc1-c1nn[nH]n1
CCOC(=O)[C@H](CCc1ccccc1)N[C@@H](C)C(=O)N1CCC[C@H]1C(=O)O
C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O
NS(=O)(=O)c1cc(C(=O)O)c(NCc2ccco2)cc1Cl
NS(=O)(=O)c1cc2c(cc1Cl)NCNS2(=O)=O
COc1cc(C[C@@H](C)N)c(OC)cc1Br
CC(C)(C)C(O)(CCc1ccc(Cl)cc1)Cn1cncn1
O=C(O)c1cccnc1Nc1cccc(C(F)(F)F)c1
CN1C(C(=O)Nc2ccccn2)=C(O)c2ccccc2S1(=O)=O
Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F
CC(=O)OCC(=O)[C@@]1(O)CC[C@H]2[C@@H]3CCC4=CC(=O)CC[C@]4(C)[C@H]3C(=O)C[C@]12C
C[C@]12CC[C@H]3[C@H]([C@@H]1CC[C@@H]2O)CCC4=CC(=O)CC[C@]34C
C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc34)[C@@H]1CC[C@@]2(O)C#C
C[C@H](CCCC(C)C)[C@H]1CC[C@H]2[C@@H]3CC=C4C[C@@H](O)CC[C@]4(C)[C@H]3CC[C@]12C
CC1=C(C(CCC1)(C)C)/C=C/C(=C/C=C/C(=C/CO)/C)/C
CC(C)CCCC(C)CCCC(C)CCCC1(C)CCc2c(C)c(O)c(C)c(C)c2O1
C/C(=C\\CC1=C(C)C(=O)c2ccccc2C1=O)CCC[C@H](C)CCC[C@H](C)CCCC(C)C
OC[C@@H](O)[C@H]1OC(=O)C(O)=C1O
Cc1ncc(C[n+]2csc(CCO)c2C)c(N)n1
Cc1ncc(CO)c(C=O)c1O
"""

NATURAL = """
O[C@H]1[C@H](O)[C@@H](O)[C@H](O)O[C@@H]1CO
OC[C@H]1O[C@@](CO)(O[C@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)[C@@H](O)[C@@H]1O
Nc1ncnc2c1ncn2[C@@H]1O[C@H](COP(O)(=O)OP(O)(=O)OP(O)(O)=O)[C@@H](O)[C@H]1O
NC(=O)c1ccc[n+](c1)[C@@H]1O[C@H](COP([O-])(=O)OP(O)(=O)OC[C@H]2O[C@H]([C@H](O)[C@@H]2O)n2cnc3c(N)ncnc23)[C@@H](O)[C@H]1O
N[C@@H](C)C(=O)O
N[C@H](C)C(=O)O
C[C@@H](O)[C@H](N)C(=O)O
CC[C@H](C)[C@H](N)C(=O)O
N[C@@H](Cc1c[nH]cn1)C(=O)O
N[C@@H](Cc1c[nH]c2ccccc12)C(=O)O
NCCc1c[nH]c2ccc(O)cc12
NCCc1ccc(O)c(O)c1
CNC[C@H](O)c1ccc(O)c(O)c1
C[N+](C)(C)CCOC(C)=O
OC(=O)CC(O)(CC(=O)O)C(=O)O
OC(=O)/C=C/C(=O)O
OC(=O)/C=C\\C(=O)O
CCCCC/C=C\\C/C=C\\C/C=C\\C/C=C\\CCCC(=O)O
CCCCC[C@H](O)/C=C/[C@H]1[C@H](O)CC(=O)[C@@H]1C/C=C\\CCCC(=O)O
CC(C)=CCC/C(C)=C/CO
CC(C)=CCCC(C)(O)C=C
CC1=CC[C@@H](CC1)C(C)=C
C[C@@]12CC[C@@H](CC1=O)C2(C)C
CC1(C)[C@H]2CC[C@]1(C)C(=O)C2
CC1=CC[C@H]2C[C@@H]1C2(C)C
CC(C)[C@@H]1CC[C@@H](C)C[C@H]1O
C[C@H]1CC[C@H]2[C@@H](C)C(=O)O[C@@H]3O[C@@]4(C)CC[C@@H]1[C@@]23OO4
COc1cc2c(cc1OC)[C@@]13CCN4CC5=CCO[C@H]6CC(=O)N2[C@H]1[C@H]6[C@H]5C[C@H]34
COc1cc(cc(OC)c1OC)[C@H]1[C@@H]2[C@H](COC2=O)[C@@H](O)c2cc3OCOc3cc12
COc1cc2CCC(NC(C)=O)C3=CC(=O)C(OC)=CC=C3c2c(OC)c1OC
CC1=C2[C@@]([C@]([C@H]([C@@H]3[C@]4([C@H](OC4)C[C@@H]([C@]3(C(=O)[C@@H]2OC(=O)C)C)O)OC(=O)C)OC(=O)c5ccccc5)(C[C@@H]1OC(=O)[C@H](O)[C@@H](NC(=O)c6ccccc6)c7ccccc7)O)(C)C
CC[C@H]1OC(=O)[C@H](C)[C@@H](O[C@H]2C[C@@](C)(OC)[C@@H](O)[C@H](C)O2)[C@H](C)[C@@H](O[C@@H]2O[C@H](C)C[C@@H]([C@H]2O)N(C)C)[C@](C)(O)C[C@@H](C)C(=O)[C@H](C)[C@@H](O)[C@]1(C)O
CC1OC(=O)CC(O)CC(O)CC(O)CCC(O)C(O)CC(O)CC2(O)CC(O)C(C(O2)CC(OC2OC(C)C(O)C(N)C2O)C=CC=CC=CC=CC=CC=CC=CC(C)C(O)C1C)C(=O)O
C/C=C/C[C@@H](C)[C@@H](O)[C@H]1C(=O)N[C@@H](CC)C(=O)N(C)CC(=O)N(C)[C@@H](CC(C)C)C(=O)N[C@@H](C(C)C)C(=O)N(C)[C@@H](CC(C)C)C(=O)N[C@@H](C)C(=O)N[C@H](C)C(=O)N(C)[C@@H](CC(C)C)C(=O)N(C)[C@@H](CC(C)C)C(=O)N(C)[C@@H](C(C)C)C(=O)N1C
NCC(=O)N[C@@H](C)C(=O)N[C@@H](CC(=O)O)C(=O)N[C@@H](CCCCN)C(=O)N[C@@H](CCCNC(N)=N)C(=O)N[C@@H](Cc1ccccc1)C(=O)N[C@@H](CO)C(=O)N[C@@H](CS)C(=O)N1CCC[C@H]1C(=O)N[C@@H](Cc1ccc(O)cc1)C(=O)N[C@@H](CCSC)C(=O)O
CC[C@H](C)[C@@H]1NC(=O)[C@H](Cc2ccc(O)cc2)NC(=O)[C@@H](N)CSSC[C@H](NC(=O)[C@H](CC(N)=O)NC(=O)[C@H](CCC(N)=O)NC1=O)C(=O)N1CCC[C@H]1C(=O)N[C@@H](CC(C)C)C(=O)NCC(N)=O
O=c1cc(oc2cc(O)cc(O)c12)-c1ccc(O)c(O)c1
Oc1ccc(cc1)/C=C/c1cc(O)cc(O)c1
COc1cc(ccc1O)/C=C/C(=O)CC(=O)/C=C/c1ccc(O)c(OC)c1
O=C1c2ccccc2C(=O)c2c(O)c(O)ccc12
O=C1/C(=C2\\Nc3ccccc3C2=O)Nc2ccccc12
CC1=C(/C=C/C(C)=C/C=C/C(C)=C/C=C/C=C(C)/C=C/C=C(C)/C=C/C2=C(C)CCCC2(C)C)C(C)(C)CCC1
C1=Cc2cc3ccc(cc4nc(cc5ccc(cc1n2)[nH]5)C=C4)[nH]3
OC[C@H]1OC(O)[C@H](N)[C@@H](O)[C@@H]1O
CN1C2CCC1CC(C2)OC(=O)C(CO)c1ccccc1
CCC1(O)C(=O)OCc2c1cc1-c3nc4ccccc4cc3Cn1c2=O
CC(=O)N[C@@H]1[C@@H](O)C=C(O[C@H]1[C@H](O)[C@H](O)CO)C(=O)O
"""

HARD = """
C
[CH4]
[13CH4]
[2H]C([2H])([2H])[2H]
[2H]O[2H]
[3H]C
[14C]
[13C@H](F)(Cl)Br
[18F]CC
[125I]c1ccccc1
[15NH3]
[H][H]
[H+]
[H-]
[2H+]
[H]
[HH]
[H]O[H]
[H]C([H])([H])[H]
[H][C@](F)(Cl)Br
[H]/C(F)=C(/[H])Cl
[H]N=C(C)C
[1H]C
[H:1]C
C[H]
[Li][H]
[Na][H]
[H]B([H])[H]
[Na+].[Cl-]
[Na]Cl
[K+].[O-]C(C)=O
[Mg+2].[Cl-].[Cl-]
[Ca++].[O-]C(=O)[O-]
[Fe+3]
[Al+3].[OH-].[OH-].[OH-]
[NH4+]
[OH3+]
[OH-]
[O-2]
[CH3+]
[CH3-]
[CH3]
[CH2]
[CH]
[C]
[O]
[OH]
[N]
[NH2]
[O][O]
O=O
[O-][O+]=O
[C-]#[O+]
[N-]=[N+]=O
[N-]=[N+]=N
CN=[N+]=[N-]
C=[N+]=[N-]
CC#N
C[N+]#[C-]
CN(=O)=O
C[N+](=O)[O-]
c1ccccc1N(=O)=O
C[n+]1ccccc1
[O-][n+]1ccccc1
O=n1ccccc1
c1cc[nH+]cc1
c1cc[nH]c1
c1ccoc1
c1ccsc1
c1cc[se]c1
c1cc[te]c1
[se]1cccc1
[si]1ccccc1
c1ccpcc1
c1cc[pH]c1
c1cc[o+]cc1
c1cc[s+]cc1
c1cc[cH-]c1
c1ccc[cH+]cc1
[cH+]1cc1
[cH-]1cccc1.[Fe+2].[cH-]1cccc1
b1ccccc1
c1ccbcc1
[B-]1(F)(F)[n+]2ccccc2CN1
c1nnn[nH]1
c1nn[nH]n1
c1nnnn1C
c1nc[nH]n1
n1cc[nH]c1
Cc1c[nH]cn1
n1ccncc1
n1cnccc1
n1ccnnc1
n1nncnc1
o1cccn1
s1cncc1
s1nccc1
o1nnnc1C
[n+]1(C)c[nH]cc1
Cn1cc[n+](C)c1
c1ccc2ccccc2c1
c1ccc2cc3ccccc3cc2c1
c1ccc2c(c1)ccc1ccccc12
c1cc2ccc3cccc4ccc(c1)c2c34
c1ccc2cccc2cc1
c1ccc2[nH]ccc2c1
c1ccc2occc2c1
c1ccc2sccc2c1
c1ccc2[se]ccc2c1
c1ccc2ncccc2c1
c1ccc2nccnc2c1
c1ncc2[nH]cnc2n1
c1ccn2cccc2c1
c1cn2ccnc2cn1
C1=CC=CC=CC=C1
c1ccc2c3ccccc3c2c1
C1=CC=C1
C1=CC2=CC=CC2=C1
O=c1cc[nH]cc1
O=C1C=CNC=C1
O=c1[nH]cccc1
O=c1ccocc1
O=c1cccco1
O=C1C=CC(=O)C=C1
O=C1C=CC=CC=C1
S=c1[nH]cccc1
c1ccc(-c2ccccc2)cc1
c1ccccc1c1ccccc1
c1ccc(cc1)C#Cc1ccccc1
F/C=C/F
F/C=C\\F
F\\C=C\\F
FC=CF
C/C=C/C=C/C
C/C=C\\C=C/C
C/C(F)=C(\\Cl)Br
C/C=C(/C)C(\\C)=C/C
C/C=N/O
C/C=N\\O
C/N=N/C
C/N=N\\c1ccccc1
C/C=C1/CCCC1C
C/C=C\\1CCC[C@H]1C
C1CCCCCC/C=C/1
C1CCCCCC/C=C\\1
C1CCCCCCCCCCCCCC/C=C/1
F/C=C/C=C/C=C\\Cl
CC=C=CC
C/C=C=C=C/C
CC=[C@]=CC
CC=[C@AL1]=CC
N[C@@H](C)C(=O)O
N[C@H](C(=O)O)C
OC(=O)[C@@H](N)C
[C@@H](N)(C)C(=O)O
C[C@H](F)[C@@H](F)C
C[C@H](F)[C@H](F)C
C[C@H]1CC[C@@H](C)CC1
C[C@H]1CC[C@H](C)CC1
C[C@@H]1CCCC[C@H]1C
O[C@H]1CC[C@@H](O)CC1
C[C@@H](O)[C@H](O)[C@@H](C)O
[C@]1(F)(Cl)CCCO1
C1[C@H](F)C[C@@H]1Cl
[C@@]12(F)CCCC[C@H]1CCCC2
C[C@H]1[C@@H]2CC[C@H]1CC2
C1CC2CCC1C2
C1C2CC3CC1CC(C2)C3
C12C3C4C1C5C2C3C45
C1CC12CC2
C1CCC2(CC1)OCCO2
C[S@](=O)CC
C[S@@](=O)c1ccccc1
CS(C)(=O)=O
C[S+](C)[O-]
C[S@@+]([O-])c1ccccc1
C[S+](C)C
CS(=O)(=N)C
O=S(=O)(O)O
O=S(=O)=O
FS(F)(F)(F)(F)F
FS(F)(F)F
O=P(O)(O)O
CP(C)C
C[P@](=O)(OC)c1ccccc1
C[P@@](CC)c1ccccc1
C[P+](C)(C)C
C=P(C)(C)C
CP(C)(C)=C
FP(F)(F)(F)F
F[P-](F)(F)(F)(F)F
ClP(Cl)(Cl)(Cl)Cl
O=Cl(=O)(=O)O
[O-]Cl(=O)(=O)=O
OI(=O)=O
O=I(=O)c1ccccc1
CI(Cl)Cl
F[Xe]F
F[Xe](F)(F)F
F[B-](F)(F)F
OB(O)c1ccccc1
C[Si](C)(C)C
C[SiH2]C
[SiH4]
C[Si]1(C)CCC1
C[Se]C
C[Se](=O)C
N[C@@H](C[SeH])C(=O)O
C[Te]C
C[As](C)C
C[GeH3]
CC[Sn](CC)(CC)CC
C[Hg]C
[CH3][Mg][Br]
C[Mg]Br
CC[Zn]CC
[Li]CCCC
C[Al](C)C
Cl[Pt](Cl)(N)N
[NH3][Pt]([NH3])(Cl)Cl
N->[Pt](<-N)(Cl)Cl
Cl[Pt@SP1](Cl)([NH3])[NH3]
Cl[Pt@SP2](Cl)([NH3])[NH3]
C[Co@OH1](F)(Cl)(Br)(I)O
C[As@TB1](F)(Cl)(Br)I
O=C=[Fe](=C=O)(=C=O)(=C=O)=C=O
[O-][Mn](=O)(=O)=O
O=[Os](=O)(=O)=O
Cl[Ti](Cl)(Cl)Cl
[Fe]
[Au]
[U]
[He]
[Og]
*
[*]
[*:1]
*c1ccccc1
[13*]C
*C1CC1*
[CH3:1][OH:2]
[CH2:1]=[CH2:2]
C[C@H:7](F)Cl
C%10CC%10
C%12CCCCC%12
C%99CC%99
C1CC%101CC%10
C%(5)CC%(5)
C%(100)CC%(100)
C0CC0
C=1CCCCC=1
C=1CCCCC1
C1CCCCC=1
C=1CC-1
C-1CC-1
C/1CC/1
N1CC2CC1C2
C12CC1C2
C1.C1
C1CC2.C12
C(C)(C)(C)C
C(C(C(C(C(C)))))
C(=O)(O)C
[CH3]-[CH3]
C-C
C:1:C:C:C:C:C1
c-1ccccc1
C1=CC=CC=C1
N1C=CC=C1
C1=CN=CC=C1
O1C=CC=C1
OC1=CC=CC=N1
CC(=O)[O-].[Na+]
CC(=O)O.[Na]
CN(C)C.Cl
c1ccccc1.CCO.O
CC.CC.CC
[Na+].[Na+].OC(=O)CC(=O)[O-].[O-]c1ccccc1
CCO.CCN
CCN.CCO
CC(C)O.CCCO
Cl.Cl.NCCN
O.O.O.[Cu+2].[O-]S(=O)(=O)[O-]
CCCCCCCC.BrBr
OC(=O)C(O)C(O)C(=O)O.CN1CCC[C@H]1c1cccnc1
C1CCCCCCCCCCCCCCC1
O=C1CCCCCCCCCCCCCCC1
O=C1CCCCCCCCCCCCCO1
C1COCCOCCOCCOCCOCCO1
C1CNCCNCCCNCCN1
c1cc2cc(c1)CCc1cccc(c1)CC2
c1cc2ccc1CCc1ccc(cc1)CC2
C1CC2CCC1CC2
C1CN2CCN1CC2
C1CC2CCC(C1)C2
C1N2CN3CN1CN(C2)C3
C123C4C5C1C6C2C7C3C4C5C67
c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4c4c9c5c1c1c6c2c3c41
O=C1N(C)C(=O)C2=CC=CC3=C2C1=CC=C3
[O-][N+](=O)c1ccc(cc1)[N+](=O)[O-]
O=N(=O)c1cc(N(=O)=O)c(C)c(N(=O)=O)c1
N#[N+]c1ccccc1
[N-]=[N+]=NCC1=CC=CC=C1
C[N+](C)(C)CC([O-])=O
[NH3+]CC(=O)[O-]
C[N+]1=CC=CC=C1
C1=CC=[N+](C=C1)[O-]
CC1=[O+]C(C)=CC(C)=C1
[O-]C1=CC=CC=[NH+]1
CC(C)(C)[N+]([O-])=Cc1ccccc1
CC1(C)CCCC(C)(C)N1[O]
[O]N1C(C)(C)CCCC1(C)C
[CH2]c1ccccc1
c1ccccc1[CH]c1ccccc1
C[C](C)C
C=[C]
[CH]=C
[c]1ccccc1
O=[N]
[N]=O
[B]
[S]
S=S
SS
C1SSC1
S1SSSSSSS1
P12P3P1P23
N=C=O
N=C=S
[S-]C#N
CN=C=NC
C=C=O
C=C=C
C#C
[C-]#[C-].[Ca+2]
[C-]#N.[K+]
N#CC#N
C1=CC=C2C(=C1)C=CC=C2
n1c2ccccc2[nH]c1
[nH]1c2ccccc2nc1
C1=NC2=CC=CC=C2N1
CN1C=NC2=C1C(=O)N(C(=O)N2C)C
n1(C)cnc2c1c(=O)n(C)c(=O)n2C
c1cc[n-]c1
[n-]1cccc1.[K+]
c1c[n-]cn1
Cc1noc(C)c1-c1ccc2c(c1)[nH]c(=O)n2Cc1ccccc1
O=S1(=O)NC(=O)c2ccccc12
O=C1NS(=O)(=O)c2ccccc12
CC1=NNC(=O)C1
Cc1cc(=O)[nH][nH]1
c1ccc2c(c1)[nH]c1ccccc12
c1ccc2c(c1)Nc1ccccc1S2
c1ccc2c(c1)oc1ccccc12
C1=CC2=C(C=C1)SC=N2
Clc1ccc2oc(=O)[nH]c2c1
Ic1ccccc1
BrC(Br)(Br)Br
FC(F)(F)C(F)(F)F
ClC=CCl
CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC
CC(C)(C)c1cc(C=Cc2ccc(cc2)-c2ccc(cc2)N(c2ccccc2)c2ccccc2)cc(c1)C(C)(C)C
c1ccc(cc1)P(c1ccccc1)c1ccccc1
c1ccc(cc1)[P+](CC=C)(c1ccccc1)c1ccccc1.[Br-]
  CCO
CCO ethanol
CCO\tethanol from a bottle
C[C@H](O)F |&1:1|
C[C@H](O)F |o1:1,r|
CC(F)Cl |(0,0,;1,0,;2,0,;1,1,)|
"""

INVALID = """
C(
C)
C(C
CC)C
C()C
()C
(C)C
C((C))C
C(C)((C))
C1CC
C12CC1
C%10CC
C%1CC1
C%
C%()CC
C%(a)CC
C%012CC
C11
C1C1
C12CC12
1CC1
C(1)CC1
C=
=C
C==C
C-=C
C=(C)C
C(-)C
C(=)C
C//C
.C
C.
C..C
C.(C)
C(.C)C
X
A
CL
BR
Si
cl
H
D
[
]
[]
[C
C]
[[C]]
[C]]
[13]
[+]
[Xx]
[Q]
[cl]
[fe]
[CH3
[C+++]
[C+1-1]
[C-H]
[C:]
[C:x]
[C@@@H](F)Cl
[CH@](F)Cl
[C@TH3](F)(Cl)(Br)I
[Pt@SP4](F)(Cl)(Br)I
[Co@OH31]
[C@SP0]
C!C
C&C
C;C
{C}
C>>C
C|C
C,C
C?
C^C
é
CC\u00f6C
C\u2212C
c1cccse1
C@(F)(Cl)Br
C(C)(C)(C)(C)C
CC(C)(C)(C)O
C=C(C)(C)C
C#CC#C(C)C
C=[CH3]
[CH5]
[CH3]=C
CN(C)(C)C
N(=O)(=O)=O
O(C)(C)C
CO(C)C
C=O=C
FC(F)(F)F(C)
CFC
ClC(Cl)Cl(C)C
CBr(C)C
[NH5]
[OH3]
C[N](C)(C)C
[NH4]
[H]C[H]C
C[H]C
[H]1CC1
B(C)(C)(C)C
[Al](C)(C)(C)C
[Si](C)(C)(C)(C)C
S(F)(F)(F)(F)(F)(F)F
P(F)(F)(F)(F)(F)F
[Na](C)C
[Na+](C)C
[O-](C)C
[F+](C)C=C
c1cccc1
c1ccccccc1c
c1ccc1
n1cccc1
c1ccnc1
c1nccn1
Cc1cnc[n]1
c1ccc2c(c1)cccn2C
c1ccccc1=O
cc
c
CcC
c1ccccc1c
Cc
[cH3]
[se]
[nH]
c1c[nH]cc[nH]1c
[c-]1cccc1
c1[nH]c[nH]c1
o1ccccc1
s1ccccc1
[nH]1ccccc1
n1c[nH]cc1[nH]
O=c1cccc1
c1cc[nH2]c1
b1cccc1
[te]1ccccc1
c1ccc2cccc2c1
Cc1[nH]ncc1C(=O)N1CCC(C)o1CO
OB1(C)CC(c2ccccc2)Cb1(O)C
C(->1)CC1
C(->1CC1)
C(=1CC1)
"""

# Read by RDKit, refused here on purpose or for want of the crate: see the
# known differences in tests/it/chemistry.rs.
DIFFERENT = """
C(C.C)C
C~C
[#6]
[C+100]
[C:99999]
[Uuo]
CCO |^1:0|
COc1ncc2cc1NS(=O)(=O)c1ccc(Cl)c(c1)C(=O)NCc1ccc(s1)-c1ncnc3cc-2sc13
"""


def written(block):
    """The molecules of a block; `\\t` and `\\u....` are escapes."""
    return [
        line.replace("\\\\", "\\").replace("\\t", "\t")
        for line in block.strip("\n").split("\n")
    ]


def largest(molecule):
    parameters = rdMolStandardize.CleanupParameters()
    parameters.largestFragmentChooserCountHeavyAtomsOnly = True
    fragments = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False)
    if len(fragments) == 1:
        return Chem.MolToSmiles(molecule)
    # RDKit breaks the last tie by SMILES, this project by position.
    chooser = rdMolStandardize.LargestFragmentChooser(parameters)
    return Chem.MolToSmiles(chooser.choose(molecule))


def stable(molecule):
    """Whether RDKit itself reads back the molecule it wrote, in any order.

    It does not always: the aromaticity of a fused antiaromatic ring, and
    which of two dependent stereo centres is one, hang on the order of atoms.
    """
    shuffled = list(range(molecule.GetNumAtoms()))
    written = []
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)
        again = Chem.RenumberAtoms(molecule, shuffled)
        written.append(Chem.MolToSmiles(again, kekuleSmiles=True, canonical=False))
    written.append(Chem.MolToSmiles(molecule, kekuleSmiles=True))
    written.append(Chem.MolToSmiles(molecule, kekuleSmiles=True, canonical=False))
    written.append(Chem.MolToSmiles(molecule))
    again = [Chem.MolFromSmiles(smiles) for smiles in written]
    canonical = {"" if m is None else Chem.MolToSmiles(m) for m in again}
    return "yes" if canonical == {written[-1]} else "no"


def row(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    text = smiles.replace("\t", "\\t")
    if molecule is None or molecule.GetNumAtoms() == 0:
        raw = Chem.MolFromSmiles(smiles, sanitize=False)
        kind, atom = "Syntax", ""
        if raw is not None and raw.GetNumAtoms():
            problems = Chem.DetectChemistryProblems(raw)
            kind = problems[0].GetType() if problems else "Other"
            if problems and hasattr(problems[0], "GetAtomIdx"):
                atom = problems[0].GetAtomIdx()
            elif problems and hasattr(problems[0], "GetAtomIndices"):
                atom = min(problems[0].GetAtomIndices())
        return [text, kind, *[""] * 7, str(atom)]
    return [
        text,
        "valid",
        Chem.MolToSmiles(molecule),
        Chem.MolToSmiles(molecule, kekuleSmiles=True),
        Chem.MolToSmiles(molecule, kekuleSmiles=True, canonical=False),
        largest(molecule),
        str(molecule.GetNumAtoms()),
        str(sum(atom.GetAtomicNum() != 1 for atom in molecule.GetAtoms())),
        stable(molecule),
        "",
    ]


def blocks(smiles):
    """The molecule as drawn, and as embedded in space."""
    molecule = Chem.MolFromSmiles(smiles)
    drawn = Chem.Mol(molecule)
    AllChem.Compute2DCoords(drawn)
    yield "drawn", Chem.MolToMolBlock(drawn)
    if len(smiles) % 3 == 0:
        yield "drawn, V3000", Chem.MolToV3KMolBlock(drawn)
    space = Chem.AddHs(molecule)
    if ("@" in smiles or "/" in smiles) and AllChem.EmbedMolecule(space, randomSeed=7) == 0:
        yield "in space", Chem.MolToMolBlock(Chem.RemoveHs(space))
        if len(smiles) < 25:
            yield "in space, with hydrogens", Chem.MolToMolBlock(space)


def block_rows(molecules):
    for smiles in molecules:
        for kind, block in blocks(smiles):
            again = Chem.MolFromMolBlock(block)
            if again is not None:
                # Trailing zero fields may be left out, and say nothing.
                lines = [line.removesuffix("  0" * 11) for line in block.split("\n")]
                yield [smiles, kind, Chem.MolToSmiles(again), "\\n".join(lines)]


def main():
    here = pathlib.Path(__file__).parent
    head = "input problem canonical kekule_canonical kekule_input largest atoms heavy stable problem_atom"
    lists = [DRUGS, NATURAL, HARD, INVALID, DIFFERENT]
    smiles = list(dict.fromkeys(s for block in lists for s in written(block)))
    rows = ["# RDKit " + rdBase.rdkitVersion, "\t".join(head.split())]
    rows += ["\t".join(row(s)) for s in smiles]
    (here / "molecules.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    # Radicals are refused in a mol block, as everywhere that a model reads.
    drawn = [s for s in written(DRUGS) + written(NATURAL) if "@" in s and len(s) < 70][:20]
    drawn += """C/C=C/C C/C=C\\C FC=CF C[S@@](=O)c1ccccc1 [13CH3][2H] C[N+](C)(C)C [O-][n+]1ccccc1
    CC(=O)[O-].[Na+] C[Se]C N[C@@H](C[SeH])C(=O)O C[Si](C)(C)C OB(O)c1ccccc1
    c1cc[nH]c1 C/C=N/O C[C@H]1CC[C@@H](C)CC1 [NH4+].[Cl-] C[P+](C)(C)C CC(F)(Cl)Br
    C[C@@H]1C[C@H]1F O=[N+]([O-])c1ccccc1 [Cu+2] C/C(F)=C(\\Cl)Br""".split()
    rows = ["# RDKit " + rdBase.rdkitVersion, "\t".join(["input", "kind", "canonical", "block"])]
    rows += ["\t".join(r) for r in block_rows(drawn)]
    (here / "mol_blocks.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
