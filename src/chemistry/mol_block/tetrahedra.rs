//! Stereo of atoms, from the wedges of a drawing or from places in space.
//!
//! Every atom that is drawn as a stereo centre is marked; standardisation drops
//! the marks of those that are none. The rules are RDKit's: which drawings are
//! ambiguous (and then say nothing), and which atoms may be centres.

use chematic_core::{AtomIdx, BondOrder, Chirality, Element, Molecule, STEREO_H_SENTINEL};

use super::{Mark, hydrogens_of};

type Vector = [f64; 3];

/// Marks the atoms of `molecule`, whose bonds are marked by `marks`; in a
/// drawing the wedges speak, in space the places.
pub(super) fn mark(molecule: &mut Molecule, places: &[Vector], marks: &[Mark], flat: bool) {
    for index in 0..molecule.atom_count() {
        let center = AtomIdx(index as u32);
        let arms = arms(molecule, center, places, marks);
        if !(3..=4).contains(&arms.len())
            || arms
                .iter()
                .any(|arm| arm.mark == Mark::Unknown && arm.single)
        {
            continue;
        }
        let hydrogens = hydrogens_of(molecule, center);
        let turn = if flat {
            from_wedges(molecule, center, &arms)
        } else {
            from_space(molecule, center, &arms, hydrogens)
        };
        let Some(turn) = turn else {
            continue;
        };
        let mut order: Vec<u32> = molecule
            .neighbors(center)
            .map(|(other, _)| other.0)
            .collect();
        if order.len() == 3 && hydrogens == 1 {
            order.push(STEREO_H_SENTINEL);
        }
        molecule.set_stereo_neighbor_order(center, order);
        molecule.set_chirality(center, turn);
    }
}

/// A bond as seen from the atom at its one end.
#[derive(Clone, Copy)]
struct Arm {
    /// From the atom to the other end.
    way: Vector,
    /// What the bond's line says, where the bond begins at the atom: a wedge is
    /// no mark of the atom at its broad end.
    mark: Mark,
    single: bool,
}

fn arms(molecule: &Molecule, center: AtomIdx, places: &[Vector], marks: &[Mark]) -> Vec<Arm> {
    let origin = places[center.0 as usize];
    molecule
        .neighbors(center)
        .map(|(other, bond)| {
            let place = places[other.0 as usize];
            let data = molecule.bond(bond);
            Arm {
                way: [0, 1, 2].map(|axis| place[axis] - origin[axis]),
                mark: if data.atom1 == center {
                    marks[bond.0 as usize]
                } else {
                    Mark::None
                },
                single: data.order == BondOrder::Single,
            }
        })
        .collect()
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn square(a: Vector) -> f64 {
    dot(a, a)
}

fn unit(a: Vector) -> Vector {
    let length = square(a).sqrt();
    if length > 0.0 {
        a.map(|x| x / length)
    } else {
        a
    }
}

fn flattened(a: Vector) -> Vector {
    [a[0], a[1], 0.0]
}

/// Of the arms in their order: seen from the first, the others turn so.
fn sense(volume: f64) -> Chirality {
    if volume > 0.0 {
        Chirality::CounterClockwise
    } else {
        Chirality::Clockwise
    }
}

/// Smallest triple product of three bonds in space (in Å³) that is no plane.
const PLANE_IN_SPACE: f64 = 0.1;
/// Two bonds at the same atom of the third period or below whose directions'
/// product is smaller are opposite each other: no tetrahedron.
const OPPOSITE: f64 = -0.9;

fn from_space(
    molecule: &Molecule,
    center: AtomIdx,
    arms: &[Arm],
    hydrogens: u8,
) -> Option<Chirality> {
    let element = molecule.atom(center).element;
    // A lone pair is a corner of sulfur's and selenium's tetrahedra alone:
    // other pyramids invert.
    let total = arms.len() + usize::from(hydrogens);
    if total != 4 && !([Element::S, Element::SE].contains(&element) && total == 3) {
        return None;
    }
    let ways: Vec<Vector> = arms.iter().map(|arm| arm.way).collect();
    if element.atomic_number() >= 15 {
        let units: Vec<Vector> = ways.iter().map(|&way| unit(way)).collect();
        let opposite = (1..units.len()).any(|last| {
            units[..last]
                .iter()
                .any(|&a| dot(a, units[last]) < OPPOSITE)
        });
        if opposite {
            return None;
        }
    }
    let volume = dot(ways[0], cross(ways[1], ways[2]));
    if volume.abs() > PLANE_IN_SPACE {
        return Some(sense(volume));
    }
    // Three may lie in a plane that the fourth stands upon.
    let fourth = *ways.get(3)?;
    let volume = -dot(ways[0], cross(ways[1], fourth));
    (volume.abs() > PLANE_IN_SPACE).then(|| sense(volume))
}

/// How far a wedge rises above the plane, in lengths of its bond.
const RISE: f64 = 0.1;
/// Squares of lengths, and products of unit vectors, below which they vanish.
const SMALL: f64 = 1e-3;
/// A unit vector that rises less is level.
const LEVEL: f64 = 1e-4;
/// Smallest triple product of unit vectors in a drawing that is no plane.
const PLANE: f64 = 0.001_74;
/// Square of the sine below which two of three bonds are one line (one degree).
const LINE: f64 = 0.000_31;

/// The first wedge of `center` that tells its sense.
fn from_wedges(molecule: &Molecule, center: AtomIdx, arms: &[Arm]) -> Option<Chirality> {
    let element = molecule.atom(center).element;
    if !arms.iter().all(|arm| arm.single) && ![Element::P, Element::S].contains(&element) {
        return None;
    }
    (0..arms.len())
        .filter(|&arm| rise(&arms[arm]) != 0.0)
        .find_map(|wedge| from_wedge(arms, wedge))
}

fn rise(arm: &Arm) -> f64 {
    match arm.mark {
        Mark::Wedge => RISE,
        Mark::Dash => -RISE,
        Mark::None | Mark::Unknown => 0.0,
    }
}

/// What the drawing says when the bonds are seen around arm `wedge`.
fn from_wedge(arms: &[Arm], wedge: usize) -> Option<Chirality> {
    let length = square(flattened(arms[wedge].way)).sqrt();
    let scale = if length > 0.0 { length } else { 1.0 };
    let mut ways = Vec::with_capacity(arms.len());
    for (index, arm) in arms.iter().enumerate() {
        let way = [arm.way[0], arm.way[1], rise(arm) * scale];
        if index != wedge && square(way) < SMALL * scale * scale {
            return None;
        }
        ways.push(unit(way));
    }
    let overlap = (1..ways.len()).any(|last| {
        ways[..last].iter().any(|&a| {
            let apart = [0, 1, 2].map(|axis| a[axis] - ways[last][axis]);
            square(apart) < SMALL
        })
    });
    if overlap {
        return None;
    }
    // The wedge first, then the others as they turn around it.
    let mut order: Vec<usize> = (0..ways.len()).collect();
    order.swap(0, wedge);
    let mut odd = wedge != 0;
    if ways.len() == 4
        && square(cross(ways[order[1]], ways[order[2]])) < 10.0 * SMALL
        && square(cross(ways[order[1]], ways[order[0]])) > 10.0 * SMALL
    {
        ways[order[1]][2] = -ways[order[0]][2];
    }
    odd ^= turn(&ways, &mut order);
    level_opposites(&mut ways, &order)?;
    let volume = if ways.len() == 3 {
        if contradicts(&ways, &order) {
            return None;
        }
        volume_of_three(&ways, &order)
    } else {
        volume_of_four(&ways, &order)?
    };
    let volume = if odd { -volume } else { volume };
    (volume.abs() > PLANE).then(|| sense(volume))
}

/// Sorts all but the first of `order` as they turn around it, and says whether
/// that is an odd permutation.
fn turn(ways: &[Vector], order: &mut [usize]) -> bool {
    let first = ways[order[0]];
    let place = |arm: usize| (cross(first, ways[arm])[2], dot(first, ways[arm]));
    if let [_, a, b] = *order {
        let ((side_a, along_a), (side_b, along_b)) = (place(a), place(b));
        let swap = if along_a.abs() > 1.0 - SMALL {
            side_b < 0.0
        } else if along_b.abs() > 1.0 - SMALL && side_a < 0.0 {
            true
        } else if side_a * side_b < -SMALL {
            side_a < side_b
        } else if along_a * along_b < -SMALL {
            along_a < along_b
        } else {
            along_a.abs() > along_b.abs()
        };
        if swap {
            order.swap(1, 2);
        }
        return swap;
    }
    let key = |arm: usize| {
        let (side, along) = place(arm);
        let sign = if side < -SMALL { -1.0 } else { 1.0 };
        (sign, sign * along)
    };
    let before = order.to_vec();
    order[1..].sort_by(|&a, &b| {
        let ((sign_a, along_a), (sign_b, along_b)) = (key(a), key(b));
        (sign_b.total_cmp(&sign_a))
            .then(along_b.total_cmp(&along_a))
            .then(b.cmp(&a))
    });
    // Of three, two that change places are an odd permutation.
    before
        .iter()
        .zip(order.iter())
        .filter(|(a, b)| a != b)
        .count()
        == 2
}

/// Opposite bonds of which one rises and one falls contradict each other,
/// unless they are drawn as in sugars, one over the other; then the second
/// counts as level.
fn level_opposites(ways: &mut [Vector], order: &[usize]) -> Option<()> {
    let count = order.len();
    for i in 0..count {
        for j in i + 1..count {
            let (a, b) = (ways[order[i]], ways[order[j]]);
            if a[2] * b[2] >= -SMALL || square(cross(a, b)) >= 0.01 {
                continue;
            }
            let neighbors = j - i == 1 || (i == 0 && j == 3);
            if count == 4 && (dot(a, b) + 1.0).abs() < SMALL && neighbors {
                ways[order[j]][2] = 0.0;
            } else {
                return None;
            }
        }
    }
    Some(())
}

/// Whether of three bonds one rises, one falls, and the level one lies between
/// them: no tetrahedron looks like that.
fn contradicts(ways: &[Vector], order: &[usize]) -> bool {
    let [first, second, third] = [0, 1, 2].map(|place| ways[order[place]]);
    [(second, third), (third, second)]
        .into_iter()
        .any(|(other, level)| {
            other[2] * first[2] < -LEVEL
                && level[2].abs() < LEVEL
                && cross(level, first)[2] * cross(level, other)[2] < -LEVEL
        })
}

fn volume_of_three(ways: &[Vector], order: &[usize]) -> f64 {
    let first = ways[order[0]];
    let (mut second, mut third) = (flattened(ways[order[1]]), flattened(ways[order[2]]));
    if square(cross(second, third)) < LINE {
        // A T: the line is meant to be behind the wedge.
        second[2] = -first[2];
        third[2] = -first[2];
    }
    dot(cross(second, third), first)
}

fn volume_of_four(ways: &[Vector], order: &[usize]) -> Option<f64> {
    let first = ways[order[0]];
    let (second, third) = (ways[order[1]], ways[order[2]]);
    let across = cross(flattened(second), flattened(third));
    let volume = dot(across, first);
    let mut fourth = ways[order[3]];
    if square(across) < 10.0 * SMALL && fourth[2].abs() < LEVEL {
        // Beside a line a level bond is meant to be behind the wedge.
        fourth[2] = -first[2];
    }
    let other = dot(cross(flattened(second), flattened(fourth)), first);
    // Both triples should tell the same; which of them is trusted?
    Some(if volume.abs() < SMALL {
        if other.abs() < SMALL {
            return None;
        }
        -other
    } else if volume * other > 0.0
        && other.abs() > PLANE
        && dot(second, third) < dot(second, fourth)
    {
        -other
    } else if volume.abs() < PLANE && other.abs() > PLANE {
        if volume * other < 0.0 { -other } else { other }
    } else {
        volume
    })
}
