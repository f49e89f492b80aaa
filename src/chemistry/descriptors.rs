//! Physico-chemical descriptors, with RDKit's names and values.
//!
//! Only what agrees with RDKit is here: of 10,000 drug-like molecules, one has
//! one descriptor (`NumBridgeheadAtoms`) that differs from RDKit 2026.09.1 by
//! more than one part in a million. `tests/descriptors.rs` names the unusual
//! molecules that differ. Left out are
//!
//! - `NumValenceElectrons`: the crate counts a charge written in brackets
//!   wrongly (10 % of the molecules differ);
//! - `EState` indices: the crate's differ from RDKit's for almost every
//!   molecule, so that those behind `EState_VSA` are computed here;
//! - graph indices (`BertzCT`, `BalabanJ`, `Chi…`, `Kappa…`) and `qed`: they
//!   agree, or nearly so, but are no physico-chemical quantities, and the
//!   slowest of them alone takes longer than everything below.

use chematic_chem as chem;
use chematic_core::{AtomIdx, BondEntry, BondIdx, BondOrder};
use chematic_perception::{find_sssr, rdkit_symmetrized_sssr, relevant_cycles};
use chematic_smarts::with_perceived_target;
use chematic_smiles::with_rdkit_model_molecule;

use super::rotatable::{is_single, rotatable_bonds};
use super::{ChemistryError, Molecule, Reason};

/// How many of [`DESCRIPTORS`] come before [`SURFACE_DESCRIPTORS`].
const GENERAL: usize = 20;

/// The descriptors of [`Molecule::descriptors`], named as in
/// `rdkit.Chem.Descriptors`.
///
/// `MolWt` is in g/mol, `MolMR` in cm³/mol; `TPSA`, `LabuteASA` and everything
/// `_VSA` are areas in Å²; `MolLogP` is a decimal logarithm, `FractionCSP3` a
/// fraction, and the others are counts.
///
/// Tools disagree on some of them; these are RDKit's conventions. `MolWt` takes
/// sulfur as 32.067 (others 32.06 to 32.066). `NumRotatableBonds` counts strictly,
/// without amide and ester C-N and C-O bonds and those between two such groups (oxalates,
/// diacylhydrazines), bonds beside triple bonds and within rings: 2 for aspirin, where
/// others count 3. `TPSA` leaves sulfur and phosphorus
/// out, as Ertl et al. (2000) publish it for drugs. `NOCount`
/// is what Lipinski calls acceptors, `NumHAcceptors` is narrower.
pub const DESCRIPTORS: [&str; GENERAL + 49] = [
    "MolLogP",
    "MolMR",
    "MolWt",
    "HeavyAtomCount",
    "NumHeteroatoms",
    "NOCount",
    "NumHAcceptors",
    "NumHDonors",
    "NumRotatableBonds",
    "NumAmideBonds",
    "FractionCSP3",
    "RingCount",
    "NumAromaticRings",
    "NumAliphaticRings",
    "NumSaturatedRings",
    "NumAromaticHeterocycles",
    "NumAliphaticHeterocycles",
    "NumSaturatedHeterocycles",
    "NumSpiroAtoms",
    "NumBridgeheadAtoms",
    "SlogP_VSA1",
    "SlogP_VSA2",
    "SlogP_VSA3",
    "SlogP_VSA4",
    "SlogP_VSA5",
    "SlogP_VSA6",
    "SlogP_VSA7",
    "SlogP_VSA8",
    "SlogP_VSA9",
    "SlogP_VSA10",
    "SlogP_VSA11",
    "SlogP_VSA12",
    "SMR_VSA1",
    "SMR_VSA2",
    "SMR_VSA3",
    "SMR_VSA4",
    "SMR_VSA5",
    "SMR_VSA6",
    "SMR_VSA7",
    "SMR_VSA8",
    "SMR_VSA9",
    "SMR_VSA10",
    "EState_VSA1",
    "EState_VSA2",
    "EState_VSA3",
    "EState_VSA4",
    "EState_VSA5",
    "EState_VSA6",
    "EState_VSA7",
    "EState_VSA8",
    "EState_VSA9",
    "EState_VSA10",
    "EState_VSA11",
    "PEOE_VSA1",
    "PEOE_VSA2",
    "PEOE_VSA3",
    "PEOE_VSA4",
    "PEOE_VSA5",
    "PEOE_VSA6",
    "PEOE_VSA7",
    "PEOE_VSA8",
    "PEOE_VSA9",
    "PEOE_VSA10",
    "PEOE_VSA11",
    "PEOE_VSA12",
    "PEOE_VSA13",
    "PEOE_VSA14",
    "LabuteASA",
    "TPSA",
];

/// The 49 "surface" descriptors that DeLiCaTe was pre-trained to predict, and
/// the last 49 of [`DESCRIPTORS`]: surface areas, divided by the partition
/// coefficient, refractivity, electrotopological state and partial charge of
/// the atoms they belong to.
pub const SURFACE_DESCRIPTORS: &[&str] = DESCRIPTORS.split_at(GENERAL).1;

impl Molecule {
    /// The values of [`DESCRIPTORS`], in that order. Counter-ions count:
    /// strip them before with [`Self::largest_fragment`].
    ///
    /// # Errors
    ///
    /// If a value is not finite, the molecule has more than 1,000 atoms, or its rings
    /// share atoms in too many ways ([`Reason::RingSystem`]).
    pub fn descriptors(&self) -> Result<Vec<f64>, ChemistryError> {
        self.check_describable()?;
        self.check_rings()?;
        finite(with_rdkit_model_molecule(&self.written, |model| {
            let mut values = Vec::with_capacity(DESCRIPTORS.len());
            general(model, &mut values);
            surface(model, &mut values);
            values
        }))
    }

    /// The values of [`SURFACE_DESCRIPTORS`] alone, at half the cost.
    ///
    /// # Errors
    ///
    /// If a value is not finite, or the molecule has more than 1,000 atoms.
    pub fn surface_descriptors(&self) -> Result<Vec<f64>, ChemistryError> {
        self.check_describable()?;
        finite(with_rdkit_model_molecule(&self.written, |model| {
            let mut values = Vec::with_capacity(SURFACE_DESCRIPTORS.len());
            surface(model, &mut values);
            values
        }))
    }

    /// Refuses what would take seconds: the rings of a fused macrocycle are found in a
    /// time that grows faster than its atoms.
    pub(super) fn check_describable(&self) -> Result<(), ChemistryError> {
        if self.atom_count() <= MAX_DESCRIBED {
            return Ok(());
        }
        Err(ChemistryError::new(Reason::TooLarge {
            what: "atoms for descriptors",
            limit: MAX_DESCRIBED,
        }))
    }

    /// Refuses what would take gigabytes: `RingCount` is the number of relevant rings,
    /// which the crate lists, up to a million, as it does for QED, and rings that share
    /// atoms have many.
    pub(super) fn check_rings(&self) -> Result<(), ChemistryError> {
        let parts = self.fragments().iter().max().map_or(0, |last| last + 1);
        let independent = self.written.bond_count() + parts - self.written.atom_count();
        if independent <= FEW_RINGS {
            return Ok(());
        }
        let limit = MAX_RING_ATOMS / self.atom_count().max(1);
        let counted = relevant_cycles(&self.written, limit);
        let refused = |_| ChemistryError::new(Reason::RingSystem { limit });
        counted.map(|_| ()).map_err(refused)
    }
}

/// Most atoms of a molecule whose descriptors are computed, far beyond what a model
/// reads.
const MAX_DESCRIBED: usize = 1_000;
/// So many independent rings have fewer than 2^16 sums, of which the relevant rings are
/// some: they need not be counted ahead.
const FEW_RINGS: usize = 16;
/// Most atoms of all relevant rings together, were each as large as the molecule: room
/// for the 2^18 rings around eighteen phenylenes in a circle, and a fifth of a gigabyte.
const MAX_RING_ATOMS: usize = 30_000_000;
/// Most relevant rings of which each is compared with each.
const MAX_COMPARED_RINGS: usize = 256;

fn finite(values: Vec<f64>) -> Result<Vec<f64>, ChemistryError> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(ChemistryError::unsupported(
        "a molecule with descriptors that are not finite",
    ))
}

fn general(model: &chematic_core::Molecule, values: &mut Vec<f64>) {
    let (log_p, refractivity) = chem::logp_and_mr(model);
    values.extend([log_p, refractivity, chem::rdkit_molecular_weight(model)]);
    let counts = [
        chem::heavy_atom_count(model),
        chem::num_heteroatoms(model),
        chem::hba_count_lipinski(model),
        chem::rdkit_hba_count(model),
        chem::hbd_count(model),
        rotatable_bonds(model),
        chem::num_amide_bonds(model),
    ];
    values.extend(counts.map(|count| count as f64));
    values.push(chem::fsp3(model));
    let all = chem::rdkit_num_rings(model);
    let smallest = smallest_rings(model);
    // A macrocycle across benzenes has rings of one length by either side of each. RDKit
    // counts them all, the relevant rings; which of them are in the smallest set depends on
    // the order of the atoms.
    let relevant = match all == smallest.len() {
        true => None,
        false => relevant_cycles(model, all).ok(),
    };
    let compared = relevant.as_ref();
    let compared = compared.filter(|rings| rings.len() <= MAX_COMPARED_RINGS);
    let joints = Joints::of(model, compared.unwrap_or(&smallest));
    let only = (all == smallest.len() && joints.are_a_tree).then_some(&smallest);
    // A ring is one or the other. The crate's own count of aromatic rings has
    // one too many where two of them share a bridge, as in c1cc2oc1cc2.
    let [aliphatic, others @ ..] = kinds_of_rings(model, relevant.as_ref().or(only));
    values.extend([all, all.saturating_sub(aliphatic), aliphatic].map(|count| count as f64));
    let others = others.into_iter().chain([joints.spiro, joints.bridgeheads]);
    values.extend(others.map(|count| count as f64));
}

/// The symmetrised smallest set of rings.
fn smallest_rings(model: &chematic_core::Molecule) -> Vec<Vec<AtomIdx>> {
    // Bonds to metals close rings as others do.
    let ends = |bond: &BondEntry| (bond.atom1.0 as usize, bond.atom2.0 as usize, true);
    let bonds: Vec<_> = model.bonds().map(|(_, bond)| ends(bond)).collect();
    let atoms = |ring: &Vec<usize>| ring.iter().map(|&atom| AtomIdx(atom as u32)).collect();
    match rdkit_symmetrized_sssr(model.atom_count(), &bonds) {
        Some(rings) => rings.iter().map(atoms).collect(),
        None => find_sssr(model).rings().to_vec(),
    }
}

/// How many rings are aliphatic and saturated, and how many heterocycles are aromatic,
/// aliphatic and saturated: of these rings, or of those that the crate finds, which it looks for
/// once for each of the five.
fn kinds_of_rings(
    model: &chematic_core::Molecule,
    rings: Option<&Vec<Vec<AtomIdx>>>,
) -> [usize; 5] {
    let Some(rings) = rings else {
        return [
            chem::num_aliphatic_rings(model),
            chem::num_saturated_rings(model),
            chem::num_aromatic_heterocycles(model),
            chem::num_aliphatic_heterocycles(model),
            chem::num_saturated_heterocycles(model),
        ];
    };
    with_perceived_target(model, |model| {
        let mut counts = [0; 5];
        for ring in rings {
            let ring = RingKind::of(model, ring);
            let is_one = [
                !ring.is_aromatic,
                ring.is_saturated,
                ring.is_aromatic && ring.is_heterocycle,
                !ring.is_aromatic && ring.is_heterocycle,
                ring.is_saturated && ring.is_heterocycle,
            ];
            for (count, is_one) in counts.iter_mut().zip(is_one) {
                *count += usize::from(is_one);
            }
        }
        counts
    })
}

/// What RDKit calls a ring.
struct RingKind {
    /// All its bonds are aromatic.
    is_aromatic: bool,
    /// All its bonds are single, and none aromatic.
    is_saturated: bool,
    /// It has an atom that is not carbon.
    is_heterocycle: bool,
}

impl RingKind {
    fn of(model: &chematic_core::Molecule, ring: &[AtomIdx]) -> Self {
        let bonds = bonds_of(model, ring);
        // The triple bond of an aryne is one of its ring's aromatic bonds to RDKit.
        let order = |&bond: &BondIdx| {
            let bond = model.bond(bond);
            let is_aromatic = [bond.atom1, bond.atom2].map(|end| model.atom(end).aromatic);
            match bond.order {
                BondOrder::Triple if is_aromatic == [true; 2] => BondOrder::Aromatic,
                order => order,
            }
        };
        let are = |is_it: fn(BondOrder) -> bool| bonds.iter().map(order).all(is_it);
        let is_carbon = |&atom: &AtomIdx| {
            let atom = model.atom(atom);
            !atom.wildcard && atom.element.atomic_number() == 6
        };
        Self {
            is_aromatic: are(|order| order == BondOrder::Aromatic),
            is_saturated: are(is_single),
            is_heterocycle: !ring.iter().all(is_carbon),
        }
    }
}

/// How many atoms two rings meet in.
///
/// The crate counts these as well, but for that lists rings that are sums of others,
/// of which a ladder of twenty has so many that it takes minutes.
struct Joints {
    /// Those that are all that two rings share.
    spiro: usize,
    /// The ends of a path of two or more bonds that two rings share.
    bridgeheads: usize,
    /// No two rings share more than a bond, and these bonds join no two rings in two ways. Whoever
    /// looks for smallest rings finds these then: any other ring is a sum of some, which has all
    /// their bonds but twice those that they share, of which n rings have n - 1 at most, and is
    /// longer than each of them.
    are_a_tree: bool,
}

impl Joints {
    fn of(model: &chematic_core::Molecule, rings: &[Vec<AtomIdx>]) -> Self {
        let mut is_spiro = vec![false; model.atom_count()];
        let mut is_bridgehead = vec![false; model.atom_count()];
        let bonds: Vec<Vec<BondIdx>> = rings.iter().map(|ring| bonds_of(model, ring)).collect();
        let mut are_a_tree = true;
        // For each ring one of those that it is joined to.
        let mut tree: Vec<usize> = (0..rings.len()).collect();
        for (i, ring) in rings.iter().enumerate() {
            for (j, (other, other_bonds)) in rings.iter().zip(&bonds).enumerate().skip(i + 1) {
                let mut shared = ring.iter().filter(|atom| other.contains(atom));
                if let (Some(atom), None) = (shared.next(), shared.next()) {
                    is_spiro[atom.0 as usize] = true;
                }
                let shared = bonds[i].iter().filter(|bond| other_bonds.contains(bond));
                let shared: Vec<BondIdx> = shared.copied().collect();
                match shared.len() {
                    0 => continue,
                    1 => {
                        let (one, another) = (tree[i], tree[j]);
                        are_a_tree &= one != another;
                        for joined in tree.iter_mut().filter(|joined| **joined == another) {
                            *joined = one;
                        }
                        continue;
                    }
                    _ => are_a_tree = false,
                }
                let ends = shared.iter().map(|&bond| model.bond(bond));
                let mut ends: Vec<AtomIdx> =
                    ends.flat_map(|bond| [bond.atom1, bond.atom2]).collect();
                ends.sort_unstable();
                for run in ends.chunk_by(|a, b| a == b).filter(|run| run.len() == 1) {
                    is_bridgehead[run[0].0 as usize] = true;
                }
            }
        }
        let count = |flags: Vec<bool>| flags.into_iter().filter(|&flag| flag).count();
        Self {
            spiro: count(is_spiro),
            bridgeheads: count(is_bridgehead),
            are_a_tree,
        }
    }
}

/// The bonds along a ring of atoms.
fn bonds_of(model: &chematic_core::Molecule, ring: &[AtomIdx]) -> Vec<BondIdx> {
    let next = ring.iter().cycle().skip(1);
    let bond = |(&a, &b)| Some(model.bond_between(a, b)?.0);
    ring.iter().zip(next).filter_map(bond).collect()
}

fn surface(model: &chematic_core::Molecule, values: &mut Vec<f64>) {
    values.extend(chem::slogp_vsa(model));
    values.extend(chem::smr_vsa(model));
    values.extend(estate_vsa(model));
    values.extend(chem::peoe_vsa(model));
    values.extend([chem::labute_asa(model), chem::rdkit_tpsa(model)]);
}

/// Upper bounds of the electrotopological states of `EState_VSA1` to
/// `EState_VSA10`.
const ESTATE_BOUNDS: [f64; 10] = [
    -0.390, 0.290, 0.717, 1.165, 1.540, 1.807, 2.05, 4.69, 9.17, 15.0,
];

/// The surface area of the atoms in each bin of electrotopological states.
fn estate_vsa(model: &chematic_core::Molecule) -> [f64; ESTATE_BOUNDS.len() + 1] {
    let mut bins = [0.0; ESTATE_BOUNDS.len() + 1];
    for (state, area) in estates(model).iter().zip(chem::labute_asa_per_atom(model)) {
        bins[ESTATE_BOUNDS.partition_point(|bound| bound <= state)] += area;
    }
    bins
}

/// The electrotopological state of each atom (Hall, Mohney and Kier, J. Chem.
/// Inf. Comput. Sci. 1991, 31, 76): its intrinsic state, and that of every
/// other atom of its fragment less its own over the squared distance.
fn estates(model: &chematic_core::Molecule) -> Vec<f64> {
    let count = model.atom_count();
    let neighbors: Vec<Vec<usize>> = (0..count as u32)
        .map(|atom| model.neighbors(AtomIdx(atom)))
        .map(|neighbors| neighbors.map(|(other, _)| other.0 as usize).collect())
        .collect();
    let intrinsic: Vec<f64> = (0..count)
        .map(|atom| intrinsic_state(model, atom, neighbors[atom].len()))
        .collect();
    let mut states = vec![0.0; count];
    let mut distances = vec![usize::MAX; count];
    let mut queue = Vec::with_capacity(count);
    for from in 0..count {
        distances.fill(usize::MAX);
        distances[from] = 0;
        queue.clear();
        queue.push(from);
        let mut next = 0;
        while let Some(&atom) = queue.get(next) {
            next += 1;
            for &other in &neighbors[atom] {
                if distances[other] == usize::MAX {
                    distances[other] = distances[atom] + 1;
                    queue.push(other);
                }
            }
        }
        for to in (from + 1..count).filter(|&to| distances[to] != usize::MAX) {
            // Counted in atoms, both ends included.
            let distance = (distances[to] + 1) as f64;
            let perturbation = (intrinsic[from] - intrinsic[to]) / (distance * distance);
            states[from] += perturbation;
            states[to] -= perturbation;
        }
    }
    for (state, intrinsic) in states.iter_mut().zip(intrinsic) {
        *state += intrinsic;
    }
    states
}

/// ((2 / N)² δᵛ + 1) / δ, with N the principal quantum number of an atom's
/// valence electrons, δᵛ their number without those bound to hydrogen, and δ
/// its neighbours; 0 for an atom without any.
fn intrinsic_state(model: &chematic_core::Molecule, atom: usize, neighbors: usize) -> f64 {
    if neighbors == 0 {
        return 0.0;
    }
    let index = AtomIdx(atom as u32);
    let data = model.atom(index);
    let number = match data.wildcard {
        true => 0,
        false => usize::from(data.element.atomic_number()),
    };
    let quantum_number = match number {
        0..=2 => 1.0,
        3..=10 => 2.0,
        11..=18 => 3.0,
        19..=36 => 4.0,
        37..=54 => 5.0,
        55..=86 => 6.0,
        _ => 7.0,
    };
    let electrons = OUTER_ELECTRONS.get(number).copied().unwrap_or(0);
    let valence = f64::from(electrons) - f64::from(model.implicit_hydrogen_count(index));
    (4.0 / (quantum_number * quantum_number) * valence + 1.0) / neighbors as f64
}

/// The outer electrons of each element, by atomic number, as RDKit counts
/// them; a line a period.
#[rustfmt::skip]
const OUTER_ELECTRONS: [u8; 119] = [
    0,
    1, 2,
    1, 2, 3, 4, 5, 6, 7, 8,
    1, 2, 3, 4, 5, 6, 7, 8,
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8,
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8,
    1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    4, 5, 6, 7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 7, 8,
    1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
];
