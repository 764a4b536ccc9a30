//! The two dialects over HTTP, the OpenAPI document that their handlers make, documentation made of it,
//! and Swagger UI.

pub mod addressbook;
pub mod app_state;
pub mod asset;
pub mod audience;
pub mod auth;
pub mod base_url;
pub mod connection;
pub mod dialect;
pub mod docs;
pub mod error;
pub mod extract;
pub mod forwarded_prefix;
pub mod health;
pub mod middleware;
pub mod openapi;
pub mod response;
pub mod response_body;
pub mod routes;
pub mod server;
pub mod swagger_ui;
pub mod v1;
