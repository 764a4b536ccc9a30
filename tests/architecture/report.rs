//! The module graph as text: failures, figures, and the lists that ARCHITECTURE.md is written from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::cycles::{Component, cycles};
use super::edges::Graph;
use super::modules::Sources;

/// A cycle with one import for each of its edges.
pub fn component(sources: &Sources, graph: &Graph, component: &Component) -> String {
    let Component { files, shortest } = component;
    let mut text = format!("a cycle among {} files; the shortest one:\n", files.len());
    for (from, to) in shortest.iter().zip(shortest.iter().cycle().skip(1)) {
        let _ = writeln!(text, "  {}", edge(sources, graph, *from, *to));
    }
    let names: Vec<_> = files.iter().map(|file| sources.files[*file].name.as_str()).collect();
    let _ = writeln!(text, "  all of them: {}", names.join(", "));
    text
}

fn edge(sources: &Sources, graph: &Graph, from: usize, to: usize) -> String {
    let imports = &graph.edges[&(from, to)];
    let names: Vec<_> = imports.keys().map(String::as_str).collect();
    let line = imports.values().map(|import| import.line).min().unwrap_or_default();
    let [from, to] = [&sources.files[from], &sources.files[to]];
    format!("{} -> {}  {}:{line} ({})", from.name, to.name, from.path.display(), names.join(", "))
}

/// The figures by which two states of the tree compare.
pub fn figures(sources: &Sources, graph: &Graph, violations: usize) -> String {
    let cycles = cycles(graph);
    let in_cycles: BTreeSet<_> = cycles.iter().flat_map(|component| &component.files).copied().collect();
    let mut layers = BTreeMap::<String, (usize, usize)>::new();
    for file in 0..sources.files.len() {
        let (modules, cyclic) = layers.entry(ancestor(sources, file, 1)).or_default();
        *modules += 1;
        *cyclic += usize::from(in_cycles.contains(&file));
    }
    let mut text = format!(
        "{} modules, {} edges, {} modules in {} cycles, {} of them in the largest, {violations} violations\n\n",
        sources.files.len(),
        graph.edges.len(),
        in_cycles.len(),
        cycles.len(),
        cycles.first().map_or(0, |component| component.files.len())
    );
    text += "| layer | modules | in cycles |\n|---|---:|---:|\n";
    for (layer, (modules, cyclic)) in layers {
        let _ = writeln!(text, "| `{layer}` | {modules} | {cyclic} |");
    }
    text
}

/// A Markdown list of the edges between modules of `depth` segments, below `root` (empty: between layers).
pub fn list(sources: &Sources, graph: &Graph, root: &str, depth: usize) -> String {
    let mut edges = BTreeMap::<String, Vec<String>>::new();
    for [from, to] in folded(sources, graph, root, depth) {
        edges.entry(from).or_default().push(format!("`{to}`"));
    }
    edges.iter().map(|(from, to)| format!("- `{from}` → {}\n", to.join(", "))).collect()
}

/// The same edges as a Mermaid diagram.
pub fn diagram(sources: &Sources, graph: &Graph, root: &str, depth: usize) -> String {
    let edges = folded(sources, graph, root, depth).into_iter();
    let lines: String = edges.map(|[from, to]| format!("  {from} --> {to}\n")).collect();
    format!("```mermaid\ngraph TD\n{lines}```\n")
}

/// All edges with names and lines, tab-separated.
pub fn table(sources: &Sources, graph: &Graph) -> String {
    let mut text = String::new();
    for ((from, to), imports) in &graph.edges {
        let [from, to] = [&sources.files[*from], &sources.files[*to]];
        let names: Vec<_> = imports.iter().map(|(name, import)| format!("{name}:{}", import.line)).collect();
        let _ = writeln!(text, "{}\t{}\t{}\t{}", from.name, to.name, from.path.display(), names.join(" "));
    }
    text
}

fn folded(sources: &Sources, graph: &Graph, root: &str, depth: usize) -> BTreeSet<[String; 2]> {
    let is_below =
        |name: &str| root.is_empty() || name.strip_prefix(root).is_some_and(|rest| rest.starts_with("::"));
    let below = graph
        .edges
        .keys()
        .filter(|(from, to)| [from, to].into_iter().all(|file| is_below(&sources.files[*file].name)));
    let edges = below.map(|(from, to)| [from, to].map(|file| ancestor(sources, *file, depth)));
    edges.filter(|[from, to]| from != to).collect()
}

/// The first `depth` segments of a module path.
fn ancestor(sources: &Sources, file: usize, depth: usize) -> String {
    sources.files[file].name.split("::").take(depth).collect::<Vec<_>>().join("::")
}
