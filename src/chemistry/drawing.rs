//! Molecules as mol blocks and pictures: drawn in two dimensions, stereo as wedges.
//!
//! The chemistry crate lays a molecule out. Which way its double bonds point and
//! which bonds are wedges is settled here, by reading the drawing back as any
//! mol block is read and mending what does not come out as it should. The
//! finished block is read once more by this library's own reader: a centre or
//! double bond that would come out as another is left open.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chematic_core::valence::{bond_order_sum, valence_inferred_hcount};
use chematic_core::{
    Atom, AtomIdx, BondIdx, BondOrder, Chirality, Molecule as Graph, MoleculeBuilder,
    STEREO_H_SENTINEL,
};
use chematic_depict::compute_layout;
use chematic_depict::layout::{BOND_LEN, Layout, Point};
use chematic_depict::svg::{RenderOptions, render_svg_opts};
use chematic_perception::apply_ctab_local_parity_from_wedges_with_diagnostics;
use chematic_smiles::{parse_template, rdkit_legacy_stereo};

use super::{AtomOrder, ChemistryError, Molecule, canonical_of, mol_block};

/// From so many atoms on the format is V3000: the counts of V2000 have three
/// digits.
const LARGE: usize = 1_000;

/// Elements whose hydrogens every reader infers alike.
const ORGANIC: [&str; 12] = [
    "H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I",
];

/// Length of a bond in the drawing, in ångström.
const BOND_LENGTH: f64 = 1.5;

/// How often double bonds are turned whose geometry hangs on that of others.
const MAX_TURNS: usize = 8;

impl Molecule {
    /// A mol block of the molecule, drawn in two dimensions in its Kekulé form:
    /// V2000, from 1,000 atoms or bonds on V3000.
    ///
    /// Stereo centres are wedges and absolute (the chiral flag is set); double
    /// bonds without a known geometry are marked so. Centres that no wedge in
    /// the drawing can express, as in some cages, are left open, and so is what
    /// would be read as another geometry than the molecule's.
    ///
    /// # Errors
    ///
    /// For a molecule that the chemistry crate cannot write or kekulise.
    pub fn to_mol_block(&self, title: &str) -> Result<String, ChemistryError> {
        Ok(self.drawn(title)?.block)
    }

    /// [`Self::to_mol_block`], and whether it says all of the molecule's stereo.
    pub(crate) fn drawn(&self, title: &str) -> Result<Drawn, ChemistryError> {
        let graph = self.kekule_graph()?;
        let mut drawing = Drawing::new(&graph);
        let says_stereo = drawing.check(title, &self.canonical_smiles()?);
        Ok(Drawn {
            block: drawing.block(title),
            says_stereo,
        })
    }

    /// The same drawing as an SVG picture of `width` by `height` pixels, black on white.
    /// Double bonds without a known geometry are drawn as any other.
    ///
    /// # Errors
    ///
    /// As [`Self::to_mol_block`].
    pub fn to_svg(&self, width: u32, height: u32) -> Result<String, ChemistryError> {
        let graph = self.kekule_graph()?;
        let mut drawing = Drawing::new(&graph);
        drawing.check("", &self.canonical_smiles()?);
        let scale = BOND_LEN / BOND_LENGTH;
        let places = drawing.places.iter();
        let coords = places.map(|&(x, y)| Point::new(x * scale, -y * scale));
        let layout = Layout {
            coords: coords.collect(),
        };
        let options = RenderOptions {
            width: Some(width),
            height: Some(height),
            background: "white".to_owned(),
            ..RenderOptions::default()
        };
        let drawn = copy(&graph, false, &drawing.wedges);
        Ok(render_svg_opts(&drawn, &layout, &options))
    }

    /// The Kekulé form, as the chemistry crate draws it.
    fn kekule_graph(&self) -> Result<Graph, ChemistryError> {
        let smiles = self.kekule_string(AtomOrder::Input)?;
        parse_template(&smiles)
            .map_err(|_| ChemistryError::unsupported("a Kekulé SMILES that cannot be read back"))
    }
}

/// A mol block of a molecule.
pub(crate) struct Drawn {
    pub(crate) block: String,
    /// Nothing of the molecule's stereo had to be left open. True as well where the block is
    /// no molecule for this library, and cannot be compared.
    pub(crate) says_stereo: bool,
}

/// A molecule on paper.
struct Drawing<'a> {
    graph: &'a Graph,
    places: Vec<(f64, f64)>,
    /// Wedged bonds: the narrow end, and whether they rise.
    wedges: BTreeMap<u32, (AtomIdx, bool)>,
    /// Double bonds of unknown geometry.
    open: BTreeSet<u32>,
}

impl<'a> Drawing<'a> {
    fn new(graph: &'a Graph) -> Self {
        let plain = copy(graph, true, &BTreeMap::new());
        let scale = BOND_LENGTH / BOND_LEN;
        // Layouts have y downwards.
        let places = compute_layout(&plain).coords;
        let places = places.iter().map(|at| (at.x * scale, -at.y * scale));
        let mut drawing = Self {
            graph,
            places: places.collect(),
            wedges: BTreeMap::new(),
            open: BTreeSet::new(),
        };
        drawing.set_apart();
        drawing.turn_double_bonds(&plain);
        drawing.place_wedges();
        drawing
    }

    /// Puts parts that are not bound to each other side by side: ions laid out on
    /// one another are taken for a drawing without places.
    fn set_apart(&mut self) {
        let mut part_of = vec![usize::MAX; self.places.len()];
        let mut left = 0.0;
        for first in 0..self.places.len() {
            if part_of[first] != usize::MAX {
                continue;
            }
            part_of[first] = first;
            let mut part = vec![first];
            let mut next = 0;
            while let Some(&atom) = part.get(next) {
                next += 1;
                for (other, _) in self.graph.neighbors(AtomIdx(atom as u32)) {
                    let other = other.0 as usize;
                    if part_of[other] == usize::MAX {
                        part_of[other] = first;
                        part.push(other);
                    }
                }
            }
            let places = part.iter().map(|&atom| self.places[atom].0);
            let (low, high) = places.fold((f64::MAX, f64::MIN), |(low, high), x| {
                (low.min(x), high.max(x))
            });
            for atom in part {
                self.places[atom].0 += left - low;
            }
            left += high - low + 2.0 * BOND_LENGTH;
        }
    }

    /// Turns each double bond that is drawn the wrong way round, and marks those without a
    /// geometry.
    fn turn_double_bonds(&mut self, plain: &Graph) {
        let Ok(wanted) = rdkit_legacy_stereo(self.graph) else {
            return;
        };
        // Where branches differ by nothing but their own double bonds, the geometry between
        // them shows once those are turned.
        let Some(mut found) = self.geometries(plain) else {
            return;
        };
        for _ in 0..MAX_TURNS {
            let is_wrong = |index| match (
                geometry(&wanted.bond_stereo, index),
                geometry(&found, index),
            ) {
                (Some(wanted), Some(found)) => wanted != found,
                _ => false,
            };
            let bonds = self.graph.bonds();
            let wrong: Vec<BondIdx> = bonds
                .filter(|&(index, bond)| bond.order == BondOrder::Double && is_wrong(index))
                .map(|(index, _)| index)
                .collect();
            let mut is_turned = false;
            for index in wrong {
                let bond = self.graph.bond(index);
                is_turned |= self.reflect(bond.atom1, bond.atom2) || self.fold(index, plain);
            }
            if !is_turned {
                break;
            }
            let Some(turned) = self.geometries(plain) else {
                return;
            };
            found = turned;
        }
        for (index, bond) in self.graph.bonds() {
            if bond.order == BondOrder::Double
                && geometry(&wanted.bond_stereo, index) != geometry(&found, index)
            {
                self.open.insert(index.0);
            }
        }
    }

    /// For each bond the code of its geometry, as it is drawn.
    fn geometries(&self, plain: &Graph) -> Option<Vec<u8>> {
        let mut drawn = plain.clone();
        // As a mol block is read: the crate passes over bonds whose neighbours differ by
        // nothing but the stereo of other atoms.
        mol_block::mark_double_bonds(&mut drawn, &self.places);
        Some(rdkit_legacy_stereo(&drawn).ok()?.bond_stereo)
    }

    /// Reflects what is bound to `far` in the line from `near` to it; false in a
    /// ring.
    fn reflect(&mut self, near: AtomIdx, far: AtomIdx) -> bool {
        let side = self.reached(far, near);
        let mut others = self.graph.neighbors(near).filter(|&(next, _)| next != far);
        if others.any(|(next, _)| side[next.0 as usize]) {
            return false;
        }
        self.mirror(&side, near, far)
    }

    /// Turns a double bond of a ring, which is laid out with both its sides in the ring, by
    /// folding one of its atoms into the ring: over the line between its neighbours there.
    /// False, and all as it was, where the drawing does not come out with this geometry
    /// turned and all others as they were.
    fn fold(&mut self, bond: BondIdx, plain: &Graph) -> bool {
        let Some(before) = self.geometries(plain) else {
            return false;
        };
        let ends = self.graph.bond(bond);
        for (atom, other) in [(ends.atom1, ends.atom2), (ends.atom2, ends.atom1)] {
            let Some((side, within)) = self.outside_ring(atom, other) else {
                continue;
            };
            let places = self.places.clone();
            let is_folded = self.mirror(&side, within, other)
                && self.geometries(plain).is_some_and(|after| {
                    let bonds = self.graph.bonds();
                    let mut all =
                        bonds.map(|(one, _)| (one, geometry(&before, one), geometry(&after, one)));
                    all.all(|(one, before, after)| match one == bond {
                        true => after.is_some() && after != before,
                        false => after == before,
                    })
                });
            if is_folded {
                return true;
            }
            self.places = places;
        }
        false
    }

    /// An atom with all that hangs on it beside its ring, and its neighbour there that is not
    /// `other`; `None` where it is in no ring, or in several.
    fn outside_ring(&self, atom: AtomIdx, other: AtomIdx) -> Option<(Vec<bool>, AtomIdx)> {
        let mut side = vec![false; self.places.len()];
        side[atom.0 as usize] = true;
        let mut within = None;
        for (next, _) in self
            .graph
            .neighbors(atom)
            .filter(|&(next, _)| next != other)
        {
            let part = self.reached(next, atom);
            if !part[other.0 as usize] {
                for (own, more) in side.iter_mut().zip(part) {
                    *own |= more;
                }
            } else if within.replace(next).is_some() {
                return None;
            }
        }
        Some((side, within?))
    }

    /// The atoms that are reached from `first` without passing `barrier`.
    fn reached(&self, first: AtomIdx, barrier: AtomIdx) -> Vec<bool> {
        let mut reached = vec![false; self.places.len()];
        reached[first.0 as usize] = true;
        let mut waiting = vec![first];
        while let Some(atom) = waiting.pop() {
            for (next, _) in self.graph.neighbors(atom) {
                if next != barrier && !std::mem::replace(&mut reached[next.0 as usize], true) {
                    waiting.push(next);
                }
            }
        }
        reached
    }

    /// Reflects the atoms of `side` in the line through two others; false where these are at
    /// one place.
    fn mirror(&mut self, side: &[bool], from: AtomIdx, to: AtomIdx) -> bool {
        let origin = self.places[from.0 as usize];
        let end = self.places[to.0 as usize];
        let axis = (end.0 - origin.0, end.1 - origin.1);
        let length = axis.0 * axis.0 + axis.1 * axis.1;
        if length < 1e-9 {
            return false;
        }
        for (place, _) in self.places.iter_mut().zip(side).filter(|(_, side)| **side) {
            let from = (place.0 - origin.0, place.1 - origin.1);
            let along = (from.0 * axis.0 + from.1 * axis.1) / length;
            let foot = (origin.0 + along * axis.0, origin.1 + along * axis.1);
            *place = (2.0 * foot.0 - place.0, 2.0 * foot.1 - place.1);
        }
        true
    }

    /// Finds a bond for each stereo centre that says how it turns.
    fn place_wedges(&mut self) {
        let centres: Vec<AtomIdx> = self
            .graph
            .atoms()
            .filter(|(_, atom)| atom.chirality.is_tetrahedral())
            .map(|(index, _)| index)
            .collect();
        let mut candidates: Vec<Vec<BondIdx>> = Vec::new();
        for &centre in &centres {
            let mut bonds: Vec<(AtomIdx, BondIdx)> = self
                .graph
                .neighbors(centre)
                .filter(|&(_, bond)| !is_multiple(self.graph.bond(bond).order))
                .collect();
            // Ends of chains look best, bonds between centres worst.
            bonds.sort_by_key(|&(other, _)| {
                let is_centre = self.graph.atom(other).chirality.is_tetrahedral();
                (is_centre, self.graph.neighbors(other).count())
            });
            bonds.reverse();
            candidates.push(bonds.into_iter().map(|(_, bond)| bond).collect());
        }
        let mut waiting: Vec<usize> = (0..centres.len()).collect();
        while !waiting.is_empty() {
            // Those that have no bond left stay open.
            waiting.retain(|&at| {
                let free = candidates[at]
                    .iter()
                    .rposition(|bond| !self.wedges.contains_key(&bond.0));
                let Some(free) = free else { return false };
                let bond = candidates[at].remove(free);
                self.wedges.insert(bond.0, (centres[at], true));
                true
            });
            let read = self.read_back();
            waiting.retain(|&at| {
                let centre = centres[at];
                let own = |wedge: &(&u32, &mut (AtomIdx, bool))| wedge.1.0 == centre;
                let same = same_sense(self.graph, &read, centre);
                let Some((&bond, wedge)) = self.wedges.iter_mut().find(own) else {
                    return false;
                };
                if same == Some(false) {
                    wedge.1 = false;
                } else if same.is_none() {
                    self.wedges.remove(&bond);
                }
                same.is_none()
            });
        }
        // Turning a wedge over turns its centre, in all drawings but odd ones.
        let read = self.read_back();
        self.wedges
            .retain(|_, (centre, _)| same_sense(self.graph, &read, *centre) == Some(true));
    }

    /// The molecule as its drawing is read.
    fn read_back(&self) -> Graph {
        let mut graph = copy(self.graph, false, &self.wedges);
        apply_ctab_local_parity_from_wedges_with_diagnostics(&mut graph, &self.places);
        graph
    }

    /// Reads the finished block, and turns over, or else opens, what comes out
    /// as another molecule than `canonical`. Whether it comes out as that in the end.
    fn check(&mut self, title: &str, canonical: &str) -> bool {
        let read = |drawing: &Self| Some(mol_block::read(&drawing.block(title)).ok()?.0);
        let is_canonical =
            |found: &Graph| canonical_of(found).is_some_and(|read| read == canonical);
        let Some(found) = read(self) else {
            return true;
        };
        if is_canonical(&found) {
            return true;
        }
        // Blocks that differ in more than stereo, by a bond that mol blocks do
        // not have, cannot be judged by it.
        let nothing = |_| false;
        if without_stereo_but(self.graph, nothing) != without_stereo_but(&found, nothing) {
            return true;
        }
        self.mend(found, &read);
        read(self).is_some_and(|found| is_canonical(&found))
    }

    /// Turns over or opens what is another in `found`, which is what `read` makes of the
    /// drawing.
    fn mend(&mut self, mut found: Graph, read: &dyn Fn(&Self) -> Option<Graph>) {
        if self.open_double_bonds(&found)
            && let Some(again) = read(self)
        {
            found = again;
        }
        if self.has_its_centres(&found) {
            return;
        }
        let wrong: Vec<u32> = self
            .wedges
            .iter()
            .filter(|(_, (centre, _))| {
                let only = |atom| atom == *centre;
                without_stereo_but(self.graph, only) != without_stereo_but(&found, only)
            })
            .map(|(&bond, _)| bond)
            .collect();
        for bond in &wrong {
            if let Some(wedge) = self.wedges.get_mut(bond) {
                wedge.1 = !wedge.1;
            }
        }
        let is_right = |drawing: &Self| read(drawing).is_some_and(|f| drawing.has_its_centres(&f));
        if is_right(self) {
            return;
        }
        self.wedges.retain(|bond, _| !wrong.contains(bond));
        if !is_right(self) {
            // Centres that depend on others cannot be told apart one by one.
            self.wedges.clear();
        }
    }

    /// Whether each centre that has a wedge turns as it should, and no other
    /// does.
    fn has_its_centres(&self, found: &Graph) -> bool {
        let drawn: BTreeSet<AtomIdx> = self.wedges.values().map(|&(centre, _)| centre).collect();
        without_stereo_but(self.graph, |atom| drawn.contains(&atom))
            == without_stereo_but(found, |_| true)
    }

    /// Opens the double bonds whose geometry is another in `found`; whether
    /// there are any.
    fn open_double_bonds(&mut self, found: &Graph) -> bool {
        let (Ok(wanted), Ok(found)) = (rdkit_legacy_stereo(self.graph), rdkit_legacy_stereo(found))
        else {
            return false;
        };
        let before = self.open.len();
        for (index, bond) in self.graph.bonds() {
            let is_right =
                geometry(&wanted.bond_stereo, index) == geometry(&found.bond_stereo, index);
            if bond.order == BondOrder::Double && !is_right {
                self.open.insert(index.0);
            }
        }
        self.open.len() > before
    }

    fn block(&self, title: &str) -> String {
        if self.graph.atom_count() < LARGE && self.graph.bond_count() < LARGE {
            self.v2000(title)
        } else {
            self.v3000(title)
        }
    }

    fn is_chiral(&self) -> bool {
        !self.wedges.is_empty()
    }

    /// The atoms of a bond from its narrow end, its type, and the code of its
    /// wedge: 0 plain, 1 rising, 2 falling, 3 open.
    fn bonds(&self) -> impl Iterator<Item = (u32, u32, u32, u32)> + '_ {
        self.graph.bonds().map(|(index, bond)| {
            let (mut first, mut second) = (bond.atom1, bond.atom2);
            let kind = match bond.order {
                BondOrder::Double => 2,
                BondOrder::Triple => 3,
                BondOrder::Dative => 9,
                BondOrder::Aromatic => 4,
                BondOrder::Zero | BondOrder::QueryAny => 8,
                _ => 1,
            };
            let mark = match self.wedges.get(&index.0) {
                Some(&(centre, rises)) => {
                    if centre == second {
                        (first, second) = (second, first);
                    }
                    if rises { 1 } else { 2 }
                }
                None if self.open.contains(&index.0) => 3,
                None => 0,
            };
            (first.0 + 1, second.0 + 1, kind, mark)
        })
    }

    /// Each atom's symbol, place and valence, the last where a reader would take
    /// another number of hydrogens.
    fn atoms(&self) -> impl Iterator<Item = (&Atom, &'static str, (f64, f64), Option<u8>)> + '_ {
        self.graph.atoms().map(|(index, atom)| {
            let symbol = if atom.wildcard {
                "*"
            } else {
                atom.element.symbol()
            };
            // Some readers give hydrogens to a metal that is bound to nothing.
            let is_metal = atom.charge == 0
                && !ORGANIC.contains(&symbol)
                && self.graph.neighbors(index).next().is_none();
            let stated = atom.hydrogen_count.filter(|&hydrogens| {
                let inferred = valence_inferred_hcount(self.graph, index);
                !atom.wildcard && (hydrogens != inferred || is_metal)
            });
            let valence = stated.map(|hydrogens| bond_order_sum(self.graph, index) + hydrogens);
            (atom, symbol, self.places[index.0 as usize], valence)
        })
    }

    fn v2000(&self, title: &str) -> String {
        let mut block = heading(title);
        let _ = writeln!(
            block,
            "{:3}{:3}  0  0{:3}  0  0  0  0  0999 V2000",
            self.graph.atom_count(),
            self.graph.bond_count(),
            u8::from(self.is_chiral()),
        );
        for (atom, symbol, (x, y), valence) in self.atoms() {
            let valence = valence.map_or(0, |valence| if valence == 0 { 15 } else { valence });
            let _ = writeln!(
                block,
                "{x:10.4}{y:10.4}    0.0000 {symbol:<3} 0  0  0  0  0{valence:3}  0  0  0{:3}  0  0",
                atom.atom_map.unwrap_or(0),
            );
        }
        for (first, second, kind, mark) in self.bonds() {
            let mark = if mark == 2 { 6 } else { mark };
            let _ = writeln!(block, "{first:3}{second:3}{kind:3}{mark:3}");
        }
        let numbered = || (1..).zip(self.graph.atoms().map(|(_, atom)| atom));
        let charges = numbered().map(|(at, atom)| (at, i32::from(atom.charge)));
        properties(&mut block, "CHG", charges);
        let masses = numbered().map(|(at, atom)| (at, i32::from(atom.isotope.unwrap_or(0))));
        properties(&mut block, "ISO", masses);
        block.push_str("M  END\n");
        block
    }

    fn v3000(&self, title: &str) -> String {
        let mut block = heading(title);
        let _ = writeln!(
            block,
            "  0  0  0     0  0            999 V3000\n\
             M  V30 BEGIN CTAB\n\
             M  V30 COUNTS {} {} 0 0 {}\n\
             M  V30 BEGIN ATOM",
            self.graph.atom_count(),
            self.graph.bond_count(),
            u8::from(self.is_chiral()),
        );
        for (number, (atom, symbol, (x, y), valence)) in (1..).zip(self.atoms()) {
            let map = atom.atom_map.unwrap_or(0);
            let _ = write!(block, "M  V30 {number} {symbol} {x:.4} {y:.4} 0 {map}");
            if atom.charge != 0 {
                let _ = write!(block, " CHG={}", atom.charge);
            }
            if let Some(mass) = atom.isotope {
                let _ = write!(block, " MASS={mass}");
            }
            if let Some(valence) = valence {
                // None at all is −1, as 0 is the default.
                let stated = if valence == 0 { -1 } else { i32::from(valence) };
                let _ = write!(block, " VAL={stated}");
            }
            block.push('\n');
        }
        block.push_str("M  V30 END ATOM\nM  V30 BEGIN BOND\n");
        for (number, (first, second, kind, mark)) in (1..).zip(self.bonds()) {
            let _ = write!(block, "M  V30 {number} {kind} {first} {second}");
            match mark {
                1 => block.push_str(" CFG=1"),
                2 => block.push_str(" CFG=3"),
                3 => block.push_str(" CFG=2"),
                _ => {}
            }
            block.push('\n');
        }
        block.push_str("M  V30 END BOND\nM  V30 END CTAB\nM  END\n");
        block
    }
}

/// The three lines before the counts.
fn heading(title: &str) -> String {
    format!("{title}\n  delicate          2D\n\n")
}

/// Property lines of eight entries each, of the atoms that have one.
fn properties(block: &mut String, tag: &str, values: impl Iterator<Item = (usize, i32)>) {
    let values: Vec<(usize, i32)> = values.filter(|&(_, value)| value != 0).collect();
    for line in values.chunks(8) {
        let _ = write!(block, "M  {tag}{:3}", line.len());
        for (atom, value) in line {
            let _ = write!(block, "{atom:4}{value:4}");
        }
        block.push('\n');
    }
}

/// The geometry of a double bond, Z or E; one that may be either has none.
fn geometry(codes: &[u8], bond: BondIdx) -> Option<u8> {
    let code = codes.get(bond.0 as usize).copied();
    code.filter(|&code| code > 1)
}

fn is_multiple(order: BondOrder) -> bool {
    !matches!(
        order,
        BondOrder::Single | BondOrder::Up | BondOrder::Down | BondOrder::Dative
    )
}

/// The graph with these wedges as its only marks on bonds; with or without the
/// marks of its atoms.
fn copy(graph: &Graph, chiral: bool, wedges: &BTreeMap<u32, (AtomIdx, bool)>) -> Graph {
    let mut builder = MoleculeBuilder::new();
    for (_, atom) in graph.atoms() {
        let mut atom = atom.clone();
        if !chiral {
            atom.chirality = Chirality::None;
        }
        builder.add_atom(atom);
    }
    for (index, bond) in graph.bonds() {
        let (mut first, mut second) = (bond.atom1, bond.atom2);
        let mut order = match bond.order {
            BondOrder::Up | BondOrder::Down => BondOrder::Single,
            order => order,
        };
        if let Some(&(centre, rises)) = wedges.get(&index.0) {
            if centre == second {
                (first, second) = (second, first);
            }
            order = if rises {
                BondOrder::Up
            } else {
                BondOrder::Down
            };
        }
        // It was one in `graph` too.
        let _ = builder.add_bond(first, second, order);
    }
    if chiral {
        builder.copy_stereo_from(graph);
    }
    builder.build()
}

/// The canonical SMILES with the marks of these centres as its only stereo.
fn without_stereo_but(graph: &Graph, keep: impl Fn(AtomIdx) -> bool) -> Option<String> {
    let mut graph = graph.clone();
    for index in (0..graph.atom_count() as u32).map(AtomIdx) {
        if !keep(index) {
            graph.set_chirality(index, Chirality::None);
        }
    }
    for index in (0..graph.bond_count() as u32).map(BondIdx) {
        graph.clear_bond_direction(index);
        if matches!(graph.bond(index).order, BondOrder::Up | BondOrder::Down) {
            graph.set_bond_order(index, BondOrder::Single);
        }
    }
    canonical_of(&graph)
}

/// Whether RDKit writes the centre of a SMILES the other way round than its
/// neighbours stand there: one with a lone pair and a single ring closure.
fn is_written_inverted(graph: &Graph, centre: AtomIdx) -> bool {
    let names_hydrogen = graph
        .stereo_neighbor_order(centre)
        .is_some_and(|order| order.contains(&STEREO_H_SENTINEL));
    graph.degree(centre) == 3
        && !names_hydrogen
        && graph.atom(centre).hydrogen_count.unwrap_or(0) != 1
        && graph.smiles_ring_closure_count(centre) == 1
        && !graph
            .neighbors(centre)
            .any(|(_, bond)| is_multiple(graph.bond(bond).order))
}

/// Whether a centre turns the same way in both, the first read from a SMILES,
/// the second from a drawing; `None` where the second does not say.
fn same_sense(one: &Graph, other: &Graph, centre: AtomIdx) -> Option<bool> {
    let order = |graph: &Graph| {
        let mut order = graph.stereo_neighbor_order(centre)?.to_vec();
        // A lone pair, as the hydrogen, where none is named.
        if order.len() == 3 && !order.contains(&STEREO_H_SENTINEL) {
            order.push(STEREO_H_SENTINEL);
        }
        Some(order)
    };
    let chirality = other.atom(centre).chirality;
    if !chirality.is_tetrahedral() {
        return None;
    }
    let (from, mut to) = (order(one)?, order(other)?);
    if from.len() != to.len() {
        return None;
    }
    let mut even = !is_written_inverted(one, centre);
    for (at, wanted) in from.iter().enumerate() {
        let found = to.iter().position(|neighbor| neighbor == wanted)?;
        if found != at {
            to.swap(at, found);
            even = !even;
        }
    }
    Some((chirality == one.atom(centre).chirality) == even)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_size_the_wedges_and_the_labels_of_its_molecule() {
        let svg = |smiles: &str| {
            let molecule = Molecule::parse(smiles).expect(smiles);
            molecule.to_svg(160, 120).expect(smiles)
        };
        let text = svg("C[C@H](N)C(=O)O");
        assert!(
            text.starts_with("<svg ") && text.ends_with("</svg>"),
            "{text}"
        );
        assert!(text.contains("width=\"160\" height=\"120\""), "{text}");
        assert!(text.contains(">O<") || text.contains(">OH<"), "{text}");
        assert!(!text.contains("NaN"), "{text}");
        // One is the mirror image of the other, and neither is drawn flat.
        let flat = svg("CC(N)C(=O)O");
        let mirrored = svg("C[C@@H](N)C(=O)O");
        assert!(text != flat && mirrored != flat && text != mirrored);
    }

    /// What is drawn and read back is the same molecule.
    #[test]
    fn a_drawing_is_read_back_as_the_molecule() {
        for smiles in [
            "C",
            "[Na+].[Cl-]",
            "C[C@H](N)C(=O)O",
            "C[C@@H](N)C(=O)O",
            "C/C=C/C",
            "C/C=C\\C",
            "CC=CC",
            "F/C=C/C=C\\Cl",
            "C/C(=N/O)c1ccccc1",
            "C[S@](=O)c1ccccc1",
            "C[C@H](N)c1ccccc1.Cl.Cl.[K].[NaH].[In]",
            "O=[N+]([O-])c1ccccc1",
            "[13CH4]",
            "[2H]C([2H])([2H])O",
            "[CH3:1][OH:2]",
            "c1cc[nH]c1",
            "C[N+](C)(C)CC([O-])=O",
            "[Na]",
            "[CH2]C",
            "C1CCC(=C(Cl)Br)CC1",
            "CC(C)C[C@H](NC(=O)[C@@H](N)Cc1ccccc1)C(=O)O",
            "C[C@]12CC[C@H]3[C@@H](CC[C@@H]4CC(=O)CC[C@]34C)[C@@H]1CC[C@@H]2O",
            "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
            "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
        ] {
            let molecule = Molecule::parse(smiles).expect(smiles);
            let block = molecule.to_mol_block("title").expect(smiles);
            let read = Molecule::from_mol_block(&block);
            let read = read.unwrap_or_else(|error| panic!("{smiles}: {error}\n{block}"));
            assert_eq!(
                read.canonical_smiles(),
                molecule.canonical_smiles(),
                "{smiles}\n{block}"
            );
            assert!(block.starts_with("title\n"));
        }
    }

    /// What is read from the drawing of a molecule is the molecule.
    #[track_caller]
    fn assert_is_drawn(smiles: &str) {
        let molecule = Molecule::parse(smiles).expect(smiles);
        let block = molecule.to_mol_block("").expect(smiles);
        let read = Molecule::from_mol_block(&block).expect(smiles);
        assert_eq!(
            read.canonical_smiles(),
            molecule.canonical_smiles(),
            "{smiles}\n{block}"
        );
    }

    /// Rings are laid out with both sides of a double bond in them, which is Z.
    #[test]
    fn double_bonds_of_large_rings_keep_their_geometry() {
        for smiles in [
            "C1CCC/C=C/CC1",
            "C1CCC/C=C\\CC1",
            "C1CCCCCC/C=C/1",
            "C1CCCCCCCCC/C=C/C1",
            "C1CC/C=C/CC/C=C/CC/C=C/1",
            "C1CC/C=C/CC/C=C\\CC/C=C/1",
            "C/C1=C\\CC/C(C)=C/CC1",
            "C/C1=C\\CCC(C)(C)/C=C/C(=O)/C(C)=C/CC1",
            "O=C1CCCC/C=C/[C@H](O)CCO1",
            "COC(=O)Nc1ccc2c(c1)NC(=O)CC/C=C/C[C@H](N1CCC(c3cccc(Cl)c3)CC1=O)c1nc-2c[nH]1",
        ] {
            assert_is_drawn(smiles);
        }
    }

    /// The neighbours of a double bond's atom that differ by the stereo of other atoms alone.
    #[test]
    fn double_bonds_between_mirrored_branches_keep_their_geometry() {
        for smiles in [
            "C=CCN1[C@@H]2CC[C@H]1C/C(=C/COC(c1ccccc1)c1ccccc1)C2",
            "C=CCN1[C@@H]2CC[C@H]1C/C(=C\\COC(c1ccccc1)c1ccccc1)C2",
            "C/C=C1/C[C@H]2CC[C@@H](C1)N2C",
            // In a macrocycle with a furan.
            "C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1",
            "C1CCC/C=C/Cc2ccc(o2)CC1",
            // Between branches that differ by nothing but E and Z.
            "F/C=C/C(/C=C\\F)=C/Cl",
            "F/C=C/C(/C=C\\F)=C\\Cl",
            "C[C@H](F)/C(=C/Cl)[C@@H](C)F",
            "C[C@H](F)/C(=C\\Cl)[C@@H](C)F",
        ] {
            assert_is_drawn(smiles);
        }
    }

    #[test]
    fn a_drawing_knows_what_it_leaves_open() {
        for (smiles, says_stereo) in [
            ("C[C@H](N)C(=O)O", true),
            ("C/C=C/C", true),
            ("CC=CC", true),
            ("C[P@](CC)c1ccccc1", false),
            // A furan across a macrocycle, its atoms in another order than in the text.
            ("C1Cc2ccc(o2)CCc2ccc1o2", true),
            ("C[C@H]1CCCCc2ccc(o2)C[C@@H](O)C1", true),
            ("C[C@H]1CCCCC2=CC=C(C[C@@H](O)C1)O2", true),
        ] {
            let molecule = Molecule::parse(smiles).expect(smiles);
            let drawn = molecule.drawn("").expect(smiles);
            assert_eq!(drawn.says_stereo, says_stereo, "{smiles}\n{}", drawn.block);
        }
    }

    /// A lone pair as the fourth neighbour, in rings whose closures are written at
    /// the centre and elsewhere.
    #[test]
    fn centres_with_a_lone_pair_are_not_inverted() {
        for smiles in [
            "C[N@]1CC1(C)C",
            "C[N@@]1CC1(C)C",
            "C[S@+]1CCCC1C",
            "C[S@@+]1CCCC1C",
            "[O-][S@+]1CCCC1C",
            "[S@+]1(CC)CCCCC1C",
            "CC1CC[S@+]1CC",
            "CC[S@+](C)c1ccccc1",
            "O=[S@]1CCC1C",
            "CC[N@]1[C@@H](CO)[C@H]1c1ccccc1",
            "CO[N@@]1C[C@@H]1C(C)C",
            "C1C[N@]2CC[C@@H]1[C@@H](O)C2",
            "C1[N@@]2CC[C@]1(C)C[C@H]2CO",
        ] {
            assert_is_drawn(smiles);
        }
    }

    /// A drawing with everything the wrong way round is mended by reading it.
    #[test]
    fn a_drawing_checks_itself() {
        for smiles in [
            "C[N@]1CC1(C)C",
            "CC[C@H](F)O[C@@H](C)Cl",
            "C[C@H](O)[C@@H](N)C(=O)O",
            "C[C@H]1CC[C@@H](C)CC1",
        ] {
            let molecule = Molecule::parse(smiles).expect(smiles);
            let canonical = molecule.canonical_smiles().expect(smiles);
            let written = molecule.kekule_string(AtomOrder::Input).expect(smiles);
            let graph = parse_template(&written).expect(smiles);
            let mut drawing = Drawing::new(&graph);
            let (_, wedge) = drawing.wedges.iter_mut().next().expect("a wedge");
            wedge.1 = !wedge.1;
            drawing.check("", &canonical);
            let read = Molecule::from_mol_block(&drawing.block("")).expect(smiles);
            let read = read.canonical_smiles().expect(smiles);
            // Centres that are none without each other are left open.
            assert!(
                read == canonical || (smiles.contains("CC1") && !read.contains('@')),
                "{smiles}: {read}"
            );
        }
        let graph = parse_template("C/C=C/CC").expect("reads");
        let mut drawing = Drawing::new(&graph);
        // A drawing of the other geometry.
        assert!(drawing.reflect(AtomIdx(1), AtomIdx(2)));
        drawing.check("", "C/C=C/CC");
        let read = Molecule::from_mol_block(&drawing.block("")).expect("reads");
        assert_eq!(read.canonical_smiles().as_deref(), Ok("CC=CCC"));
    }

    #[test]
    fn an_unspecified_atom_is_drawn_as_it_is_written() {
        let block = Molecule::parse("*C[C@H](F)Cl").expect("reads");
        let block = block.to_mol_block("").expect("drawn");
        assert!(block.contains(" *  "), "{block}");
        assert!(Molecule::from_mol_block(&block).is_err());
    }

    #[test]
    fn the_chiral_flag_says_that_centres_are_absolute() {
        let counts = |smiles: &str| {
            let block = Molecule::parse(smiles).expect(smiles).to_mol_block("");
            let block = block.expect(smiles);
            block.lines().nth(3).expect("counts").to_owned()
        };
        assert_eq!(
            counts("C[C@H](N)O"),
            "  4  3  0  0  1  0  0  0  0  0999 V2000"
        );
        assert_eq!(counts("CC(N)O"), "  4  3  0  0  0  0  0  0  0  0999 V2000");
    }

    #[test]
    fn parts_do_not_lie_on_one_another() {
        let molecule = Molecule::parse("CC(N)C.Cl.Cl.[Na+].[Na+].O").expect("reads");
        let block = molecule.to_mol_block("").expect("drawn");
        let places: BTreeSet<&str> = block
            .lines()
            .skip(4)
            .take(9)
            .map(|line| &line[..20])
            .collect();
        assert_eq!(places.len(), 9, "{block}");
    }

    #[test]
    fn a_large_molecule_is_v3000() {
        let smiles = "C[C@H](N)".to_owned() + &"C".repeat(1_000);
        let molecule = Molecule::parse(&smiles).expect("reads");
        let block = molecule.to_mol_block("chain").expect("drawn");
        assert!(
            block.contains("M  V30 COUNTS 1003 1002 0 0 1\n"),
            "{}",
            &block[..200]
        );
        let read = Molecule::from_mol_block(&block).expect("reads");
        assert_eq!(read.canonical_smiles(), molecule.canonical_smiles());
    }
}
