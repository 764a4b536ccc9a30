//! The files of the page: ours, and those of Swagger UI that it needs.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::EntityTag;
use actix_web::web::Bytes;
use utoipa_swagger_ui::Config;

macro_rules! own {
    ($($name:literal: $content_type:literal,)*) => {
        &[$(($name, concat!($content_type, "; charset=utf-8"), include_str!(concat!("page/", $name)))),*]
    };
}

const OWN: &[(&str, &str, &str)] = own! {
    "examples.js": "text/javascript",
    "headers.js": "text/javascript",
    "index.html": "text/html",
    "index.css": "text/css",
    "index.js": "text/javascript",
    "key.js": "text/javascript",
    "keyboard.js": "text/javascript",
    "links.js": "text/javascript",
    "permissions.js": "text/javascript",
    "snippets.js": "text/javascript",
};

const SWAGGER_UI: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// A file as it is served.
pub(super) struct File {
    pub content_type: String,
    pub gzipped: bool,
    pub bytes: Bytes,
    /// Changes with the content, so that a reload fetches nothing that the browser has.
    pub tag: EntityTag,
}

impl File {
    fn new(content_type: String, gzipped: bool, bytes: Bytes) -> Self {
        let tag = EntityTag::new_strong(format!("{:x}-{:x}", bytes.len(), crc32fast::hash(&bytes)));
        Self { content_type, gzipped, bytes, tag }
    }
}

/// The file of a name.
pub(super) fn named(name: &str) -> Option<&'static File> {
    static FILES: LazyLock<BTreeMap<&str, File>> = LazyLock::new(read);
    FILES.get(name)
}

fn read() -> BTreeMap<&'static str, File> {
    let own = OWN.iter().map(|(name, content_type, text)| {
        (*name, File::new((*content_type).to_owned(), false, Bytes::from_static(text.as_bytes())))
    });
    let config = Arc::new(Config::default());
    let theirs = SWAGGER_UI.into_iter().filter_map(|name| {
        // A file that is missing is seen by the tests: without it there is no page.
        let file = utoipa_swagger_ui::serve(name, Arc::clone(&config)).ok()??;
        Some((name, File::new(file.content_type, file.gzpipped, file.bytes.into_owned().into())))
    });
    own.chain(theirs).collect()
}
