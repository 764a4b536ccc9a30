//! The files of the page: our own, and those of Swagger UI that it needs.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use utoipa_swagger_ui::Config;

use crate::http::asset::Asset;

/// Everything comes from this server. Swagger UI sets inline styles, and its icons are `data:` images; scripts come from
/// files only.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

macro_rules! own {
    ($($name:literal: $content_type:literal,)*) => {
        &[$(($name, concat!($content_type, "; charset=utf-8"), include_str!(concat!("page/", $name)))),*]
    };
}

const OWN: &[(&str, &str, &str)] = own! {
    "accessibility.js": "text/javascript",
    "administration.html": "text/html",
    "examples.js": "text/javascript",
    "filter.js": "text/javascript",
    "headers.js": "text/javascript",
    "index.html": "text/html",
    "index.css": "text/css",
    "index.js": "text/javascript",
    "key.js": "text/javascript",
    "keyboard.js": "text/javascript",
    "links.js": "text/javascript",
    "names.js": "text/javascript",
    "permissions.js": "text/javascript",
    "responses.js": "text/javascript",
    "servers.js": "text/javascript",
    "snippets.js": "text/javascript",
    "theme.js": "text/javascript",
};

const SWAGGER_UI: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

pub(super) fn find(name: &str) -> Option<&'static Asset> {
    static FILES: LazyLock<BTreeMap<&str, Asset>> = LazyLock::new(load);
    FILES.get(name)
}

fn load() -> BTreeMap<&'static str, Asset> {
    let own = OWN.iter().map(|(name, content_type, text)| {
        (*name, Asset::new(*content_type, false, text.as_bytes(), CONTENT_SECURITY_POLICY))
    });
    let config = Arc::new(Config::default());
    let theirs = SWAGGER_UI.into_iter().filter_map(|name| {
        // The tests notice a missing file: the page does not work without it.
        let file = utoipa_swagger_ui::serve(name, Arc::clone(&config)).ok()??;
        Some((
            name,
            Asset::new(file.content_type, file.gzpipped, file.bytes.into_owned(), CONTENT_SECURITY_POLICY),
        ))
    });
    own.chain(theirs).collect()
}
