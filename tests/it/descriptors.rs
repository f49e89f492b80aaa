//! Descriptors, fingerprints and scaffolds against RDKit, entry by entry of the
//! table that `golden/descriptors.py` writes, and by the properties they promise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use delicate::chemistry::{
    AtomOrder, ChemistryError, DESCRIPTORS, ECFP4, Ecfp, Environment, EnvironmentCounts, Molecule,
    Reason, SURFACE_DESCRIPTORS,
};

/// One line of `golden/descriptors.tsv`.
struct Entry {
    input: &'static str,
    scaffold: Option<&'static str>,
    ecfp4: Vec<usize>,
    ecfp6: Vec<usize>,
    /// Kinds of environments, environments, and the sum of hash times count.
    environments: [u64; 3],
    values: Vec<f64>,
}

fn table() -> Vec<Entry> {
    let lines = include_str!("../golden/descriptors.tsv").lines().skip(2);
    let numbers = |field: &str| -> Vec<u64> {
        let all = field.split(' ');
        all.map(|number| number.parse().unwrap()).collect()
    };
    let bits = |field: &str| numbers(field).into_iter().map(|bit| bit as usize).collect();
    lines
        .map(|line| {
            let field: Vec<&str> = line.split('\t').collect();
            Entry {
                input: field[0],
                scaffold: Some(field[1]).filter(|smiles| !smiles.is_empty()),
                ecfp4: bits(field[2]),
                ecfp6: bits(field[3]),
                environments: numbers(field[4]).try_into().unwrap(),
                values: field[5..].iter().map(|v| v.parse().unwrap()).collect(),
            }
        })
        .collect()
}

/// Molecules some of whose descriptors differ from RDKit's, which these are,
/// and why.
const DESCRIBED_OTHERWISE: [(&str, &[&str], &str); 5] = [
    (
        "[CH2]c1ccccc1",
        &["PEOE_VSA6", "PEOE_VSA7"],
        "the crate hybridises a radical's carbon otherwise",
    ),
    (
        "c1ccccc1[CH]c1ccccc1",
        &["PEOE_VSA7", "PEOE_VSA8"],
        "the crate hybridises a radical's carbon otherwise",
    ),
    (
        "b1ccccc1",
        &["PEOE_VSA5", "PEOE_VSA6", "PEOE_VSA11", "PEOE_VSA14"],
        "RDKit has no partial charges for aromatic boron",
    ),
    (
        "c1ccbcc1",
        &["PEOE_VSA5", "PEOE_VSA6", "PEOE_VSA11", "PEOE_VSA14"],
        "RDKit has no partial charges for aromatic boron",
    ),
    (
        "P12P3P1P23",
        &[
            "NumAromaticRings",
            "NumAliphaticRings",
            "NumSaturatedRings",
            "NumAromaticHeterocycles",
            "NumAliphaticHeterocycles",
            "NumSaturatedHeterocycles",
            "SlogP_VSA12",
            "SMR_VSA10",
            "EState_VSA4",
            "PEOE_VSA8",
            "LabuteASA",
        ],
        "white phosphorus is aromatic to RDKit",
    ),
];

/// Molecules whose fingerprint differs from RDKit's, and why.
const HASHED_OTHERWISE: [(&str, &str); 1] =
    [("P12P3P1P23", "white phosphorus is aromatic to RDKit")];

/// Molecules that do not read back as the same one, and why.
const READ_BACK_OTHERWISE: [(&str, &str); 2] = [
    (
        "c1ccc2c3ccccc3c2c1",
        "whether this antiaromatic ring counts as aromatic hangs on its Kekulé form",
    ),
    ("P12P3P1P23", "white phosphorus is aromatic to RDKit"),
];

fn is_among(list: &[(&str, &str)], input: &str) -> bool {
    list.iter().any(|(text, _)| *text == input)
}

fn parse(smiles: &str) -> Molecule {
    Molecule::parse(smiles).unwrap_or_else(|error| panic!("`{smiles}`: {error}"))
}

/// Fails with every difference at once: a list says more than its first line.
fn assert_none(differences: Vec<String>) {
    let count = differences.len();
    assert!(count == 0, "{count} differ:\n{}", differences.join("\n"));
}

/// The names of the descriptors in which two lists of values differ, beyond
/// what a table of seven digits can tell.
fn differing(ours: &[f64], theirs: &[f64]) -> Vec<&'static str> {
    assert_eq!(
        (ours.len(), theirs.len()),
        (DESCRIPTORS.len(), DESCRIPTORS.len())
    );
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
    let values = ours.iter().zip(theirs).zip(DESCRIPTORS);
    values
        .filter(|((a, b), _)| !close(**a, **b))
        .map(|(_, name)| name)
        .collect()
}

#[test]
fn the_descriptors_are_named_as_in_the_table() {
    let header = include_str!("../golden/descriptors.tsv")
        .lines()
        .nth(1)
        .unwrap();
    let names: Vec<&str> = header.split('\t').skip(5).collect();
    assert_eq!(names, DESCRIPTORS);
    assert!(table().len() >= 250);
}

#[test]
fn the_surface_descriptors_are_the_49_of_the_paper() {
    let count = |prefix: &str| {
        let names = SURFACE_DESCRIPTORS.iter();
        names.filter(|name| name.starts_with(prefix)).count()
    };
    assert_eq!(SURFACE_DESCRIPTORS.len(), 49);
    assert_eq!(count("SlogP_VSA"), 12);
    assert_eq!(count("SMR_VSA"), 10);
    assert_eq!(count("EState_VSA"), 11);
    assert_eq!(count("PEOE_VSA"), 14);
    assert_eq!(count("LabuteASA") + count("TPSA"), 2);
}

#[test]
fn the_surface_descriptors_alone_have_the_values_they_have_among_all() {
    for entry in table() {
        let molecule = parse(entry.input);
        let all = molecule.descriptors().unwrap();
        let surface = molecule.surface_descriptors().unwrap();
        assert_eq!(surface, all[all.len() - surface.len()..], "{}", entry.input);
    }
}

#[test]
fn descriptors_are_rdkits() {
    let mut differences = Vec::new();
    for entry in table() {
        if DESCRIBED_OTHERWISE
            .iter()
            .any(|(input, ..)| *input == entry.input)
        {
            continue;
        }
        let ours = parse(entry.input).descriptors().unwrap();
        let names = differing(&ours, &entry.values);
        if !names.is_empty() {
            differences.push(format!("{}: {}", entry.input, names.join(" ")));
        }
    }
    assert_none(differences);
}

/// RDKit 2026.09.1's counts, in cages that are sums of many rings and around metals.
#[test]
fn atoms_in_which_rings_meet_are_rdkits() {
    let place = |name| DESCRIPTORS.iter().position(|&it| it == name).unwrap();
    let places = [place("NumSpiroAtoms"), place("NumBridgeheadAtoms")];
    for (smiles, counts) in [
        ("C1CCCCC11CCCC1", [1.0, 0.0]),
        ("C1CC2CCC1C2", [0.0, 2.0]),
        ("c1ccc2ccccc2c1", [0.0, 0.0]),
        ("CCNC1C2C3CC4C5CC(C42)C1(C)C53", [0.0, 6.0]),
        ("C1C2C3C2C2C1C32", [0.0, 2.0]),
        (
            "O=S1(=O)[OH+][Cu-5]2(O)(O)([O+]=C3N=CNc4ncn2c43)[OH+]1",
            [1.0, 0.0],
        ),
    ] {
        let values = parse(smiles).descriptors().unwrap();
        assert_eq!(places.map(|place| values[place]), counts, "{smiles}");
    }
}

#[test]
fn every_known_difference_still_differs() {
    let table = table();
    let find = |input| table.iter().find(|entry| entry.input == input).unwrap();
    for (input, names, reason) in DESCRIBED_OTHERWISE {
        let ours = parse(input).descriptors().unwrap();
        let differing = differing(&ours, &find(input).values);
        assert_eq!(differing, names, "{input} is described otherwise: {reason}");
    }
    for (input, reason) in HASHED_OTHERWISE {
        let ours: Vec<usize> = parse(input).ecfp(ECFP4).unwrap().bits().collect();
        assert_ne!(
            ours,
            find(input).ecfp4,
            "{input} is hashed as RDKit does now: {reason}"
        );
    }
}

#[test]
fn descriptors_do_not_depend_on_how_a_molecule_is_written() {
    let mut differences = Vec::new();
    for entry in table() {
        if is_among(&READ_BACK_OTHERWISE, entry.input) {
            continue;
        }
        let molecule = parse(entry.input);
        let expected = molecule.descriptors().unwrap();
        for order in [AtomOrder::Canonical, AtomOrder::Random(7)] {
            let smiles = molecule.kekule_string(order).unwrap();
            let names = differing(&parse(&smiles).descriptors().unwrap(), &expected);
            if !names.is_empty() {
                let names = names.join(" ");
                differences.push(format!("{} as {smiles}: {names}", entry.input));
            }
        }
    }
    assert_none(differences);
}

#[test]
fn hydrogens_written_out_change_nothing() {
    for (explicit, implicit) in [
        ("[H]C([H])([H])C([H])([H])O[H]", "CCO"),
        ("[H]c1c([H])c([H])c(N([H])[H])c([H])c1[H]", "Nc1ccccc1"),
        ("[H]OC(=O)[C@]([H])(N([H])[H])C", "C[C@H](N)C(O)=O"),
        ("[H][N+]([H])([H])C1([H])CC1", "[NH3+]C1CC1"),
    ] {
        let (explicit, implicit) = (parse(explicit), parse(implicit));
        let names = differing(
            &explicit.descriptors().unwrap(),
            &implicit.descriptors().unwrap(),
        );
        assert!(names.is_empty(), "{implicit:?}: {names:?}");
        assert_eq!(explicit.ecfp(ECFP4), implicit.ecfp(ECFP4));
        assert_eq!(
            explicit.environment_counts(2),
            implicit.environment_counts(2)
        );
        let without = |molecule: &Molecule| {
            let all = molecule.environment_counts_without_atoms(2).unwrap();
            let mut all: Vec<Vec<Environment>> = all.iter().map(|c| c.iter().collect()).collect();
            all.sort();
            all
        };
        assert_eq!(without(&explicit), without(&implicit));
        assert_eq!(explicit.scaffold(), implicit.scaffold());
    }
}

#[test]
fn fingerprints_are_rdkits_bit_by_bit() {
    for entry in table() {
        if is_among(&HASHED_OTHERWISE, entry.input) {
            continue;
        }
        let molecule = parse(entry.input);
        for (radius, width, expected) in [(2, 2048, &entry.ecfp4), (3, 1024, &entry.ecfp6)] {
            let fingerprint = molecule
                .ecfp(Ecfp {
                    radius,
                    bits: width,
                })
                .unwrap();
            let bits: Vec<usize> = fingerprint.bits().collect();
            assert_eq!(&bits, expected, "{}, radius {radius}", entry.input);
            assert_eq!(fingerprint.count_ones() as usize, bits.len());
            assert_eq!(fingerprint.width(), width);
            assert_eq!(fingerprint.words().len(), width / 64);
        }
    }
}

#[test]
fn environments_are_counted_as_rdkit_counts_them() {
    for entry in table() {
        if is_among(&HASHED_OTHERWISE, entry.input) {
            continue;
        }
        let counts = parse(entry.input).environment_counts(2).unwrap();
        let sum = |of: fn(Environment) -> u64| counts.iter().map(of).sum::<u64>();
        let found = [
            sum(|_| 1),
            u64::from(counts.total()),
            sum(|one| u64::from(one.hash) * u64::from(one.count)),
        ];
        assert_eq!(found, entry.environments, "{}", entry.input);
        // Those of a smaller radius are those that reach no further.
        for radius in [0, 1] {
            let fewer = parse(entry.input).environment_counts(radius).unwrap();
            let within = counts.iter().filter(|one| one.radius <= radius);
            assert!(within.eq(fewer.iter()), "{}, {radius}", entry.input);
        }
        assert_eq!(counts.tanimoto(&counts), 1.0);
    }
}

#[test]
fn without_an_atom_what_is_around_it_is_gone() {
    for entry in table() {
        let molecule = parse(entry.input);
        let all = molecule.environment_counts(2).unwrap();
        let count = |counts: &EnvironmentCounts, hash: u32| {
            let found = counts.iter().find(|one| one.hash == hash);
            found.map_or(0, |one| one.count)
        };
        for without in molecule.environment_counts_without_atoms(2).unwrap() {
            // An atom is at least part of its own environment.
            assert!(without.total() < all.total(), "{}", entry.input);
            for left in without.iter() {
                assert!(left.count <= count(&all, left.hash), "{}", entry.input);
            }
        }
    }
}

#[test]
fn a_fingerprint_of_another_width_is_folded_from_the_same_hashes() {
    for entry in table() {
        if is_among(&HASHED_OTHERWISE, entry.input) {
            continue;
        }
        let molecule = parse(entry.input);
        // Every bit of 4096 is one of 2048 once folded, and none is missing.
        let wide = molecule
            .ecfp(Ecfp {
                bits: 4096,
                ..ECFP4
            })
            .unwrap();
        let mut folded: Vec<usize> = wide.bits().map(|bit| bit % 2048).collect();
        folded.sort_unstable();
        folded.dedup();
        assert_eq!(folded, entry.ecfp4, "{}", entry.input);
    }
    assert!(
        parse("CCO")
            .ecfp(Ecfp { bits: 100, ..ECFP4 })
            .unwrap()
            .bits()
            .all(|bit| bit < 100)
    );
}

#[test]
fn environments_of_a_written_molecule_need_no_check() {
    for entry in table() {
        if is_among(&HASHED_OTHERWISE, entry.input) {
            continue;
        }
        let molecule = parse(entry.input);
        let canonical = molecule.canonical_smiles().unwrap();
        let read = EnvironmentCounts::read(&canonical, 2).unwrap();
        let checked = parse(&canonical).environment_counts(2).unwrap();
        assert_eq!(read, checked, "{canonical}");
        assert_eq!(read.fold(2048), parse(&canonical).ecfp(ECFP4).unwrap());
    }
}

#[test]
fn texts_that_no_molecule_wrote_are_errors_or_counts() {
    // Neither valences nor aromaticity are checked, and nothing panics.
    for text in [
        "C(C)(C)(C)(C)C",
        "c1cccc1",
        "cc",
        "[Fe+99]",
        "F=F",
        "*",
        "[H]",
    ] {
        if let Ok(counts) = EnvironmentCounts::read(text, 2) {
            assert!(counts.total() > 0, "{text}");
        }
    }
    for text in ["", "C1CC", "C(C", "not a molecule", "[Xx]", "C%"] {
        EnvironmentCounts::read(text, 2).unwrap_err();
    }
}

#[test]
fn the_tanimoto_similarity_is_bits_in_common_over_bits_in_either() {
    let fingerprint = |smiles| parse(smiles).ecfp(ECFP4).unwrap();
    let (a, b) = (
        fingerprint("CC(=O)Oc1ccccc1C(=O)O"),
        fingerprint("OC(=O)c1ccccc1O"),
    );
    let common = a
        .bits()
        .filter(|bit| b.bits().any(|other| other == *bit))
        .count();
    let either = a.bits().count() + b.bits().count() - common;
    assert_eq!(a.tanimoto(&b), common as f64 / either as f64);
    assert_eq!(a.tanimoto(&b), b.tanimoto(&a));
    assert_eq!(a.tanimoto(&a), 1.0);
    assert_eq!(fingerprint("C").tanimoto(&fingerprint("[Na+]")), 0.0);
    assert!(
        a.tanimoto(
            &parse("CCO")
                .ecfp(Ecfp {
                    bits: 1024,
                    ..ECFP4
                })
                .unwrap()
        )
        .is_nan()
    );
}

#[test]
fn a_fingerprint_that_cannot_be_made_is_an_error() {
    let molecule = parse("CCO");
    for (radius, bits) in [(4, 2048), (u32::MAX, 2048), (2, 0)] {
        let reason = molecule.ecfp(Ecfp { radius, bits }).unwrap_err().reason;
        assert!(matches!(reason, Reason::Unsupported { .. }), "{reason:?}");
    }
    let reason = molecule
        .ecfp(Ecfp {
            bits: usize::MAX,
            ..ECFP4
        })
        .unwrap_err()
        .reason;
    assert!(matches!(reason, Reason::TooLarge { .. }), "{reason:?}");
}

#[test]
fn scaffolds_are_rdkits() {
    let mut differences = Vec::new();
    for entry in table() {
        let ours = parse(entry.input).scaffold().unwrap();
        if ours.as_deref() != entry.scaffold {
            let theirs = entry.scaffold;
            differences.push(format!("{}: {ours:?}, RDKit {theirs:?}", entry.input));
        }
    }
    assert_none(differences);
}

#[test]
fn stereoisomers_and_isotopologues_share_a_scaffold() {
    let scaffold = |smiles: &str| parse(smiles).scaffold().unwrap();
    let expected = scaffold("CC1CCC(O)CC1");
    assert_eq!(expected.as_deref(), Some("C1CCCCC1"));
    for smiles in [
        "C[C@H]1CC[C@@H](O)CC1",
        "C[C@H]1CC[C@H](O)CC1",
        "CC1CC[13CH](O)CC1",
        "[2H]C1(C)CCC(O)CC1",
    ] {
        assert_eq!(scaffold(smiles), expected, "{smiles}");
    }
    assert_eq!(
        scaffold("C/C(C1CC1)=C/C1CC1").as_deref(),
        Some("C(=CC1CC1)C1CC1")
    );
    assert_eq!(scaffold("[H]/N=C1/CCCCC1F").as_deref(), Some("N=C1CCCCC1"));
    assert_eq!(scaffold("CCO"), None);
}

#[test]
fn a_molecule_too_large_for_its_rings_to_be_found_has_no_descriptors() {
    let fused = |length: usize| {
        let text = format!("c1cc2cccc3c4cccc5{}(c(c1)c23)c54", "c".repeat(length));
        Molecule::parse(&text)
    };
    // Of several large ring systems, and of one that is not read at all.
    let several = vec!["C1CCCCCCCCC1"; 101].join("C");
    let several = Molecule::parse(&several).expect("read");
    let error = several.descriptors().expect_err("too large");
    assert_eq!(error.reason.code(), "too_large");
    assert!(several.surface_descriptors().is_err());
    assert!(fused(80).expect("read").descriptors().is_ok());
    let error = fused(1_752).expect_err("too large");
    assert_eq!(error.reason.code(), "too_large");
}

/// The counts of rings and of the atoms in which they meet.
fn ring_counts(smiles: &str) -> [usize; 9] {
    const NAMES: [&str; 9] = [
        "RingCount",
        "NumAromaticRings",
        "NumAliphaticRings",
        "NumSaturatedRings",
        "NumAromaticHeterocycles",
        "NumAliphaticHeterocycles",
        "NumSaturatedHeterocycles",
        "NumSpiroAtoms",
        "NumBridgeheadAtoms",
    ];
    let first = DESCRIPTORS.iter().position(|&name| name == NAMES[0]);
    let first = first.expect("a descriptor");
    assert_eq!(DESCRIPTORS[first..first + NAMES.len()], NAMES);
    let values = parse(smiles).descriptors().expect("described");
    std::array::from_fn(|at| values[first + at] as usize)
}

/// Of RDKit 2026.09.1.
#[test]
fn the_triple_bond_of_an_aryne_is_one_of_its_rings_aromatic_bonds() {
    for (smiles, expected) in [
        ("c1cccc#c1", [1, 1, 0, 0, 0, 0, 0, 0, 0]),
        ("c1cccnc#1", [1, 1, 0, 0, 1, 0, 0, 0, 0]),
        ("c1cc#cs1", [1, 1, 0, 0, 1, 0, 0, 0, 0]),
        ("c1ccc2c(c1)c#cc1ccccc12", [3, 3, 0, 0, 0, 0, 0, 0, 0]),
        ("C1CCC#CCC1", [1, 0, 1, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(ring_counts(smiles), expected, "{smiles}");
    }
}

/// Of RDKit 2026.09.1.
#[test]
fn rings_of_a_macrocycle_are_of_the_same_kinds_in_any_order_of_the_atoms() {
    let across_benzenes = [14, 6, 8, 0, 2, 8, 0, 0, 8];
    for (smiles, expected) in [
        (
            "Clc1ccc2c3cc[n+](c2c1)Cc1cccc(c1)C[n+]1ccc(c2ccc(Cl)cc21)NCc1ccc(cc1)CN3",
            across_benzenes,
        ),
        (
            "N1Cc2ccc(cc2)CNc2c3c([n+](Cc4cc(ccc4)C[n+]4c5cc(Cl)ccc5c1cc4)cc2)cc(Cl)cc3",
            across_benzenes,
        ),
        (
            "c1cc(cc2c1c1NCc3ccc(cc3)CNc3c4c([n+](cc3)Cc3cc(C[n+]2cc1)ccc3)cc(Cl)cc4)Cl",
            across_benzenes,
        ),
        (
            "ClC1=CC2=[N+]3C=CC(=C2C=C1)NCC1=CC=C(C=C1)CNC1=C2C=CC(Cl)=CC2=[N+](C=C1)\
             CC1=CC=CC(=C1)C3",
            across_benzenes,
        ),
        (
            "COC1C=COC2(C)Oc3c(C)c(O)c4c(O)c(c5scnc5c4c3C2=O)NC(=O)C(C)=CC=CC(C)C(O)C(C)C(O)C(C)\
             C(OC(C)=O)C1C",
            [6, 3, 3, 0, 1, 3, 0, 0, 5],
        ),
    ] {
        assert_eq!(ring_counts(smiles), expected, "{smiles}");
    }
}

#[test]
fn rings_are_counted_unless_they_share_atoms_in_too_many_ways() {
    let position = DESCRIPTORS.iter().position(|&name| name == "RingCount");
    let rings = |smiles: &str| {
        let values = parse(smiles).descriptors()?;
        Ok::<_, ChemistryError>(values[position.expect("a descriptor")])
    };
    // Phenylenes in a circle: each is passed on one side or on the other.
    let hoop = |count: usize| {
        let middle = "-c1ccc(cc1)".repeat(count - 2);
        format!("c1%99ccc(cc1){middle}-c1ccc%99cc1")
    };
    assert_eq!(rings(&hoop(8)), Ok(264.0));
    assert_eq!(rings(&hoop(16)), Ok(65_552.0));
    let fullerene = "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9\
                     c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4c4c9c5c1c1c6c2c3c41";
    assert_eq!(rings(fullerene), Ok(32.0));
    // A band of squares, closed.
    let belt = format!("C12C3C4C5{}C1C6C2C3C4C56", "C1C5".repeat(108));
    let molecule = parse(&belt);
    assert_eq!(
        molecule.descriptors().expect_err("too many").reason,
        Reason::RingSystem { limit: 132_743 }
    );
    // QED counts rings, too.
    for smiles in [belt.as_str(), &hoop(24)] {
        let error = parse(smiles).properties().expect_err("too many");
        assert_eq!(error.reason.code(), "ring_system", "{smiles}");
    }
    // Neither needs its rings counted.
    assert!(molecule.surface_descriptors().is_ok());
    assert!(molecule.kekule_smiles(AtomOrder::Canonical).is_ok());
}
