//! The analysis itself, on small source trees with a known answer.

use std::path::Path;

use super::cycles::cycles;
use super::edges::Graph;
use super::layers::{Layer, violations};
use super::modules::Sources;
use super::report;

const LAYERS: &[Layer] = &[
    Layer { module: "lib", may_import: &[], tiers: &[], forbidden_crates: &[], rule: "declares only" },
    Layer {
        module: "top",
        may_import: &["bottom"],
        tiers: &["left | right", "shared shared::deep"],
        forbidden_crates: &["database"],
        rule: "top -> bottom",
    },
    Layer { module: "door", may_import: &["top", "bottom"], tiers: &[], forbidden_crates: &[], rule: "door" },
    Layer {
        module: "caller",
        may_import: &["door"],
        tiers: &[],
        forbidden_crates: &[],
        rule: "caller -> door",
    },
    Layer {
        module: "bottom",
        may_import: &[],
        tiers: &[],
        forbidden_crates: &["web"],
        rule: "bottom is alone",
    },
];

/// Files that all trees have unless they bring their own.
const TREE: &[(&str, &str)] = &[
    ("lib.rs", "mod bottom; mod caller; mod door; mod top;"),
    ("bottom.rs", "pub struct Item; pub fn make() {}"),
    ("caller.rs", ""),
    ("door.rs", ""),
    ("top/mod.rs", "mod left; mod right; mod shared;"),
    ("top/left.rs", ""),
    ("top/right.rs", "pub struct Right;"),
    ("top/shared/mod.rs", "mod deep; pub use deep::Deep; pub fn own() {}"),
    ("top/shared/deep.rs", "pub struct Deep;"),
];

struct Found {
    edges: Vec<String>,
    cycles: Vec<String>,
    violations: Vec<String>,
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in TREE.iter().chain(files) {
        let path = root.join("src").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn analyse(files: &[(&str, &str)]) -> Found {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), files);
    let mut sources = Sources::default();
    sources.load(root.path(), "src/lib.rs", "lib", "");
    let graph = Graph::of(&sources);
    let name = |file: usize| sources.files[file].name.as_str();
    let edges = graph.edges.iter().map(|((from, to), imports)| {
        let names: Vec<_> = imports.keys().map(String::as_str).collect();
        format!("{} -> {} {}", name(*from), name(*to), names.join(" "))
    });
    Found {
        edges: edges.filter(|edge| edge != "top::shared -> top::shared::deep Deep").collect(),
        cycles: cycles(&graph)
            .iter()
            .map(|component| report::component(&sources, &graph, component))
            .collect(),
        violations: violations(&sources, &graph, LAYERS),
    }
}

/// The edges of a tree whose only code is `code`, in `top/left.rs`.
fn edges_of(code: &str) -> Vec<String> {
    analyse(&[("top/left.rs", code)]).edges
}

#[test]
fn a_clean_tree_passes() {
    let found = analyse(&[("top/left.rs", "use super::shared::{Deep, own}; use crate::bottom::Item;")]);
    assert_eq!(found.violations, [""; 0]);
    assert_eq!(found.cycles, [""; 0]);
    assert_eq!(
        found.edges,
        ["top::left -> bottom Item", "top::left -> top::shared own", "top::left -> top::shared::deep Deep"]
    );
}

#[test]
fn a_cycle_through_a_re_export_is_found() {
    let found = analyse(&[
        ("top/left.rs", "use super::Right;\npub struct Left;"),
        ("top/mod.rs", "mod left; mod right; mod shared; use right::Right;"),
        ("top/right.rs", "\n\nfn f() -> super::left::Left { todo!() } pub struct Right;"),
    ]);
    let [cycle] = found.cycles.as_slice() else { panic!("{:?}", found.cycles) };
    assert!(cycle.starts_with("a cycle among 2 files"), "{cycle}");
    assert!(cycle.contains("top::left -> top::right  src/top/left.rs:1 (Right)"), "{cycle}");
    assert!(cycle.contains("top::right -> top::left  src/top/right.rs:3 (Left)"), "{cycle}");
}

#[test]
fn a_cycle_of_a_folder_module_with_its_child_is_found() {
    let found = analyse(&[("top/shared/deep.rs", "use super::own; pub struct Deep;")]);
    assert_eq!(found.cycles.len(), 1, "{:?}", found.cycles);
}

#[test]
fn a_facade_alone_makes_no_cycle() {
    let found = analyse(&[
        ("top/shared/mod.rs", "mod deep; mod other; pub use deep::Deep; pub use other::Other;"),
        ("top/shared/other.rs", "use super::Deep; pub struct Other(Deep);"),
    ]);
    assert_eq!(found.cycles, [""; 0]);
}

#[test]
fn violations_name_the_edge_and_the_rule() {
    let one = |files| match analyse(files).violations.as_slice() {
        [one] => one.clone(),
        more => panic!("{more:?}"),
    };
    let upwards = [("bottom.rs", "\nuse crate::top::shared::Deep; pub struct Item; pub fn make() {}")];
    assert_eq!(one(&upwards), "bottom -> top::shared::deep  src/bottom.rs:2 (Deep): bottom is alone");
    let across = [("top/left.rs", "use super::right::Right;")];
    assert_eq!(one(&across), "top::left -> top::right  src/top/left.rs:1 (Right): top -> bottom");
    let tier = [("top/shared/deep.rs", "pub struct Deep; fn f(_: crate::top::right::Right) {}")];
    assert!(one(&tier).starts_with("top::shared::deep -> top::right"));
    let external = [("bottom.rs", "pub struct Item(actix_web::Error); pub fn make() {}")];
    assert_eq!(one(&external), "bottom -> crate actix_web  src/bottom.rs:1: bottom is alone");
    let attribute = [("bottom.rs", "#[derive(actix_web::Derive)] pub struct Item; pub fn make() {}")];
    assert!(one(&attribute).starts_with("bottom -> crate actix_web"));
    let unplaced = [("top/mod.rs", "mod left; mod new; mod right; mod shared;"), ("top/new.rs", "")];
    assert_eq!(one(&unplaced), "top::new: no place in LAYERS");
    let unused = [("lib.rs", "mod bottom; mod caller; mod top;")];
    assert_eq!(one(&unused), "door: in LAYERS, but no such module");
}

#[test]
fn re_exports_open_only_where_each_step_is_allowed() {
    let direct = analyse(&[("caller.rs", "use crate::bottom::Item;")]);
    assert_eq!(direct.violations.len(), 1);
    let through =
        analyse(&[("door.rs", "pub use crate::bottom::Item;"), ("caller.rs", "use crate::door::Item;")]);
    assert_eq!(through.violations, [""; 0]);
    let around = analyse(&[
        (
            "top/shared/mod.rs",
            "mod deep; pub use deep::Deep; pub use crate::top::right::Right; pub fn own() {}",
        ),
        ("top/left.rs", "use super::shared::Right;"),
    ]);
    assert_eq!(around.violations.len(), 2, "{:?}", around.violations);
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let item = ["top::left -> bottom Item"];
    for code in [
        "use crate::bottom::Item;",
        "use crate::{bottom::{Item as Other}};",
        "use super::super::bottom::Item;",
        "use crate::bottom; fn f(_: bottom::Item) {}",
        "use crate::bottom as b; fn f() { let b::Item = todo!(); }",
        "fn f() { use crate::bottom::Item; }",
        "fn f() { <crate::bottom::Item>::g() }",
        "impl Iterator for crate::bottom::Item {}",
        "mod inner { use super::super::super::bottom::Item; }",
        "fn f() { println!(\"{}\", crate::bottom::Item) }",
        "fn f() { println!(\"{}\", 1..crate::bottom::Item) }",
        "use crate::bottom; fn f() { vec![bottom::Item] }",
        "macro_rules! m { () => { $crate::bottom::Item } }",
        "m! { mod inner { use super::super::super::bottom::Item; } }",
        "m! { use crate::bottom::{self as b, Item}; }",
        "#[serde(with = \"crate::bottom::Item\")] struct S;",
        "#[utoipa::path(responses(crate::bottom::Item))] fn f() {}",
        "struct S { #[serde(default = \"crate::bottom::Item::f\")] field: u8 }",
        "#[cfg(not(test))] use crate::bottom::Item;",
        "#[cfg(any(test, unix))] use crate::bottom::Item;",
        "use crate::bottom; fn f() { let bottom = 1; g(bottom::Item) }",
    ] {
        let found = edges_of(code);
        let found: Vec<_> = found.iter().map(|edge| edge.replace(" Item bottom", " Item")).collect();
        assert_eq!(found, item, "{code}");
    }
    assert_eq!(edges_of("use crate::bottom::*;"), ["top::left -> bottom *"]);
    assert_eq!(edges_of("use crate::bottom;"), ["top::left -> bottom bottom"]);
    assert_eq!(
        edges_of("use super::shared::*; fn f(_: Deep) {}"),
        ["top::left -> top::shared *", "top::left -> top::shared::deep Deep"]
    );
}

#[test]
fn what_imports_nothing_is_no_edge() {
    for code in [
        "//! crate::bottom::Item\n/// [`crate::bottom::Item`]\nfn f() {}",
        "#[cfg(test)] mod tests { use crate::bottom::Item; }",
        "#[cfg(all(test, unix))] use crate::bottom::Item;",
        "struct S { #[cfg(test)] item: crate::bottom::Item }",
        "pub(in crate::top) fn f() {}",
        "m! { pub(in crate::top) fn f() {} }",
        "fn f() { \"crate::bottom::Item\"; }",
        "fn f<Item>(bottom: u8, _: Item) { bottom.make() }",
        "mod bottom { pub struct Item; } use bottom::Item;",
    ] {
        assert_eq!(edges_of(code), [""; 0], "{code}");
    }
}

#[test]
fn modules_and_functions_of_one_name_are_told_apart() {
    let tree = [
        ("top/shared/mod.rs", "pub mod deep; pub use deep::deep; pub fn own() {}"),
        ("top/shared/deep.rs", "pub fn deep() {} pub fn other() {}"),
    ];
    let edges = |code| {
        let found = analyse(&[tree[0], tree[1], ("top/left.rs", code)]).edges;
        found.into_iter().filter(|edge| edge.starts_with("top::left")).collect::<Vec<_>>()
    };
    assert_eq!(edges("use super::shared::deep; fn f() { deep() }"), ["top::left -> top::shared::deep deep"]);
    assert_eq!(
        edges("use super::shared::deep::{self}; fn f() { deep::other() }"),
        ["top::left -> top::shared::deep other"]
    );
}

#[test]
fn macros_have_edges() {
    let files = [
        (
            "top/shared/mod.rs",
            "macro_rules! text { () => {} } pub(super) use text; mod deep; pub fn own() {}",
        ),
        ("top/shared/deep.rs", "text!();"),
        ("top/left.rs", "use super::shared::text; text!();"),
    ];
    assert_eq!(
        analyse(&files).edges,
        ["top::left -> top::shared text", "top::shared::deep -> top::shared text"]
    );
}

#[test]
fn files_of_no_module_are_found() {
    let root = tempfile::tempdir().unwrap();
    let files = [
        ("top/left.rs", "#[cfg(test)] mod tests; #[cfg(test)] mod more;"),
        ("top/left/tests.rs", ""),
        ("top/left/more/mod.rs", ""),
        ("top/stray.rs", ""),
    ];
    write(root.path(), &files);
    let mut sources = Sources::default();
    sources.load(root.path(), "src/lib.rs", "lib", "");
    assert_eq!(sources.orphans(root.path(), "src"), [Path::new("src/top/stray.rs")]);
}
