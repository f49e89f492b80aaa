//! The one form in which a molecule is scored, compared and trained on: its
//! parent compound.
//!
//! The rules are those of the field's standardisers, RDKit's `Uncharger` and
//! fragment chooser and the ChEMBL structure pipeline (Bento et al. 2020,
//! doi:10.1186/s13321-020-00456-1); `docs/standard-form.md` says where they
//! differ, and why.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use chematic_core::{Atom, AtomIdx, BondOrder, Element};
use chematic_smiles::{RdkitSmilesParams, rdkit_mol_block, rdkit_smiles};

use super::counter_ions::COUNTER_IONS;
use super::ranges::charge_of;
use super::{ChemistryError, Molecule, Reason, cannot_write, symbol};

/// What a standard form leaves as it was drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Salts and solvents stay.
    pub salts: bool,
    /// Charges stay.
    pub charges: bool,
}

/// A molecule in standard form, and what that took.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The molecule.
    pub molecule: Molecule,
    /// Canonical SMILES of the parts that were left out, as they were drawn.
    pub left_out: Vec<String>,
    /// Atoms that lost their charge by taking up or giving up protons.
    pub neutralized: usize,
    /// Atoms that lost their isotope.
    pub isotopes: usize,
}

impl Molecule {
    /// The parent compound of what was drawn:
    ///
    /// 1. Atom maps and isotopes go.
    /// 2. The largest organic part stays, by heavy atoms. Known counter-ions and
    ///    solvents stand back behind any other organic part.
    /// 3. Charges go where moving protons can do it. A charge without a proton
    ///    to give, as of a quaternary nitrogen, stays, and with it as many
    ///    negative ones as balance it; so do those of a nitro group, an
    ///    N-oxide, an azide or an isocyanide, which are bonded to each other.
    ///
    /// No tautomer is changed, and no stereo.
    ///
    /// # Errors
    ///
    /// [`Reason::Wildcard`], [`Reason::Radical`] and [`Reason::Bond`] for what a
    /// model of covalent closed-shell molecules cannot read,
    /// [`Reason::NoOrganicPart`], [`Reason::Metal`] where the part that would
    /// stay holds one, [`Reason::OutOfRange`] where it has a charge that its element
    /// cannot bear, and [`Reason::Mixture`] where two different parts are of one
    /// size.
    pub fn parent(&self, keep: Keep) -> Result<Parent, ChemistryError> {
        self.clone().into_parent(keep)
    }

    /// [`Self::parent`] of a molecule that nobody needs any more.
    pub(crate) fn into_parent(self, keep: Keep) -> Result<Parent, ChemistryError> {
        self.refuse_bonds()?;
        self.refuse_wildcards()?;
        self.refuse_radicals()?;
        let (molecule, isotopes) = self.without_labels()?;
        let (molecule, left_out) = molecule.organic_part(keep.salts)?;
        molecule.refuse_metals()?;
        molecule.refuse_charges()?;
        let (molecule, neutralized) = if keep.charges {
            (molecule, 0)
        } else {
            molecule.neutralized()
        };
        Ok(Parent {
            molecule,
            left_out,
            neutralized,
            isotopes,
        })
    }

    fn data(&self, atom: usize) -> &Atom {
        self.written.atom(AtomIdx(self.kept[atom] as u32))
    }

    /// The character of the text at which `atom` stands, where that is known.
    fn place(&self, atom: usize) -> Option<usize> {
        self.places.get(atom).copied()
    }

    fn refuse(&self, reason: Reason, atom: usize) -> ChemistryError {
        ChemistryError {
            reason,
            position: self.place(atom),
            line: None,
        }
    }

    /// Bonds that no covalent structure has.
    fn refuse_bonds(&self) -> Result<(), ChemistryError> {
        for (index, bond) in self.written.bonds() {
            let standard = self.bonds.get(index.0 as usize).copied();
            let kind = match (bond.order, standard) {
                (BondOrder::Dative, _) | (_, Some(6)) => "dative bond",
                (BondOrder::Quadruple, _) => "quadruple bond",
                (BondOrder::Zero, _) => "zero-order bond",
                // A `:` that no ring bears out: single and double bonds are not told.
                (_, Some(5)) if !self.is_aromatic(bond.atom1) || !self.is_aromatic(bond.atom2) => {
                    "aromatic bond outside an aromatic ring"
                }
                (
                    BondOrder::QueryAny
                    | BondOrder::QuerySingleOrDouble
                    | BondOrder::QuerySingleOrAromatic
                    | BondOrder::QueryDoubleOrAromatic,
                    _,
                ) => "query bond",
                _ => continue,
            };
            let atom = self.atom_of(bond.atom1).unwrap_or(usize::MAX);
            return Err(self.refuse(Reason::Bond { kind }, atom));
        }
        Ok(())
    }

    fn is_aromatic(&self, written: AtomIdx) -> bool {
        let atom = self.atom_of(written);
        atom.is_some_and(|atom| self.atoms[atom].aromatic)
    }

    fn refuse_wildcards(&self) -> Result<(), ChemistryError> {
        match (0..self.kept.len()).find(|&atom| self.data(atom).wildcard) {
            Some(atom) => Err(self.refuse(Reason::Wildcard, atom)),
            None => Ok(()),
        }
    }

    /// Unpaired electrons, as RDKit counts them. It has to be asked only where
    /// the hydrogens of an atom are written out and do not fill its valence.
    fn refuse_radicals(&self) -> Result<(), ChemistryError> {
        let refuse = |atom: usize| {
            let element = symbol(&self.written, self.kept[atom]).to_owned();
            self.refuse(Reason::Radical { element }, atom)
        };
        // The crate has none on an atom by itself; only carbon could be taken for the
        // organic part.
        if let Some(atom) = (0..self.kept.len()).find(|&atom| self.is_bare_carbon(atom)) {
            return Err(refuse(atom));
        }
        let doubtful = (0..self.kept.len()).any(|atom| {
            let data = self.data(atom);
            data.hydrogen_count.is_some() && !self.has_usual_valence(atom)
        });
        if !doubtful {
            return Ok(());
        }
        let block = rdkit_mol_block(&self.written).map_err(cannot_write)?;
        let radicals: Vec<bool> = block.atoms.iter().map(|atom| atom.radical > 0).collect();
        match self.radical_among(&radicals)? {
            Some(atom) => Err(refuse(atom)),
            None => Ok(()),
        }
    }

    /// The first atom that `radicals` marks, one mark an atom.
    ///
    /// # Errors
    ///
    /// Where the marks are of other atoms than this molecule's: which of them is
    /// meant is not known then, and a radical must not pass for a molecule.
    fn radical_among(&self, radicals: &[bool]) -> Result<Option<usize>, ChemistryError> {
        if radicals.len() != self.kept.len() {
            return Err(ChemistryError::unsupported(
                "a structure whose unpaired electrons cannot be counted",
            ));
        }
        let mut marked = radicals.iter().zip(self.stays());
        let marked = marked.find(|&(&radical, _)| radical);
        Ok(marked.and_then(|(_, written)| self.atom_of(AtomIdx(written as u32))))
    }

    /// Whether the atom is carbon without any bond, and no carbide.
    fn is_bare_carbon(&self, atom: usize) -> bool {
        let standard = &self.atoms[atom];
        let mut neighbors = self.written.neighbors(AtomIdx(self.kept[atom] as u32));
        self.data(atom).element == Element::C
            && standard.hydrogens == 0
            && standard.charge.abs() != 4
            && neighbors.next().is_none()
    }

    /// Whether bonds and hydrogens fill one of the valences that the element
    /// commonly has at this charge.
    fn has_usual_valence(&self, atom: usize) -> bool {
        let charge = i32::from(self.atoms[atom].charge);
        let usual: &[i32] = match (self.data(atom).element, charge) {
            (Element::C, 0) => &[8, 9],
            (Element::N, 0) => &[6, 7, 8],
            (Element::N, 1) => &[8, 9],
            (Element::O, 0) => &[4, 5, 6],
            (Element::O, -1) => &[2],
            (Element::S, 0) => &[4, 5, 6, 8, 12],
            (Element::P, 0) => &[6, 10],
            (Element::SI, 0) => &[8],
            _ => &[],
        };
        usual.contains(&self.twice_valence(atom))
    }

    /// Twice the number of an atom's bonds, hydrogens included, so that an aromatic
    /// bond counts 3.
    fn twice_valence(&self, atom: usize) -> i32 {
        let standard = &self.atoms[atom];
        let index = AtomIdx(self.kept[atom] as u32);
        let mut twice = 2 * i32::from(standard.hydrogens);
        for (_, bond) in self.written.neighbors(index) {
            twice += match self.bonds.get(bond.0 as usize) {
                Some(2) => 4,
                Some(3) => 6,
                Some(4) => 8,
                Some(5) => 3,
                _ => 2,
            };
        }
        // Folded hydrogens are bonds of the text and hydrogens of the atom.
        let folded = self.written.neighbors(index);
        let folded = folded.filter(|&(other, _)| self.atom_of(other).is_none());
        twice - 2 * folded.count() as i32
    }

    /// The molecule without isotopes and atom maps, and how many isotopes it had.
    fn without_labels(self) -> Result<(Self, usize), ChemistryError> {
        let labelled = |atom: &Atom| atom.isotope.is_some() || atom.atom_map.is_some();
        if !self.written.atoms().any(|(_, atom)| labelled(atom)) {
            return Ok((self, 0));
        }
        let isotopes = self.written.atoms();
        let isotopes = isotopes.filter(|(_, atom)| atom.isotope.is_some()).count();
        let stripped = self.rebuilt(&|_| true, &|_, atom| {
            atom.isotope = None;
            atom.atom_map = None;
        });
        let (mut molecule, _) = Self::standardise(stripped, &|_| None)?;
        let number = |written: usize| self.atom_of(AtomIdx(written as u32));
        molecule.number_by(|written| number(written).unwrap_or(usize::MAX));
        // The atoms are those of before, less the hydrogens that are none of a
        // kind any more; a place is looked up by the atom of the text.
        let place = |atom: &usize| {
            let before = self.atom_of(AtomIdx(*atom as u32))?;
            Some((self.places.get(before)?, self.input.get(before)?))
        };
        let places: Option<Vec<_>> = molecule.kept.iter().map(place).collect();
        if let Some(places) = places {
            molecule.places = places.iter().map(|(place, _)| **place).collect();
            molecule.input = places.iter().map(|(_, range)| (*range).clone()).collect();
        }
        molecule.notes.clone_from(&self.notes);
        Ok((molecule, isotopes))
    }

    /// The part to keep, and canonical SMILES of the others; with `keep_salts`
    /// all of them, if one is organic.
    fn organic_part(self, keep_salts: bool) -> Result<(Self, Vec<String>), ChemistryError> {
        let fragment_of = self.fragments();
        let count = fragment_of.iter().max().map_or(0, |last| last + 1);
        let mut carbon = vec![false; count];
        for atom in 0..self.kept.len() {
            carbon[fragment_of[self.kept[atom]]] |= self.data(atom).element == Element::C;
        }
        if !carbon.contains(&true) {
            // A compound of a metal is not merely inorganic.
            self.refuse_metals()?;
            return Err(ChemistryError::new(Reason::NoOrganicPart));
        }
        if count == 1 || keep_salts {
            return Ok((self, Vec::new()));
        }
        let organic: Vec<usize> = (0..count).filter(|&part| carbon[part]).collect();
        let chosen = match organic[..] {
            [only] => only,
            _ => self.choose(&fragment_of, &organic)?,
        };
        let left_out = self.left_out(&fragment_of, chosen)?;
        Ok((self.fragment(&fragment_of, chosen), left_out))
    }

    /// Canonical SMILES of the parts other than `chosen`.
    pub(super) fn left_out(
        &self,
        fragment_of: &[usize],
        chosen: usize,
    ) -> Result<Vec<String>, ChemistryError> {
        let count = fragment_of.iter().max().map_or(0, |last| last + 1);
        let mut parts = BTreeMap::new();
        for part in (0..count).filter(|&part| part != chosen) {
            let smiles = self.fragment(fragment_of, part).canonical_smiles()?;
            *parts.entry(smiles).or_insert(0_usize) += 1;
        }
        let counted = parts.into_iter().map(|(smiles, times)| match times {
            1 => smiles,
            _ => format!("{smiles} ({times} times)"),
        });
        Ok(counted.collect())
    }

    /// Which of several organic parts is the compound.
    fn choose(&self, fragment_of: &[usize], organic: &[usize]) -> Result<usize, ChemistryError> {
        let mut parts = Vec::with_capacity(organic.len());
        for &part in organic {
            let (molecule, _) = self.fragment(fragment_of, part).neutralized();
            let known = counter_ions().contains(&molecule.flat_smiles()?);
            let heavy = molecule.heavy_atom_count();
            parts.push((part, known, heavy, molecule.canonical_smiles()?));
        }
        let all_known = parts.iter().all(|&(_, known, ..)| known);
        let mut candidates = parts;
        candidates.retain(|&(_, known, ..)| all_known || !known);
        let most = candidates.iter().map(|&(_, _, heavy, _)| heavy).max();
        candidates.retain(|&(_, _, heavy, _)| Some(heavy) == most);
        let (chosen, _, _, smiles) = &candidates[0];
        match candidates.iter().find(|(_, _, _, other)| other != smiles) {
            Some((_, _, _, other)) => Err(ChemistryError::new(Reason::Mixture {
                parts: [smiles.clone(), other.clone()],
            })),
            None => Ok(*chosen),
        }
    }

    /// The canonical SMILES without stereo.
    fn flat_smiles(&self) -> Result<String, ChemistryError> {
        let params = RdkitSmilesParams {
            isomeric: false,
            ..RdkitSmilesParams::default()
        };
        rdkit_smiles(&self.written, &params).map_err(cannot_write)
    }

    /// Metals that are bonded; ions of them are parts of their own.
    fn refuse_metals(&self) -> Result<(), ChemistryError> {
        let bonded = |&atom: &usize| {
            let index = AtomIdx(self.kept[atom] as u32);
            is_metal(self.data(atom).element) && self.written.degree(index) > 0
        };
        let Some(atom) = (0..self.kept.len()).find(bonded) else {
            return Ok(());
        };
        let element = symbol(&self.written, self.kept[atom]).to_owned();
        Err(self.refuse(Reason::Metal { element }, atom))
    }

    /// Charges that an element has too few electrons, or too little room, for: no model
    /// has seen such an atom, and no real molecule has one.
    fn refuse_charges(&self) -> Result<(), ChemistryError> {
        for atom in 0..self.kept.len() {
            let element = || symbol(&self.written, self.kept[atom]).to_owned();
            charge_of(self.data(atom).element.atomic_number())
                .check(self.atoms[atom].charge, element)
                .map_err(|reason| self.refuse(reason, atom))?;
        }
        Ok(())
    }

    /// The molecule with as few charges as moving protons leaves, and how many
    /// atoms lost theirs. A molecule that would be none without its charges
    /// keeps them.
    fn neutralized(self) -> (Self, usize) {
        let changes = self.proton_moves();
        if changes.is_empty() {
            return (self, 0);
        }
        // Hydrogens that are atoms of the text cannot be counted up or down:
        // written anew they are folded.
        let folded = if self.written.atom_count() == self.kept.len() {
            None
        } else {
            let written = self.canonical_smiles();
            let again = written.and_then(|smiles| Self::parse(&smiles));
            match again {
                Ok(again) if again.written.atom_count() == again.kept.len() => Some(again),
                _ => return (self, 0),
            }
        };
        if let Some(again) = folded {
            let (molecule, count) = again.neutralized();
            return (self.described(molecule), count);
        }
        let count = changes.len();
        let edited = self.rebuilt(&|_| true, &|atom, data| {
            let Some(atom) = self.atom_of(AtomIdx(atom as u32)) else {
                return;
            };
            if let Some(&(charge, hydrogens)) = changes.get(&atom) {
                data.charge = charge;
                data.hydrogen_count = Some(hydrogens);
            }
        });
        // Read again from its SMILES, since marks of stereo that a proton held
        // up, as of an ammonium nitrogen, go only in reading.
        let again = rdkit_smiles(&edited, &RdkitSmilesParams::default())
            .map_err(cannot_write)
            .and_then(|smiles| Self::parse(&smiles));
        match again {
            // What protons alone would make a radical keeps its charges.
            Ok(molecule) if molecule.refuse_radicals().is_ok() => (self.described(molecule), count),
            _ => (self, 0),
        }
    }

    /// `molecule`, written anew from this one: the text's places are none of its
    /// own, what was noted of the text holds.
    fn described(&self, molecule: Self) -> Self {
        Self {
            input: Vec::new(),
            places: Vec::new(),
            notes: self.notes.clone(),
            ..molecule
        }
    }

    /// For each atom whose charge is to go: its charge and its hydrogens after.
    fn proton_moves(&self) -> BTreeMap<usize, (i8, u8)> {
        let charge = |atom: usize| self.atoms[atom].charge;
        if (0..self.kept.len()).all(|atom| charge(atom) == 0) {
            return BTreeMap::new();
        }
        let neighbors = |atom: usize| {
            let around = self.written.neighbors(AtomIdx(self.kept[atom] as u32));
            around.filter_map(|(other, _)| self.atom_of(other))
        };
        let beside = |atom: usize, sign: fn(i8) -> bool| {
            neighbors(atom).filter(|&other| sign(charge(other))).count()
        };
        let (mut protonated, mut anions, mut fixed) = (Vec::new(), Vec::new(), 0);
        for atom in 0..self.kept.len() {
            let data = self.data(atom);
            if charge(atom) > 0 {
                let anions_beside = beside(atom, |charge| charge < 0);
                if anions_beside == 1 {
                    continue;
                }
                // Part of a charge would leave a radical: `[NH+3]` without its proton.
                let has_enough = i32::from(self.atoms[atom].hydrogens) >= i32::from(charge(atom));
                // So would all of the charge where electrons are missing: `[NH2+2]` has
                // the bonds of a neutral nitrogen already.
                let least = neutral_valence(data.element);
                let left = self.twice_valence(atom) - 2 * i32::from(charge(atom));
                let gives = has_enough && least.is_some_and(|least| left >= 2 * least);
                if gives && (anions_beside == 0 || anions_beside > 1) {
                    protonated.push(atom);
                } else if anions_beside == 0 {
                    fixed += i32::from(charge(atom));
                }
            } else if charge(atom) == -1
                && beside(atom, |charge| charge > 0) == 0
                && takes_protons(data.element)
                && !(data.element == Element::C && self.atoms[atom].aromatic)
            {
                anions.push(atom);
            }
        }
        let mut surplus = anions.len() as i32 - fixed;
        if fixed > 0 && surplus > 0 {
            // Which anions are to stay beside a fixed cation must not depend on
            // how the molecule was written, and the stronger acids stay ionised.
            let ranks = self.canonical_ranks();
            anions.sort_by_key(|&atom| (self.is_acid_anion(atom), ranks.get(atom).copied()));
        }
        let mut moves = BTreeMap::new();
        let mut net: i32 = (0..self.kept.len())
            .map(|atom| i32::from(charge(atom)))
            .sum();
        for atom in anions {
            if surplus <= 0 {
                break;
            }
            surplus -= 1;
            net += 1;
            moves.insert(atom, (0, self.atoms[atom].hydrogens + 1));
        }
        for atom in protonated {
            let (mut charge, mut hydrogens) = (charge(atom), self.atoms[atom].hydrogens);
            while charge > 0 && hydrogens > 0 && net > 0 {
                charge -= 1;
                hydrogens -= 1;
                net -= 1;
            }
            if charge != self.atoms[atom].charge {
                moves.insert(atom, (charge, hydrogens));
            }
        }
        moves
    }

    /// Whether `atom` is the charged atom of a carboxylate, a sulfonate, a
    /// phosphonate or their like: an O or S beside a C, S or P that has a double
    /// bond to another O or S.
    fn is_acid_anion(&self, atom: usize) -> bool {
        let chalcogen = |element: Element| element == Element::O || element == Element::S;
        if !chalcogen(self.data(atom).element) {
            // The acidic ring nitrogen of a tetrazole.
            return self.data(atom).element == Element::N && self.atoms[atom].aromatic;
        }
        let index = |atom: usize| AtomIdx(self.kept[atom] as u32);
        self.written.neighbors(index(atom)).any(|(center, _)| {
            self.written.neighbors(center).any(|(other, bond)| {
                other != index(atom)
                    && chalcogen(self.written.atom(other).element)
                    && self.bonds.get(bond.0 as usize) == Some(&2)
            })
        })
    }

    /// For each atom, its place in the canonical SMILES.
    fn canonical_ranks(&self) -> Vec<usize> {
        let written = self.kekule_smiles(super::AtomOrder::Canonical);
        written.map_or_else(
            |_| (0..self.kept.len()).collect(),
            |written| written.atoms.iter().map(|range| range.start).collect(),
        )
    }
}

/// The fewest bonds of a neutral atom, for elements whose cations give up protons.
fn neutral_valence(element: Element) -> Option<i32> {
    match element.atomic_number() {
        7 | 15 | 33 => Some(3),
        8 | 16 | 34 | 52 => Some(2),
        _ => None,
    }
}

/// Elements whose anions take up protons.
fn takes_protons(element: Element) -> bool {
    matches!(
        element.atomic_number(),
        6 | 7 | 8 | 9 | 15 | 16 | 17 | 33 | 34 | 35 | 52 | 53
    )
}

/// Every element left of the metalloids, and the heavy ones below them.
fn is_metal(element: Element) -> bool {
    matches!(
        element.atomic_number(),
        3 | 4 | 11..=13 | 19..=31 | 37..=50 | 55..=83 | 87..=118
    )
}

/// Canonical SMILES, without charges and stereo, of [`COUNTER_IONS`].
fn counter_ions() -> &'static HashSet<String> {
    static KNOWN: OnceLock<HashSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let canonical =
            |(_, smiles): &(&str, &str)| Molecule::parse(smiles).ok()?.flat_smiles().ok();
        COUNTER_IONS.iter().filter_map(canonical).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpaired_electrons_that_cannot_be_counted_are_no_molecule() {
        let molecule = Molecule::parse("CC[O]").expect("read");
        assert_eq!(molecule.radical_among(&[false, false, true]), Ok(Some(2)));
        assert_eq!(molecule.radical_among(&[false; 3]), Ok(None));
        for marks in [&[][..], &[false; 2], &[true; 4]] {
            let error = molecule.radical_among(marks).expect_err("other atoms");
            assert_eq!(error.reason.code(), "unsupported");
        }
    }

    /// Hydrogens that are folded and such that stay are counted alike here and there.
    #[test]
    fn the_atoms_of_the_crate_are_ours() {
        for smiles in [
            "[H]C([H])([H])[CH]C",
            "[2H]C([2H])[CH2]",
            "[H][H].C[CH2]",
            "[H+].C[NH]",
            "[H-].[CH3]",
            "C[H]C",
            "[H]O[C]=O",
            "[CH2]c1ccc([13CH2])cc1[H]",
            "[H]/C(C)=C(/[H])[CH2]",
        ] {
            let Ok(molecule) = Molecule::parse(smiles) else {
                continue;
            };
            let block = rdkit_mol_block(&molecule.written).expect("written");
            assert_eq!(block.atoms.len(), molecule.kept.len(), "{smiles}");
            let error = molecule.parent(Keep::default()).expect_err(smiles);
            assert_eq!(error.reason.code(), "radical", "{smiles}");
        }
    }
}
