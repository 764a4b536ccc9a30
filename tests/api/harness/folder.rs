//! One temporary directory per test run, removed when the run ends, even if it is killed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Waits until this process ends, stops the PostgreSQL server if there is one, and removes the directory.
const CLEANUP_SCRIPT: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for file in "$0"/*/data/postmaster.pid; do
    pid=$(head -n 1 "$file" 2>/dev/null) || continue
    kill -QUIT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
done
rm -rf "$0"
"#;

struct Root {
    path: PathBuf,
    _keeper: Child,
    _pipe: Option<ChildStdin>,
}

fn root() -> &'static Path {
    static ROOT: OnceLock<Root> = OnceLock::new();
    &ROOT
        .get_or_init(|| {
            let path = tempfile::Builder::new().prefix("addressbook-tests-").tempdir().unwrap().keep();
            // PostgreSQL runs as another user and needs search permission.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o711)).unwrap();
            let mut keeper = Command::new("sh")
                .arg("-c")
                .arg(CLEANUP_SCRIPT)
                .arg(&path)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let pipe = keeper.stdin.take();
            Root { path, _keeper: keeper, _pipe: pipe }
        })
        .path
}

/// A new directory.
pub fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = root().join(COUNT.fetch_add(1, Ordering::Relaxed).to_string());
    std::fs::create_dir(&path).unwrap();
    path
}
