//! The import rule of `src/lib.rs`, by text: identifiers that must not appear in a layer's code.

use std::path::{Path, PathBuf};

/// Identifiers that must not appear in the code of a folder.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/domain",
        &[
            "actix",
            "sea_orm",
            "utoipa",
            "validator",
            "clap",
            "crate::http",
            "crate::storage",
            "crate::app",
            "crate::cli",
            "crate::config",
        ],
    ),
    (
        "src/storage",
        &["actix", "utoipa", "validator", "clap", "crate::http", "crate::app", "crate::cli", "crate::config"],
    ),
    ("src/http", &["sea_orm", "sqlx", "migrations", "crate::storage", "crate::app", "crate::cli"]),
    ("src/http/v1", &["addressbook::"]),
    ("src/http/addressbook", &["v1::"]),
    ("src/cli", &["sea_orm", "actix", "crate::http", "crate::storage"]),
    ("migrations", &["addressbook::", "addressbook ="]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .collect()
}

/// The code of a file, without comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn violations(code: &str, words: &[&'static str]) -> Vec<&'static str> {
    words.iter().copied().filter(|word| code.contains(word)).collect()
}

#[test]
fn layers_contain_no_forbidden_identifiers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut read = 0;
    for (folder, words) in FORBIDDEN {
        for path in sources(&root.join(folder)) {
            let code = code(&std::fs::read_to_string(&path).unwrap());
            assert_eq!(violations(&code, words), [""; 0], "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 50, "{read} files");
}

#[test]
fn a_violation_is_detected() {
    assert_eq!(violations(&code("use crate::http::v1; // fine"), &["crate::http"]), ["crate::http"]);
    assert_eq!(violations(&code("//! crate::http"), &["crate::http"]), [""; 0]);
}
