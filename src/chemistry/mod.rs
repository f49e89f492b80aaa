//! Molecules: reading SMILES and mol blocks, standard forms, and the Kekulé
//! SMILES a model reads.
//!
//! The only module that knows the chemistry crates. They port RDKit, and
//! RDKit's behaviour is the contract here: a text is accepted if
//! `Chem.MolFromSmiles` accepts it, hydrogen atoms written out are folded into
//! their neighbours as it does (isotopes, bare protons and hydrides stay), and
//! canonical strings are RDKit's. `tests/chemistry.rs` lists the exceptions.

#[cfg(feature = "properties")]
mod alerts;
mod atom_map;
mod constitution;
mod counter_ions;
mod cxsmiles;
mod descriptors;
mod directions;
#[cfg(feature = "drawing")]
mod drawing;
mod error;
mod fingerprint;
mod identifier;
mod mol_block;
mod normalise;
#[cfg(feature = "properties")]
mod properties;
mod ranges;
mod ring_order;
mod rotatable;
mod scaffold;
mod smiles;
mod standard_form;
mod substructure;

use std::fmt;
use std::ops::Range;

use chematic_core::{Atom, AtomIdx, BondOrder, Element, MoleculeBuilder, kekulize};
use chematic_perception::ring_bond_flags;
use chematic_smiles::{
    RdkitSanitizedModel, RdkitSmilesError, RdkitSmilesParams, parse_template,
    rdkit_detect_chemistry_problems, rdkit_legacy_stereo, rdkit_random_smiles_with,
    rdkit_sanitized_model, rdkit_smiles,
};

#[cfg(feature = "properties")]
pub use alerts::Alerts;
use atom_map::{Graph, match_atoms};
pub use descriptors::{DESCRIPTORS, SURFACE_DESCRIPTORS};
pub use error::{ChemistryError, Reason};
pub use fingerprint::{ECFP4, Ecfp, Environment, EnvironmentCounts, Fingerprint};
pub use identifier::Identifier;
pub(crate) use identifier::begins_as_inchi;
#[cfg(feature = "properties")]
pub use properties::Properties;
pub use standard_form::{Keep, Parent};
pub use substructure::{SmartsError, Substructure};

/// A valid molecule. Its atoms are numbered in the order of the text it was
/// read from, without the hydrogens that standardisation folds away.
#[derive(Clone)]
pub struct Molecule {
    /// The molecule as written, folded hydrogens included, in the order of
    /// [`ring_order::small_rings_first`].
    written: chematic_core::Molecule,
    /// For each atom, its index in `written`, which may have another order.
    kept: Vec<usize>,
    /// For each atom, what standardisation made of it.
    atoms: Vec<StandardAtom>,
    /// For each written bond, its order after standardisation as a label.
    bonds: Vec<u8>,
    /// For each atom, its bytes in the text it was read from.
    input: Vec<Range<usize>>,
    /// For each atom, the character at which it stands in that text.
    places: Vec<usize>,
    /// What was read otherwise than it was written.
    notes: Vec<Note>,
}

#[derive(Clone, Copy)]
struct StandardAtom {
    aromatic: bool,
    charge: i8,
    hydrogens: u8,
}

/// In which order the atoms of a molecule are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomOrder {
    /// As they were read (RDKit's `canonical=False`), but for a furan or thiophene
    /// across a macrocycle, whose heteroatom comes first.
    Input,
    /// Canonically: every writing of a molecule gives the same string.
    Canonical,
    /// Shuffled by a seed, the same on every platform.
    Random(u64),
}

/// Something in a text that was read otherwise than it was written. The molecule
/// is good; whoever wrote the text may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Note {
    /// `\\` for `\`, as in text that was escaped twice: read as one.
    EscapedTwice,
    /// Bond directions that put both neighbours of an atom of a double bond on
    /// one side: its geometry is left open.
    ContradictoryDirections,
    /// Text after a blank, as of a second molecule: taken for a name.
    Name,
}

impl Note {
    /// A few words for the user.
    pub fn text(self) -> &'static str {
        match self {
            Self::EscapedTwice => "a doubled backslash read as one",
            Self::ContradictoryDirections => {
                "contradictory bond directions: the geometry of a double bond is left open"
            }
            Self::Name => "the text after the SMILES was taken for a name",
        }
    }
}

/// A Kekulé SMILES: no aromatic (lower-case) atoms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekuleSmiles {
    /// The string.
    pub smiles: String,
    /// For each atom of the molecule the bytes of `smiles` that stand for it,
    /// brackets included: `Cl`, `[C@@H]`.
    pub atoms: Vec<Range<usize>>,
}

impl Molecule {
    /// Reads a SMILES.
    ///
    /// Blanks around it are ignored, as is a name after it. A CXSMILES extension
    /// may hold what leaves the molecule as it is (coordinates, labels,
    /// properties, data, enhanced stereo groups), and is an error where it
    /// changes it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where: see [`Reason`].
    pub fn parse(smiles: &str) -> Result<Self, ChemistryError> {
        let Written {
            molecule,
            atoms,
            mut notes,
        } = read_written(smiles)?;
        let position = |atom: usize| {
            let range = atoms.get(atom)?;
            Some(smiles::character(smiles, range.start))
        };
        if directions::contradict(&molecule) {
            notes.push(Note::ContradictoryDirections);
        }
        let (mut molecule, read) = Self::standardise(molecule, &position)?;
        let read = read.iter();
        molecule.input = read.clone().map(|&atom| atoms[atom].clone()).collect();
        molecule.places = read.filter_map(|&atom| position(atom)).collect();
        molecule.notes = notes;
        Ok(molecule)
    }

    /// Reads a mol block, V2000 or V3000, as a record of an SDF holds it.
    ///
    /// Stereo comes from the wedges of a drawing, or from the coordinates of
    /// a three-dimensional structure, unless a wavy or crossed bond says that
    /// it is unknown; enhanced stereo groups are read as what the marks draw.
    /// Groups drawn without charges get them. Query atoms and bonds, R groups,
    /// radicals, polymers, and bonds of no covalent structure are errors with
    /// their line.
    ///
    /// # Errors
    ///
    /// What is wrong with it: see [`Reason`].
    pub fn from_mol_block(block: &str) -> Result<Self, ChemistryError> {
        let (written, lines) = mol_block::read(block)?;
        if written.atom_count() == 0 {
            return Err(ChemistryError::new(Reason::Empty));
        }
        // The place of an atom is its line.
        let standard = Self::standardise(written, &|atom| lines.get(atom).copied());
        let (molecule, _) = standard.map_err(|error| ChemistryError {
            line: error.position,
            position: None,
            ..error
        })?;
        Ok(molecule)
    }

    /// What was read otherwise than it was written, or could not be read.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The number of atoms: all heavy ones, and the hydrogens that stay.
    pub fn atom_count(&self) -> usize {
        self.kept.len()
    }

    /// The number of atoms other than hydrogen; unspecified atoms count.
    pub fn heavy_atom_count(&self) -> usize {
        self.elements().filter(|&symbol| symbol != "H").count()
    }

    /// Each atom's element symbol; `*` for an unspecified atom.
    pub fn elements(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.kept.iter().map(|&atom| symbol(&self.written, atom))
    }

    /// The bytes that stand for atom `atom` in the SMILES it was read from;
    /// `None` for an atom of a mol block.
    pub fn input_range(&self, atom: usize) -> Option<Range<usize>> {
        self.input.get(atom).cloned()
    }

    /// RDKit's canonical SMILES.
    ///
    /// # Errors
    ///
    /// For a molecule that the chemistry crate cannot write.
    pub fn canonical_smiles(&self) -> Result<String, ChemistryError> {
        rdkit_smiles(&self.written, &RdkitSmilesParams::default()).map_err(cannot_write)
    }

    /// The Kekulé SMILES, and where each atom stands in it.
    ///
    /// # Errors
    ///
    /// For a molecule that the chemistry crate cannot write, or not kekulise.
    pub fn kekule_smiles(&self, order: AtomOrder) -> Result<KekuleSmiles, ChemistryError> {
        let smiles = self.kekule_string(order)?;
        let atoms = self.locate(&smiles).ok_or_else(|| {
            ChemistryError::unsupported("a Kekulé SMILES that cannot be read back")
        })?;
        Ok(KekuleSmiles { smiles, atoms })
    }

    /// The string of [`Self::kekule_smiles`] alone, at half the cost.
    ///
    /// # Errors
    ///
    /// As [`Self::kekule_smiles`].
    pub fn kekule_string(&self, order: AtomOrder) -> Result<String, ChemistryError> {
        let params = RdkitSmilesParams {
            kekule: true,
            canonical: order == AtomOrder::Canonical,
            ..RdkitSmilesParams::default()
        };
        let AtomOrder::Random(seed) = order else {
            return rdkit_smiles(&self.written, &params).map_err(cannot_write);
        };
        // MolBERT's way: shuffle the atoms and write them as they come. It
        // needs no shared generator, unlike the crate's own random writer.
        let order = shuffle(&self.written, seed);
        if let Some(shuffled) = ring_order::renumbered(&self.written, &order) {
            let shuffled = ring_order::ordered(&shuffled);
            return rdkit_smiles(&shuffled, &params).map_err(cannot_write);
        }
        let seed = (seed ^ (seed >> 32)) as u32 | 1;
        rdkit_random_smiles_with(&self.written, 1, seed, &params)
            .map_err(cannot_write)?
            .pop()
            .ok_or_else(|| ChemistryError::unsupported("a random SMILES of this molecule"))
    }

    /// The largest of the molecules this one consists of: a salt without its
    /// counter-ions. The standard form of models of before [`Self::parent`].
    ///
    /// The most heavy atoms win, then the greatest mass, then the first, as
    /// RDKit's `LargestFragmentChooser` does when it counts heavy atoms.
    pub fn largest_fragment(&self) -> Self {
        match self.largest_of_several() {
            Some((fragment_of, largest)) => self.fragment(&fragment_of, largest),
            None => self.clone(),
        }
    }

    /// [`Self::largest_fragment`], and canonical SMILES of the others.
    pub(crate) fn split_largest(&self) -> Result<(Self, Vec<String>), ChemistryError> {
        let Some((fragment_of, largest)) = self.largest_of_several() else {
            return Ok((self.clone(), Vec::new()));
        };
        let left_out = self.left_out(&fragment_of, largest)?;
        Ok((self.fragment(&fragment_of, largest), left_out))
    }

    /// For each written atom its fragment, and which of them is the largest; `None`
    /// where there is but one.
    fn largest_of_several(&self) -> Option<(Vec<usize>, usize)> {
        let fragment_of = self.fragments();
        let count = fragment_of.iter().max().map_or(0, |last| last + 1);
        if count <= 1 {
            return None;
        }
        let mut sizes = vec![(0_usize, 0.0_f64); count];
        for (index, &atom) in self.kept.iter().enumerate() {
            let size = &mut sizes[fragment_of[atom]];
            let data = self.written.atom(AtomIdx(atom as u32));
            if !data.wildcard && data.element != Element::H {
                size.0 += 1;
            }
            size.1 += match data.isotope {
                _ if data.wildcard => 0.0,
                Some(isotope) => f64::from(isotope),
                None => data.element.atomic_mass(),
            };
            size.1 += f64::from(self.atoms[index].hydrogens) * Element::H.atomic_mass();
        }
        let mut largest = 0;
        for (fragment, &(heavy, mass)) in sizes.iter().enumerate() {
            let (most, heaviest) = sizes[largest];
            if heavy > most || (heavy == most && mass > heaviest + 1e-6) {
                largest = fragment;
            }
        }
        Some((fragment_of, largest))
    }

    /// For each written atom, which fragment it belongs to.
    fn fragments(&self) -> Vec<usize> {
        let count = self.written.atom_count();
        let mut fragment_of = vec![usize::MAX; count];
        let mut fragments = 0;
        let mut stack = Vec::new();
        for root in 0..count {
            if fragment_of[root] != usize::MAX {
                continue;
            }
            fragment_of[root] = fragments;
            stack.push(root);
            while let Some(atom) = stack.pop() {
                for (other, _) in self.written.neighbors(AtomIdx(atom as u32)) {
                    let other = other.0 as usize;
                    if fragment_of[other] == usize::MAX {
                        fragment_of[other] = fragments;
                        stack.push(other);
                    }
                }
            }
            fragments += 1;
        }
        fragment_of
    }

    fn fragment(&self, fragment_of: &[usize], fragment: usize) -> Self {
        let inside = |atom: usize| fragment_of[atom] == fragment;
        let bonds = self.written.bonds().zip(&self.bonds);
        let bonds = bonds.filter(|((_, bond), _)| inside(bond.atom1.0 as usize));
        let chosen: Vec<usize> = (0..self.kept.len())
            .filter(|&index| inside(self.kept[index]))
            .collect();
        let mut renumbered = vec![usize::MAX; fragment_of.len()];
        let members = (0..fragment_of.len()).filter(|&atom| inside(atom));
        for (new, old) in members.enumerate() {
            renumbered[old] = new;
        }
        let of_chosen = |all: &[usize]| -> Vec<usize> {
            chosen
                .iter()
                .filter_map(|&index| all.get(index).copied())
                .collect()
        };
        Self {
            bonds: bonds.map(|(_, &label)| label).collect(),
            written: self.rebuilt(&inside, &|_, _| {}),
            kept: chosen
                .iter()
                .map(|&index| renumbered[self.kept[index]])
                .collect(),
            atoms: chosen.iter().map(|&index| self.atoms[index]).collect(),
            input: chosen
                .iter()
                .filter_map(|&index| self.input.get(index).cloned())
                .collect(),
            places: of_chosen(&self.places),
            notes: self.notes.clone(),
        }
    }

    /// What is written of the atoms `inside`, each as `edit` leaves it, with their
    /// bonds and stereo.
    fn rebuilt(
        &self,
        inside: &dyn Fn(usize) -> bool,
        edit: &dyn Fn(usize, &mut Atom),
    ) -> chematic_core::Molecule {
        let mut renumbered = vec![u32::MAX; self.written.atom_count()];
        let mut builder = MoleculeBuilder::new();
        for (index, data) in self.written.atoms() {
            let index = index.0 as usize;
            if inside(index) {
                let mut data = data.clone();
                edit(index, &mut data);
                renumbered[index] = builder.add_atom(data).0;
            }
        }
        let new = |old: AtomIdx| AtomIdx(renumbered[old.0 as usize]);
        for (index, bond) in self.written.bonds() {
            if !inside(bond.atom1.0 as usize) || !inside(bond.atom2.0 as usize) {
                continue;
            }
            let Ok(added) = builder.add_bond(new(bond.atom1), new(bond.atom2), bond.order) else {
                continue;
            };
            // What the writer reads of a bond beyond its order.
            if let Some(direction) = self.written.bond_direction(index) {
                builder.set_bond_direction(added, direction);
            }
            if let Some(anchor) = self.written.bond_direction_anchor(index) {
                builder.set_bond_direction_anchor(added, new(anchor));
            }
            if let Some((label, occurrence, at_open)) =
                self.written.smiles_ring_closure_metadata(index)
            {
                builder.set_smiles_ring_closure(added, label, occurrence);
                if let Some(at_open) = at_open {
                    builder.set_smiles_ring_closure_begins_at_open(added, at_open);
                }
            }
        }
        for (index, _) in self.written.atoms() {
            if inside(index.0 as usize)
                && let Some(order) = self.written.stereo_neighbor_order(index)
            {
                // Markers of hydrogens and vacant sites are no atom's index.
                let renumber = |&old: &u32| renumbered.get(old as usize).map_or(old, |&new| new);
                builder.set_stereo_neighbor_order(new(index), order.iter().map(renumber).collect());
            }
        }
        builder.build()
    }

    /// Checks the chemistry of `written` as RDKit's sanitisation does. With the
    /// molecule comes, for each of its atoms, its index in `written`.
    fn standardise(
        written: chematic_core::Molecule,
        position: &dyn Fn(usize) -> Option<usize>,
    ) -> Result<(Self, Vec<usize>), ChemistryError> {
        if let Some((ordered, before)) = ring_order::small_rings_first(&written) {
            let position = |atom: usize| position(*before.get(atom)?);
            let mut molecule = Self::standardise_ordered(ordered, &position)?;
            molecule.number_by(|written| before[written]);
            let read = molecule.kept.iter().map(|&atom| before[atom]).collect();
            return Ok((molecule, read));
        }
        let molecule = Self::standardise_ordered(written, position)?;
        let read = molecule.kept.clone();
        Ok((molecule, read))
    }

    /// Numbers the atoms in the order of `key` of what is written of them.
    fn number_by(&mut self, key: impl Fn(usize) -> usize) {
        let mut order: Vec<usize> = (0..self.kept.len()).collect();
        order.sort_by_key(|&atom| key(self.kept[atom]));
        self.kept = order.iter().map(|&atom| self.kept[atom]).collect();
        self.atoms = order.iter().map(|&atom| self.atoms[atom]).collect();
    }

    fn standardise_ordered(
        written: chematic_core::Molecule,
        position: &dyn Fn(usize) -> Option<usize>,
    ) -> Result<Self, ChemistryError> {
        let (written, model) = match rdkit_sanitized_model(&written) {
            Ok(model) => (written, model),
            Err(error) => match with_double_bonds(&written) {
                Some(sanitised) => sanitised,
                None => return Err(problem(&written, error, position)),
            },
        };
        let (written, model) = without_false_marks(written, model);
        let mut kept = Vec::with_capacity(model.atoms.len());
        let mut atoms = Vec::with_capacity(model.atoms.len());
        for (index, atom) in model.atoms.iter().enumerate() {
            if let &Some((aromatic, charge, hydrogens)) = atom {
                // Groups were given charges, and hydrogens were folded.
                ranges::CHARGE
                    .check(charge, || symbol(&written, index).to_owned())
                    .and_then(|()| {
                        ranges::HYDROGENS.check(hydrogens, || symbol(&written, index).to_owned())
                    })
                    .map_err(|reason| ChemistryError {
                        position: position(index),
                        ..ChemistryError::new(reason)
                    })?;
                kept.push(index);
                atoms.push(StandardAtom {
                    aromatic,
                    charge,
                    hydrogens,
                });
            }
        }
        let bonds = model.bonds.iter().map(|bond| match bond {
            Some(BondOrder::Double) => 2,
            Some(BondOrder::Triple) => 3,
            Some(BondOrder::Quadruple) => 4,
            Some(BondOrder::Aromatic) => 5,
            Some(BondOrder::Dative) => 6,
            _ => 1,
        });
        Ok(Self {
            bonds: bonds.collect(),
            written,
            kept,
            atoms,
            input: Vec::new(),
            places: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// The atom that is `written` in the text; `None` for a hydrogen that was folded.
    fn atom_of(&self, written: AtomIdx) -> Option<usize> {
        let written = written.0 as usize;
        self.kept.iter().position(|&kept| kept == written)
    }

    /// What is written of each atom that was not folded, in the order of the crate.
    fn stays(&self) -> Vec<usize> {
        let mut stays = self.kept.clone();
        stays.sort_unstable();
        stays
    }

    /// Where each atom stands in `smiles`, a writing of this molecule.
    fn locate(&self, smiles: &str) -> Option<Vec<Range<usize>>> {
        let scan = smiles::scan_written(smiles).ok()?;
        // A hydrogen that tells the geometry of an imine is written out, and is no atom.
        let (other, read) =
            Self::standardise(parse_template(&scan.smiles).ok()?, &|_| None).ok()?;
        let (from, to) = (self.graph(true), other.graph(true));
        let matching = match match_atoms(&from, &to) {
            Some(matching) => matching,
            // Which rings are aromatic may depend on the order of the atoms
            // in large fused systems: connectivity alone decides there.
            None => match_atoms(&self.graph(false), &other.graph(false))?,
        };
        let mut image = matching.image;
        // Atoms alike but for stereo are told apart where there is stereo.
        if !matching.unique
            && smiles.contains(['@', '/', '\\'])
            && let (Some(from), Some(to)) = (self.stereo(from), other.stereo(to))
            && let Some(matching) = match_atoms(&from, &to)
        {
            image = matching.image;
        }
        let range = |&atom: &usize| scan.atoms.get(*read.get(atom)?).cloned();
        let ranges = image.iter().map(range);
        ranges.collect()
    }

    /// The molecule as a labelled graph; with `perceived`, aromaticity and
    /// bond orders are part of the labels.
    fn graph(&self, perceived: bool) -> Graph {
        let mut index_of = vec![usize::MAX; self.written.atom_count()];
        for (index, &atom) in self.kept.iter().enumerate() {
            index_of[atom] = index;
        }
        let mut graph = Graph {
            labels: Vec::with_capacity(self.kept.len()),
            neighbors: vec![Vec::new(); self.kept.len()],
        };
        for (&atom, standard) in self.kept.iter().zip(&self.atoms) {
            let data = self.written.atom(AtomIdx(atom as u32));
            let element = if data.wildcard {
                0
            } else {
                data.element.atomic_number()
            };
            graph.labels.push(
                u64::from(element)
                    | u64::from(standard.charge as u8) << 8
                    | u64::from(standard.hydrogens) << 16
                    | u64::from(perceived && standard.aromatic) << 24
                    | u64::from(data.isotope.unwrap_or(0)) << 32
                    | u64::from(data.atom_map.unwrap_or(0)) << 48,
            );
        }
        for (bond_index, bond) in self.written.bonds() {
            let (a, b) = (
                index_of[bond.atom1.0 as usize],
                index_of[bond.atom2.0 as usize],
            );
            if a == usize::MAX || b == usize::MAX {
                continue;
            }
            let order = if perceived {
                self.bonds.get(bond_index.0 as usize)
            } else {
                None
            };
            let label = u64::from(order.copied().unwrap_or(1));
            graph.neighbors[a].push((b, label));
            graph.neighbors[b].push((a, label));
        }
        graph
    }

    /// `graph` with the stereo of atoms and double bonds in its labels.
    fn stereo(&self, mut graph: Graph) -> Option<Graph> {
        let stereo = rdkit_legacy_stereo(&self.written).ok()?;
        for (label, code) in graph.labels.iter_mut().zip(&stereo.atom_cip) {
            *label |= u64::from(code.map_or(0, |code| code - b'A' + 1)) << 25;
        }
        for (index, bond) in self.written.bonds() {
            let code = u64::from(*stereo.bond_stereo.get(index.0 as usize)?) << 8;
            let (a, b) = (bond.atom1.0 as usize, bond.atom2.0 as usize);
            for (from, to) in [(a, b), (b, a)] {
                for (_, label) in graph.neighbors[from].iter_mut().filter(|n| n.0 == to) {
                    *label |= code;
                }
            }
        }
        Some(graph)
    }
}

impl fmt::Debug for Molecule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Molecule")
            .field(&self.canonical_smiles().unwrap_or_default())
            .finish()
    }
}

/// What a SMILES writes, its chemistry unchecked.
struct Written {
    molecule: chematic_core::Molecule,
    /// For each atom its bytes.
    atoms: Vec<Range<usize>>,
    notes: Vec<Note>,
}

fn read_written(smiles: &str) -> Result<Written, ChemistryError> {
    let scan = smiles::scan(smiles)?;
    // The crate asks which rings a wildcard is in, which takes it seconds where a ring has
    // two thousand atoms.
    if scan.atoms.len() > smiles::MAX_TEMPLATE_ATOMS
        && let Some(wildcard) = scan
            .atoms
            .iter()
            .find(|&atom| smiles[atom.clone()].contains('*'))
    {
        let position = smiles::character(smiles, wildcard.start);
        return Err(ChemistryError::at(Reason::Wildcard, position));
    }
    let mut written = parse_template(&scan.smiles).map_err(|error| ChemistryError {
        reason: Reason::Syntax {
            what: error.to_string(),
        },
        position: None,
        line: None,
    })?;
    if written.atom_count() != scan.atoms.len() {
        return Err(ChemistryError::unsupported("this SMILES"));
    }
    check_ring_systems(&written)?;
    normalise::normalise_groups(&mut written);
    Ok(Written {
        molecule: written,
        atoms: scan.atoms,
        notes: scan.notes,
    })
}

/// Refuses what it would take seconds to find the rings of: a ring system, spiro centres
/// included, that is far larger than any that was made.
fn check_ring_systems(molecule: &chematic_core::Molecule) -> Result<(), ChemistryError> {
    let atoms = molecule.atom_count();
    if atoms <= smiles::MAX_RING_SYSTEM {
        return Ok(());
    }
    let in_ring = ring_bond_flags(molecule);
    let mut is_reached = vec![false; atoms];
    for first in 0..atoms {
        let mut size = 0;
        let mut waiting = vec![AtomIdx(first as u32)];
        while let Some(atom) = waiting.pop() {
            if std::mem::replace(&mut is_reached[atom.0 as usize], true) {
                continue;
            }
            size += 1;
            let bonds = molecule.neighbors(atom);
            let bonds = bonds.filter(|&(_, bond)| in_ring[bond.0 as usize]);
            waiting.extend(bonds.map(|(next, _)| next));
        }
        if size > smiles::MAX_RING_SYSTEM {
            return Err(ChemistryError::new(Reason::TooLarge {
                what: "atoms in one ring system",
                limit: smiles::MAX_RING_SYSTEM,
            }));
        }
    }
    Ok(())
}

fn symbol(molecule: &chematic_core::Molecule, atom: usize) -> &'static str {
    let data = molecule.atom(AtomIdx(atom as u32));
    if data.wildcard {
        "*"
    } else {
        data.element.symbol()
    }
}

/// A permutation of the atoms of `molecule` (Fisher-Yates, SplitMix64).
fn shuffle(molecule: &chematic_core::Molecule, seed: u64) -> Vec<AtomIdx> {
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(x ^ (x >> 31)) * u128::from(below)) >> 64) as usize
    };
    let mut order: Vec<AtomIdx> = (0..molecule.atom_count() as u32).map(AtomIdx).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, draw(last as u64 + 1));
    }
    order
}

/// The canonical SMILES of a graph that may have any order of its atoms.
fn canonical_of(graph: &chematic_core::Molecule) -> Option<String> {
    rdkit_smiles(&ring_order::ordered(graph), &RdkitSmilesParams::default()).ok()
}

fn cannot_write(error: RdkitSmilesError) -> ChemistryError {
    let (RdkitSmilesError::Unsupported(what) | RdkitSmilesError::Sanitization(what)) = error;
    ChemistryError::unsupported(what)
}

/// Fewest aromatic atoms of which the crate's sanitisation may give up though double bonds
/// can alternate: it read all of forty spellings of thirty fused atoms, and 34 of forty of
/// forty-eight.
const MANY_AROMATIC_ATOMS: usize = 24;

/// `written` with double bonds in place of its aromatic ones, and sanitised. The crate's
/// sanitisation gives up on aromatic bonds after a hundred wrong turns, as RDKit's did:
/// large fused systems were read in some orders of their atoms and refused in others. A
/// matching of the atoms finds what there is to be found in any order.
fn with_double_bonds(
    written: &chematic_core::Molecule,
) -> Option<(chematic_core::Molecule, RdkitSanitizedModel)> {
    let bonds = written
        .bonds()
        .filter(|(_, bond)| bond.order == BondOrder::Aromatic);
    let mut aromatic: Vec<AtomIdx> = bonds
        .flat_map(|(_, bond)| [bond.atom1, bond.atom2])
        .collect();
    aromatic.sort_unstable();
    aromatic.dedup();
    // Which others take a double bond the matching sees in another way than RDKit.
    let is_plain = |&index: &AtomIdx| {
        let atom = written.atom(index);
        let mut orders = written
            .neighbors(index)
            .map(|(_, bond)| written.bond(bond).order);
        !atom.wildcard
            && atom.charge == 0
            && match atom.element {
                Element::C => true,
                Element::N | Element::O | Element::S => {
                    !orders.any(|order| matches!(order, BondOrder::Double | BondOrder::Triple))
                }
                _ => false,
            }
    };
    if aromatic.len() < MANY_AROMATIC_ATOMS || !aromatic.iter().all(is_plain) {
        return None;
    }
    let mut written = written.clone();
    for (bond, order) in kekulize(&written).ok()? {
        written.set_bond_order(bond, order);
    }
    for atom in aromatic {
        written.set_atom_aromatic(atom, false);
    }
    let model = rdkit_sanitized_model(&written).ok()?;
    Some((written, model))
}

/// `written` and its model, once no atom is marked as aromatic that is none to RDKit. The
/// crate sees what the marks say, and not what it makes of them itself, in all that it counts
/// and writes: catecholborane had other values as `c1ccc2c(c1)o[bH]o2`.
fn without_false_marks(
    written: chematic_core::Molecule,
    model: RdkitSanitizedModel,
) -> (chematic_core::Molecule, RdkitSanitizedModel) {
    let is_aromatic = |atom: usize| matches!(model.atoms.get(atom), Some(&Some((true, ..))));
    let falsely: Vec<AtomIdx> = written
        .atoms()
        .filter(|&(index, atom)| atom.aromatic && !is_aromatic(index.0 as usize))
        .map(|(index, _)| index)
        .collect();
    if falsely.is_empty() {
        return (written, model);
    }
    let mut plain = written.clone();
    for (index, bond) in written.bonds() {
        let order = model.bonds.get(index.0 as usize).copied().flatten();
        if bond.order == BondOrder::Aromatic
            && let Some(order) = order
        {
            plain.set_bond_order(index, order);
        }
    }
    for &atom in &falsely {
        plain.set_atom_aromatic(atom, false);
    }
    match rdkit_sanitized_model(&plain) {
        Ok(again) if again.atoms == model.atoms => (plain, again),
        _ => (written, model),
    }
}

/// What RDKit holds against `written`, whose sanitisation ended in `error`.
fn problem(
    written: &chematic_core::Molecule,
    error: RdkitSmilesError,
    position: &dyn Fn(usize) -> Option<usize>,
) -> ChemistryError {
    let message = match error {
        RdkitSmilesError::Unsupported(what) => return ChemistryError::unsupported(what),
        RdkitSmilesError::Sanitization(message) => message,
    };
    let problems = rdkit_detect_chemistry_problems(written).unwrap_or_default();
    let Some(first) = problems.first() else {
        return late_problem(written, message, position);
    };
    let atom = first.atoms.iter().copied().min();
    let atom = atom.filter(|&atom| atom < written.atom_count());
    let element = atom.map_or("", |atom| symbol(written, atom)).to_owned();
    let reason = if first.kind == "AtomValenceException" {
        // "Explicit valence for atom # 1 C, 5, is greater than permitted"
        let valence = first.message.split(", ").nth(1).map(str::trim);
        Reason::Valence {
            element,
            valence: valence.and_then(|v| v.parse().ok()).unwrap_or(0),
        }
    } else {
        Reason::Kekulization { element }
    };
    ChemistryError {
        reason,
        position: atom.and_then(position),
        line: None,
    }
}

/// A problem that sanitisation finds after the checks that list problems:
/// `message` is "Explicit valence for atom # 1 C, 5, is greater than permitted".
fn late_problem(
    written: &chematic_core::Molecule,
    message: String,
    position: &dyn Fn(usize) -> Option<usize>,
) -> ChemistryError {
    let parsed = message
        .strip_prefix("Explicit valence for atom # ")
        .and_then(|rest| {
            let (atom, rest) = rest.split_once(' ')?;
            let (element, rest) = rest.split_once(", ")?;
            let valence = rest.split(',').next()?;
            Some((atom.parse().ok()?, element, valence.parse().ok()?))
        });
    let Some((atom, element, valence)) = parsed else {
        return ChemistryError::unsupported(message);
    };
    // The number counts atoms once hydrogens are folded away.
    let has_hydrogens = (0..written.atom_count()).any(|atom| symbol(written, atom) == "H");
    let element = String::from(element);
    ChemistryError {
        reason: Reason::Valence { element, valence },
        position: position(atom).filter(|_| !has_hydrogens),
        line: None,
    }
}
