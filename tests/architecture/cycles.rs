//! Cycles: strongly connected components of the module graph with more than one file.

use std::collections::{BTreeMap, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::edges::Graph;

pub struct Component {
    pub files: Vec<usize>,
    /// The shortest cycle in it: each file imports the next one, the last one the first.
    pub shortest: Vec<usize>,
}

/// The largest first.
pub fn cycles(graph: &Graph) -> Vec<Component> {
    let imports =
        DiGraph::<(), ()>::from_edges(graph.edges.keys().map(|(from, to)| (index(*from), index(*to))));
    let mut components: Vec<_> = tarjan_scc(&imports)
        .into_iter()
        .filter(|component| component.len() > 1)
        .map(|component| {
            let mut files: Vec<_> = component.into_iter().map(NodeIndex::index).collect();
            files.sort_unstable();
            let shortest =
                files.iter().filter_map(|start| shortest_through(&imports, *start)).min_by_key(Vec::len);
            Component { shortest: shortest.unwrap_or_default(), files }
        })
        .collect();
    components.sort_by_key(|component| std::cmp::Reverse(component.files.len()));
    components
}

fn index(file: usize) -> NodeIndex {
    NodeIndex::new(file)
}

fn shortest_through(imports: &DiGraph<(), ()>, start: usize) -> Option<Vec<usize>> {
    let start = index(start);
    let mut reached_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in imports.neighbors(at) {
            if next == start {
                let mut path = vec![at.index()];
                let mut back = at;
                while back != start {
                    back = reached_from[&back];
                    path.push(back.index());
                }
                path.reverse();
                return Some(path);
            }
            reached_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                at
            });
        }
    }
    None
}
