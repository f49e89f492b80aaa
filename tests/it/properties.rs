//! Properties and structural alerts against RDKit, entry by entry of the table that
//! `golden/properties.py` writes.

use delicate::chemistry::{Keep, Molecule, Properties};
use delicate::predict::{StandardForm, properties_all};
use delicate::records::Structure;

/// Molecules with a property that differs from RDKit's, which it is, and why.
const OTHERWISE: [(&str, &str, &str); 0] = [];

/// One line of `golden/properties.tsv`.
struct Entry {
    input: &'static str,
    values: Vec<f64>,
    alerts: [Vec<&'static str>; 2],
}

fn table() -> Vec<Entry> {
    let lines = include_str!("../golden/properties.tsv").lines().skip(2);
    let entry = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let names = |field: &'static str| {
            let all = field.split("; ").filter(|name| !name.is_empty());
            all.collect::<Vec<_>>()
        };
        let values = fields[1..9].iter();
        Entry {
            input: fields[0],
            values: values.map(|v| v.parse().expect("a number")).collect(),
            alerts: [names(fields[9]), names(fields[10])],
        }
    };
    lines.map(entry).collect()
}

/// What the table has of a molecule's properties.
fn numbers(of: &Properties) -> Vec<f64> {
    vec![
        of.mol_wt,
        of.crippen_log_p,
        of.tpsa,
        of.h_bond_donors as f64,
        of.h_bond_acceptors as f64,
        of.rotatable_bonds as f64,
        of.rule_of_five_violations as f64,
        of.qed,
    ]
}

#[test]
fn properties_and_alerts_are_those_of_rdkit() {
    let mut different = Vec::new();
    for entry in table() {
        let molecule = Molecule::parse(entry.input).expect(entry.input);
        let found = molecule.properties().expect(entry.input);
        let pairs = numbers(&found).into_iter().zip(&entry.values);
        for ((value, expected), name) in pairs.zip(Properties::NAMES) {
            if (value - expected).abs() > 1e-6 * expected.abs().max(1.0) {
                different.push((entry.input, *name, format!("{value}, {expected}")));
            }
        }
        let sets = [
            ("pains", &found.alerts.pains),
            ("brenk", &found.alerts.brenk),
        ];
        for ((name, found), expected) in sets.into_iter().zip(&entry.alerts) {
            if found != expected {
                different.push((entry.input, name, format!("{found:?}, {expected:?}")));
            }
        }
    }
    different.retain(|(input, name, _)| {
        let known = OTHERWISE.iter();
        !known
            .map(|(input, name, _)| (input, name))
            .any(|one| one == (input, name))
    });
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
fn cells_are_as_many_as_names_and_as_short_as_in_json() {
    let molecule = Molecule::parse("CC(=O)Oc1ccccc1C(=O)O").expect("aspirin");
    let properties = molecule.properties().expect("properties");
    let json = serde_json::to_value(&properties).expect("JSON");
    assert_eq!(json["mol_wt"].to_string(), "180.159");
    assert_eq!(json["tpsa"].to_string(), "63.6");
    assert_eq!(json["qed"].to_string(), "0.5501");
    let cells = properties.cells();
    assert_eq!(cells.len(), Properties::NAMES.len());
    assert_eq!(
        cells,
        [
            "180.159",
            "1.3101",
            "63.6",
            "1",
            "3",
            "2",
            "0",
            "0.5501",
            "0",
            "",
            "1",
            "phenol_ester"
        ]
    );
}

#[test]
fn salts_are_left_out_and_errors_stay_with_their_rows() {
    let rows = ["CCN.Cl", "CCN", "C(C", "[Na+].[Cl-]"].map(Structure::from);
    let all = properties_all(&rows, StandardForm::Parent, Keep::default());
    let (salt, done) = all[0].as_ref().expect("ethylamine");
    assert_eq!(done.left_out, ["Cl"]);
    assert_eq!(salt, &all[1].as_ref().expect("ethylamine").0);
    assert!(all[2].is_err() && all[3].is_err());
}

#[test]
fn a_molecule_too_large_for_descriptors_is_refused() {
    let chain = Molecule::parse(&"C".repeat(1_001)).expect("a chain");
    let error = chain.properties().expect_err("too large").to_string();
    assert!(error.contains("1000") || error.contains("1,000"), "{error}");
}
