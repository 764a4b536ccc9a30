//! Name resolution: which module defines what a path names. Re-exports are followed to the definition: an import
//! through a facade depends on the defining module. An edge to the facade instead would make a cycle of each facade
//! whose modules import each other through it, and would hide the cycle behind it.

use std::collections::HashSet;

use super::modules::{Names, Segments, Sources};

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Module(usize),
    /// The module that defines it, or in which a macro expands to it; and its name there.
    Item(usize, String),
    External(String),
    /// A generic parameter, a name of the prelude, a local variable.
    Unknown,
}

/// The state of a lookup.
#[derive(Default)]
struct Lookup {
    /// Lookups under way: an import may name itself (`use url::url`).
    pending: HashSet<(usize, String, bool)>,
    /// Modules whose imports were followed, in this order.
    followed: Vec<usize>,
}

/// What a path names, and the files whose re-exports lead there.
pub struct Resolved {
    pub target: Target,
    pub through: Vec<usize>,
}

impl Sources {
    /// Resolves a path in a module, within blocks (outermost first). Unless `whole`, the last segment is taken for a
    /// module or a type too, as in the path before a glob.
    pub fn resolve(&self, module: usize, blocks: &[Names], path: &[String], whole: bool) -> Resolved {
        let mut lookup = Lookup::default();
        let target = self.walk(module, blocks, path, whole, &mut lookup);
        let through = lookup.followed.into_iter().map(|module| self.modules[module].file);
        Resolved { target, through: through.collect() }
    }

    fn walk(
        &self,
        module: usize,
        blocks: &[Names],
        path: &[String],
        whole: bool,
        lookup: &mut Lookup,
    ) -> Target {
        let is_last = |index: usize| whole && index + 1 == path.len();
        let Some(first) = path.first() else { return Target::Module(module) };
        let mut target = match first.as_str() {
            "" => return path.get(1).cloned().map_or(Target::Unknown, Target::External),
            "crate" => Target::Module(self.modules[module].root),
            "self" => Target::Module(module),
            "super" => self.parent(module),
            name => self.first(module, blocks, name, is_last(0), lookup),
        };
        for (index, name) in path.iter().enumerate().skip(1) {
            let Target::Module(at) = target else { break };
            target = match name.as_str() {
                "super" => self.parent(at),
                "self" => Target::Module(at),
                name => self
                    .member(at, name, is_last(index), lookup)
                    .unwrap_or_else(|| Target::Item(at, name.to_owned())),
            };
        }
        target
    }

    fn parent(&self, module: usize) -> Target {
        self.modules[module].parent.map_or(Target::Unknown, Target::Module)
    }

    fn first(&self, module: usize, blocks: &[Names], name: &str, last: bool, lookup: &mut Lookup) -> Target {
        for (depth, block) in blocks.iter().enumerate().rev() {
            // Paths in a block's imports are resolved in the blocks around it.
            if let Some(target) = self.imported(module, &blocks[..depth], block, name, last, lookup) {
                return target;
            }
            if block.items.contains(name) {
                return Target::Item(module, name.to_owned());
            }
            if let Some(target) = self.globbed(module, &blocks[..depth], block, name, last, lookup) {
                return target;
            }
        }
        if let Some(target) = self.member(module, name, last, lookup) {
            return target;
        }
        // `pub(super) use id_type;` gives a path to a macro of textual scope.
        if let Some(file) = self.textual_macro(module, name) {
            return Target::Item(self.files[file].module, name.to_owned());
        }
        match self.crates.get(name) {
            Some(root) => Target::Module(*root),
            None if name.starts_with(char::is_lowercase) => Target::External(name.to_owned()),
            None => Target::Unknown,
        }
    }

    fn member(&self, module: usize, name: &str, last: bool, lookup: &mut Lookup) -> Option<Target> {
        let key = (module, name.to_owned(), last);
        if !lookup.pending.insert(key.clone()) {
            return None;
        }
        let found = self.find(module, name, last, lookup);
        lookup.pending.remove(&key);
        found
    }

    fn find(&self, module: usize, name: &str, last: bool, lookup: &mut Lookup) -> Option<Target> {
        let here = &self.modules[module];
        let item = || Target::Item(module, name.to_owned());
        let child = here.children.get(name).copied().map(Target::Module);
        // Modules and functions are in different namespaces: `mod lines` and `fn lines` may coexist.
        if !last && child.is_some() {
            return child;
        }
        if let Some(target) = self.imported(module, &[], &here.names, name, last, lookup) {
            return Some(target);
        }
        if here.names.items.contains(name) || here.names.macros.contains(name) {
            return Some(item());
        }
        if child.is_some() {
            return child;
        }
        if here.parent.is_none() {
            let mut below = self.modules.iter().enumerate().filter(|(_, module)| module.root == here.root);
            let exporting = below.find(|(_, module)| module.names.exported_macros.contains(name));
            if let Some((id, _)) = exporting {
                return Some(Target::Item(id, name.to_owned()));
            }
        }
        self.globbed(module, &[], &here.names, name, last, lookup)
    }

    fn imported(
        &self,
        module: usize,
        blocks: &[Names],
        names: &Names,
        name: &str,
        last: bool,
        lookup: &mut Lookup,
    ) -> Option<Target> {
        let paths = names.imports.get(name)?;
        let key = (module, format!("use {name}"), last);
        if !lookup.pending.insert(key.clone()) {
            return None;
        }
        lookup.followed.push(module);
        let found: Vec<_> = paths.iter().map(|path| self.walk(module, blocks, path, last, lookup)).collect();
        lookup.pending.remove(&key);
        let fitting = found.iter().find(|target| matches!(target, Target::Module(_)) != last);
        fitting.or(found.first()).cloned()
    }

    fn globbed(
        &self,
        module: usize,
        blocks: &[Names],
        names: &Names,
        name: &str,
        last: bool,
        lookup: &mut Lookup,
    ) -> Option<Target> {
        names.globs.iter().find_map(|path| match self.walk(module, blocks, path, false, lookup) {
            Target::Module(source) => self.member(source, name, last, lookup),
            _ => None,
        })
    }

    /// The file with the `macro_rules!` that is in textual scope under this name.
    pub fn textual_macro(&self, module: usize, name: &str) -> Option<usize> {
        let mut at = Some(module);
        while let Some(id) = at {
            if self.modules[id].names.macros.contains(name) {
                return Some(self.modules[id].file);
            }
            at = self.modules[id].parent;
        }
        None
    }

    /// Whether no declaration binds this name: then a glob may.
    pub fn is_undeclared(&self, module: usize, blocks: &[Names], name: &str) -> bool {
        let own = &self.modules[module];
        let declares = |names: &Names| names.imports.contains_key(name) || names.items.contains(name);
        !declares(&own.names) && !own.children.contains_key(name) && !blocks.iter().any(declares)
    }
}

pub fn segments(path: &syn::Path) -> Segments {
    let start = path.leading_colon.map(|_| String::new());
    start.into_iter().chain(path.segments.iter().map(|segment| segment.ident.to_string())).collect()
}
