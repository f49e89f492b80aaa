"""Writes corpus/: what the fuzzing begins with, small and of every kind.

    python3 fuzz/corpus.py

Needs nothing but Python 3.11. The model directory and the pickles are made of the
checkpoints in tests/golden, which PyTorch wrote.
"""

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "tests" / "golden" / "checkpoints"

SMILES = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O aspirin",
    "deficient": "C[C@@H]([NH2+2])C(=O)[OH+2].C[NH+3].CC[PH2+2]",
    "salt": "[Na+].[O-]C(=O)c1ccccc1.O",
    "stereo": "C[C@H](N)C(=O)O.F/C=C/F.F/C=C\\F",
    "allene": "CC=[C@]=CC.N[Pt@SP1](N)(Cl)Cl.S[As@TB5](F)(Cl)(Br)N.O=C[Co@OH9](F)(Cl)(Br)(I)S",
    "brackets": "[13CH3:1][NH+]([O-])[2H].[H][H].[OH3+].[Fe+2].[CH4]",
    "rings": "C1CC2CC1CC2.C%12CCCC%12.C%(100)CC%(100).C12C3C4C1C5C2C3C45",
    "aromatic": "c1ccc2[nH]c3ccccc3c2c1.c1cc[se]c1.n1c[nH]cc1.c1ccc2cccc2cc1.O=c1cc[nH]cc1",
    "charges": "C[N+](=O)[O-].CN=[N+]=[N-].[C-]#[N+]C.C[N+](C)(C)CC(=O)[O-].C[S+](C)[O-]",
    "groups": "CC(C)(C)c1cc(N2CCN(C)CC2)c(S(=O)(=O)NC3CC3)nc1C#N",
    "explicit": "[H]C([H])([H])[H].[H]O[H].C-C=C-C:C",
    "wildcard": "*CC[*:1].[R1]C",
    "bonds": "C$C.C~C.N->[Cu].[Cu]<-N.C>>C",
    "radical": "C[CH2] |^1:1|",
    "enhanced": "C[C@H](O)[C@@H](N)C |&1:1,o2:3,(0,0,;1,0,;2,0,;3,0,;4,0,),$;;;R1;$|",
    "cxsmiles": "CCN |SgD:1:name:1:::,m:0:1.2,C:2.1,atomProp:0.a.b|",
    "escaped": "F/C=C\\\\F twice",
    "fused": "c1cc2cccc3c4cccc5cccc(c(c1)c23)c54",
    "cage": "C12C3C4C5C1C6C2C3C4C56",
    "ladder": "C12C3C4C5C1C6C2C3" + "C4C5" * 17 + "C56",
    "belt": "C12C3C4C5" + "C1C5" * 108 + "C1C6C2C3C4C56",
    "ranges": "[O-15].[O-16].[9999CH4].[CH3:65535]C.[FeH9]",
    "peptide": "N[C@@H](C)C(=O)N[C@@H](Cc1ccccc1)C(=O)N1CCC[C@H]1C(=O)O",
    "open": "C1CC(C[",
    "unicode": "C\u00b5C \u2003 name",
    "chain": "C" * 150,
    "polymer": "C(F)(F)" * 40 + "C",
}


def v2000(title, atoms, bonds, properties=(), dimension="2D"):
    lines = [title, f"  Delicate{dimension:>12}", ""]
    lines.append(f"{len(atoms):3d}{len(bonds):3d}  0  0  1  0            999 V2000")
    for symbol, x, y, z, *rest in atoms:
        mass, charge, valence = (list(rest) + [0, 0, 0])[:3]
        lines.append(
            f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3}{mass:2d}{charge:3d}"
            f"  0  0  0{valence:3d}  0  0  0  0  0  0"
        )
    for a, b, order, *stereo in bonds:
        lines.append(f"{a:3d}{b:3d}{order:3d}{(stereo or [0])[0]:3d}  0  0  0")
    return "\n".join([*lines, *properties, "M  END"]) + "\n"


ALANINE = v2000(
    "alanine",
    [("C", 0, 0, 0), ("C", 1, 0, 0), ("N", 1.5, 0.9, 0), ("C", 1.5, -0.9, 0),
     ("O", 2.5, -0.9, 0), ("O", 1, -1.8, 0)],
    [(1, 2, 1), (2, 3, 1, 1), (2, 4, 1), (4, 5, 2), (4, 6, 1)],
)
BUTENE = [("C", 0, 0, 0), ("C", 1, 0.5, 0), ("C", 2, 0, 0), ("C", 3, 0.5, 0)]
MOL_BLOCKS = {
    "alanine": ALANINE,
    "butene": v2000("butene", BUTENE, [(1, 2, 1), (2, 3, 2), (3, 4, 1)]),
    "wavy": v2000("wavy", BUTENE, [(1, 2, 1, 4), (2, 3, 2, 3), (3, 4, 1)]),
    "three": v2000(
        "three",
        [("C", 0, 0, 0), ("F", 1.3, 0, 0), ("Cl", -0.6, 1.6, 0), ("Br", -0.6, -0.8, 1.6),
         ("N", -0.5, -0.7, -1.2)],
        [(1, 2, 1), (1, 3, 1), (1, 4, 1), (1, 5, 1)], dimension="3D",
    ),
    "nitro": v2000(
        "nitro", [("C", 0, 0, 0), ("N", 1, 0, 0), ("O", 2, 0.8, 0), ("O", 2, -0.8, 0)],
        [(1, 2, 1), (2, 3, 2), (2, 4, 2)],
    ),
    "aromatic": v2000(
        "aromatic", [("N", 0, 1, 0), *[("C", i, 0, 0) for i in range(5)]],
        [(i + 1, (i + 1) % 6 + 1, 4) for i in range(6)],
    ),
    "properties": v2000(
        "properties", [("C", 0, 0, 0, 1, 3), ("N", 1, 0, 0, 0, 0, 4), ("O", 2, 0, 0, 0, 5, 15)],
        [(1, 2, 1), (2, 3, 1)],
        ["M  CHG  2   2   1   3  -1", "M  ISO  1   1  13", "M  RAD  1   1   2",
         "A    1", "Me", "M  STY  1   1 DAT", "M  SAL   1  1   1", "M  SDT   1 name",
         "M  SED   1 text"],
    ),
    "zero": v2000(
        "zero", [("B", 0, 0, 0), ("N", 1, 0, 0)], [(1, 2, 1)],
        ["M  ZBO  1   1   0", "M  ZCH  2   1   0   2   0", "M  HYD  2   1   3   2   3"],
    ),
    "ranges": v2000(
        "ranges", [("O", 0, 0, 0, 0, 7), ("C", 1, 0, 0), ("Fe", 2, 0, 0, 0, 0, 9)], [(1, 2, 1)],
        ["M  CHG  2   1 -15   2  15", "M  ISO  1   29999"],
    ),
    "query": v2000(
        "query", [("A", 0, 0, 0), ("L", 1, 0, 0), ("R#", 2, 0, 0)], [(1, 2, 5), (2, 3, 8)],
        ["M  ALS   2  2 F N   O", "M  RGP  1   3   1"],
    ),
    "empty": v2000("empty", [], []),
    "v3000": '''v3000
  Delicate          2D

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 5 4 1 0 0
M  V30 BEGIN ATOM
M  V30 1 C 0 0 0 0 CFG=1
M  V30 2 F 1 0 0 1 MASS=18
M  V30 3 Cl -1 0 0 0 -
M  V30 CHG=0
M  V30 4 "N" 0 1 0 0 CHG=1 RAD=2 VAL=3
M  V30 17 O 0 -1 0 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2 CFG=1
M  V30 2 1 1 3 CFG=3
M  V30 3 1 1 4
M  V30 4 1 1 17 ENDPTS=(2 1 2) ATTACH=ANY
M  V30 END BOND
M  V30 BEGIN SGROUP
M  V30 1 DAT 0 ATOMS=(1 2) FIELDNAME="a b" FIELDDATA="c ""d"""
M  V30 END SGROUP
M  V30 BEGIN COLLECTION
M  V30 MDLV30/STEREL1 ATOMS=(1 1)
M  V30 END COLLECTION
M  V30 END CTAB
M  END
''',
}

SDF = (
    ALANINE + "> <id> (1)\na-1\n\n>  <note>\ntwo\nlines\n\n$$$$\n"
    + MOL_BLOCKS["zero"] + "> <>\nnameless\n\n> <id>\na-2\n> 25 <note>\n\n$$$$\n"
    + MOL_BLOCKS["nitro"] + MOL_BLOCKS["v3000"] + "> <id>\na-3\n"
)
CSV = (
    'id,SMILES,"a ""note""",pIC50\n1,CCO,"x,\ny",5.1\n2,C1CC,,>6\n3,"c1ccccc1",,\n\n4,CC,extra,1,2\n'
)
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<dimension ref="A1:C4"/><sheetData>'
    '<row r="1"><c r="A1" t="inlineStr"><is><t>SMILES</t></is></c><c r="B1" t="s"><v>0</v></c></row>'
    '<row r="2"><c r="A2" t="inlineStr"><is><r><t>C</t></r><r><t>CO</t></r></is></c>'
    '<c r="B2"><v>5.1</v></c><c r="C2" t="b"><v>1</v></c></row>'
    '<row r="4"><c r="A4" t="str"><f>A2</f><v>CCN</v></c><c r="D4" t="e"><v>#N/A</v></c></row>'
    "</sheetData></worksheet>"
)
STRINGS = (
    '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="2">'
    "<si><t>SMILES</t></si><si><t>CC&amp;O</t></si><si><r><t>C</t></r></si></sst>"
)


def zstd(content):
    """A frame of one raw block and one of a repeated byte."""
    blocks = struct.pack("<I", len(content) << 3)[:3] + content
    blocks += struct.pack("<I", 40 << 3 | 1 << 1 | 1)[:3] + b"\n"
    return struct.pack("<I", 0xFD2FB528) + b"\x00\x58" + blocks


def zipped(parts, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()


TABLES = {
    "plain": ("a.csv", CSV),
    "comments": ("a.csv", "# made by hand\n# twice\nSMILES;name\nCCO;ethanol\nCC;\n"),
    "tabs": ("a.tsv", "name\tcanonical_smiles\tcanonical_smiles\nx\tCCO\tC\ny\t\tC\n"),
    "headerless": ("-", "CCO,ethanol\nc1ccccc1,benzene\n"),
    "quotes": ("a.csv", 'SMILES,a\n"CCO,1\nCC,2\n"C"C,"3"\n'),
    "empty-names": ("a.csv", "SMILES,,,,\nCC,1,,2,\nCCC\n"),
    "pubchem": ("a.csv", "PUBCHEM_RESULT_TAG,PUBCHEM_EXT_DATASOURCE_SMILES\nRESULT_TYPE,STRING\n1,CCO\n"),
    "smi": ("a.smi", "CCO ethanol\nCC\tethane\r\n\n# c\nC1CC broken |$a$|\rF/C=C\\\\F\n"),
    "comma-smi": ("a.smi", "SMILES,name\nCCO,a\n"),
    "latin": ("a.csv", "SMILES,µ\nCCO,é\n".encode("latin-1")),
    "utf16": ("a.csv", "\ufeffSMILES,µ\nCCO,é\U0001f9ea\n".encode("utf-16-le")),
    "utf8-mark": ("a.txt", "\ufeffname\tSMILES\nethanol\tCCO\n"),
    "sdf": ("a.sdf", SDF),
    "joined": ("a.mol", MOL_BLOCKS["nitro"] + MOL_BLOCKS["butene"]),
    "reaction": ("a.rxn", "$RXN\n\n\n\n  1  1\n$MOL\n" + ALANINE),
    "gzip": ("a.csv.gz/", CSV),
    "zip": ("a.zip/folder/a.sdf", SDF),
    "zip-deflated": ("a.zip", zipped({"a.csv": CSV, "readme": "x"})),
    "sheet": ("a.xlsx/xl/worksheets/sheet1.xml", SHEET),
    "strings": ("a.xlsx/xl/sharedStrings.xml", STRINGS),
    "book": (
        "a.xlsx/xl/workbook.xml",
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<workbookPr date1904="1"/><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
    ),
    "zstd": ("a.csv.zst", zstd(CSV.encode())),
}

GZ = {
    "csv": ("a.csv.gz", CSV),
    "sdf": ("a.sdf.gz", SDF),
    "smi": ("a.smi.gz", TABLES["smi"][1]),
    "packed": ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
    "named": ("a.smi.gz", b"\x1f\x8b\x08\x1c\0\0\0\0\0\3\4\0ab\2\0na\0note\0" + gzip.compress(b"CCO\n", mtime=0)[10:]),
    "members": ("a.smi.gz", gzip.compress(b"CC", mtime=0) + gzip.compress(b"O a\n", mtime=0) + bytes(512)),
    "cut": ("a.smi.gz", gzip.compress(b"CCO\n" * 100, mtime=0)[:-9]),
    "stored": ("a.smi.gz", gzip.compress(b"CCO\n", 0, mtime=0)),
}

ENDPOINT = {
    "title": "A", "unit": "u", "description": "", "task": "regression",
    "scaling": {"mean": 0.5, "deviation": 2.0},
}
PART = {"molecules": 20, "rmse": 0.6, "half_width": 1.0}
DOMAIN = {
    "endpoints": [
        {
            "endpoint": "a", "borderline": 0.27, "within": 0.38, "coverage": 0.9,
            "parts": [{"domain": d, **PART} for d in ("out", "borderline", "in")],
        },
        None,
    ],
    "processes": [
        {
            "covariance": {"similarities": [0.25, 0.25, 0.25], "atoms": 0.25}, "mean": 0.5,
            "noise": 0.03, "weight": 0.6, "is_probability": False,
        },
        None,
    ],
    "molecules": [
        {"smiles": "CCO", "endpoints": [0, 1], "coefficients": [0.5, 0.0]},
        {"smiles": "c1ccccc1", "endpoints": [0], "coefficients": [-1.5]},
    ],
}


def tensors(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


def safetensors(parts):
    header, data = {}, b""
    for name, (dtype, shape, content) in sorted(parts.items()):
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model_directories():
    config = {
        "model_type": "delicate", "name": "tiny", "preset": "custom", "license": "MIT",
        "vocab_size": 42, "hidden_size": 8, "num_hidden_layers": 3, "parameter_sharing": "all",
        "num_attention_heads": 2, "intermediate_size": 12, "pooling": "mean",
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02, "max_length": 24,
        "endpoints": [
            {"name": "a", **ENDPOINT},
            {"name": "b", **ENDPOINT, "task": "classification", "unit": ""},
        ],
    }
    vocabulary = (HERE.parent / "models" / "delicate-small" / "vocab.txt").read_bytes()
    halves = lambda content: b"".join(
        struct.pack("<e", value) for (value,) in struct.iter_unpack("<f", content)
    )
    shared = tensors(GOLDEN / "albert-pretrained" / "model.safetensors")
    stacked = tensors(GOLDEN / "bert-pretrained" / "model.safetensors")
    for parts in (shared, stacked):
        parts.pop("embeddings.position_embeddings.weight")
        parts["head.finetune_net.0.weight"] = ("F32", [2, 8], struct.pack("<16f", *range(16)))
        parts["head.finetune_net.0.bias"] = ("F32", [2], struct.pack("<2f", 1, -1))
    half = {
        name: ("F16", shape, halves(content)) for name, (_, shape, content) in stacked.items()
    }
    quantized = dict(shared)
    for name, (_, shape, _) in shared.items():
        if len(shape) == 2:
            rows, columns = shape
            quantized[name] = ("I8", shape, bytes(i % 256 for i in range(rows * columns)))
            quantized[name + ".scale"] = ("F32", [rows], struct.pack("<f", 0.01) * rows)
    domain = json.dumps(DOMAIN, separators=(",", ":")).encode()

    def directory(changes, parts, *domain, end=""):
        files = [json.dumps(config | changes).encode(), safetensors(parts), vocabulary, *domain]
        return (" ".join(str(len(file)) for file in files) + end + "\n").encode() + b"".join(files)

    no_sharing = {"parameter_sharing": "none", "num_hidden_layers": 2, "pooling": "cls"}
    return {
        "tiny": directory({}, shared, domain),
        "stacked": directory(no_sharing, half),
        "quantized": directory({}, quantized, gzip.compress(domain, mtime=0)),
        "as-is": directory({}, {}, end=" as is"),
    }


def checkpoints():
    made = {}
    for name in ("bert-encoder.pth", "albert-finetuned.pt", "bert-lightning.ckpt"):
        with zipfile.ZipFile(GOLDEN / name) as archive:
            pickle = next(entry for entry in archive.namelist() if entry.endswith("data.pkl"))
            made[name.split(".")[0] + ".pkl"] = archive.read(pickle)
    for name in ("bert-pretrained", "albert-pretrained"):
        config, weights = (
            (GOLDEN / name / file).read_bytes() for file in ("config.json", "model.safetensors")
        )
        made[name] = config + b"\0" + weights
    made["call"] = b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."
    made["protocol-0"] = b"(dp0\nS'a'\np1\n(lp2\nI1\naF1.5\naL2L\naNasV\\u00b5\np3\n(I01\ntp4\ns."
    made["protocol-4"] = b"\x80\x04\x95\x15\0\0\0\0\0\0\0}\x94(\x8c\1a\x94]\x94(K\1K\2e\x8c\1b\x94\x8f\x94u."
    made["empty.zip"] = zipped({})
    made["other.zip"] = zipped({"archive/version": "3\n", "archive/data/0": "abcd"})
    return made


def main():
    named = lambda files: {
        name: f"{file}\n".encode() + (content if isinstance(content, bytes) else content.encode())
        for name, (file, content) in files.items()
    }
    corpora = {
        "smiles": SMILES,
        "mol_block": MOL_BLOCKS,
        "tables": named(TABLES),
        "gz": named(GZ),
        "model_directory": model_directories(),
        "checkpoint": checkpoints(),
    }
    for target, files in corpora.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(content)


main()
