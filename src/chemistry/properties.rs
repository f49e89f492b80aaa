//! The properties that chemists look at first: size, polarity, flexibility, Lipinski's
//! rule of five, drug-likeness and structural alerts.

use chematic_chem as chem;
use chematic_core::AtomIdx;
use chematic_smiles::with_rdkit_model_molecule;
use serde::{Serialize, Serializer};

use super::alerts::Alerts;
use super::rotatable::rotatable_bonds;
use super::{ChemistryError, Molecule};

/// Properties of a molecule, with RDKit's values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Properties {
    /// Molar mass in g/mol (`MolWt`).
    #[serde(serialize_with = "in_decimals::<3, _>")]
    pub mol_wt: f64,
    /// Partition coefficient by Wildman and Crippen 1999, a decimal logarithm (`MolLogP`).
    #[serde(serialize_with = "in_decimals::<4, _>")]
    pub crippen_log_p: f64,
    /// Topological polar surface by Ertl et al. 2000, in Å² (`TPSA`).
    #[serde(serialize_with = "in_decimals::<2, _>")]
    pub tpsa: f64,
    /// Donors of hydrogen bonds (`NumHDonors`).
    pub h_bond_donors: usize,
    /// Acceptors of hydrogen bonds (`NumHAcceptors`).
    pub h_bond_acceptors: usize,
    /// Rotatable bonds, counted strictly (`NumRotatableBonds`).
    pub rotatable_bonds: usize,
    /// How many parts of the rule of five it breaks, as Lipinski et al. 1997 count: more
    /// than 500 g/mol, a log P above 5, more than five hydrogens at N and O, more than ten
    /// N and O.
    pub rule_of_five_violations: usize,
    /// Quantitative estimate of drug-likeness, 0 to 1 (Bickerton et al. 2012; RDKit's mean
    /// weights).
    #[serde(serialize_with = "in_decimals::<4, _>")]
    pub qed: f64,
    /// Structural alerts.
    #[serde(flatten)]
    pub alerts: Alerts,
}

impl Properties {
    /// The names of [`Self::cells`].
    pub const NAMES: &[&str] = &[
        "mol_wt",
        "crippen_log_p",
        "tpsa",
        "h_bond_donors",
        "h_bond_acceptors",
        "rotatable_bonds",
        "rule_of_five_violations",
        "qed",
        "pains_alerts",
        "pains",
        "brenk_alerts",
        "brenk",
    ];

    /// As a table has them: numbers, and for each set of alerts how many and which.
    pub fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            rounded(self.mol_wt, 3).to_string(),
            rounded(self.crippen_log_p, 4).to_string(),
            rounded(self.tpsa, 2).to_string(),
            self.h_bond_donors.to_string(),
            self.h_bond_acceptors.to_string(),
            self.rotatable_bonds.to_string(),
            self.rule_of_five_violations.to_string(),
            rounded(self.qed, 4).to_string(),
        ];
        for names in [&self.alerts.pains, &self.alerts.brenk] {
            cells.extend([names.len().to_string(), names.join("; ")]);
        }
        cells
    }
}

/// To as many decimals as a value is known to; sums of a molecule's parts have more.
fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    // Not -0, which would be written so.
    (value * scale).round() / scale + 0.0
}

/// Writes a value as a table has it.
fn in_decimals<const DECIMALS: i32, S: Serializer>(
    value: &f64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*value, DECIMALS))
}

impl Molecule {
    /// Its [`Properties`]. Counter-ions count: strip them before with [`Self::parent`].
    ///
    /// # Errors
    ///
    /// As [`Self::descriptors`].
    pub fn properties(&self) -> Result<Properties, ChemistryError> {
        self.check_describable()?;
        self.check_rings()?;
        let properties = with_rdkit_model_molecule(&self.written, |model| {
            let (log_p, _) = chem::logp_and_mr(model);
            let mass = chem::rdkit_molecular_weight(model);
            let broken = [
                mass > 500.0,
                log_p > 5.0,
                polar_hydrogens(model) > 5,
                chem::hba_count_lipinski(model) > 10,
            ];
            Properties {
                mol_wt: mass,
                crippen_log_p: log_p,
                tpsa: chem::rdkit_tpsa(model),
                h_bond_donors: chem::hbd_count(model),
                h_bond_acceptors: chem::rdkit_hba_count(model),
                rotatable_bonds: rotatable_bonds(model),
                rule_of_five_violations: broken.into_iter().filter(|&one| one).count(),
                qed: chem::qed(model),
                alerts: Alerts::default(),
            }
        });
        let numbers = [
            properties.mol_wt,
            properties.crippen_log_p,
            properties.tpsa,
            properties.qed,
        ];
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(ChemistryError::unsupported(
                "a molecule with properties that are not finite",
            ));
        }
        Ok(Properties {
            alerts: self.alerts()?,
            ..properties
        })
    }
}

/// Hydrogens at nitrogen and oxygen.
fn polar_hydrogens(model: &chematic_core::Molecule) -> usize {
    let atoms = (0..model.atom_count()).map(|index| AtomIdx(index as u32));
    let polar = atoms.filter(|&index| {
        let atom = model.atom(index);
        !atom.wildcard && matches!(atom.element.atomic_number(), 7 | 8)
    });
    let hydrogens = |index| usize::from(model.implicit_hydrogen_count(index));
    polar.map(hydrogens).sum()
}
