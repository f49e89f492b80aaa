//! Scaffold splits against DeepChem.

use delicate::train::splits::{self, Split, SplitFractions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    /// Empty for an acyclic molecule.
    scaffolds: Vec<String>,
    splits: Vec<GoldenSplit>,
}

#[derive(Deserialize)]
struct GoldenSplit {
    fractions: SplitFractions,
    #[serde(flatten)]
    split: Split,
}

#[test]
fn scaffold_splits_are_those_of_deepchem() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/splits.json"))
        .expect("the golden file is JSON");
    let scaffolds: Vec<Option<&str>> = golden
        .scaffolds
        .iter()
        .map(|scaffold| Some(scaffold.as_str()).filter(|scaffold| !scaffold.is_empty()))
        .collect();
    for GoldenSplit { fractions, split } in golden.splits {
        let ours = splits::scaffold(&scaffolds, fractions).expect("splits");
        assert_eq!(ours, split, "{fractions:?}");
    }
}
