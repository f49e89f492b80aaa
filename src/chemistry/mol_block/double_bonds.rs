//! Stereo of double bonds, from the places of their neighbours.
//!
//! As in a SMILES, it is carried by the directions of the single bonds beside
//! them. A single bond between two double bonds serves both: which of its two
//! directions it has is chosen so that all of them fit.

use std::collections::VecDeque;

use chematic_core::{AtomIdx, BondIdx, BondOrder, Element, Molecule};

use super::Mark;

type Vector = [f64; 3];

/// Rings smaller than this have no double bonds of either geometry.
const SMALLEST_RING: usize = 8;
/// The cosine of 178°: what is straighter has no side.
const STRAIGHT: f64 = -0.999_388;

/// Marks the double bonds of `molecule` that have a geometry, but for those
/// that `marks` says to be unknown: crossed, or beside a wavy bond.
pub(super) fn mark(molecule: &mut Molecule, places: &[Vector], marks: &[Mark]) {
    let mut directions = Directions::new(molecule.bond_count());
    let mut geometries: Vec<Option<Geometry>> = (0..molecule.bond_count())
        .map(|bond| geometry(molecule, BondIdx(bond as u32), places, marks))
        .collect();
    spare_open_bonds(molecule, &mut geometries);
    for geometry in geometries.iter().flatten() {
        geometry.constrain(molecule, &mut directions);
    }
    for bond in 0..molecule.bond_count() {
        if let Some(up) = directions.of(bond) {
            let bond = BondIdx(bond as u32);
            let direction = if up { BondOrder::Up } else { BondOrder::Down };
            molecule.set_bond_direction(bond, direction);
        }
    }
}

/// A double bond of unknown geometry must not get one from directions that its
/// neighbours have for the sake of other double bonds. Where those have another
/// neighbour to tell their geometry, that one does; else no SMILES can tell
/// them all, and they are left open too.
fn spare_open_bonds(molecule: &Molecule, geometries: &mut [Option<Geometry>]) {
    let open: Vec<BondIdx> = molecule
        .bonds()
        .filter(|(bond, data)| {
            data.order == BondOrder::Double
                && geometries[bond.0 as usize].is_none()
                && !is_in_small_ring(molecule, *bond)
        })
        .map(|(bond, _)| bond)
        .collect();
    if open.is_empty() {
        return;
    }
    let mut avoided = vec![false; molecule.bond_count()];
    for &bond in &open {
        for end in [molecule.bond(bond).atom1, molecule.bond(bond).atom2] {
            for (_, beside) in molecule.neighbors(end) {
                avoided[beside.0 as usize] = true;
            }
        }
    }
    for geometry in geometries.iter_mut().flatten() {
        geometry.avoid(molecule, &avoided);
    }
    for bond in open {
        // The double bonds that direct a bond at either end.
        let directing = [molecule.bond(bond).atom1, molecule.bond(bond).atom2].map(|end| {
            let carries = |geometry: &Geometry| {
                let mut carriers = geometry.ends.iter().flat_map(|(_, carriers)| carriers);
                carriers.any(|&carrier| {
                    let data = molecule.bond(carrier);
                    data.atom1 == end || data.atom2 == end
                })
            };
            let of = |(place, geometry): (usize, &Option<Geometry>)| {
                geometry.as_ref().is_some_and(carries).then_some(place)
            };
            geometries
                .iter()
                .enumerate()
                .filter_map(of)
                .collect::<Vec<usize>>()
        });
        if directing.iter().all(|places| !places.is_empty()) {
            for place in directing.into_iter().flatten() {
                geometries[place] = None;
            }
        }
    }
}

/// How a double bond's neighbours lie.
struct Geometry {
    /// For each end the bonds that carry its side, the first one by its place
    /// and the second one, if any, by being on the other side.
    ends: [(AtomIdx, Vec<BondIdx>); 2],
    /// Whether the first carriers lie on opposite sides.
    trans: bool,
}

impl Geometry {
    /// Leaves out carriers that are to be avoided, where there is another. A
    /// hydrogen is none: when it is folded, its direction passes to the others.
    fn avoid(&mut self, molecule: &Molecule, avoided: &[bool]) {
        let may_stay = |bond: BondIdx| {
            let data = molecule.bond(bond);
            let mut ends = [data.atom1, data.atom2].into_iter();
            !avoided[bond.0 as usize] && !ends.any(|end| molecule.atom(end).element == Element::H)
        };
        for (_, carriers) in &mut self.ends {
            if let [first, second] = carriers[..] {
                match (may_stay(first), may_stay(second)) {
                    (true, false) if avoided[second.0 as usize] => carriers.truncate(1),
                    (false, true) if avoided[first.0 as usize] => {
                        carriers.remove(0);
                        self.trans = !self.trans;
                    }
                    _ => {}
                }
            }
        }
    }

    fn constrain(&self, molecule: &Molecule, directions: &mut Directions) {
        // Whether `bond` leads away from `atom`, as its direction is stated.
        let reversed = |bond: BondIdx, atom: AtomIdx| molecule.bond(bond).atom1 != atom;
        let [(a, at_a), (b, at_b)] = &self.ends;
        let differ = self.trans ^ reversed(at_a[0], *a) ^ reversed(at_b[0], *b);
        directions.join(at_a[0], at_b[0], differ);
        for (atom, carriers) in &self.ends {
            if let [first, second] = carriers[..] {
                let differ = !(reversed(first, *atom) ^ reversed(second, *atom));
                directions.join(first, second, differ);
            }
        }
    }
}

/// The geometry of `bond`, if it is a double bond that has one.
fn geometry(
    molecule: &Molecule,
    bond: BondIdx,
    places: &[Vector],
    marks: &[Mark],
) -> Option<Geometry> {
    let data = molecule.bond(bond);
    if data.order != BondOrder::Double
        || marks[bond.0 as usize] == Mark::Unknown
        || is_in_small_ring(molecule, bond)
    {
        return None;
    }
    let ends = [data.atom1, data.atom2];
    let way = |from: AtomIdx, to: AtomIdx| {
        let (from, to) = (places[from.0 as usize], places[to.0 as usize]);
        [0, 1, 2].map(|axis| to[axis] - from[axis])
    };
    let mut carriers = [Vec::new(), Vec::new()];
    let mut sides = [[0.0; 3]; 2];
    for (place, (atom, other)) in [(ends[0], ends[1]), (ends[1], ends[0])]
        .into_iter()
        .enumerate()
    {
        let axis = way(atom, other);
        for (neighbor, carrier) in molecule.neighbors(atom) {
            if carrier == bond {
                continue;
            }
            match molecule.bond(carrier).order {
                BondOrder::Single | BondOrder::Aromatic => {}
                _ => continue,
            }
            if marks[carrier.0 as usize] == Mark::Unknown {
                return None;
            }
            carriers[place].push((carrier, way(atom, neighbor)));
        }
        if carriers[place].len() > 2 {
            return None;
        }
        // A neighbour in line with the double bond lies on no side; the other
        // one may.
        let bent = carriers[place]
            .iter()
            .position(|&(_, way)| !is_straight(way, axis))?;
        carriers[place].swap(0, bent);
        sides[place] = beside(carriers[place][0].1, axis);
    }
    let across: f64 = (0..3).map(|axis| sides[0][axis] * sides[1][axis]).sum();
    let [first, second] = carriers.map(|carriers| carriers.into_iter().map(|(bond, _)| bond));
    Some(Geometry {
        ends: [(ends[0], first.collect()), (ends[1], second.collect())],
        trans: across <= 0.0,
    })
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn is_straight(a: Vector, b: Vector) -> bool {
    let squares = dot(a, a) * dot(b, b);
    squares < 1e-6 || dot(a, b) < STRAIGHT * squares.sqrt()
}

/// The part of `way` that is not along `axis`.
fn beside(way: Vector, axis: Vector) -> Vector {
    let along = dot(way, axis) / dot(axis, axis);
    [0, 1, 2].map(|i| way[i] - along * axis[i])
}

/// Whether another way of few bonds joins the ends of `bond`.
fn is_in_small_ring(molecule: &Molecule, bond: BondIdx) -> bool {
    let (start, goal) = (molecule.bond(bond).atom1, molecule.bond(bond).atom2);
    let mut seen = vec![false; molecule.atom_count()];
    seen[start.0 as usize] = true;
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((atom, steps)) = queue.pop_front() {
        if steps + 2 >= SMALLEST_RING {
            break;
        }
        for (next, via) in molecule.neighbors(atom) {
            if via == bond || seen[next.0 as usize] {
                continue;
            }
            if next == goal {
                return true;
            }
            seen[next.0 as usize] = true;
            queue.push_back((next, steps + 1));
        }
    }
    false
}

/// Bonds joined by which of them have the same direction and which the
/// opposite one.
struct Directions {
    /// For each bond another one of its set, and whether it differs from that.
    toward: Vec<(usize, bool)>,
    used: Vec<bool>,
}

impl Directions {
    fn new(bonds: usize) -> Self {
        Self {
            toward: (0..bonds).map(|bond| (bond, false)).collect(),
            used: vec![false; bonds],
        }
    }

    /// The bond that stands for the set of `bond`, and whether they differ.
    fn find(&self, bond: usize) -> (usize, bool) {
        let (mut at, mut differs) = (bond, false);
        while self.toward[at].0 != at {
            differs ^= self.toward[at].1;
            at = self.toward[at].0;
        }
        (at, differs)
    }

    /// A ring of double bonds may contradict itself; the first word stands.
    fn join(&mut self, a: BondIdx, b: BondIdx, differ: bool) {
        let (a, b) = (a.0 as usize, b.0 as usize);
        let ((root_a, differs_a), (root_b, differs_b)) = (self.find(a), self.find(b));
        self.used[a] = true;
        self.used[b] = true;
        if root_a != root_b {
            self.toward[root_b] = (root_a, differ ^ differs_a ^ differs_b);
        }
    }

    /// Whether `bond` is up, if it is directed at all.
    fn of(&self, bond: usize) -> Option<bool> {
        self.used[bond].then(|| !self.find(bond).1)
    }
}
