//! A contacts service for messaging platforms: two API dialects over one store.
//!
//! # The import rule
//! Imports run one way: `http -> domain <- storage`. Only [`app`] sees both sides, and the command
//! line ([`cli`]) reaches them through it. [`domain`] imports neither a web framework nor a database
//! nor OpenAPI. The two dialects, [`http::v1`] and [`http::addressbook`], never import each other. A
//! test holds this.

#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod storage;
pub mod telemetry;
