//! The guides name files and modules that exist.

use std::path::Path;

use super::package;

const GUIDES: [&str; 5] =
    ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "openapi/README.md", "benches/README.md"];
const FOLDERS: [&str; 7] = ["src/", "tests/", "migrations/", "benches/", "openapi/", "packaging/", ".cargo/"];
const LAYERS: [&str; 5] = ["domain::", "formats::", "http::", "storage::", "cli::"];

/// What stands between backticks, outside of code blocks.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

/// The path that a code span names, without arguments; words in capitals stand for any name.
fn path_of(span: &str) -> Option<&str> {
    let path = span.split([' ', '{']).next()?;
    let names_any =
        path.split('/').any(|part| part.len() > 1 && part.bytes().all(|byte| byte.is_ascii_uppercase()));
    (FOLDERS.iter().any(|folder| path.starts_with(folder)) && !names_any).then_some(path)
}

/// Whether a module, or an item in it, exists: `cache::versions`, `storage::write::group_commit`.
fn module_exists(root: &Path, module: &str) -> bool {
    let parts: Vec<_> = module.split("::").collect();
    (1..=parts.len()).rev().any(|length| {
        let path = root.join("src").join(parts[..length].join("/"));
        // The last part may be an item of the module.
        length + 1 >= parts.len() && length > 1 && (path.is_dir() || path.with_extension("rs").is_file())
    })
}

#[test]
fn name_files_and_modules_that_exist() {
    let root = package();
    let (mut paths, mut missing) = (0, Vec::new());
    for guide in GUIDES {
        let text = std::fs::read_to_string(root.join(guide)).unwrap();
        for span in code_spans(&text) {
            let exists = if let Some(path) = path_of(span) {
                root.join(path).exists()
            } else if LAYERS.iter().any(|layer| span.starts_with(layer)) {
                module_exists(&root, span)
            } else {
                continue;
            };
            paths += 1;
            if !exists {
                missing.push(format!("{guide}: {span}"));
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            let folder = Path::new(guide).parent().unwrap();
            if !path.is_empty() && !path.contains(':') && !root.join(folder).join(path).exists() {
                missing.push(format!("{guide}: {link}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(paths > 40, "{paths}");
}

#[test]
fn a_missing_name_is_seen() {
    let root = package();
    assert!(
        module_exists(&root, "storage::write::group_commit")
            && module_exists(&root, "domain::named::NamedService")
    );
    assert!(
        !module_exists(&root, "storage::nothing::group_commit") && !module_exists(&root, "nothing::at_all")
    );
    assert_eq!(path_of("src/domain/RESOURCE/"), None);
    assert_eq!(path_of("tests/clients/run --write BINARY"), Some("tests/clients/run"));
}
