//! What mol blocks say beyond atoms and bonds: stereo, charges that are not
//! written, S-groups, and what is no molecule.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use delicate::chemistry::{ECFP4, Molecule, Reason};

/// A V2000 block: atoms as symbol and place, bonds as atoms, order and stereo.
fn drawn(
    header: &str,
    atoms: &[(&str, [f64; 3])],
    bonds: &[[u32; 4]],
    properties: &[&str],
) -> String {
    let mut block = format!("name\n  someone{header:>13}\n\n");
    block += &format!(
        "{:3}{:3}  0  0  0  0            999 V2000\n",
        atoms.len(),
        bonds.len()
    );
    for (symbol, [x, y, z]) in atoms {
        // What stands after the symbol comes along: `C   0  5`.
        block += &format!("{x:10.4}{y:10.4}{z:10.4} {symbol}\n");
    }
    for [a, b, order, stereo] in bonds {
        block += &format!("{a:3}{b:3}{order:3}{stereo:3}\n");
    }
    for property in properties {
        block += &format!("{property}\n");
    }
    block + "M  END\n"
}

/// Atoms in a row, for blocks without stereo.
fn in_a_row<'a>(symbols: &[&'a str]) -> Vec<(&'a str, [f64; 3])> {
    let places = (0..).map(|index| [1.5 * f64::from(index), f64::from(index % 2), 0.0]);
    symbols.iter().copied().zip(places).collect()
}

/// A V3000 block of these lines within the table.
fn v3000(atoms: usize, bonds: usize, lines: &[&str]) -> String {
    let mut block = String::from("name\n\n\n  0  0  0     0  0            999 V3000\n");
    block += "M  V30 BEGIN CTAB\n";
    block += &format!("M  V30 COUNTS {atoms} {bonds} 0 0 0\n");
    for line in lines {
        block += &format!("M  V30{line}\n");
    }
    block + "M  V30 END CTAB\nM  END\n"
}

fn read(block: &str) -> String {
    match Molecule::from_mol_block(block) {
        Ok(molecule) => molecule.canonical_smiles().unwrap(),
        Err(error) => panic!("{error}\n{block}"),
    }
}

fn canonical(smiles: &str) -> String {
    Molecule::parse(smiles).unwrap().canonical_smiles().unwrap()
}

fn error(block: &str) -> String {
    match Molecule::from_mol_block(block) {
        Ok(molecule) => panic!("{molecule:?}\n{block}"),
        Err(error) => error.to_string(),
    }
}

fn assert_refused(block: &str, what: &str, line: usize) {
    let error = error(block);
    assert!(error.contains(what), "{error}\n{block}");
    assert!(error.contains(&format!("line {line}")), "{error}\n{block}");
}

const BUTENE: [(&str, [f64; 3]); 4] = [
    ("C", [-1.2, 0.7, 0.0]),
    ("C", [0.1, 0.0, 0.0]),
    ("C", [1.4, 0.7, 0.0]),
    ("C", [2.7, 0.0, 0.0]),
];

/// The same in space: no two atoms at one depth.
fn raised(atoms: &[(&'static str, [f64; 3])]) -> Vec<(&'static str, [f64; 3])> {
    let depth = [0.3, 0.0, 0.2, 0.5];
    let raised = atoms.iter().zip(depth);
    raised
        .map(|(&(symbol, [x, y, _]), z)| (symbol, [x, y, z]))
        .collect()
}

#[test]
fn a_double_bond_is_as_it_is_drawn_unless_said_to_be_unknown() {
    let single = |stereo| [1, 2, 1, stereo];
    let double = |stereo| [2, 3, 2, stereo];
    let last = [3, 4, 1, 0];
    for (first, second, expected) in [
        (single(0), double(0), "C/C=C/C"),
        (single(0), double(3), "CC=CC"),
        (single(4), double(0), "CC=CC"),
        ([2, 1, 1, 4], double(0), "CC=CC"),
    ] {
        let bonds = [first, second, last];
        assert_eq!(read(&drawn("2D", &BUTENE, &bonds, &[])), expected);
        assert_eq!(read(&drawn("3D", &raised(&BUTENE), &bonds, &[])), expected);
    }
    let mut cis = BUTENE;
    cis[3].1 = [2.0, 2.0, 0.0];
    let bonds = [single(0), double(0), last];
    assert_eq!(read(&drawn("2D", &cis, &bonds, &[])), "C/C=C\\C");
    assert_eq!(read(&drawn("3D", &raised(&cis), &bonds, &[])), "C/C=C\\C");
    // A neighbour in line with the double bond lies on no side, and neither do
    // atoms without places.
    cis[3].1 = [1.4 + 1.3, 0.7 + 0.7, 0.0];
    assert_eq!(read(&drawn("2D", &cis, &bonds, &[])), "CC=CC");
    let nowhere = BUTENE.map(|(symbol, _)| (symbol, [0.0; 3]));
    assert_eq!(read(&drawn("2D", &nowhere, &bonds, &[])), "CC=CC");
}

#[test]
fn a_double_bond_of_v3000_is_as_it_is_drawn_unless_said_to_be_unknown() {
    for (first, second, expected) in [
        ("", "", "C/C=C/C"),
        ("", " CFG=2", "CC=CC"),
        (" CFG=2", "", "CC=CC"),
    ] {
        let block = v3000(
            4,
            3,
            &[
                " BEGIN ATOM",
                " 11 C -1.2 0.7 0 0",
                " 12 C 0.1 0 0 0",
                " 13 C 1.4 0.7 0 0",
                " 14 C 2.7 0 0 0",
                " END ATOM",
                " BEGIN BOND",
                &format!(" 1 1 11 12{first}"),
                &format!(" 2 2 12 13{second}"),
                " 3 1 13 14",
                " END BOND",
            ],
        );
        assert_eq!(read(&block), expected);
    }
}

#[test]
fn conjugated_double_bonds_keep_their_own_geometries() {
    // Hexa-2,4-diene, and the same with one bond crossed.
    let atoms = [
        ("C", [0.0, 0.0, 0.0]),
        ("C", [1.3, 0.75, 0.0]),
        ("C", [2.6, 0.0, 0.0]),
        ("C", [3.9, 0.75, 0.0]),
        ("C", [5.2, 0.0, 0.0]),
        ("C", [5.2, -1.5, 0.0]),
    ];
    let bonds = |crossed| {
        [
            [1, 2, 1, 0],
            [2, 3, 2, 0],
            [3, 4, 1, 0],
            [4, 5, 2, crossed],
            [5, 6, 1, 0],
        ]
    };
    assert_eq!(read(&drawn("2D", &atoms, &bonds(0), &[])), "C/C=C\\C=C\\C");
    assert_eq!(read(&drawn("2D", &atoms, &bonds(3), &[])), "CC=C/C=C/C");
}

#[test]
fn a_double_bond_of_unknown_geometry_gets_none_from_its_neighbours() {
    // Octa-2,4,6-triene, the middle one crossed. A SMILES cannot tell the
    // outer ones without the middle one, unless another neighbour tells them.
    let chain: Vec<(&str, [f64; 3])> = (0..8)
        .map(|at| ("C", [1.3 * f64::from(at), 0.75 * f64::from(at % 2), 0.0]))
        .collect();
    let mut bonds: Vec<[u32; 4]> = (1..8).map(|at| [at, at + 1, 2 - at % 2, 0]).collect();
    assert_eq!(read(&drawn("2D", &chain, &bonds, &[])), "C/C=C/C=C/C=C/C");
    bonds[3][3] = 3;
    assert_eq!(read(&drawn("2D", &chain, &bonds, &[])), "CC=CC=CC=CC");
    // Hydrogens that are drawn are no such neighbours: they are folded.
    let mut hydrogens = chain.clone();
    hydrogens.extend([("H", [2.6, -1.0, 0.0]), ("H", [6.5, 1.7, 0.0])]);
    let to_hydrogens = [&bonds[..], &[[3, 9, 1, 0], [6, 10, 1, 0]]].concat();
    assert_eq!(
        read(&drawn("2D", &hydrogens, &to_hydrogens, &[])),
        "CC=CC=CC=CC"
    );
    let mut branched = chain;
    branched.extend([("F", [2.6, -1.5, 0.0]), ("F", [6.5, 2.2, 0.0])]);
    bonds.extend([[3, 9, 1, 0], [6, 10, 1, 0]]);
    let branched = read(&drawn("2D", &branched, &bonds, &[]));
    assert_eq!(branched, "C/C=C(\\F)C=C/C(F)=C/C");
}

#[test]
fn explicit_hydrogens_tell_a_geometry_and_are_folded_where_they_can_be() {
    // (E)-ethanimine: the hydrogen at nitrogen is all that tells it.
    let imine = [
        ("C", [-1.2, 0.7, 0.0]),
        ("C", [0.0, 0.0, 0.0]),
        ("N", [1.2, 0.7, 0.0]),
        ("H", [2.2, 0.1, 0.0]),
        ("H", [0.0, -1.0, 0.0]),
    ];
    let bonds = [[1, 2, 1, 0], [2, 3, 2, 0], [3, 4, 1, 0], [2, 5, 1, 0]];
    assert_eq!(read(&drawn("2D", &imine, &bonds, &[])), "[H]/N=C/C");
    // Of propan-2-imine there is nothing to tell.
    let mut symmetric = imine;
    symmetric[4].0 = "C";
    assert_eq!(read(&drawn("2D", &symmetric, &bonds, &[])), "CC(C)=N");
    // 2-Butene, of which the hydrogens alone are bent.
    let butene = [
        ("C", [-1.3, 0.0, 0.0]),
        ("C", [0.0, 0.0, 0.0]),
        ("C", [1.3, 0.0, 0.0]),
        ("C", [2.6, 0.0, 0.0]),
        ("H", [-0.4, 0.9, 0.0]),
        ("H", [1.7, 0.9, 0.0]),
    ];
    let bonds = [
        [1, 2, 1, 0],
        [2, 3, 2, 0],
        [3, 4, 1, 0],
        [2, 5, 1, 0],
        [3, 6, 1, 0],
    ];
    assert_eq!(read(&drawn("2D", &butene, &bonds, &[])), "C/C=C\\C");
}

/// Alanine's centre and its three neighbours, the fourth being a hydrogen.
const ALANINE: [(&str, [f64; 3]); 6] = [
    ("C", [0.1, 0.0, 0.0]),
    ("N", [-1.2, 0.7, 0.0]),
    ("C", [0.1, -1.5, 0.0]),
    ("C", [1.4, 0.7, 0.0]),
    ("O", [2.7, 0.0, 0.0]),
    ("O", [1.4, 2.2, 0.0]),
];

fn alanine(stereo: u32) -> [[u32; 4]; 5] {
    [
        [1, 2, 1, 0],
        [1, 3, 1, stereo],
        [1, 4, 1, 0],
        [4, 5, 1, 0],
        [4, 6, 2, 0],
    ]
}

#[test]
fn wedges_tell_a_centre_in_spite_of_noise_in_z() {
    let plain = "CC(N)C(=O)O";
    for (stereo, expected) in [
        (1, "C[C@@H](N)C(=O)O"),
        (6, "C[C@H](N)C(=O)O"),
        (4, plain),
        (0, plain),
    ] {
        assert_eq!(
            read(&drawn("2D", &ALANINE, &alanine(stereo), &[])),
            expected
        );
        for noise in [0.0001, -0.01, 0.05] {
            let mut atoms = ALANINE;
            atoms[4].1[2] = noise;
            for header in ["2D", "", "3D"] {
                let block = drawn(header, &atoms, &alanine(stereo), &[]);
                assert_eq!(read(&block), expected, "{noise} {header}");
            }
        }
        // A drawing may lie in any plane.
        let lifted = ALANINE.map(|(symbol, [x, y, _])| (symbol, [x, y, 2.5]));
        assert_eq!(read(&drawn("2D", &lifted, &alanine(stereo), &[])), expected);
    }
    // The same wedge from the other end is none of the centre's.
    let mut turned = alanine(1);
    turned[1] = [3, 1, 1, 1];
    assert_eq!(read(&drawn("2D", &ALANINE, &turned, &[])), plain);
}

#[test]
fn a_wedge_at_an_explicit_hydrogen_tells_its_centre() {
    let mut atoms = ALANINE.to_vec();
    atoms.push(("H", [0.5, -1.0, 0.0]));
    let with_hydrogen = |methyl, hydrogen| {
        let mut bonds = alanine(methyl).to_vec();
        bonds.push([1, 7, 1, hydrogen]);
        bonds
    };
    let wedge = read(&drawn("2D", &atoms, &with_hydrogen(0, 1), &[]));
    let dash = read(&drawn("2D", &atoms, &with_hydrogen(0, 6), &[]));
    assert_eq!(wedge, "C[C@H](N)C(=O)O");
    assert_eq!(dash, "C[C@@H](N)C(=O)O");
}

#[test]
fn nitrogen_with_four_bonds_is_a_centre_and_with_three_is_none() {
    // Tetrahedron of nitrogen: CH2Cl, CH2F, CH2Br and CH3.
    let mut atoms = vec![
        ("N   0  3", [0.0, 0.0, 0.0]),
        ("C", [0.85, 0.85, 0.85]),
        ("C", [-0.85, -0.85, 0.85]),
        ("C", [-0.85, 0.85, -0.85]),
        ("Cl", [1.9, 1.9, 1.9]),
        ("F", [-1.7, -1.7, 1.7]),
        ("Br", [-1.9, 1.9, -1.9]),
    ];
    let mut bonds = vec![
        [1, 2, 1, 0],
        [1, 3, 1, 0],
        [1, 4, 1, 0],
        [2, 5, 1, 0],
        [3, 6, 1, 0],
        [4, 7, 1, 0],
    ];
    // Protonated, its hydrogen without a place.
    assert_eq!(read(&drawn("3D", &atoms, &bonds, &[])), "FC[N@H+](CCl)CBr");
    // Without the charge it inverts.
    let mut neutral = atoms.clone();
    neutral[0].0 = "N";
    assert_eq!(read(&drawn("3D", &neutral, &bonds, &[])), "FCN(CCl)CBr");
    atoms.push(("C", [0.85, -0.85, -0.85]));
    bonds.push([1, 8, 1, 0]);
    assert_eq!(
        read(&drawn("3D", &atoms, &bonds, &[])),
        "C[N@@+](CF)(CCl)CBr"
    );
    // Its mirror image as a drawing, the methyl group nearer than the others.
    let mut wedged = bonds.clone();
    wedged[6][3] = 1;
    let mut flat: Vec<_> = atoms
        .iter()
        .map(|&(s, [x, y, _])| (s, [x, y, 0.0]))
        .collect();
    flat[7].1 = [0.9, -0.9, 0.0];
    assert_eq!(
        read(&drawn("2D", &flat, &wedged, &[])),
        "C[N@+](CF)(CCl)CBr"
    );
}

#[test]
fn groups_drawn_without_charges_are_as_if_drawn_with_them() {
    let chain = |bonds: &[u32]| -> Vec<[u32; 4]> {
        let bonds = (1..).zip(bonds);
        bonds.map(|(at, &order)| [at, at + 1, order, 0]).collect()
    };
    let with = |mut bonds: Vec<[u32; 4]>, more: &[[u32; 4]]| {
        bonds.extend(more);
        bonds
    };
    let nitro = |order| with(chain(&[1, 2]), &[[2, 4, order, 0]]);
    let oxide = |order| with(chain(&[2, 1, 2, 1, 2]), &[[6, 1, 1, 0], [1, 7, order, 0]]);
    for (symbols, uncharged, charged, charges, smiles) in [
        (
            "C N O O",
            nitro(2),
            nitro(1),
            "2   1   4  -1",
            "C[N+](=O)[O-]",
        ),
        (
            "N C C C C C O",
            oxide(2),
            oxide(1),
            "1   1   7  -1",
            "[O-][n+]1ccccc1",
        ),
        (
            "C N N N",
            chain(&[1, 2, 3]),
            chain(&[1, 2, 2]),
            "3   1   4  -1",
            "CN=[N+]=[N-]",
        ),
        (
            "C N N N",
            chain(&[1, 2, 2]),
            chain(&[1, 2, 2]),
            "3   1   4  -1",
            "CN=[N+]=[N-]",
        ),
        (
            "C N N",
            chain(&[2, 3]),
            chain(&[2, 2]),
            "2   1   3  -1",
            "C=[N+]=[N-]",
        ),
        (
            "C N N",
            chain(&[2, 2]),
            chain(&[2, 2]),
            "2   1   3  -1",
            "C=[N+]=[N-]",
        ),
        (
            "C N C",
            chain(&[1, 3]),
            chain(&[1, 3]),
            "2   1   3  -1",
            "C[N+]#[C-]",
        ),
    ] {
        let atoms = in_a_row(&symbols.split(' ').collect::<Vec<_>>());
        let charges = format!("M  CHG  2   {charges}");
        let [drawn, charged] = [
            drawn("2D", &atoms, &uncharged, &[]),
            drawn("2D", &atoms, &charged, &[&charges]),
        ]
        .map(|block| Molecule::from_mol_block(&block).unwrap());
        assert_eq!(drawn.canonical_smiles().unwrap(), canonical(smiles));
        assert_eq!(charged.canonical_smiles().unwrap(), canonical(smiles));
        assert_eq!(drawn.descriptors().unwrap(), charged.descriptors().unwrap());
        assert_eq!(drawn.ecfp(ECFP4).unwrap(), charged.ecfp(ECFP4).unwrap());
    }
}

#[test]
fn elements_that_a_smiles_brackets_have_their_hydrogens_in_a_mol_block() {
    for (symbols, smiles) in [
        (["C", "Si"], "C[SiH3]"),
        (["C", "Se"], "C[SeH]"),
        (["C", "Ge"], "C[GeH3]"),
    ] {
        let block = drawn("2D", &in_a_row(&symbols), &[[1, 2, 1, 0]], &[]);
        let molecule = Molecule::from_mol_block(&block).unwrap();
        let written = Molecule::parse(smiles).unwrap();
        assert_eq!(
            molecule.canonical_smiles().unwrap(),
            written.canonical_smiles().unwrap()
        );
        assert_eq!(
            molecule.descriptors().unwrap(),
            written.descriptors().unwrap(),
            "{smiles}"
        );
        let bits = |molecule: &Molecule| molecule.ecfp(ECFP4).unwrap();
        assert_eq!(bits(&molecule), bits(&written), "{smiles}");
    }
}

#[test]
fn bonds_that_are_none_are_refused_by_kind_and_line() {
    let atoms = in_a_row(&["N", "B"]);
    let with = |order, properties: &[&str]| drawn("2D", &atoms, &[[1, 2, order, 0]], properties);
    assert_refused(&with(1, &["M  ZBO  1   1   0"]), "zero-order bond", 8);
    assert_refused(&with(0, &[]), "zero-order bond", 7);
    assert_refused(&with(9, &[]), "coordination bond", 7);
    assert_refused(&with(10, &[]), "hydrogen bond", 7);
    for order in 5..=8 {
        assert_refused(&with(order, &[]), "query bond", 7);
    }
    let error = error(&with(11, &[]));
    assert_eq!(error, "mol block, line 7: no bond has type 11");

    let of_v3000 = |kind| {
        let bond = format!(" 1 {kind} 1 2");
        v3000(
            2,
            1,
            &[
                " BEGIN ATOM",
                " 1 N 0 0 0 0",
                " 2 B 1.5 0 0 0",
                " END ATOM",
                " BEGIN BOND",
                &bond,
                " END BOND",
            ],
        )
    };
    assert_eq!(read(&of_v3000(1)), "BN");
    assert_refused(&of_v3000(9), "coordination bond", 12);
    assert_refused(&of_v3000(10), "hydrogen bond", 12);
    assert_refused(&of_v3000(8), "query bond", 12);
}

#[test]
fn charges_and_hydrogens_of_zero_order_lines_are_applied() {
    let atoms = in_a_row(&["C", "N", "B"]);
    let bonds = [[1, 2, 1, 0], [2, 3, 1, 0]];
    let with = |properties: &[&str]| read(&drawn("2D", &atoms, &bonds, properties));
    assert_eq!(with(&["M  ZCH  1   2   0"]), "BNC");
    assert_eq!(
        with(&["M  ZCH  2   2   1   3  -1"]),
        canonical("C[NH2+][BH3-]")
    );
    assert_eq!(
        with(&[
            "M  CHG  1   2   1",
            "M  ZCH  1   3  -1",
            "M  HYD  2   2   2   3   3"
        ]),
        canonical("C[NH2+][BH3-]")
    );
    // A value left out is nothing.
    assert_eq!(with(&["M  CHG  1   2   1", "M  ZCH  1   2"]), "BNC");
}

#[test]
fn a_line_goes_on_after_a_hyphen_however_it_is_trimmed() {
    let block = v3000(
        3,
        2,
        &[
            " BEGIN ATOM",
            " 5 C 0 -",
            " 0 0 -",
            " 0",
            " 6 N 1.5 0 0 0 CHG=-",
            "",
            " 7 O 2.5 1 0 0 -   ",
            " CHG=-1",
            " END ATOM",
            " BEGIN BOND",
            " 1 1 5 6",
            " 2 1 6 7",
            " END BOND",
            " BEGIN SGROUP",
            " 1 DAT 0 ATOMS=(1 5) FIELDNAME=batch FIELDDATA=\"B 7\" -",
            "",
            " END SGROUP",
        ],
    );
    assert_eq!(read(&block), "CN[O-]");
    let unfinished = block.replace(" 0 0 -\nM  V30 0\n", " 0 0 -\nM  V3 0\n");
    assert!(
        error(&unfinished).contains("line 10"),
        "{}",
        error(&unfinished)
    );
}

#[test]
fn radicals_are_refused_by_line() {
    let carbon = |code: &'static str| drawn("", &in_a_row(&[code, "C"]), &[[1, 2, 1, 0]], &[]);
    assert_refused(&carbon("C   0  4"), "radical", 5);
    assert_eq!(read(&carbon("C   0  5")), canonical("C[CH2-]"));
    let marked =
        |properties: &[&str]| drawn("", &in_a_row(&["C", "C"]), &[[1, 2, 1, 0]], properties);
    for kind in [
        "M  RAD  1   1   1",
        "M  RAD  1   1   2",
        "M  RAD  1   1   3",
    ] {
        assert_refused(&marked(&[kind]), "radical", 8);
    }
    assert_eq!(read(&marked(&["M  RAD  1   1   0"])), "CC");
    let of_v3000 = |option| {
        let atom = format!(" 1 C 0 0 0 0{option}");
        v3000(1, 0, &[" BEGIN ATOM", &atom, " END ATOM"])
    };
    assert_refused(&of_v3000(" RAD=2"), "radical", 8);
    assert_eq!(read(&of_v3000(" RAD=0")), "C");
    assert_eq!(read(&of_v3000(" MASS=13")), "[13CH4]");
}

#[test]
fn atoms_that_are_none_are_refused_by_kind_and_line() {
    for (symbol, what) in [
        ("*", "wildcard"),
        ("R", "R group"),
        ("R#", "R group"),
        ("R12", "R group"),
        ("A", "query atom"),
        ("Q", "query atom"),
        ("X", "query atom"),
        ("M", "query atom"),
        ("QH", "query atom"),
        ("L", "atom list"),
        ("LP", "lone pair"),
        ("C   0  0  0  2", "query atom"),
    ] {
        let block = drawn("", &in_a_row(&["C", symbol]), &[[1, 2, 1, 0]], &[]);
        assert_refused(&block, what, 6);
        if symbol.contains(' ') {
            continue;
        }
        let atom = format!(" 2 {symbol} 1.5 0 0 0");
        let atoms = [" BEGIN ATOM", " 1 C 0 0 0 0", &atom, " END ATOM"];
        assert_refused(&v3000(2, 0, &atoms), what, 9);
    }
    for (atom, what) in [
        (" 1 [C,N] 0 0 0 0", "atom list"),
        (" 1 \"NOT [C,N]\" 0 0 0 0", "atom list"),
        (" 1 NOT[C,N] 0 0 0 0", "atom list"),
        (" 1 C 0 0 0 0 SUBST=3", "query atom"),
        (" 1 C 0 0 0 0 HCOUNT=1", "query atom"),
        (" 1 C 0 0 0 0 ATTCHPT=1", "R group"),
        (" 1 R# 0 0 0 0 RGROUPS=(1 1)", "R group"),
    ] {
        assert_refused(&v3000(1, 0, &[" BEGIN ATOM", atom, " END ATOM"]), what, 8);
    }
    let marked = |lines: &[&str]| drawn("", &in_a_row(&["C", "O"]), &[[1, 2, 1, 0]], lines);
    for (line, what) in [
        ("M  ALS   1  2 F C   N   ", "atom list"),
        ("  1 F    2   6   7", "atom list"),
        ("M  RGP  1   1   1", "R group"),
        ("M  SUB  1   1   3", "query atom"),
        ("M  APO  1   1   1", "R group"),
        ("M  LIN  1   1   3   2   0", "repeating unit"),
    ] {
        assert_refused(&marked(&[line]), what, 8);
    }
    assert_refused(&marked(&["A    1", "R1"]), "R group", 9);
    assert_eq!(read(&marked(&["A    1", "C12", "V    2 7.0"])), "CO");
    let upper = drawn("", &in_a_row(&["C", "CL"]), &[[1, 2, 1, 0]], &[]);
    assert_eq!(read(&upper), "CCl");
    let unknown = drawn("", &in_a_row(&["C", "Xq"]), &[[1, 2, 1, 0]], &[]);
    let reason = Molecule::from_mol_block(&unknown).unwrap_err().reason;
    assert_eq!(
        reason,
        Reason::UnknownElement {
            symbol: "Xq".into()
        }
    );
    assert_refused(&unknown, "unknown element `Xq`", 6);
}

#[test]
fn groups_that_describe_are_passed_over_and_polymers_refused() {
    let propane = |lines: &[&str]| {
        let bonds = [[1, 2, 1, 0], [2, 3, 1, 0]];
        drawn("", &in_a_row(&["C", "C", "C"]), &bonds, lines)
    };
    let sty = |kind: &str| format!("M  STY  1   1 {kind}");
    for kind in ["SUP", "GEN", "COM", "MIX", "DAT"] {
        assert_eq!(
            read(&propane(&[&sty(kind), "M  SAL   1  2   1   2"])),
            "CCC"
        );
    }
    for kind in ["SRU", "COP", "MON", "ANY"] {
        assert_refused(&propane(&[&sty(kind), "M  SAL   1  1   2"]), "polymer", 10);
    }
    // A multiple group lists all of its atoms, of which some are drawn.
    let multiple = |times| {
        propane(&[
            &sty("MUL"),
            "M  SAL   1  2   1   2",
            "M  SPA   1  1   1",
            &format!("M  SMT   1 {times}"),
        ])
    };
    assert_eq!(read(&multiple("2")), "CCC");
    assert_refused(&multiple("5"), "repeating unit", 10);
    assert_refused(&multiple("n"), "repeating unit", 10);
    let data = |name: &str| {
        propane(&[
            &sty("DAT"),
            "M  SAL   1  1   2",
            "M  SBL   1  1   1",
            &format!("M  SDT   1 {name}"),
            "M  SED   1 1",
        ])
    };
    assert_eq!(read(&data("anything")), "CCC");
    assert_refused(&data("MRV_COORDINATE_BOND_TYPE"), "coordination bond", 10);
    assert_refused(&data("ZBO"), "zero-order bond", 10);
}

#[test]
fn a_data_group_tells_the_hydrogen_of_an_aromatic_nitrogen() {
    let ring: Vec<[u32; 4]> = (1..=5).map(|at| [at, at % 5 + 1, 4, 0]).collect();
    let atoms = in_a_row(&["N", "C", "C", "C", "C"]);
    let said = drawn(
        "",
        &atoms,
        &ring,
        &[
            "M  STY  1   1 DAT",
            "M  SAL   1  1   1",
            "M  SDT   1 MRV_IMPLICIT_H",
            "M  SED   1 IMPL_H1",
        ],
    );
    assert_eq!(read(&said), "c1cc[nH]c1");
    let unsaid = error(&drawn("", &atoms, &ring, &[]));
    assert!(unsaid.contains("cannot alternate"), "{unsaid}");
}

#[test]
fn enhanced_stereo_is_read_as_it_is_drawn() {
    let block = |collection: &[&str]| {
        let mut lines = vec![
            " BEGIN ATOM",
            " 1 C 0 0 0 0",
            " 2 F -1.3 0.7 0 0",
            " 3 C 0 -1.5 0 0",
            " 4 Cl 1.3 0.7 0 0",
            " END ATOM",
            " BEGIN BOND",
            " 1 1 1 2",
            " 2 1 1 3 CFG=1",
            " 3 1 1 4",
            " END BOND",
        ];
        lines.extend(collection);
        v3000(4, 3, &lines)
    };
    let plain = read(&block(&[]));
    assert!(plain.contains('@'), "{plain}");
    for kind in ["STEABS", "STERAC1", "STEREL1"] {
        let group = format!(" MDLV30/{kind} ATOMS=(1 1)");
        let collection = [" BEGIN COLLECTION", &group, " END COLLECTION"];
        assert_eq!(read(&block(&collection)), plain);
    }
}

#[test]
fn lines_beyond_the_counts_are_refused_and_lose_no_bond() {
    let propane = |counts: &str| {
        format!(
            "propane\n\n\n{counts}  0  0  0  0            999 V2000\n\
             \x20   0.0000    0.0000    0.0000 C   0  0\n\
             \x20   1.3000    0.7000    0.0000 C   0  0\n\
             \x20   2.6000    0.0000    0.0000 C   0  0\n\
             \x20 1  2  1  0\n\x20 2  3  1  0\nA    1\n3 of 3\nM  END\n"
        )
    };
    assert_eq!(read(&propane("  3  2")), "CCC");
    assert_refused(&propane("  3  1"), "beyond those that the counts line", 9);
    assert_refused(&propane("  3  0"), "beyond those that the counts line", 8);
}

#[test]
fn a_wedge_of_v3000_has_its_own_codes() {
    let block = |mark: &str| {
        let wedged = format!(" 2 1 1 3{mark}");
        let lines = [
            " BEGIN ATOM",
            " 1 C 0 0 0 0",
            " 2 F -1.3 0.7 0 0",
            " 3 C 0 -1.5 0 0",
            " 4 Cl 1.3 0.7 0 0",
            " END ATOM",
            " BEGIN BOND",
            " 1 1 1 2",
            &wedged,
            " 3 1 1 4",
            " END BOND",
        ];
        v3000(4, 3, &lines)
    };
    let down = read(&block(" CFG=3"));
    assert!(
        down.contains('@') && down != read(&block(" CFG=1")),
        "{down}"
    );
    assert_eq!(read(&block(" CFG=0")), read(&block("")));
    // The code of V2000, as Open Babel writes it.
    assert_refused(&block(" CFG=6"), "CFG is 0 to 3", 15);
}

#[test]
fn a_block_that_is_cut_off_is_an_error() {
    let whole = drawn(
        "",
        &in_a_row(&["C", "N"]),
        &[[1, 2, 1, 0]],
        &["M  CHG  1   2   1"],
    );
    assert_eq!(read(&whole), "C[NH3+]");
    let cut = error(whole.strip_suffix("M  END\n").unwrap());
    assert!(cut.contains("`M  END` is missing"), "{cut}");
}

#[test]
fn a_fault_of_an_atom_is_in_its_line() {
    let atoms = in_a_row(&["C", "C", "O", "F"]);
    let bonds = [[1, 2, 2, 0], [2, 3, 2, 0], [2, 4, 1, 0]];
    let block = drawn("", &atoms, &bonds, &[]);
    assert_refused(&block, "explicit valence 5", 6);
}

#[test]
fn a_block_of_another_version_is_not_read_as_one_of_v2000() {
    let block = drawn("2D", &in_a_row(&["C", "O"]), &[[1, 2, 1, 0]], &[]);
    assert_eq!(read(&block), "CO");
    for version in ["V4000", "V1000", "V300", "v3000"] {
        let other = block.replace("V2000", version);
        let error = Molecule::from_mol_block(&other).unwrap_err().to_string();
        assert!(
            error.contains(&format!("line 4: the version `{version}` is not known")),
            "{error}"
        );
    }
    // Very old files name none.
    assert_eq!(read(&block.replace(" V2000", "")), "CO");
}

#[test]
fn a_bond_to_several_atoms_is_no_bond() {
    let block = |ends: &str| {
        let bond = format!(" 6 1 6 1 {ends}");
        v3000(
            6,
            5,
            &[
                " BEGIN ATOM",
                " 1 C 0 0 0 0",
                " 2 C 1 0 0 0",
                " 3 C 2 0 0 0",
                " 4 C 3 0 0 0",
                " 5 C 4 0 0 0",
                " 6 O 5 0 0 0",
                " END ATOM",
                " BEGIN BOND",
                " 1 1 1 2",
                " 2 1 2 3",
                " 3 1 3 4",
                " 4 1 4 5",
                &bond,
                " END BOND",
            ],
        )
    };
    assert_eq!(read(&block("")), "CCCCCO");
    let refused = |ends: &str| Molecule::from_mol_block(&block(ends)).unwrap_err();
    let error = refused("ENDPTS=(3 1 2 3) ATTACH=ALL");
    assert_eq!(
        error.reason,
        Reason::Bond {
            kind: "bond to several atoms (ENDPTS)"
        }
    );
    assert_eq!(error.line, Some(20));
    let error = refused("ATTACH=ANY ENDPTS=(3 1 2 3)").to_string();
    assert!(error.contains("a bond whose place varies"), "{error}");
}

#[test]
fn a_number_that_cannot_be_written_is_refused_by_its_line() {
    let bonds = [[1, 2, 1, 0]];
    let with = |atoms: &[&str], properties: &[&str]| {
        error(&drawn("2D", &in_a_row(atoms), &bonds, properties))
    };
    for (property, said) in [
        (
            "M  CHG  1   2-100",
            "charge -100 is out of range (-15 to 15)",
        ),
        ("M  CHG  1   2  16", "charge 16 is out of range (-15 to 15)"),
        (
            "M  ZCH  1   2 -16",
            "charge -16 is out of range (-15 to 15)",
        ),
        (
            "M  ISO  1   2  -1",
            "mass number -1 is out of range (0 to 9999)",
        ),
        (
            "M  ISO  1   2 65000",
            "mass number 65000 is out of range (0 to 9999)",
        ),
        (
            "M  HYD  1   2  10",
            "hydrogen count 10 is out of range (0 to 9)",
        ),
    ] {
        assert_eq!(
            with(&["C", "O"], &[property]),
            format!("atom 2 (O) in line 8 of the mol block: {said}")
        );
    }
    // The old code is four less the charge.
    assert_eq!(
        with(&["C", "O   0 20"], &[]),
        "atom 2 (O) in line 6 of the mol block: charge -16 is out of range (-15 to 15)"
    );
    // A later line says otherwise, and the code is void.
    let void = drawn(
        "2D",
        &in_a_row(&["C", "O   0 20"]),
        &bonds,
        &["M  CHG  1   2  -1"],
    );
    assert_eq!(read(&void), "C[O-]");

    let of_v3000 = |atom: &str| {
        let atom = format!(" 7 {atom}");
        v3000(1, 0, &[" BEGIN ATOM", &atom, " END ATOM"])
    };
    for (atom, said) in [
        (
            "O 0 0 0 0 CHG=-100",
            "7 (O): charge -100 is out of range (-15 to 15)",
        ),
        (
            "C 0 0 0 0 MASS=10000",
            "7 (C): mass number 10000 is out of range (0 to 9999)",
        ),
        (
            "C 0 0 0 65536",
            "7 (C): atom map number 65536 is out of range (0 to 65535)",
        ),
        (
            "Fe 0 0 0 0 VAL=16",
            "7 (Fe): valence 16 is out of range (-1 to 15)",
        ),
        (
            "Fe 0 0 0 0 VAL=12",
            "7 (Fe): hydrogen count 12 is out of range (0 to 9)",
        ),
    ] {
        let error = error(&of_v3000(atom));
        let place = " in line 8 of the mol block";
        assert_eq!(error.replace(place, ""), format!("atom {said}"), "{atom}");
        assert!(error.contains(place), "{error}");
    }
    // What may be written is.
    for (atom, smiles) in [
        ("O 0 0 0 0 CHG=-15", "[O-15]"),
        ("C 0 0 0 65535 MASS=9999", "[9999CH4:65535]"),
        ("Fe 0 0 0 0 VAL=9", "[FeH9]"),
        ("Fe 0 0 0 0 VAL=-1", "[Fe]"),
    ] {
        assert_eq!(read(&of_v3000(atom)), canonical(smiles), "{atom}");
    }
}

#[test]
fn more_rings_than_a_smiles_may_have_are_refused() {
    // Cyclopropanes, each a part of its own.
    let block = |rings: u32| {
        let atoms = vec!["C"; 3 * rings as usize];
        let bonds = (0..rings).flat_map(|ring| {
            let [a, b, c] = [1, 2, 3].map(|atom| 3 * ring + atom);
            [[a, b, 1, 0], [b, c, 1, 0], [a, c, 1, 0]]
        });
        drawn("2D", &in_a_row(&atoms), &bonds.collect::<Vec<_>>(), &[])
    };
    let written = read(&block(200));
    assert_eq!(canonical(&written), written);
    assert_eq!(error(&block(201)), "too large: more than 200 rings");
}
