//! Which atom of one molecule is which atom of another writing of it.
//!
//! The writers of the chemistry crate return the string alone, so the order
//! of its atoms is recovered afterwards: the string is read back, both graphs
//! are coloured by what surrounds each atom, and a depth-first search pairs
//! atoms of equal colour.

use std::collections::HashMap;

/// A labelled graph: one label an atom, and for each atom its neighbours with
/// the label of the bond. Equal molecules have equal labels.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) labels: Vec<u64>,
    pub(super) neighbors: Vec<Vec<(usize, u64)>>,
}

/// Steps of colour refinement at most: beyond this the search decides.
const ROUNDS: usize = 64;

fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn refine(graph: &Graph, colors: &[u64]) -> Vec<u64> {
    (0..colors.len())
        .map(|atom| {
            let around = graph.neighbors[atom]
                .iter()
                .map(|&(other, bond)| mix(colors[other] ^ mix(bond)))
                .fold(0_u64, u64::wrapping_add);
            mix(mix(colors[atom]).wrapping_add(around))
        })
        .collect()
}

fn distinct(colors: &[u64]) -> usize {
    let mut sorted = colors.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

/// How the atoms of one graph match those of another.
pub(super) struct Matching {
    /// For each atom of the first graph, its image in the second.
    pub(super) image: Vec<usize>,
    /// Whether the colours left no choice.
    pub(super) unique: bool,
}

/// Matches `from` to `to` such that labels and bonds agree; `None` if they do
/// nowhere, or finding out takes too long.
pub(super) fn match_atoms(from: &Graph, to: &Graph) -> Option<Matching> {
    let count = from.labels.len();
    if to.labels.len() != count {
        return None;
    }
    let (mut left, mut right) = (from.labels.clone(), to.labels.clone());
    let mut classes = distinct(&left);
    for _ in 0..ROUNDS {
        if classes == count {
            break;
        }
        left = refine(from, &left);
        right = refine(to, &right);
        let now = distinct(&left);
        if now == classes {
            break;
        }
        classes = now;
    }
    let image = search(from, to, &left, &right)?;
    Some(Matching {
        image,
        unique: classes == count,
    })
}

/// Every atom of `graph` after one of its neighbours, with that neighbour.
fn traversal(graph: &Graph) -> Vec<(usize, Option<usize>)> {
    let count = graph.labels.len();
    let mut seen = vec![false; count];
    let mut order = Vec::with_capacity(count);
    for root in 0..count {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        let mut next = order.len();
        order.push((root, None));
        while let Some(&(atom, _)) = order.get(next) {
            next += 1;
            for &(other, _) in &graph.neighbors[atom] {
                if !seen[other] {
                    seen[other] = true;
                    order.push((other, Some(atom)));
                }
            }
        }
    }
    order
}

fn search(from: &Graph, to: &Graph, left: &[u64], right: &[u64]) -> Option<Vec<usize>> {
    const FREE: usize = usize::MAX;
    let count = from.labels.len();
    let order = traversal(from);
    let mut by_color: HashMap<u64, Vec<usize>> = HashMap::new();
    for (atom, &color) in right.iter().enumerate() {
        by_color.entry(color).or_default().push(atom);
    }
    let mut image = vec![FREE; count];
    let mut taken = vec![false; count];
    // The candidate each step of the traversal is to try next.
    let mut next = vec![0_usize; count];
    let mut budget = 256 * count + 65_536;
    let mut step = 0;
    while step < count {
        let (atom, anchor) = order[step];
        let mut found = None;
        let candidates = match anchor {
            Some(anchor) => to.neighbors[image[anchor]].len(),
            None => by_color.get(&left[atom]).map_or(0, Vec::len),
        };
        while next[step] < candidates && found.is_none() {
            let candidate = match anchor {
                Some(anchor) => to.neighbors[image[anchor]][next[step]].0,
                None => by_color[&left[atom]][next[step]],
            };
            next[step] += 1;
            if taken[candidate] {
                continue;
            }
            budget = budget.checked_sub(1)?;
            let fits = left[atom] == right[candidate]
                && from.neighbors[atom].len() == to.neighbors[candidate].len()
                && from.neighbors[atom].iter().all(|&(other, bond)| {
                    image[other] == FREE || to.neighbors[candidate].contains(&(image[other], bond))
                });
            if fits {
                found = Some(candidate);
            }
        }
        if let Some(candidate) = found {
            image[atom] = candidate;
            taken[candidate] = true;
            step += 1;
            if step < count {
                next[step] = 0;
            }
        } else {
            // Take back the previous atom's image and try its next one.
            step = step.checked_sub(1)?;
            let (previous, _) = order[step];
            taken[image[previous]] = false;
            image[previous] = FREE;
        }
    }
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(labels: &[u64], bonds: &[(usize, usize)]) -> Graph {
        let mut neighbors = vec![Vec::new(); labels.len()];
        for &(a, b) in bonds {
            neighbors[a].push((b, 1));
            neighbors[b].push((a, 1));
        }
        Graph {
            labels: labels.to_vec(),
            neighbors,
        }
    }

    #[test]
    fn a_permuted_graph_maps_back_onto_itself() {
        let bonds = [(0, 1), (1, 2), (2, 3), (3, 0), (3, 4), (4, 5)];
        let permutation = [3, 5, 0, 2, 4, 1];
        let from = graph(&[6, 6, 7, 6, 6, 8], &bonds);
        let mut labels = [0; 6];
        for (atom, &to) in permutation.iter().enumerate() {
            labels[to] = from.labels[atom];
        }
        let moved: Vec<_> = bonds
            .iter()
            .map(|&(a, b)| (permutation[a], permutation[b]))
            .collect();
        let matching = match_atoms(&from, &graph(&labels, &moved));
        let matching = matching.expect("the graphs are equal");
        for (a, b) in bonds {
            let image = (matching.image[a], matching.image[b]);
            assert!(moved.contains(&image) || moved.contains(&(image.1, image.0)));
        }
    }

    #[test]
    fn graphs_of_equal_size_but_other_shape_do_not_match() {
        let hexagon = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)];
        let triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)];
        let labels = [6; 6];
        assert!(match_atoms(&graph(&labels, &hexagon), &graph(&labels, &triangles)).is_none());
    }
}
