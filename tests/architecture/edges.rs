//! The edges of the module graph: every path in a file that names something another file defines.

use std::collections::{BTreeMap, HashMap, HashSet};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Stmt, UseTree};

use super::modules::{Names, Segments, Sources, UseLeaf, attributes, is_test_only, leaves};
use super::resolve::{Resolved, Target, segments};

/// The imports of one file from another, by name.
pub type Imports = BTreeMap<String, Import>;

#[derive(Debug)]
pub struct Import {
    /// The first line with the name.
    pub line: usize,
    /// The files whose re-exports lead from the path to the definition.
    pub through: Vec<usize>,
}

/// The module graph. Nodes are files, by their index in [`Sources::files`].
#[derive(Default)]
pub struct Graph {
    pub edges: BTreeMap<(usize, usize), Imports>,
    /// External crates by file, and the first line that names one.
    pub external: BTreeMap<(usize, String), usize>,
}

impl Graph {
    pub fn of(sources: &Sources) -> Self {
        let mut graph = Self::default();
        for (file, read) in sources.files.iter().enumerate() {
            let mut visitor = Visitor {
                sources,
                graph: &mut graph,
                file,
                module: read.module,
                blocks: vec![],
                modules: HashMap::new(),
                first_segments: HashSet::new(),
                line: None,
            };
            visitor.visit_file(&read.syntax);
            let Visitor { modules, first_segments, .. } = visitor;
            // An imported module that no path was found to begin with: an edge too many is better than one too few.
            for (name, (to, line)) in modules {
                if to != file && !first_segments.contains(&name) {
                    graph
                        .edges
                        .entry((file, to))
                        .or_default()
                        .entry(name)
                        .or_insert(Import { line, through: vec![] });
                }
            }
        }
        graph
    }
}

struct Visitor<'a> {
    sources: &'a Sources,
    graph: &'a mut Graph,
    file: usize,
    module: usize,
    blocks: Vec<Names>,
    /// Imported modules and the lines of their imports. The import itself is no edge, but the paths that begin with
    /// it are: else each import of a facade would be an edge to the facade itself.
    modules: HashMap<String, (usize, usize)>,
    /// The first segments of all paths.
    first_segments: HashSet<String>,
    /// The line of a string literal that a path is parsed from: such a path has no position of its own.
    line: Option<usize>,
}

impl Visitor<'_> {
    fn path(&mut self, path: &[String], line: usize) {
        let line = self.line.unwrap_or(line);
        match path {
            [] => return,
            [name] if !self.sources.is_undeclared(self.module, &self.blocks, name) => return,
            [_] => {
                // The name of a local variable, too, has one segment. Only a glob can bind it to another file's item.
                let found = self.sources.resolve(self.module, &self.blocks, path, true);
                if matches!(found.target, Target::Item(..)) {
                    self.target(found, path, line);
                }
                return;
            }
            [first, ..] => {
                self.first_segments.insert(first.clone());
            }
        }
        let found = self.sources.resolve(self.module, &self.blocks, path, true);
        self.target(found, path, line);
    }

    fn target(&mut self, found: Resolved, path: &[String], line: usize) {
        let Resolved { target, through } = found;
        match target {
            Target::Item(module, name) => self.edge(module, name, line, through),
            Target::Module(module) => {
                let name = path.iter().rfind(|segment| *segment != "self").cloned();
                self.edge(module, name.unwrap_or_default(), line, through);
            }
            Target::External(name) => {
                self.graph.external.entry((self.file, name)).or_insert(line);
            }
            Target::Unknown => {}
        }
    }

    fn edge(&mut self, module: usize, name: String, line: usize, mut through: Vec<usize>) {
        let to = self.sources.modules[module].file;
        through.retain(|file| *file != self.file && *file != to);
        if to != self.file {
            let imports = self.graph.edges.entry((self.file, to)).or_default();
            imports.entry(name).or_insert(Import { line, through });
        }
    }

    fn import(&mut self, leaf: UseLeaf, is_public: bool) {
        if let [first, _, ..] = leaf.path.as_slice() {
            self.first_segments.insert(first.clone());
        }
        let whole = leaf.name.is_some();
        let found = self.sources.resolve(self.module, &self.blocks, &leaf.path, whole);
        match found.target {
            Target::Module(module) if whole && !is_public => {
                let to = self.sources.modules[module].file;
                let name = leaf.name.unwrap_or_default();
                self.modules.entry(name).or_insert((to, leaf.line));
            }
            _ => {
                let mut path = leaf.path;
                if !whole {
                    path.push("*".to_owned());
                }
                self.target(found, &path, leaf.line);
            }
        }
    }

    /// Paths in the tokens of a macro or an attribute. `inner` counts the modules that the tokens open around
    /// these: as many `super` stay within the file.
    fn scan(&mut self, tokens: TokenStream, inner: usize, strings: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.scan(group.stream(), inner, strings),
                TokenTree::Literal(literal) if strings => self.string(&literal.to_string(), literal.span()),
                TokenTree::Literal(_) | TokenTree::Punct(_) => {}
                TokenTree::Ident(ident) => {
                    match (ident.to_string().as_str(), tokens.get(at), tokens.get(at + 1)) {
                        ("pub", Some(TokenTree::Group(group)), _)
                            if group.delimiter() == Delimiter::Parenthesis =>
                        {
                            at += 1;
                        }
                        ("mod", Some(_), _) => {
                            // `mod name { … }`, `mod $name { … }`
                            let body = tokens[at..]
                                .iter()
                                .take(3)
                                .position(|token| matches!(token, TokenTree::Group(_)));
                            if let Some(TokenTree::Group(group)) = body.and_then(|body| tokens.get(at + body))
                            {
                                self.scan(group.stream(), inner + 1, strings);
                            }
                            at += body.map_or(1, |body| body + 1);
                        }
                        _ => at = self.scan_path(&tokens, at - 1, inner),
                    }
                }
            }
        }
    }

    /// A path in tokens whose first identifier is at `start`. Returns the index after it.
    fn scan_path(&mut self, tokens: &[TokenTree], start: usize, inner: usize) -> usize {
        let line = tokens[start].span().start().line;
        let mut path = Segments::new();
        if is_path_separator(tokens, start.wrapping_sub(2)) {
            match start.checked_sub(3).map(|before| &tokens[before]) {
                None | Some(TokenTree::Punct(_)) if !is_punct(tokens, start.wrapping_sub(3), '>') => {
                    path.push(String::new());
                }
                _ => return start + 1,
            }
        }
        let is_member =
            is_punct(tokens, start.wrapping_sub(1), '.') && !is_punct(tokens, start.wrapping_sub(2), '.');
        let is_variable = is_punct(tokens, start.wrapping_sub(1), '$')
            && !matches!(&tokens[start], TokenTree::Ident(ident) if ident == "crate");
        path.push(tokens[start].to_string());
        let mut at = start + 1;
        let mut group = None;
        while is_path_separator(tokens, at) {
            match tokens.get(at + 2) {
                Some(TokenTree::Ident(ident)) => path.push(ident.to_string()),
                Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                    group = Some(tree.clone());
                    at += 3;
                    break;
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
                _ => break,
            }
            at += 3;
        }
        if is_member || is_variable {
            return at;
        }
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        if supers > 0 && inner > 0 {
            path.splice(..supers.min(inner), ["self".to_owned()]);
        }
        match group {
            None if path.len() > 1 || !matches!(path[0].as_str(), "self" | "super" | "crate") => {
                self.path(&path, line);
            }
            None => {}
            Some(group) => {
                if let Ok(tree) = syn::parse2::<UseTree>(TokenTree::Group(group).into()) {
                    for leaf in leaves(&tree, path) {
                        self.path(&leaf.path, leaf.line);
                    }
                }
            }
        }
        at
    }

    /// Attributes have paths in strings: `#[serde(with = "…")]`, `#[sea_orm(belongs_to = "…")]`.
    fn string(&mut self, literal: &str, span: proc_macro2::Span) {
        let Some(text) = literal.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return };
        if text.contains("::")
            && let Ok(named) = syn::parse_str::<syn::Type>(text)
        {
            let around = self.line.replace(span.start().line);
            self.visit_type(&named);
            self.line = around;
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => &vec![],
        };
        if !is_test_only(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test_only(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !is_test_only(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !is_test_only(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_test_only(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let Some((_, items)) = &item.content else { return };
        let around = self.module;
        let Some(inner) = self.sources.modules[around].children.get(&item.ident.to_string()) else { return };
        self.module = *inner;
        for item in items {
            self.visit_item(item);
        }
        self.module = around;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let start = if item.leading_colon.is_some() { vec![String::new()] } else { vec![] };
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        for leaf in leaves(&item.tree, start) {
            self.import(leaf, is_public);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let line = item.ident.span().start().line;
        let target = Target::External(item.ident.to_string());
        self.target(Resolved { target, through: vec![] }, &[], line);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item.clone()),
            _ => None,
        });
        let items: Vec<_> = items.collect();
        self.blocks.push(Names::of(&items));
        visit::visit_block(self, block);
        self.blocks.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.path(&segments(path), first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    /// The paths in `pub(super)` and `pub(in …)` import nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") || attribute.path().is_ident("cfg") {
            return;
        }
        self.visit_path(attribute.path());
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => self.scan(list.tokens.clone(), 0, true),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
        }
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        if let Some(name) = called.path.get_ident().map(ToString::to_string)
            && self.sources.is_undeclared(self.module, &self.blocks, &name)
            && let Some(file) = self.sources.textual_macro(self.module, &name)
        {
            let line = called.path.segments[0].ident.span().start().line;
            self.edge(self.sources.files[file].module, name, line, vec![]);
        } else {
            self.visit_path(&called.path);
        }
        self.scan(called.tokens.clone(), 0, false);
    }
}

fn is_punct(tokens: &[TokenTree], at: usize, character: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint)
        && is_punct(tokens, at.wrapping_add(1), ':')
}
