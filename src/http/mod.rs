//! The two dialects over HTTP, the OpenAPI document that their handlers make, documentation made of it,
//! and Swagger UI.

pub mod access;
pub mod addressbook;
pub mod api;
pub mod asset;
pub mod audience;
pub mod auth;
pub mod base_url;
pub mod body;
pub mod connection;
pub mod cors;
pub mod dialect;
pub mod docs;
pub mod edge;
pub mod explorer;
pub mod extract;
pub mod health;
pub mod openapi;
pub mod prefix;
pub mod problem;
pub mod rejected;
pub mod reply;
pub mod server;
pub mod state;
pub mod v1;
