//! The standard form: what is scored of what was drawn.

use delicate::chemistry::{
    AtomOrder, ChemistryError, Keep, Molecule, Note, Parent, Reason, Substructure,
};
use delicate::predict::{PredictOptions, standardize};
use delicate::records::Structure;
use delicate::{Device, Predictor, device::DeviceChoice};

fn parent(smiles: &str) -> Result<Parent, ChemistryError> {
    Molecule::parse(smiles)?.parent(Keep::default())
}

/// The canonical SMILES of the standard form.
fn form(smiles: &str) -> String {
    let parent = parent(smiles).unwrap_or_else(|error| panic!("{smiles}: {error}"));
    parent
        .molecule
        .canonical_smiles()
        .expect("it can be written")
}

fn reason(smiles: &str) -> Reason {
    match parent(smiles) {
        Ok(parent) => panic!("{smiles}: {:?}", parent.molecule),
        Err(error) => error.reason,
    }
}

fn assert_forms(expected: &[(&str, &str)]) {
    let wrong = expected
        .iter()
        .filter(|(smiles, right)| form(smiles) != *right);
    let wrong: Vec<String> = wrong
        .map(|(smiles, right)| format!("{smiles}: {}, expected {right}", form(smiles)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_charged_forms_of_a_drug_are_one() {
    assert_forms(&[
        // An amine and its salts.
        ("CN1CCCC1c1cccnc1", "CN1CCCC1c1cccnc1"),
        ("C[NH+]1CCCC1c1cccnc1", "CN1CCCC1c1cccnc1"),
        ("C[NH+]1CCCC1c1cccnc1.[Cl-]", "CN1CCCC1c1cccnc1"),
        ("CN1CCCC1c1ccc[nH+]c1.[Br-]", "CN1CCCC1c1cccnc1"),
        // An acid and its salts.
        (
            "CC(C)Cc1ccc(cc1)C(C)C([O-])=O",
            "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
        ),
        (
            "CC(C)Cc1ccc(cc1)C(C)C([O-])=O.[Na+]",
            "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
        ),
        ("[Ca+2].CC([O-])=O.CC([O-])=O", "CC(=O)O"),
        ("[S-]c1ccccc1", "Sc1ccccc1"),
        ("CS([O-])(=O)=O", "CS(=O)(=O)O"),
        ("O=P([O-])([O-])OCC", "CCOP(=O)(O)O"),
        ("[n-]1nnnc1C", "Cc1nnn[nH]1"),
        ("CC(=O)[N-]S(C)(=O)=O", "CC(=O)NS(C)(=O)=O"),
        // Zwitterions, and guanidinium and imidazolium.
        ("[NH3+][C@@H](C)C([O-])=O", "C[C@H](N)C(=O)O"),
        ("NC(=[NH2+])NCC", "CCNC(=N)N"),
        ("c1c[nH]c[nH+]1", "c1c[nH]cn1"),
    ]);
}

#[test]
fn charges_that_no_proton_can_move_stay() {
    for smiles in [
        "C[N+](C)(C)CCO",
        "C[N+](C)(C)CC(=O)[O-]",
        "O=[N+]([O-])c1ccccc1",
        "C[N+](C)(C)[O-]",
        "[O-][n+]1ccccc1",
        "CN=[N+]=[N-]",
        "C=[N+]=[N-]",
        "[C-]#[N+]C",
        "C[S+](C)C",
        // Mesoionic drugs: molsidomine and mesocarb.
        "CCOC(=O)[N-]c1c[n+](N2CCOCC2)no1",
        "CC(Cc1ccccc1)[n+]1cc([N-]C(=O)Nc2ccccc2)on1",
        "c1cc[n+](C)cc1",
        "C[N+](C)(C)Cc1ccccc1",
        "F[B-](F)(F)F.C[n+]1ccccc1",
        // Its one proton is not enough.
        "C[NH+3]",
    ] {
        let molecule = Molecule::parse(smiles).expect("it is a molecule");
        let parent = molecule.parent(Keep {
            salts: true,
            charges: false,
        });
        let kept = parent.expect("it has a parent").molecule.canonical_smiles();
        assert_eq!(kept, molecule.canonical_smiles(), "{smiles}");
    }
    // As many anions as there are fixed cations, the more acidic ones.
    assert_form(
        "C[N+](C)(C)CC([O-])CC([O-])=O",
        "C[N+](C)(C)CC(O)CC(=O)[O-]",
    );
    assert_form("[O-]CC[N+](C)(C)CC([O-])=O", "C[N+](C)(CCO)CC(=O)[O-]");
}

fn assert_form(smiles: &str, right: &str) {
    assert_forms(&[(smiles, right)]);
}

#[test]
fn the_largest_organic_part_stays_and_the_others_are_named() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("CCO.[Na+].[Cl-]", "CCO", &["[Cl-]", "[Na+]"]),
        ("O.O.OCC", "CCO", &["O (2 times)"]),
        ("CCO.CCO", "CCO", &["CCO"]),
        ("CCO.O.O.Cl", "CCO", &["Cl", "O (2 times)"]),
        ("C[N+](C)(C)CCO.[Cl-]", "C[N+](C)(C)CCO", &["[Cl-]"]),
        // A larger inorganic part does not win.
        ("CO.F[P-](F)(F)(F)(F)F", "CO", &["F[P-](F)(F)(F)(F)F"]),
        // The drug is smaller than its counter-ion.
        (
            "CN(C)C(=N)NC(=N)N.O=C(O)c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O",
            "CN(C)C(=N)NC(=N)N",
            &["O=C(O)c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O"],
        ),
        (
            "CN1CCCN=C1C=Cc1cccs1.[O-]C(=O)c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O",
            "CN1CCCN=C1C=Cc1cccs1",
            &["O=C([O-])c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O"],
        ),
        // Counter-ions alone are never left out altogether.
        ("OC(=O)c1ccccc1O", "O=C(O)c1ccccc1O", &[]),
        (
            "C[N+](C)(C)CCO.[O-]C(=O)c1ccccc1O",
            "O=C(O)c1ccccc1O",
            &["C[N+](C)(C)CCO"],
        ),
        ("OC(=O)c1cccnc1.O", "O=C(O)c1cccnc1", &["O"]),
        (
            "O=C1NS(=O)(=O)c2ccccc12.[Na+]",
            "O=C1NS(=O)(=O)c2ccccc21",
            &["[Na+]"],
        ),
    ];
    for (smiles, right, left_out) in cases {
        let parent = parent(smiles).unwrap_or_else(|error| panic!("{smiles}: {error}"));
        assert_eq!(
            parent.molecule.canonical_smiles().as_deref(),
            Ok(*right),
            "{smiles}"
        );
        assert_eq!(parent.left_out, *left_out, "{smiles}");
    }
}

#[test]
fn a_mixture_is_not_decided() {
    let error = parent("Fc1ccccc1CN.Fc1ccccc1CS").expect_err("they are of one size");
    assert!(matches!(error.reason, Reason::Mixture { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("NCc1ccccc1F") && text.contains("Fc1ccccc1CS"),
        "{text}"
    );
    // Neither are two enantiomers one compound.
    assert!(matches!(
        reason("C[C@H](F)Cl.C[C@@H](F)Cl"),
        Reason::Mixture { .. }
    ));
    // Charged and neutral are.
    assert_form("CCCCN.CCCC[NH3+].[Cl-]", "CCCCN");
}

#[test]
fn what_is_no_organic_molecule_is_refused() {
    for smiles in [
        "[K+].[I-]",
        "[NH4+].[Cl-]",
        "[H][H]",
        "[He]",
        "O",
        "N",
        "[Na+].[OH-]",
    ] {
        assert_eq!(reason(smiles), Reason::NoOrganicPart, "{smiles}");
    }
    for (smiles, metal) in [
        ("[Cu]Cl", "Cu"),
        ("C[Hg]C", "Hg"),
        ("[Na]OC", "Na"),
        ("CC[Pb](CC)(CC)CC", "Pb"),
        ("N[Pt](N)(Cl)Cl", "Pt"),
    ] {
        let element = metal.to_owned();
        assert_eq!(reason(smiles), Reason::Metal { element }, "{smiles}");
    }
    for smiles in ["*CCO", "[*]C", "CC[1*]"] {
        assert_eq!(reason(smiles), Reason::Wildcard, "{smiles}");
    }
    for smiles in [
        "CC[O]",
        "C[CH2]",
        "[CH3]",
        "CC(C)(C)N(C)[O]",
        "c1cc[c]cc1",
        "C[C]C",
        "[C]",
        "[C-]",
        "C[N+](=O)[O-].[C-]",
    ] {
        assert!(matches!(reason(smiles), Reason::Radical { .. }), "{smiles}");
    }
    for (smiles, kind) in [
        ("N->[Mg]", "dative bond"),
        ("C[NH2]->[Zn]", "dative bond"),
        ("C$C", "quadruple bond"),
    ] {
        assert_eq!(reason(smiles), Reason::Bond { kind }, "{smiles}");
    }
    assert!(matches!(reason("C~N"), Reason::Query { .. }));
    assert_eq!(reason("CC>>CO"), Reason::Reaction);
    assert_eq!(reason("CCO>[H+]>C=C"), Reason::Reaction);
    // Elements that are rare, and no metals.
    for smiles in [
        "C[Si](C)(C)C",
        "OB(O)c1ccccc1",
        "C[Se]C",
        "C[As](C)C",
        "C[Ge](C)(C)C",
    ] {
        assert!(parent(smiles).is_ok() || smiles.contains("Ge"), "{smiles}");
    }
}

#[test]
fn the_place_of_a_fault_is_that_in_the_text() {
    let place = |smiles: &str| parent(smiles).expect_err("it has a fault").position;
    assert_eq!(place("  CC*"), Some(4));
    assert_eq!(place("CC[O]"), Some(2));
    assert_eq!(place("CC[Hg]C"), Some(2));
    assert_eq!(place("CC~N"), Some(2));
    assert_eq!(place("CC |^1:1|"), Some(3));
}

#[test]
fn atom_maps_and_isotopes_are_no_part_of_the_molecule() {
    assert_form("[CH3:1][CH2:7][OH:3]", "CCO");
    assert_form("[13CH3]CO", "CCO");
    assert_form("[2H]C([2H])([2H])O", "CO");
    assert_form("C[C@]([2H])(N)C(=O)O", "C[C@H](N)C(=O)O");
    // A centre that an isotope alone makes is none.
    assert_form("C[C@]([2H])(O)[H]", "CCO");
    let deuterated = parent("[2H]C([2H])([2H])Oc1ccccc1").expect("it is anisole");
    assert_eq!(deuterated.isotopes, 3);
    assert_eq!(parent("COc1ccccc1").expect("it is anisole").isotopes, 0);
}

#[test]
fn a_stereo_centre_that_a_proton_made_goes_with_it() {
    assert_form("C[N@@H+](CC)c1ccccc1", "CCN(C)c1ccccc1");
    assert_form("C[C@H]([NH3+])c1ccccc1", "C[C@H](N)c1ccccc1");
    assert_form("C[C@@H]([NH2+]C)C([O-])=O", "CN[C@H](C)C(=O)O");
}

#[test]
fn hydrogens_written_out_are_folded() {
    assert_form("[H]C([H])([H])[N+]([H])([H])[H]", "CN");
    assert_form("[H]OC([H])([H])C", "CCO");
}

#[test]
fn annotations_that_change_nothing_are_read_and_others_are_refused() {
    for extension in [
        "|$;label;$|",
        "|atomProp:0.key.value:1.other.a b|",
        "|(0,0,;1.5,0,;2.2,1.1,)|",
        "|o1:1|",
        "|&1:1,r|",
        "|SgD:0,1:FIELD:some data::::|",
        "|w:1.0|",
        "|f:0.1|",
        "||",
    ] {
        assert_form(&format!("CC(O)N {extension}"), "CC(N)O");
    }
    for (extension, code) in [
        ("|^1:2|", "radical"),
        ("|C:2.0|", "bond"),
        ("|H:2.0|", "bond"),
        ("|Z:1|", "bond"),
        ("|m:2:0.1|", "unsupported"),
        ("|Sg:n:1:3:ht:::|", "unsupported"),
        ("|LN:1:1.3|", "unsupported"),
        ("|$;;$,^2:0|", "radical"),
        ("|s:1:*|", "query"),
        ("|unclosed", "unsupported"),
    ] {
        let reason = reason(&format!("CC(O)N {extension}"));
        assert_eq!(reason.code(), code, "{extension}: {reason:?}");
    }
}

#[test]
fn a_wavy_bond_of_cxsmiles_takes_no_part_in_stereo_marks() {
    assert_form("CCC(C)O |w:2.1|", "CCC(C)O");
    for smiles in ["C[C@H](O)CC |w:1.0|", "C/C=C/C |w:0.0|"] {
        assert_eq!(reason(smiles).code(), "unsupported", "{smiles}");
    }
}

#[test]
fn a_ring_system_larger_than_any_is_refused_in_smiles_and_mol_blocks() {
    let ring = |atoms: usize| format!("C1{}C1", "C".repeat(atoms - 2));
    let of = |smiles: &str| Molecule::parse(smiles).map(|it| it.atom_count());
    assert_eq!(of(&ring(500)), Ok(500));
    assert_eq!(of(&format!("{}.{}", ring(500), ring(500))), Ok(1000));
    // Rings of which each is small, and a long chain at a ring.
    assert_eq!(of(&"C1CCCC1".repeat(150)), Ok(750));
    assert_eq!(of(&format!("{}{}", ring(6), "C".repeat(900))), Ok(906));
    let fused = format!("C12{}C1{}C2", "C".repeat(300), "C".repeat(300));
    for smiles in [ring(501), fused] {
        assert_eq!(reason(&smiles).code(), "too_large", "{smiles}");
        assert_eq!(
            Molecule::parse(&smiles).expect_err("too large").to_string(),
            "too large: more than 500 atoms in one ring system"
        );
    }
    let mut block = String::from("\n\n\n501501  0  0  0  0  0  0  0  0999 V2000\n");
    for _ in 0..501 {
        block += "    0.0000    0.0000    0.0000 C   0  0\n";
    }
    for atom in 1..=501 {
        block += &format!("{:>3}{:>3}  1  0\n", atom, atom % 501 + 1);
    }
    let error = Molecule::from_mol_block(&(block + "M  END\n")).expect_err("too large");
    assert_eq!(error.reason.code(), "too_large", "{error}");
}

#[test]
fn a_label_of_cxsmiles_that_makes_a_pseudoatom_is_refused() {
    for smiles in ["CCO |$;;Q_e$|", "CC |$star_e;$|", "CN |$Pol_p;;$|"] {
        assert_eq!(reason(smiles).code(), "wildcard", "{smiles}");
    }
    assert_form("CCO |$a;b;c$|", "CCO");
    assert_form("CCO |$_AV:x_e;;$|", "CCO");
}

#[test]
fn fields_of_cxsmiles_that_say_nothing_new_are_passed_over() {
    assert_form("C1CCC=CC1 |c:3|", "C1=CCCCC1");
    assert_form("C1=CC=CC=C1 |c:0,2,4|", "c1ccccc1");
    // A bond that closes a ring counts where it closes it.
    assert_form("C1CC1C2CC=CCC2 |c:6|", "C1=CCC(C2CC2)CC1");
    assert_form("CC=CC1CC=CCC1 |c:5|", "CC=CC1CC=CCC1");
    assert_form("CCO |lp:2:2|", "CCO");
    assert_form("C1=CCCCCCCCC1 |ctu:0|", "C1=CCCCCCCCC1");
    assert_form("C[C@@H](O)F |(0,0,;1,0,;2,1,;2,-1,),wU:1.1|", "C[C@@H](O)F");
    // In a large ring, or where nothing else says it, they change the molecule.
    for smiles in [
        "C1=CCCCCCCCC1 |c:0|",
        // A bond of the chain, or what is no double bond.
        "CC=CC |c:1|",
        "C/C=C/C |c:1|",
        "CC=CC1CC=CCC1 |c:1,5|",
        "C1CC1C2CC=CCC2 |c:5|",
        "C1CCC=CC1 |c:40|",
        "C1=CCCCCCCCC1 |t:0|",
        "F/C=C/F |ctu:1|",
        "CC(O)F |(0,0,;1,0,;2,1,;2,-1,),wU:1.1|",
    ] {
        assert_eq!(reason(smiles).code(), "unsupported", "{smiles}");
    }
}

#[test]
fn a_second_line_is_an_error_and_a_second_word_is_said() {
    for (text, position) in [
        ("CCO\nc1ccccc1", 3),
        (" C\r\nN", 2),
        ("CC |r|\nC", 6),
        ("C\rname", 1),
    ] {
        let error = parent(text).expect_err("two lines");
        assert_eq!(error.reason.code(), "syntax", "{text:?}");
        assert_eq!(error.position, Some(position), "{text:?}");
        assert!(error.to_string().contains("second line"), "{error}");
    }
    let notes = |text: &str| parent(text).expect("it is read").molecule.notes().to_vec();
    for text in ["CCN CCCC", "CCO\tethanol", "CCO |r| ethanol"] {
        assert_eq!(notes(text), [Note::Name], "{text:?}");
    }
    for text in ["CCO", " CCO \n", "CCO\r\n", "CCO |r|"] {
        assert!(notes(text).is_empty(), "{text:?}");
    }
}

#[test]
fn a_doubled_backslash_is_one_and_noted() {
    let escaped = parent("F/C=C\\\\F").expect("it is read").molecule;
    let plain = Molecule::parse("F/C=C\\F").expect("it is read");
    assert_eq!(escaped.canonical_smiles(), plain.canonical_smiles());
    assert_eq!(escaped.notes(), [Note::EscapedTwice]);
    assert!(plain.notes().is_empty());
}

#[test]
fn contradictory_bond_directions_are_noted() {
    let notes = |smiles: &str| {
        Molecule::parse(smiles)
            .expect("it is read")
            .notes()
            .to_vec()
    };
    for smiles in [
        "C/C(\\F)=C/C",
        "C\\C(/F)=C/C",
        "F/C=C(/C)/Cl",
        "C(/F)(/C)=C/C",
    ] {
        assert_eq!(notes(smiles), [Note::ContradictoryDirections], "{smiles}");
        assert!(
            !form(smiles).contains(['/', '\\']),
            "{smiles}: {}",
            form(smiles)
        );
    }
    for smiles in [
        "C/C(F)=C/C",
        "C/C(/F)=C/C",
        "C(\\F)(/C)=C/C",
        "C1CC/C=C/CC1",
        "F/C=C/F",
    ] {
        assert!(notes(smiles).is_empty(), "{smiles}");
    }
}

#[test]
fn options_keep_salts_and_charges() {
    let form = |smiles: &str, salts, charges| {
        let molecule = Molecule::parse(smiles).expect("it is a molecule");
        let parent = molecule.parent(Keep { salts, charges });
        parent
            .expect("it has a parent")
            .molecule
            .canonical_smiles()
            .expect("it can be written")
    };
    let salt = "CC[NH+](CC)CC.[Cl-]";
    assert_eq!(form(salt, false, false), "CCN(CC)CC");
    assert_eq!(form(salt, false, true), "CC[NH+](CC)CC");
    assert_eq!(form(salt, true, true), "CC[NH+](CC)CC.[Cl-]");
    assert_eq!(form(salt, true, false), "CCN(CC)CC.Cl");
    assert_eq!(form("CC(=O)[O-].[Na+]", true, false), "CC(=O)[O-].[Na+]");
}

#[test]
fn a_form_is_its_own_form() {
    for smiles in [
        "CN(C)C(=N)NC(=N)N.O=C(O)c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O",
        "[O-]CC[N+](C)(C)CC([O-])=O",
        "C[N@@H+](CC)c1ccccc1",
        "c1c[nH]c[nH+]1.[Cl-]",
    ] {
        let once = form(smiles);
        assert_eq!(form(&once), once, "{smiles}");
    }
}

#[test]
fn a_record_says_what_was_done() {
    let record = |smiles: &str| standardize(&Structure::from(smiles), Keep::default());
    let salt = record("[13CH3]C[NH3+].[Cl-].O").expect("it is ethylamine");
    assert_eq!(salt.smiles, "CCN");
    assert_eq!(salt.left_out, ["O", "[Cl-]"]);
    assert_eq!((salt.neutralized, salt.isotopes), (1, 1));
    assert_eq!(
        salt.to_string(),
        "left out: O, [Cl-]; charges removed: 1; isotopes dropped: 1"
    );
    let plain = record("CCN").expect("it is ethylamine");
    assert!(plain.is_unchanged());
    assert_eq!(plain.to_string(), "");
    let error = record("[Na+].[Cl-]").expect_err("it is table salt");
    assert_eq!(error.reason, "no_organic_part");
    assert!(error.message.contains("carbon"), "{error}");
}

#[test]
fn every_form_of_a_molecule_has_the_same_prediction() {
    let predictor = Predictor::builtin().expect("it is built in");
    let values = |smiles: &str| -> Vec<u32> {
        let predictions = predictor
            .predict(smiles)
            .unwrap_or_else(|e| panic!("{smiles}: {e}"));
        predictions.iter().map(|one| one.value.to_bits()).collect()
    };
    for group in [
        &[
            "CCN(CC)CCO",
            "CCN(CC)CCO.Cl",
            "CC[NH+](CC)CCO",
            "CC[NH+](CC)CCO.[Br-]",
        ][..],
        &[
            "OC(=O)c1ccccc1F",
            "[O-]C(=O)c1ccccc1F",
            "[O-]C(=O)c1ccccc1F.[Na+]",
        ],
        &["NCCC(=O)O", "[NH3+]CCC([O-])=O", "[H]N([H])CCC(=O)O[H]"],
        &[
            "CC(=O)Nc1ccccc1",
            "[CH3:1][C:2](=[O:3])[NH:4]c1ccccc1",
            "CC(=O)NC1=CC=CC=C1",
        ],
        // Its rings across benzenes can be chosen in several ways.
        &[
            "Clc1ccc2c3cc[n+](c2c1)Cc1cccc(c1)C[n+]1ccc(c2ccc(Cl)cc21)NCc1ccc(cc1)CN3",
            "N1Cc2ccc(cc2)CNc2c3c([n+](Cc4cc(ccc4)C[n+]4c5cc(Cl)ccc5c1cc4)cc2)cc(Cl)cc3",
            "c1cc(cc2c1c1NCc3ccc(cc3)CNc3c4c([n+](cc3)Cc3cc(C[n+]2cc1)ccc3)cc(Cl)cc4)Cl",
        ],
        // A furan across a macrocycle, which was aromatic in one spelling of three.
        &[
            "n1ccncc2oc(cc2)c1",
            "N1C=CN=CC2=CC=C(C=1)O2",
            "n1cc2ccc(cncc1)o2",
        ],
        // Boron is aromatic in what Open Babel and others write, and not in RDKit.
        &["CB1Oc2ccccc2O1", "Cb1oc2c(o1)cccc2"],
        &[
            "OB1NN=Cc2ccccc21",
            "Ob1[nH]ncc2ccccc12",
            "B1(O)[nH]ncc2ccccc12",
        ],
        &["C1=CC=CNB1", "c1cc[bH][nH]c1"],
        // In the first order of its atoms it takes many turns to see that bonds alternate.
        &[
            "c12c3ccc4c2c2c5c(cc6c7c5c5c(cc8ccc9cc%10c%11c%12c%13c(cccc%13c%10)cc(c%12c1c1c%11c9c8c5c12)c3)cc7ccc6)c4",
            "c12c3c4cc5c1c1c6c7c2c(cc3ccc4)cc2ccc3c(c72)c2c4c(cc7cccc8cc9cc%10ccc(c1c%10c(c62)c9c4c87)c5)c3",
        ],
    ] {
        for smiles in &group[1..] {
            assert_eq!(values(smiles), values(group[0]), "{smiles}");
        }
    }
    assert_ne!(values("C[N+](C)(C)CCO"), values("CN(C)CCO"));
}

#[test]
fn charges_can_be_kept_in_a_prediction() {
    let cpu = Device::open_blocking(DeviceChoice::Cpu).expect("there is a CPU");
    let files = delicate::model_dir::ModelFiles::embedded();
    let predictor = Predictor::load(&files, cpu).expect("it is built in");
    let keeping = predictor
        .clone()
        .with(PredictOptions::default().keep_charges(true));
    let value =
        |predictor: &Predictor, smiles| predictor.predict(smiles).expect("it is read")[0].value;
    assert_ne!(value(&keeping, "CC(=O)[O-]"), value(&keeping, "CC(=O)O"));
    assert_eq!(value(&predictor, "CC(=O)[O-]"), value(&keeping, "CC(=O)O"));
}

#[test]
fn an_aromatic_bond_that_no_ring_bears_out_is_no_bond() {
    for smiles in ["C:C", "CC:CC", "N:C=O", "[CH3]:[CH3]", "C:C.CCO"] {
        let reason = reason(smiles);
        let Reason::Bond { kind } = &reason else {
            panic!("{smiles}: {reason:?}");
        };
        assert_eq!(*kind, "aromatic bond outside an aromatic ring", "{smiles}");
    }
    // Within a ring that is one the order is told; so is a single bond beside it.
    assert_forms(&[
        ("C1:C:C:C:C:C:1", "c1ccccc1"),
        ("c1ccccc1:C", "Cc1ccccc1"),
        ("c1:c:c:c:c:c1-c1ccccc1", "c1ccc(-c2ccccc2)cc1"),
    ]);
}

#[test]
fn what_stands_between_bars_and_is_no_known_field_is_named() {
    for (smiles, field) in [("CCO |nm|", "nm"), ("CCO |zz:1,2|", "zz:1,2")] {
        let error = Molecule::parse(smiles).expect_err(smiles).to_string();
        assert!(
            error.contains(&format!("the field `{field}` of the CXSMILES extension")),
            "{error}"
        );
        assert!(error.contains("at position 4"), "{error}");
    }
    assert_eq!(form("CCO nm"), "CCO");
}

#[test]
fn an_atom_without_enough_electrons_keeps_its_charge() {
    // Two protons fewer would leave a nitrogen with one bond.
    for smiles in ["C[C@@H]([NH2+2])C(=O)O", "C[NH2+2]", "C[NH+3]", "CC[PH2+2]"] {
        let parent = parent(smiles).unwrap_or_else(|error| panic!("{smiles}: {error}"));
        assert_eq!(parent.neutralized, 0, "{smiles}");
        let again = parent.molecule.parent(Keep::default());
        assert!(again.is_ok(), "{smiles}: {again:?}");
    }
    assert_forms(&[
        ("C[NH3+]", "CN"),
        ("C[OH2+]", "CO"),
        ("C[PH3+]", "CP"),
        ("c1cc[nH+]cc1", "c1ccncc1"),
        ("c1c[nH]c[nH+]1", "c1c[nH]cn1"),
        ("CC(=[OH+])O", "CC(=O)O"),
        ("CC=[NH2+]", "CC=N"),
        ("CS(C)(=O)=[NH2+]", "CS(C)(=N)=O"),
        ("C[NH2+]C", "CNC"),
        ("[NH3+]CC[NH3+]", "NCCN"),
    ]);
}

#[test]
fn a_charge_that_its_element_cannot_bear_is_refused() {
    for (smiles, message) in [
        (
            "C[N-14]",
            "atom N at position 1: charge -14 is out of range (-3 to 5)",
        ),
        (
            "CC(C)[O-3]",
            "atom O at position 5: charge -3 is out of range (-2 to 6)",
        ),
        (
            "CC[S-3].[Na+]",
            "atom S at position 2: charge -3 is out of range (-2 to 6)",
        ),
        (
            "CC[B-6]",
            "atom B at position 2: charge -6 is out of range (-5 to 3)",
        ),
    ] {
        let molecule = Molecule::parse(smiles).expect("as RDKit reads it");
        for charges in [false, true] {
            let keep = Keep {
                charges,
                ..Keep::default()
            };
            let error = molecule.parent(keep).expect_err(smiles);
            assert_eq!(error.reason.code(), "out_of_range", "{smiles}");
            assert_eq!(error.to_string(), message, "{smiles}");
        }
    }
    // A part that is left out is not asked, and what elements bear stays.
    for smiles in [
        "CCO.[N-14]",
        "C[Cl+3]([O-])([O-])[O-]",
        "C[I+2]([O-])[O-]",
        "C[NH+3]",
        "C[B-](F)(F)F",
        "F[P-](F)(F)(F)(F)C",
        "F[Si-2](F)(F)(F)(F)C",
    ] {
        let read = parent(smiles).map(|_| ());
        assert!(read.is_ok(), "{smiles}: {read:?}");
    }
}

/// A furan, thiophene, oxadiazole or thiazole across a macrocycle: RDKit 2026.09.1 has one
/// form of all spellings, and the small ring aromatic in it.
#[test]
fn a_small_ring_across_a_macrocycle_is_aromatic_in_every_spelling() {
    assert_forms(&[
        ("C1CCCCCC2=CC=C1O2", "c1cc2oc1CCCCCC2"),
        ("C1=C2CCCCCCC(=C1)O2", "c1cc2oc1CCCCCC2"),
        ("C1C=C2CCCCCCC=1O2", "c1cc2oc1CCCCCC2"),
        ("C1CCc2ccc(o2)CCC1", "c1cc2oc1CCCCCC2"),
        ("C1CCCCc2oc(C1)cc2", "c1cc2oc1CCCCCC2"),
        ("C1C2=CC=C(O2)C=NC=CN=1", "c1cncc2ccc(cn1)o2"),
        ("N1=CC2=CC=C(C=NC=C1)O2", "c1cncc2ccc(cn1)o2"),
        ("C12C=NC=CN=CC(O2)=CC=1", "c1cncc2ccc(cn1)o2"),
        ("c1c2oc(cc2)cnccn1", "c1cncc2ccc(cn1)o2"),
        ("o1c2cnccncc1cc2", "c1cncc2ccc(cn1)o2"),
        (
            "C1C2=CC=C3C=CC(S3)=CC=C3C=CC(S3)=CC=C(S2)C=1",
            "c1cc2ccc3ccc(ccc4ccc(ccc1s2)s4)s3",
        ),
        (
            "C1=C2SC(C=C2)=CC=C2C=CC(=CC=C3SC(=C1)C=C3)S2",
            "c1cc2ccc3ccc(ccc4ccc(ccc1s2)s4)s3",
        ),
        (
            "C1C2=CC=C3SC(C=C3)=CC=C3C=CC(S3)=CC=C(S2)C=1",
            "c1cc2ccc3ccc(ccc4ccc(ccc1s2)s4)s3",
        ),
        (
            "c1c2sc(ccc3ccc(s3)ccc3sc(cc2)cc3)c1",
            "c1cc2ccc3ccc(ccc4ccc(ccc1s2)s4)s3",
        ),
        (
            "c1c2sc(cc2)ccc2ccc(ccc3ccc(s3)c1)s2",
            "c1cc2ccc3ccc(ccc4ccc(ccc1s2)s4)s3",
        ),
        (
            "C1C=C2OC(=CC=C3C=CC(=CC=C4OC=1C=C4)O3)C=C2",
            "c1cc2ccc3ccc(ccc4ccc(ccc1o2)o4)o3",
        ),
        (
            "C1=CC2=CC=C3C=CC(O3)=CC=C3OC(=CC=C1O2)C=C3",
            "c1cc2ccc3ccc(ccc4ccc(ccc1o2)o4)o3",
        ),
        (
            "C1C2=CC=C3C=CC(O3)=CC=C3OC(C=C3)=CC=C(O2)C=1",
            "c1cc2ccc3ccc(ccc4ccc(ccc1o2)o4)o3",
        ),
        (
            "o1c2ccc1ccc1oc(ccc3ccc(o3)cc2)cc1",
            "c1cc2ccc3ccc(ccc4ccc(ccc1o2)o4)o3",
        ),
        (
            "c12ccc3oc(ccc4oc(cc4)ccc(cc2)o1)cc3",
            "c1cc2ccc3ccc(ccc4ccc(ccc1o2)o4)o3",
        ),
        (
            "C12OC(=CC=2)C2=CC=NC(=N2)NC2=CC=CC(=C2)COCCOC2=CC1=CC=C2",
            "c1cc2cc(c1)Nc1nccc(n1)-c1ccc(o1)-c1cccc(c1)OCCOC2",
        ),
        (
            "C12=CC(NC3N=CC=C(N=3)C3=CC=C(C4=CC=CC(OCCOC1)=C4)O3)=CC=C2",
            "c1cc2cc(c1)Nc1nccc(n1)-c1ccc(o1)-c1cccc(c1)OCCOC2",
        ),
        (
            "C1C=CC2=CC=1C1=CC=C(C3N=C(N=CC=3)NC3C=C(C=CC=3)COCCO2)O1",
            "c1cc2cc(c1)Nc1nccc(n1)-c1ccc(o1)-c1cccc(c1)OCCOC2",
        ),
        (
            "c12-c3nc(ncc3)Nc3cc(ccc3)COCCOc3cc(ccc3)-c(o1)cc2",
            "c1cc2cc(c1)Nc1nccc(n1)-c1ccc(o1)-c1cccc(c1)OCCOC2",
        ),
        (
            "c12nc(-c3ccc(o3)-c3cccc(c3)OCCOCc3cccc(c3)N1)ccn2",
            "c1cc2cc(c1)Nc1nccc(n1)-c1ccc(o1)-c1cccc(c1)OCCOC2",
        ),
        (
            "N1C2C=CC=1C=C1C=CC(=CC3=NC(C=C3)=CC3=CC=C(C=2)S3)N1",
            "C1=Cc2cc3ccc(cc4nc(cc5ccc(cc1n2)[nH]5)C=C4)s3",
        ),
        (
            "C12C=CC(=N2)C=C2NC(=CC3C=CC(=CC4=CC=C(C=1)S4)N=3)C=C2",
            "C1=Cc2cc3ccc(cc4nc(cc5ccc(cc1n2)[nH]5)C=C4)s3",
        ),
        (
            "N1=C2C=CC1=CC1SC(C=C3C=CC(C=C4C=CC(=C2)N4)=N3)=CC=1",
            "C1=Cc2cc3ccc(cc4nc(cc5ccc(cc1n2)[nH]5)C=C4)s3",
        ),
        (
            "C1c2cc3ccc(s3)cc3C=Cc(cc4ccc(cc(C=1)n2)[nH]4)n3",
            "C1=Cc2cc3ccc(cc4nc(cc5ccc(cc1n2)[nH]5)C=C4)s3",
        ),
        (
            "c12cc3[nH]c(cc4C=Cc(cc5ccc(s5)cc(n1)C=C2)n4)cc3",
            "C1=Cc2cc3ccc(cc4nc(cc5ccc(cc1n2)[nH]5)C=C4)s3",
        ),
        ("C12OC(C(=O)NCCNC2=O)=CC=1", "O=C1NCCNC(=O)c2ccc1o2"),
        ("C1C=C2OC=1C(=O)NCCNC2=O", "O=C1NCCNC(=O)c2ccc1o2"),
        ("O=C1C2OC(C(NCCN1)=O)=CC=2", "O=C1NCCNC(=O)c2ccc1o2"),
        ("c1cc2C(=O)NCCNC(c1o2)=O", "O=C1NCCNC(=O)c2ccc1o2"),
        ("C1(NCCNC(c2oc1cc2)=O)=O", "O=C1NCCNC(=O)c2ccc1o2"),
        (
            "O1C2=CC=C1C1=CC=C(O1)C1OC(C3OC2=CC=3)=CC=1",
            "c1cc2oc1-c1ccc(o1)-c1ccc(o1)-c1ccc-2o1",
        ),
        (
            "O1C2=CC=C1C1=CC=C(O1)C1=CC=C(O1)C1OC2=CC=1",
            "c1cc2oc1-c1ccc(o1)-c1ccc(o1)-c1ccc-2o1",
        ),
        (
            "C12OC(=CC=1)C1OC(C3=CC=C(C4=CC=C2O4)O3)=CC=1",
            "c1cc2oc1-c1ccc(o1)-c1ccc(o1)-c1ccc-2o1",
        ),
        (
            "c12ccc(o1)-c1ccc(o1)-c1oc(-c3oc-2cc3)cc1",
            "c1cc2oc1-c1ccc(o1)-c1ccc(o1)-c1ccc-2o1",
        ),
        (
            "o1c2-c3ccc(o3)-c3ccc(-c4oc(cc4)-c1cc2)o3",
            "c1cc2oc1-c1ccc(o1)-c1ccc(o1)-c1ccc-2o1",
        ),
        ("C1CCCCCC2=CC=C(S2)CC1", "c1cc2sc1CCCCCCCC2"),
        ("C1CCCCCCCC2=CC=C1S2", "c1cc2sc1CCCCCCCC2"),
        ("C12SC(=CC=1)CCCCCCCC2", "c1cc2sc1CCCCCCCC2"),
        ("C1c2ccc(s2)CCCCCCC1", "c1cc2sc1CCCCCCCC2"),
        ("c1c2CCCCCCCCc(s2)c1", "c1cc2sc1CCCCCCCC2"),
        ("O1C2=NN=C1CCCCCCC2", "C1CCCc2nnc(o2)CCC1"),
        ("N1N=C2OC=1CCCCCCC2", "C1CCCc2nnc(o2)CCC1"),
        ("C12OC(CCCCCCC1)=NN=2", "C1CCCc2nnc(o2)CCC1"),
        ("C1CCCCCc2oc(nn2)C1", "C1CCCc2nnc(o2)CCC1"),
        ("C1c2nnc(o2)CCCCCC1", "C1CCCc2nnc(o2)CCC1"),
        ("C1CCCCCC2=CN=C(S2)C1", "c1nc2sc1CCCCCCC2"),
        ("C1N=C2SC=1CCCCCCC2", "c1nc2sc1CCCCCCC2"),
        ("C12=NC=C(S1)CCCCCCC2", "c1nc2sc1CCCCCCC2"),
        ("C1CCCCCc2sc(C1)nc2", "c1nc2sc1CCCCCCC2"),
        ("C1Cc2cnc(s2)CCCCC1", "c1nc2sc1CCCCCCC2"),
        (
            "C1C[C@@H](C[C@H](O)CC2=CC=C(O2)CC1)C",
            "C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1",
        ),
        (
            "C1C2OC(C[C@@H](O)C[C@@H](C)CCC1)=CC=2",
            "C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1",
        ),
        (
            "C12C[C@@H](O)C[C@@H](C)CCCCC(O1)=CC=2",
            "C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1",
        ),
        (
            "C1Cc2oc(cc2)C[C@@H](O)C[C@H](CC1)C",
            "C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1",
        ),
        (
            "O[C@H]1C[C@H](CCCCc2ccc(C1)o2)C",
            "C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1",
        ),
        ("C1=C2C=CC(=C1)OC=CC=C2", "C1=COc2ccc(cc2)C=C1"),
        ("C1C=CC2=CC=C(C=C2)OC=1", "C1=COc2ccc(cc2)C=C1"),
        ("O1C2C=CC(=CC=2)C=CC=C1", "C1=COc2ccc(cc2)C=C1"),
        ("O1c2ccc(C=CC=C1)cc2", "C1=COc2ccc(cc2)C=C1"),
        ("c1c2C=CC=COc(c1)cc2", "C1=COc2ccc(cc2)C=C1"),
    ]);
}

/// The atoms of such a molecule are brought into another order to find its rings; their
/// numbers are those of the text all the same.
#[test]
fn atoms_are_numbered_in_the_order_of_the_text() {
    for smiles in [
        "C1CCCc2ccc(o2)CC1",
        "[2H]C1CCCC2=CC=C(O2)CC1.Cl",
        "[H]C1([H])CCCC2=CC=C(O2)CC1",
        "C1CC(=O)Cc2nnc(s2)CCC1",
        "[NH3+]C1CCCC2=CC=C(O2)CC1",
    ] {
        let molecule = Molecule::parse(smiles).expect(smiles);
        let stripped = molecule.parent(Keep::default()).expect(smiles).molecule;
        for molecule in [&molecule, &stripped] {
            let ranges: Vec<_> = (0..molecule.atom_count())
                .filter_map(|atom| molecule.input_range(atom))
                .collect();
            assert!(ranges.is_sorted_by_key(|range| range.start), "{smiles}");
            for (range, element) in ranges.iter().zip(molecule.elements()) {
                let text = smiles[range.clone()].to_uppercase();
                assert!(text.contains(&element.to_uppercase()), "{smiles}: {text}");
            }
        }
        let oxygen = Substructure::parse("[o,s]").expect("it is read");
        let found = oxygen.atoms_in(&molecule).expect(smiles);
        let elements: Vec<_> = molecule.elements().collect();
        assert_eq!(found.len(), 1, "{smiles}");
        assert!(matches!(elements[found[0]], "O" | "S"), "{smiles}");
        let written = molecule.kekule_smiles(AtomOrder::Canonical).expect(smiles);
        for (range, element) in written.atoms.iter().zip(&elements) {
            assert!(written.smiles[range.clone()].contains(element), "{smiles}");
        }
    }
}

/// The place of an error in such a molecule is that in the text.
#[test]
fn the_place_of_a_radical_in_a_macrocycle_is_that_in_the_text() {
    let error = parent("C1CCCc2ccc(o2)C[CH]1").expect_err("a radical");
    assert_eq!(error.reason.code(), "radical");
    assert_eq!(error.position, Some(15));
}

/// A hydrogen that tells the geometry of an imine is written out and is no atom of its own.
#[test]
fn an_imine_with_a_geometry_is_written_with_the_places_of_its_atoms() {
    for smiles in [
        "[H]/N=C/C",
        "C/C=N/[H]",
        "[H]/N=C(\\N)C",
        "[H]/N=N/C",
        "[H]/N=C/c1ccccc1",
    ] {
        let molecule = Molecule::parse(smiles).expect(smiles);
        for order in [AtomOrder::Canonical, AtomOrder::Input] {
            let written = molecule.kekule_smiles(order).expect(smiles);
            assert_eq!(written.atoms.len(), molecule.atom_count(), "{smiles}");
            for (range, element) in written.atoms.iter().zip(molecule.elements()) {
                let text = &written.smiles[range.clone()];
                assert!(
                    text.contains(element),
                    "{smiles}: {text} in {}",
                    written.smiles
                );
            }
        }
    }
}
