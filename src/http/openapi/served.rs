//! The document as it is served: bytes that are made once.

use std::io;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data};
use utoipa::openapi::OpenApi;

use crate::http::api::read_only;

/// Where the document is, as JSON.
pub const JSON_PATH: &str = "/openapi.json";
/// Where the document is, as YAML.
pub const YAML_PATH: &str = "/openapi.yaml";

/// The document in both forms.
#[derive(Clone)]
pub struct Served {
    json: Bytes,
    yaml: Bytes,
}

impl Served {
    /// Writes the document in both forms.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(document: &OpenApi) -> io::Result<Self> {
        let yaml = document.to_yaml().map_err(io::Error::other)?;
        Ok(Self { json: document.to_pretty_json()?.into(), yaml: yaml.into() })
    }
}

/// Adds both addresses.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(read_only(JSON_PATH, json)).service(read_only(YAML_PATH, yaml));
}

async fn json(served: Data<Served>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(served.json.clone())
}

async fn yaml(served: Data<Served>) -> HttpResponse {
    // RFC 9512
    HttpResponse::Ok().content_type("application/yaml").body(served.yaml.clone())
}
