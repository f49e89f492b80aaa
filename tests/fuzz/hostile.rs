//! Inputs of up to 1 MiB that are made to take long, much memory or much stack.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Length of what is repeated, in bytes.
const LENGTH: usize = 1 << 20;

/// How an input is made: only while it is read does it take memory.
pub(super) struct Hostile(Box<dyn Fn() -> Vec<u8>>);

impl Hostile {
    fn new(make: impl Fn() -> Vec<u8> + 'static) -> Self {
        Self(Box::new(make))
    }

    pub(super) fn make(&self) -> Vec<u8> {
        (self.0)()
    }
}

/// Those for a target.
pub(super) fn inputs(target: &str) -> Vec<Hostile> {
    match target {
        "smiles" => smiles(),
        "mol_block" => mol_blocks(),
        "tables" => tables(),
        "gz" => gz(),
        "model_directory" => model_directories(),
        "checkpoint" => checkpoints(),
        _ => Vec::new(),
    }
}

/// `start`, `part` as often as it fits, and `end`.
fn repeated(start: &str, part: &[u8], end: &str) -> Vec<u8> {
    let mut bytes = start.as_bytes().to_vec();
    let room = LENGTH.saturating_sub(start.len() + end.len());
    bytes.extend(part.repeat(room / part.len()));
    bytes.extend(end.as_bytes());
    bytes
}

fn all_repeated(parts: &'static [(&'static str, &'static str, &'static str)]) -> Vec<Hostile> {
    let one = |&(start, part, end): &'static (&str, &str, &str)| {
        Hostile::new(move || repeated(start, part.as_bytes(), end))
    };
    parts.iter().map(one).collect()
}

fn smiles() -> Vec<Hostile> {
    let mut inputs = all_repeated(&[
        ("", "C", ""),
        ("", "(", ""),
        ("C", "(C", ""),
        ("C", "(C)", ""),
        ("C", ")", ""),
        ("", "[", ""),
        ("[", "1", "]"),
        ("[C:", "1", "]"),
        ("[C", "+", "]"),
        ("C", "1", ""),
        ("C", "%10", ""),
        ("", "C%(99999)", ""),
        ("", "C1CC1", ""),
        ("", "C1C2C3", ""),
        ("", ".", ""),
        ("C", ".C", ""),
        ("", "/C=C/", ""),
        ("", "[C@@H](C)", ""),
        ("C", "-", ""),
        ("C", "\\", ""),
        ("C", " ", ""),
        ("", " ", "C"),
        ("C |", "(", "|"),
        ("C |^1:", "0,", "0|"),
        ("C |&1:", "0,", "0|"),
        ("CC |Sg:n:", "0,", "|"),
        ("C |$", ";", "$|"),
        ("", "\u{b5}", ""),
        ("", "\0", ""),
        ("", "[H]", ""),
        ("", "c", ""),
        ("", "c1ccccc1", ""),
    ]);
    // At the limits, where nothing is refused for its length.
    let at_limits: [fn() -> String; 17] = [
        || "C".repeat(2000),
        || "C(".repeat(999) + "C" + &")".repeat(999),
        || format!("C1{}C1", "C".repeat(1900)),
        || format!("C1{}C1.C1{}C1", "C".repeat(497), "C".repeat(497)),
        || format!("c1ccc2[nH]c3{}3c2c1.c1c*[se]c1", "c".repeat(1880)),
        || format!("c1cc2{0}/C=C/{0}3c4cccc5cccc(c(c1)c23)c54", "c".repeat(239)),
        || {
            format!(
                "c1cc2{}/C=C/{}3c4cccc5cccc(c(c1)c23)c54",
                "c".repeat(1453),
                "c".repeat(475)
            )
        },
        || format!("c1ccc2[nH]c3{}3c2c1 |c:1|", "c".repeat(1880)),
        || "C1CC1".repeat(200),
        || vec!["C"; 1000].join("."),
        || vec!["[2H]C([H])"; 400].concat() + "C",
        || "[C@@H](F)".repeat(600) + "C",
        || "C(F)/C=C/".repeat(400) + "C",
        || "c1ccc2c(c1)".repeat(90) + &"c2".repeat(90),
        || lattice(14, "C"),
        || lattice(14, "[Si]"),
        || complete(13),
    ];
    inputs.extend(at_limits.map(|make| Hostile::new(move || make().into_bytes())));
    inputs
}

/// A square lattice of `side` times `side` atoms: many rings and much symmetry.
fn lattice(side: usize, atom: &str) -> String {
    let row = |row: usize| -> String {
        let one = |column: usize| {
            // The row above has opened what this one closes.
            let above = row.checked_sub(1).map(|above| above * side + column);
            let below = (row + 1 < side).then_some(row * side + column);
            let closures = above.into_iter().chain(below);
            atom.to_owned() + &closures.map(|it| format!("%({it})")).collect::<String>()
        };
        (0..side).map(one).collect()
    };
    (0..side).map(row).collect::<Vec<_>>().join(".")
}

/// Every one of `count` atoms bound to every other: as many rings as there can be.
fn complete(count: usize) -> String {
    let one = |atom: usize| {
        let others = (0..count).filter(|&other| other != atom);
        let label = |other: usize| format!("%({})", atom.min(other) * count + atom.max(other));
        "[U]".to_owned() + &others.map(label).collect::<String>()
    };
    (0..count).map(one).collect::<Vec<_>>().join(".")
}

fn mol_blocks() -> Vec<Hostile> {
    const V2000: &str =
        "\n\n\n  1  0  0     0  0            999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n";
    const V3000: &str = "\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n";
    let mut inputs = all_repeated(&[
        ("", "\n", ""),
        ("", " ", ""),
        ("\n\n\n", "9", ""),
        (
            "\n\n\n999999  0     0  0            999 V2000\n",
            "    0.0000    0.0000    0.0000 C   0  0\n",
            "M  END\n",
        ),
        (
            "\n\n\n  1999  0     0  0            999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n",
            "  1  1  1  0\n",
            "M  END\n",
        ),
    ]);
    let lines: [(&str, &str, &str); 9] = [
        (V2000, "M  CHG  1   1   1\n", "M  END\n"),
        (V2000, "M  CHG  8", "\nM  END\n"),
        (V2000, "M  STY  1   1 DAT\n", "M  END\n"),
        (V2000, "M  SED   1 text\n", "M  END\n"),
        (V2000, "A    1\nMe\n", "M  END\n"),
        (V3000, "M  V30 -\n", "M  END\n"),
        (V3000, "M  V30 BEGIN CTAB\n", "M  END\n"),
        (
            V3000,
            "M  V30 COUNTS 1000000 1000000 0 0 0\nM  V30 BEGIN ATOM\nM  V30 1 C 0 0 0 0\n",
            "M  END\n",
        ),
        (V3000, "M  V30 1 C 0 0 0 0 CHG=(", "\nM  END\n"),
    ];
    for (start, part, end) in lines {
        inputs.push(Hostile::new(move || repeated(start, part.as_bytes(), end)));
    }
    for (atoms, closed, bond) in [
        (2000, false, 1),
        (2000, true, 1),
        (2000, true, 2),
        (2000, true, 4),
        (2000, false, 9),
    ] {
        inputs.push(Hostile::new(move || {
            chain(atoms, closed, bond).into_bytes()
        }));
    }
    inputs
}

/// A zigzag of `atoms`, wedged or with crossed double bonds, as V3000.
fn chain(atoms: usize, closed: bool, bond: u32) -> String {
    let mut text =
        String::from("\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n");
    let bonds = atoms - usize::from(!closed);
    let _ = write!(
        text,
        "M  V30 COUNTS {atoms} {bonds} 0 0 0\nM  V30 BEGIN ATOM\n"
    );
    for atom in 0..atoms {
        let (x, y) = (atom as f64 * 0.87, (atom % 2) as f64 * 0.5);
        let _ = writeln!(text, "M  V30 {} C {x:.4} {y:.4} 0 0", atom + 1);
    }
    text.push_str("M  V30 END ATOM\nM  V30 BEGIN BOND\n");
    for at in 0..bonds {
        let order = if bond == 2 { 1 + at % 2 } else { bond as usize };
        let wedge = if order == 1 { 1 + 2 * (at % 2) } else { 2 };
        let (from, to) = (at + 1, (at + 1) % atoms + 1);
        let _ = writeln!(text, "M  V30 {} {order} {from} {to} CFG={wedge}", at + 1);
    }
    text.push_str("M  V30 END BOND\nM  V30 END CTAB\nM  END\n");
    text
}

fn tables() -> Vec<Hostile> {
    const SHEET: &str = "a.xlsx/xl/worksheets/sheet1.xml\n<worksheet><sheetData>";
    let mut inputs = all_repeated(&[
        ("a.csv\nSMILES\n", "C\n", ""),
        ("a.csv\nSMILES\n", "\"", ""),
        ("a.csv\nSMILES\n", "\"\n", ""),
        ("a.csv\nSMILES\n", "\n", ""),
        ("a.csv\nSMILES\n", "\r", ""),
        ("a.csv\nSMILES\nC", ",", "\nC\n"),
        ("a.csv\n", "#\n", "SMILES\nC\n"),
        ("a.csv\n", "#", "\nSMILES\nC\n"),
        ("a.tsv\nSMILES\t", "a\t", "\nC\n"),
        ("a.csv\nSMILES", ";", "\nC\n"),
        ("a.smi\n", "C\n", ""),
        ("a.smi\n", "C a\r\n", ""),
        ("a.smi\n", " \n", ""),
        ("a.smi\nC ", "a", "\n"),
        ("a.smi\n", "\\\\", "\n"),
        ("a.sdf\n", "\n", ""),
        ("a.sdf\n", "M  END\n", ""),
        ("a.sdf\n", "> <a>\n", ""),
        ("a.sdf\n", "\n\n\nM  END\n$$$$\n", ""),
        ("a.txt\n", "a", ""),
        ("a.txt\n", "\0", ""),
        ("-\n", "\u{b5}\n", ""),
        ("a.csv.gz/\nSMILES\n", "C\n", ""),
        ("a.zip/a.csv\nSMILES\n", "C\n", ""),
        (SHEET, "<row>", ""),
        (
            SHEET,
            "<row><c t=\"inlineStr\"><is><t>C</t></is></c></row>",
            "</sheetData></worksheet>",
        ),
        (
            SHEET,
            "<row><c r=\"XFD1\"><v>1</v></c></row>",
            "</sheetData></worksheet>",
        ),
        (
            SHEET,
            "<row><c r=\"ZZZZZZ1\"><v>1</v></c></row>",
            "</sheetData></worksheet>",
        ),
        (
            SHEET,
            "<row><c r=\"A4294967295\"><v>1</v></c></row>",
            "</sheetData></worksheet>",
        ),
        (
            "a.xlsx/xl/sharedStrings.xml\n<sst>",
            "<si><t>C</t></si>",
            "</sst>",
        ),
        (
            "a.xlsx/xl/sharedStrings.xml\n<sst count=\"4294967295\">",
            "<si>",
            "</sst>",
        ),
        (
            "a.xlsx/xl/workbook.xml\n<workbook><sheets>",
            "<sheet name=\"a\" sheetId=\"1\" r:id=\"r1\"/>",
            "</sheets></workbook>",
        ),
        (
            "a.xlsx/xl/styles.xml\n<styleSheet><cellXfs>",
            "<xf numFmtId=\"14\"/>",
            "</cellXfs></styleSheet>",
        ),
    ]);
    // A cell far to the right in each of many rows.
    inputs.push(Hostile::new(|| {
        let mut sheet = SHEET.to_owned();
        let mut row = 0;
        while sheet.len() < LENGTH {
            row += 1;
            let _ = write!(
                sheet,
                "<row r=\"{row}\"><c r=\"XFD{row}\"><v>1</v></c></row>"
            );
        }
        sheet.push_str("</sheetData></worksheet>");
        sheet.into_bytes()
    }));
    // Frames with windows of 128 MiB each, and of one byte a million times.
    inputs.push(Hostile::new(|| {
        repeated("a.smi.zst\n", b"\x28\xb5\x2f\xfd\0\x88\x09\0\0C", "")
    }));
    inputs.push(Hostile::new(|| {
        let mut input = b"a.smi.zst\n\x28\xb5\x2f\xfd\0\x58".to_vec();
        input.extend(b"\x02\0\x10\n".repeat(8));
        input.extend(b"\x03\0\0\n");
        input
    }));
    inputs
}

fn gz() -> Vec<Hostile> {
    let mut inputs = Vec::new();
    // A bomb is as long as what it unpacks to; more of it takes more time, no memory.
    for part in ["\0", "\n", "C", "C\n", "C,", "$$$$\n"] {
        for name in ["a.smi.gz", "a.csv.gz", "a.sdf.gz"] {
            inputs.push(Hostile::new(move || {
                let mut packed = format!("{name}\n").into_bytes();
                packed.extend(gzipped(&repeated("SMILES\n", part.as_bytes(), "\n")));
                packed
            }));
        }
    }
    inputs.push(Hostile::new(|| {
        repeated("a.smi.gz\n", &gzipped(b"C\n"), "")
    }));
    inputs.push(Hostile::new(|| repeated("a.smi.gz\n", &gzipped(b""), "")));
    inputs.push(Hostile::new(|| {
        let mut packed = b"a.smi.gz\n".to_vec();
        packed.extend(gzipped(b"C\n"));
        packed.resize(LENGTH, 0);
        packed
    }));
    // A header whose name does not end.
    inputs.push(Hostile::new(|| {
        let mut packed = b"a.smi.gz\n\x1f\x8b\x08\x08\0\0\0\0\0\x03".to_vec();
        packed.resize(LENGTH, b'a');
        packed
    }));
    inputs
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes).expect("a vector takes all");
    writer.finish().expect("a vector takes all")
}

/// The four files of a model directory as an input.
fn directory(parts: [&[u8]; 4]) -> Vec<u8> {
    let lengths = parts.map(|part| part.len().to_string());
    let mut input = format!("{}\n", lengths.join(" ")).into_bytes();
    input.extend(parts.concat());
    input
}

fn model_directories() -> Vec<Hostile> {
    let tiny = || {
        let path = super::folder("corpus").join("model_directory/tiny");
        let bytes = std::fs::read(path).expect("the corpus");
        let end = bytes
            .iter()
            .position(|&byte| byte == b'\n')
            .expect("a line");
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut rest = &bytes[end + 1..];
        let lengths = line.split_whitespace().filter_map(|it| it.parse().ok());
        let parts = lengths.map(|length| {
            let (part, after) = rest.split_at(length);
            rest = after;
            part.to_vec()
        });
        let parts: Vec<Vec<u8>> = parts.collect();
        <[Vec<u8>; 4]>::try_from(parts).expect("four files")
    };
    // In place of one file of a sound model.
    let with = |place: usize, make: fn() -> Vec<u8>| {
        Hostile::new(move || {
            let mut parts = tiny();
            parts[place] = make();
            directory([&parts[0], &parts[1], &parts[2], &parts[3]])
        })
    };
    let mut inputs = vec![
        with(0, || repeated("", b"[", "")),
        with(0, || repeated("{\"a\":", b"[", "")),
        with(0, || repeated("{\"a\":", b"{\"a\":", "")),
        with(0, || repeated("{\"endpoints\":[", b"null,", "null]}")),
        with(0, || repeated("{\"endpoints\":[", b"{},", "{}]}")),
        with(0, || repeated("{\"name\":\"", b"\\u0000", "\"}")),
        with(0, || repeated("{\"max_length\":", b"9", "}")),
        with(0, || {
            repeated("{\"files\":{", b"\"a\":\"a\",", "\"b\":\"\"}}")
        }),
        with(0, || keys("{\"files\":{", "\"\"", "}}")),
        with(1, || header(&repeated("{", b"\"a\":{", ""))),
        with(1, || {
            header(&repeated(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[",
                b"1,",
                "1],\"data_offsets\":[0,4]}}",
            ))
        }),
        with(1, || header(&tensors())),
        with(1, || {
            header(&repeated("{\"__metadata__\":{\"a\":\"", b"a", "\"}}"))
        }),
        with(1, || b"\xff\xff\xff\xff\xff\xff\xff\x7f{".to_vec()),
        with(1, || vec![0; LENGTH]),
        with(2, || repeated("", b"\n", "")),
        with(2, || repeated("", b"C\n", "")),
        with(3, || repeated("", b"[", "")),
        with(3, || {
            repeated("{\"endpoints\":[", b"null,", "null],\"molecules\":[]}")
        }),
        with(3, || {
            repeated(
                "{\"endpoints\":[null,null],\"molecules\":[{\"smiles\":\"C\",\"endpoints\":[",
                b"0,",
                "0]}]}",
            )
        }),
        with(3, || {
            repeated(
                "{\"endpoints\":[null,null],\"molecules\":[",
                b"{\"smiles\":\"\",\"endpoints\":[]},",
                "{\"smiles\":\"\",\"endpoints\":[]}]}",
            )
        }),
        with(3, || {
            repeated(
                "{\"endpoints\":[null,null],\"molecules\":[{\"smiles\":\"",
                b"C",
                "\",\"endpoints\":[]}]}",
            )
        }),
    ];
    inputs.push(Hostile::new(|| repeated("", b"9", "\n")));
    // Small files of domains that unpack to many times as much.
    inputs.extend([
        with(3, || bomb("{\"endpoints\":[", b"null,")),
        with(3, || {
            bomb(
                "{\"endpoints\":[null,null],\"molecules\":[",
                b"{\"smiles\":\"\",\"endpoints\":[]},",
            )
        }),
        with(3, || {
            bomb(
                "{\"endpoints\":[null,null],\"molecules\":[{\"smiles\":\"C\",\"endpoints\":[",
                b"0,",
            )
        }),
        with(3, || bomb("[", b"[")),
        with(3, || bomb("", b" ")),
    ]);
    inputs
}

/// Fifty MiB in a gzip file of as many kB.
fn bomb(start: &str, part: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer
        .write_all(start.as_bytes())
        .expect("a vector takes all");
    let mebibyte = repeated("", part, "");
    for _ in 0..50 {
        writer.write_all(&mebibyte).expect("a vector takes all");
    }
    writer.finish().expect("a vector takes all")
}

/// A safetensors file that is all header.
fn header(json: &[u8]) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json);
    bytes
}

/// A header of many empty tensors.
fn tensors() -> Vec<u8> {
    keys(
        "{",
        "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
        "}",
    )
}

/// An object of many different keys.
fn keys(start: &str, value: &str, end: &str) -> Vec<u8> {
    let mut text = start.to_owned();
    let mut number = 0;
    while text.len() + value.len() + end.len() + 20 < LENGTH {
        let _ = write!(text, "\"k{number}\":{value},");
        number += 1;
    }
    let _ = write!(text, "\"last\":{value}{end}");
    text.into_bytes()
}

fn checkpoints() -> Vec<Hostile> {
    const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    let mut inputs = Vec::new();
    // As the data.pkl of an archive, and after the magic number of the old format.
    for start in [&b"\x80\x02"[..], LEGACY] {
        for part in [
            &b"N"[..],
            b"]",
            b"}",
            b"(",
            b"\x85",
            b")\x85",
            b"N\x85",
            b"(t",
            b"(l",
            b"]\x94",
            b"]q\0",
            b"]r\0\0\0\x01",
            b"h\0",
            b"2",
            b"]2a",
            b"]2\x86",
            b"K\0",
            b"I1\n",
            b"S'a'\n",
            b"X\x01\0\0\0a",
            b"X\0\0\0\0}s",
            b"cos\nsystem\n",
            b"cos\nsystem\n)R",
            b"N0",
            b"\x80\x02N.",
            b"\x8f",
            b"9",
        ] {
            inputs.push(Hostile::new(move || {
                let mut bytes = start.to_owned();
                bytes.extend(part.repeat((LENGTH - start.len() - 1) / part.len()));
                bytes.push(b'.');
                bytes
            }));
        }
    }
    for number in [b'I', b'L', b'F', b'S', b'V', b'p', b'g', b'c', b'P'] {
        inputs.push(Hostile::new(move || {
            let mut bytes = vec![0x80, 2, number];
            bytes.extend(b"1".repeat(LENGTH));
            bytes.extend(b"L\n1\n.");
            bytes
        }));
    }
    inputs.push(Hostile::new(|| {
        let mut bytes = b"\x80\x02\x8b".to_vec();
        bytes.extend((LENGTH as u32).to_le_bytes());
        bytes.extend(b"\x7f".repeat(LENGTH));
        bytes.push(b'.');
        bytes
    }));
    // Fifty MiB of opcodes in an archive of as many kB.
    for part in [&b"N"[..], b"]", b"}", b"(", b"]\x94"] {
        inputs.push(Hostile::new(move || {
            let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
            let deflated = SimpleFileOptions::default();
            archive
                .start_file("archive/data.pkl", deflated)
                .expect("an entry");
            archive.write_all(b"\x80\x02").expect("a vector takes all");
            let mebibyte = repeated("", part, "");
            for _ in 0..50 {
                archive.write_all(&mebibyte).expect("a vector takes all");
            }
            archive.finish().expect("an archive").into_inner()
        }));
    }
    // Archives of many entries, and of false numbers of them.
    inputs.push(Hostile::new(|| {
        repeated(
            "",
            b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a",
            "",
        )
    }));
    inputs.push(Hostile::new(|| {
        repeated(
            "",
            b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0",
            "",
        )
    }));
    inputs.push(Hostile::new(|| header(&tensors())));
    inputs.push(Hostile::new(|| header(&repeated("{", b"\"a\":{", ""))));
    inputs.push(Hostile::new(|| repeated("{", b"\"a\":[", "")));
    inputs.push(Hostile::new(|| {
        let mut bytes = repeated(
            "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"a\":[",
            b"0,",
            "0]}",
        );
        bytes.push(0);
        bytes.extend(header(&tensors()));
        bytes
    }));
    inputs
}
