//! Baseline: the same web framework without any application logic. `POST /contacts` parses a contact and returns it,
//! `GET /contact` returns a constant body of the size of a contact.
//!
//! Usage: bare PORT

use std::io;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Contact {
    username: String,
    phone_number: String,
    meta: serde_json::Map<String, serde_json::Value>,
}

const CONTACT: &str = r#"{"id":"019a6f5b-0f80-7a79-9ef8-7dc174836688","username":"john","phone_number":"+4479000000001","display_name":"john","avatar_url":null,"meta":{"NAME":"John","CITY":"London"},"created_at":"2025-11-10T20:15:12.000Z","updated_at":"2025-11-10T20:15:12.000Z"}"#;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse::<u16>().ok()).unwrap_or(8099);
    HttpServer::new(|| {
        App::new()
            .route(
                "/contacts",
                web::post().to(|contact: web::Json<Contact>| async { HttpResponse::Created().json(contact) }),
            )
            .route(
                "/contact",
                web::get().to(|| async { HttpResponse::Ok().content_type("application/json").body(CONTACT) }),
            )
    })
    .bind(("127.0.0.1", port))?
    .run()
    .await
}
