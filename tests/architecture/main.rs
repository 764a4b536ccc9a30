//! The module graph of `src/`: no cycles, and every import in the direction of [`LAYERS`].
//!
//! Nodes are source files, `mod.rs` included; test code is left out. Edges are the paths in the code, also in macros
//! and attributes, resolved through imports and re-exports to the file that defines the name. `use` of a name from a
//! re-exporting `mod.rs` is thus an edge to the defining file; what `mod.rs` itself imports, re-exports and defines
//! counts for `mod.rs`.
//!
//! `cargo test --test architecture -- --ignored --nocapture report` prints figures and lists; with
//! `ARCHITECTURE_ROOT` set to another checkout, that one's.

mod cycles;
mod edges;
mod guides;
mod layers;
mod modules;
mod report;
mod resolve;
mod self_test;

use std::path::{Path, PathBuf};

use edges::Graph;
use layers::Layer;
use modules::Sources;

/// The rules, by top-level module; see [`Layer`]. Each module has a place here, and each name here has a module.
const LAYERS: &[Layer] = &[
    Layer {
        module: "main",
        may_import: &["cli"],
        tiers: &[],
        forbidden_crates: &[],
        rule: "the binary is the command line and nothing else",
    },
    Layer {
        module: "lib",
        may_import: &[],
        tiers: &[],
        forbidden_crates: &[],
        rule: "the library's root only declares",
    },
    Layer {
        module: "cli",
        may_import: &["app", "config", "domain", "formats", "telemetry"],
        tiers: &[],
        forbidden_crates: &["sea_orm", "sqlx", "actix"],
        rule: "the command line reaches http and storage through app alone",
    },
    Layer {
        module: "app",
        may_import: &["config", "domain", "http", "jobs", "storage", "telemetry"],
        tiers: &[],
        forbidden_crates: &[],
        rule: "app puts all sides together and knows no command line",
    },
    Layer {
        module: "http",
        may_import: &["config", "domain", "formats", "trace"],
        tiers: &[
            "server",
            "admin",
            "v1 | addressbook | docs | swagger_ui | health",
            "prelude",
            "routes",
            "audience contact_batch order search",
            "openapi",
            "auth",
            "asset",
            "extract",
            "middleware",
            "connection",
            "field",
            "app_state base_url dialect error forwarded_for forwarded_prefix headers lifecycle media_type metrics quota rate_limit request_id resource response response_body shutdown streams",
        ],
        forbidden_crates: &["sea_orm", "sqlx", "migrations"],
        rule: "http -> domain; inside: server -> v1 | addressbook -> what they share, which knows no dialect",
    },
    Layer {
        module: "storage",
        may_import: &["domain", "migrations", "trace"],
        tiers: &[
            "store | figures",
            "backup cleanup commands usage",
            "erasures",
            "imports",
            "accounts audiences changes contacts fields filters groups opt_outs rate_budgets segments templates",
            "contact_stream named",
            "database",
            "search",
            "write",
            "cache",
            "db",
            "sqlite | postgres",
            "change_set",
            "background_task directory entity error fair_semaphore instruments process spans",
        ],
        forbidden_crates: &["actix", "utoipa", "validator", "clap", "opentelemetry"],
        rule: "storage -> domain; inside: repositories -> database -> search -> write -> cache, db -> sqlite | postgres",
    },
    Layer {
        module: "jobs",
        may_import: &["domain", "formats", "trace"],
        tiers: &["workers | key_uses | rate_budgets", "imports | metrics"],
        forbidden_crates: &["actix", "sea_orm", "sqlx", "utoipa", "validator", "clap", "opentelemetry"],
        rule: "jobs know the database and the requests through the domain alone",
    },
    Layer {
        module: "formats",
        may_import: &["domain"],
        tiers: &["read | write", "fields", "format formula"],
        forbidden_crates: &["actix", "sea_orm", "sqlx", "utoipa", "validator", "clap", "tokio"],
        rule: "file formats know the domain's values and neither HTTP nor a database; read and write share names alone",
    },
    Layer {
        module: "config",
        may_import: &["domain"],
        tiers: &[],
        forbidden_crates: &["actix", "sea_orm"],
        rule: "settings know the domain's limits and nothing else",
    },
    Layer {
        module: "telemetry",
        may_import: &["config", "trace"],
        tiers: &[],
        forbidden_crates: &["actix", "sea_orm"],
        rule: "logs, metrics and traces know their settings and nothing else",
    },
    Layer {
        module: "trace",
        may_import: &[],
        tiers: &[],
        forbidden_crates: &["actix", "sea_orm", "opentelemetry"],
        rule: "how spans are made depends on nothing: not on who exports them either",
    },
    Layer {
        module: "domain",
        may_import: &[],
        tiers: &[
            "api_key account audience change contact context erasure field filter group import operator opt_out rate_budget search segment store template usage in_flight",
            "named",
            "id idempotency error file_format json pagination permission precondition random text timestamp violation wire_names",
        ],
        forbidden_crates: &["actix", "sea_orm", "sqlx", "utoipa", "validator", "clap"],
        rule: "the domain imports nothing of ours; inside: resources -> what they share",
    },
    Layer {
        module: "migrations",
        may_import: &[],
        tiers: &[],
        forbidden_crates: &["addressbook"],
        rule: "migrations stay as they were, whatever becomes of the code",
    },
];

/// The checkout that is analysed.
fn package() -> PathBuf {
    std::env::var_os("ARCHITECTURE_ROOT").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

fn load(package: &Path) -> (Sources, Graph) {
    let mut sources = Sources::default();
    let library = sources.load(package, "src/lib.rs", "lib", "");
    let migrations = sources.load(package, "migrations/src/lib.rs", "migrations", "migrations::");
    sources.load(package, "src/main.rs", "main", "main::");
    sources.crates.insert("addressbook".to_owned(), library);
    sources.crates.insert("addressbook_migrations".to_owned(), migrations);
    let graph = Graph::of(&sources);
    (sources, graph)
}

#[test]
fn imports_follow_the_layers_without_cycles() {
    let package = package();
    let (sources, graph) = load(&package);
    let mut failures = layers::violations(&sources, &graph, LAYERS);
    failures.extend(
        cycles::cycles(&graph).iter().map(|component| report::component(&sources, &graph, component)),
    );
    let orphans = ["src", "migrations/src"].into_iter().flat_map(|folder| sources.orphans(&package, folder));
    failures.extend(orphans.map(|path| format!("{}: no module declares it", path.display())));
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    // An analysis that finds no modules finds no violations either.
    let (modules, edges) = (sources.files.len(), graph.edges.len());
    assert!(modules > 150 && edges > 1_000, "only {modules} modules and {edges} edges found");
}

/// Cargo rejects a cyclic dependency, but not one that is a dev-dependency.
#[test]
fn migrations_do_not_depend_on_the_service() {
    let manifest = std::fs::read_to_string(package().join("migrations/Cargo.toml")).unwrap();
    let depends =
        |line: &str| ["addressbook =", "addressbook."].iter().any(|start| line.trim().starts_with(start));
    assert!(!manifest.lines().any(depends));
}

#[test]
#[ignore = "prints figures and lists of edges"]
fn report() {
    let (sources, graph) = load(&package());
    let violations = layers::violations(&sources, &graph, LAYERS);
    println!("{}", report::figures(&sources, &graph, violations.len()));
    for component in cycles::cycles(&graph) {
        println!("{}", report::component(&sources, &graph, &component));
    }
    println!("{}\n", violations.join("\n"));
    println!("{}", report::diagram(&sources, &graph, "", 1));
    println!("{}", report::list(&sources, &graph, "", 1));
    for layer in LAYERS.iter().filter(|layer| !layer.tiers.is_empty()) {
        println!("{}", report::list(&sources, &graph, layer.module, 2));
    }
}

#[test]
#[ignore = "prints all edges, tab-separated: from, to, file, names with lines"]
fn table() {
    let (sources, graph) = load(&package());
    print!("{}", report::table(&sources, &graph));
}
