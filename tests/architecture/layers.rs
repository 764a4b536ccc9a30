//! The direction of imports: between layers, and between the tiers of a layer.

use super::edges::{Graph, Import};
use super::modules::{File, Sources};

/// A top-level module and all below it.
pub struct Layer {
    pub module: &'static str,
    /// The other layers that it may import.
    pub may_import: &'static [&'static str],
    /// Its modules, by paths within it, from the top tier to the bottom one; the longest path that matches counts. An
    /// import leads to a lower tier or stays in its place; `|` separates places of one tier, which do not import
    /// each other. The layer's root is above all tiers. An empty list allows everything.
    pub tiers: &'static [&'static str],
    /// Parts of the names of external crates that it must not use.
    pub forbidden_crates: &'static [&'static str],
    /// What a violation is reported with.
    pub rule: &'static str,
}

/// The place of a module in the table.
#[derive(Clone, Copy)]
struct Place<'a> {
    layer: &'a Layer,
    tier: usize,
    /// Which of the places that `|` separates.
    part: usize,
}

/// A line for each edge against the table, each module without a place in it, and each of its names without a
/// module.
pub fn violations(sources: &Sources, graph: &Graph, layers: &[Layer]) -> Vec<String> {
    let places: Vec<_> = sources.files.iter().map(|file| place(layers, &file.name)).collect();
    let mut found = unused(sources, layers);
    let without_place = sources.files.iter().zip(&places).filter(|(_, place)| place.is_none());
    found.extend(without_place.map(|(file, _)| format!("{}: no place in LAYERS", file.name)));
    for ((from, to), imports) in &graph.edges {
        let Some(Place { layer, .. }) = places[*from] else { continue };
        let wrong = || imports.iter().filter(|(_, import)| !is_allowed(&places, *from, *to, import));
        let Some(line) = wrong().map(|(_, import)| import.line).min() else { continue };
        let names: Vec<_> = wrong().map(|(name, _)| name.as_str()).collect();
        let [from, to] = [&sources.files[*from], &sources.files[*to]];
        let (path, names) = (from.path.display(), names.join(", "));
        found.push(format!("{} -> {}  {path}:{line} ({names}): {}", from.name, to.name, layer.rule));
    }
    for ((file, name), line) in &graph.external {
        let Some(Place { layer, .. }) = places[*file] else { continue };
        if layer.forbidden_crates.iter().any(|part| name.contains(part)) {
            let File { name: from, path, .. } = &sources.files[*file];
            found.push(format!("{from} -> crate {name}  {}:{line}: {}", path.display(), layer.rule));
        }
    }
    found
}

/// An import through a re-export is allowed as well if each of its steps is: `app` may offer the command line what it
/// takes from `http` itself.
fn is_allowed(places: &[Option<Place<'_>>], from: usize, to: usize, import: &Import) -> bool {
    let may_import = |from: usize, to: usize| match (places[from], places[to]) {
        (Some(from), Some(to)) => from.may_import(to),
        _ => true,
    };
    let steps: Vec<_> = [from].into_iter().chain(import.through.iter().copied()).chain([to]).collect();
    may_import(from, to) || steps.len() > 2 && steps.windows(2).all(|step| may_import(step[0], step[1]))
}

impl Place<'_> {
    fn may_import(self, other: Self) -> bool {
        if self.layer.module != other.layer.module {
            return self.layer.may_import.contains(&other.layer.module);
        }
        self.tier < other.tier || (self.tier == other.tier && self.part == other.part)
    }
}

impl Layer {
    /// The modules that the tiers name, with tier and part.
    fn modules(&self) -> impl Iterator<Item = (&'static str, usize, usize)> {
        self.tiers.iter().enumerate().flat_map(|(tier, line)| {
            let parts = line.split('|').enumerate();
            parts.flat_map(move |(part, names)| {
                names.split_whitespace().map(move |name| (name, tier + 1, part))
            })
        })
    }
}

fn place<'a>(layers: &'a [Layer], module: &str) -> Option<Place<'a>> {
    let layer = layers.iter().find(|layer| is_in(module, layer.module))?;
    let inner = module.strip_prefix(layer.module).and_then(|rest| rest.strip_prefix("::"));
    let (Some(inner), false) = (inner, layer.tiers.is_empty()) else {
        return Some(Place { layer, tier: 0, part: 0 });
    };
    let matching = layer.modules().filter(|(name, ..)| is_in(inner, name));
    let (_, tier, part) = matching.max_by_key(|(name, ..)| name.len())?;
    Some(Place { layer, tier, part })
}

/// Names in the table that no module has any more.
fn unused(sources: &Sources, layers: &[Layer]) -> Vec<String> {
    let named = layers.iter().flat_map(|layer| {
        let inner = layer.modules().map(|(name, ..)| format!("{}::{name}", layer.module));
        [layer.module.to_owned()].into_iter().chain(inner)
    });
    let unused = named.filter(|name| !sources.files.iter().any(|file| is_in(&file.name, name)));
    unused.map(|name| format!("{name}: in LAYERS, but no such module")).collect()
}

fn is_in(module: &str, ancestor: &str) -> bool {
    module.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
