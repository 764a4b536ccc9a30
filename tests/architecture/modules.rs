//! Module trees, loaded from the root files of crates, and the names that each module declares.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token, UseTree};

/// A path as its segments. An empty first segment stands for a leading `::`.
pub type Segments = Vec<String>;

/// One leaf of a `use` tree.
pub struct UseLeaf {
    pub path: Segments,
    /// The name it binds; `None` for a glob.
    pub name: Option<String>,
    pub line: usize,
}

/// The names in the scope of a module or a block.
#[derive(Default)]
pub struct Names {
    pub imports: HashMap<String, Vec<Segments>>,
    pub globs: Vec<Segments>,
    pub items: HashSet<String>,
    /// `macro_rules!` have textual scope: they are visible in child modules too, and have no path.
    pub macros: HashSet<String>,
    pub exported_macros: HashSet<String>,
}

pub struct Module {
    pub parent: Option<usize>,
    /// Inline modules share their parent's.
    pub file: usize,
    pub root: usize,
    pub children: HashMap<String, usize>,
    pub names: Names,
}

pub struct File {
    /// The module path, `storage::cache`; for a root `lib`, `main` or the crate's name.
    pub name: String,
    /// Relative to the package's folder.
    pub path: PathBuf,
    pub module: usize,
    pub syntax: syn::File,
}

/// The modules of all crates loaded so far, without those under `cfg(test)`.
#[derive(Default)]
pub struct Sources {
    pub files: Vec<File>,
    pub modules: Vec<Module>,
    /// The names under which these crates import each other, and their root modules.
    pub crates: HashMap<String, usize>,
    test_only: Vec<PathBuf>,
}

impl Sources {
    /// Loads the crate whose root file is `root`, relative to `package`. Module paths begin with `prefix`.
    pub fn load(&mut self, package: &Path, root: &str, name: &str, prefix: &str) -> usize {
        let file = package.join(root);
        let folder = file.parent().unwrap().to_owned();
        let id = self.modules.len();
        self.load_file(package, &file, &folder, Place { parent: None, root: id, name, prefix });
        id
    }

    /// Source files below `folder` that belong to no module tree: nothing in them would be checked.
    pub fn orphans(&self, package: &Path, folder: &str) -> Vec<PathBuf> {
        rust_files(&package.join(folder))
            .into_iter()
            .map(|path| path.strip_prefix(package).unwrap().to_owned())
            .filter(|path| !self.files.iter().any(|file| file.path == *path))
            .filter(|path| !self.test_only.iter().any(|skipped| path.starts_with(skipped)))
            .collect()
    }

    fn load_file(&mut self, package: &Path, file: &Path, folder: &Path, place: Place<'_>) -> usize {
        let text =
            std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let items = syntax.items.clone();
        let module = self.modules.len();
        let id = self.files.len();
        self.files.push(File {
            name: place.name.to_owned(),
            path: file.strip_prefix(package).unwrap().to_owned(),
            module,
            syntax,
        });
        self.declare(package, &items, id, folder, place);
        module
    }

    fn declare(&mut self, package: &Path, items: &[Item], file: usize, folder: &Path, place: Place<'_>) {
        let id = self.modules.len();
        self.modules.push(Module {
            parent: place.parent,
            file,
            root: place.root,
            children: HashMap::new(),
            names: Names::of(items),
        });
        for item in items {
            let Item::Mod(declared) = item else { continue };
            let name = declared.ident.to_string();
            let below = folder.join(&name);
            if is_test_only(&declared.attrs) {
                let skipped = below.strip_prefix(package).unwrap();
                self.test_only.extend([skipped.to_owned(), skipped.with_extension("rs")]);
                continue;
            }
            assert!(
                !declared.attrs.iter().any(|attribute| attribute.path().is_ident("path")),
                "{name}: #[path] is not supported"
            );
            let path = format!("{}{name}", place.prefix);
            let prefix = format!("{path}::");
            let child = Place { parent: Some(id), root: place.root, name: &path, prefix: &prefix };
            let module = match &declared.content {
                Some((_, items)) => {
                    let module = self.modules.len();
                    self.declare(package, items, file, &below, child);
                    module
                }
                None => {
                    let candidates = [below.with_extension("rs"), below.join("mod.rs")];
                    let found = candidates.iter().find(|path| path.exists());
                    let found = found.unwrap_or_else(|| panic!("no file for module {path}"));
                    self.load_file(package, found, &below, child)
                }
            };
            self.modules[id].children.insert(name, module);
        }
    }
}

/// The position of a module in its tree.
struct Place<'a> {
    parent: Option<usize>,
    root: usize,
    name: &'a str,
    prefix: &'a str,
}

impl Names {
    pub fn of(items: &[Item]) -> Self {
        let mut names = Self::default();
        for item in items.iter().filter(|item| !is_test_only(attributes(item))) {
            let ident = match item {
                Item::Use(declared) => {
                    let start = if declared.leading_colon.is_some() { vec![String::new()] } else { vec![] };
                    for leaf in leaves(&declared.tree, start) {
                        match leaf.name {
                            Some(name) => names.imports.entry(name).or_default().push(leaf.path),
                            None => names.globs.push(leaf.path),
                        }
                    }
                    continue;
                }
                Item::ExternCrate(declared) => {
                    let name = declared.rename.as_ref().map_or(&declared.ident, |(_, name)| name).to_string();
                    let path = vec![String::new(), declared.ident.to_string()];
                    names.imports.entry(name).or_default().push(path);
                    continue;
                }
                Item::Macro(declared) => {
                    if let Some(ident) = &declared.ident {
                        names.macros.insert(ident.to_string());
                        if has_attribute(&declared.attrs, "macro_export") {
                            names.exported_macros.insert(ident.to_string());
                        }
                    }
                    continue;
                }
                Item::Const(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Fn(item) => &item.sig.ident,
                Item::Static(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::TraitAlias(item) => &item.ident,
                Item::Type(item) => &item.ident,
                Item::Union(item) => &item.ident,
                _ => continue,
            };
            names.items.insert(ident.to_string());
        }
        names
    }
}

/// The leaves of a `use` tree that follows `prefix`.
pub fn leaves(tree: &UseTree, mut prefix: Segments) -> Vec<UseLeaf> {
    let (ident, renamed) = match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            return leaves(&path.tree, prefix);
        }
        UseTree::Group(group) => {
            return group.items.iter().flat_map(|tree| leaves(tree, prefix.clone())).collect();
        }
        UseTree::Glob(glob) => {
            return vec![UseLeaf { path: prefix, name: None, line: glob.star_token.spans[0].start().line }];
        }
        UseTree::Name(name) => (&name.ident, None),
        UseTree::Rename(name) => (&name.ident, Some(name.rename.to_string())),
    };
    let line = ident.span().start().line;
    // `use a::b::{self}` imports from the type namespace alone, not a function `b`: hence `self` stays in the path.
    let of_self = prefix.last().cloned().filter(|_| ident == "self");
    let name = renamed.or(of_self).or_else(|| Some(ident.to_string()));
    prefix.push(ident.to_string());
    vec![UseLeaf { path: prefix, name, line }]
}

/// Whether these attributes hold a `cfg` that only a test build satisfies.
pub fn is_test_only(attributes: &[Attribute]) -> bool {
    fn requires_test(condition: &Meta) -> bool {
        let parts = |list: &syn::MetaList| {
            let parsed = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            parsed.map(Vec::from_iter).unwrap_or_default()
        };
        match condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(requires_test),
            Meta::List(list) if list.path.is_ident("any") => parts(list).iter().all(requires_test),
            _ => false,
        }
    }
    let mut conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.any(|attribute| attribute.parse_args().is_ok_and(|condition| requires_test(&condition)))
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn has_attribute(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    below.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
