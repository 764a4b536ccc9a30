//! The document as it is served: text that is made once, but for the server in it.

use std::io;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data};
use serde_json::Value;

use crate::http::api::read_only;
use crate::http::prefix::Prefix;

/// Where the document is, as JSON.
pub const JSON_PATH: &str = "/openapi.json";
/// Where the document is, as YAML.
pub const YAML_PATH: &str = "/openapi.yaml";

/// Stands in the text where the server's path belongs.
const ROOT: &str = "/root-of-this-service";

/// The document in both forms.
#[derive(Clone)]
pub struct Served {
    json: Text,
    yaml: Text,
}

/// What stands before the server's path, and behind it. The path needs no escapes: see [`Prefix`].
#[derive(Clone)]
struct Text {
    before: Bytes,
    behind: Bytes,
}

impl Served {
    /// Writes the document in both forms.
    ///
    /// # Errors
    /// It cannot be written, or does not name this server once.
    pub fn new(mut document: Value) -> io::Result<Self> {
        for server in document["servers"].as_array_mut().into_iter().flatten() {
            server["url"] = ROOT.into();
        }
        let yaml = yaml_serde::to_string(&document).map_err(io::Error::other)?;
        Ok(Self { json: Text::new(&serde_json::to_string_pretty(&document)?)?, yaml: Text::new(&yaml)? })
    }
}

impl Text {
    fn new(text: &str) -> io::Result<Self> {
        let parts: Vec<&str> = text.split(ROOT).collect();
        let [before, behind] = parts[..] else {
            return Err(io::Error::other("the document does not name one server"));
        };
        Ok(Self { before: before.to_owned().into(), behind: behind.to_owned().into() })
    }

    /// The whole text, for callers who find the service under such a path.
    fn under(&self, prefix: &Prefix) -> Vec<u8> {
        [&self.before, prefix.root().as_bytes(), &self.behind].concat()
    }
}

/// Adds both addresses.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(read_only(JSON_PATH, json)).service(read_only(YAML_PATH, yaml));
}

async fn json(served: Data<Served>, prefix: Prefix) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(served.json.under(&prefix))
}

async fn yaml(served: Data<Served>, prefix: Prefix) -> HttpResponse {
    // RFC 9512
    HttpResponse::Ok().content_type("application/yaml").body(served.yaml.under(&prefix))
}
