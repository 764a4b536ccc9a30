//! Two dialects over HTTP, the OpenAPI document that is generated from their handlers, documentation generated from the
//! document, and Swagger UI.

pub mod addressbook;
pub mod admin;
pub mod app_state;
pub mod asset;
pub mod audience;
pub mod auth;
pub mod base_url;
pub mod connection;
pub mod contact_batch;
pub mod dialect;
pub mod docs;
pub mod error;
pub mod extract;
pub mod field;
pub mod forwarded_prefix;
pub mod headers;
pub mod health;
pub mod lifecycle;
pub mod media_type;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub mod order;
pub mod prelude;
pub mod rate_limit;
pub mod request_id;
pub mod resource;
pub mod response;
pub mod response_body;
pub mod routes;
pub mod search;
pub mod server;
pub mod shutdown;
pub mod swagger_ui;
pub mod v1;
