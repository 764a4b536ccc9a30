//! A contacts service for messaging platforms: two API dialects over one store.
//!
//! Imports run one way and have no cycles: `http -> domain <- storage`, with the file formats ([`formats`]) beside.
//! Only [`app`] sees all sides, and the command line ([`cli`]) reaches them through it; [`domain`] imports neither a
//! web framework nor a database nor OpenAPI; the two dialects, [`http::v1`] and [`http::addressbook`], never import
//! each other. `tests/architecture` computes the module graph and checks it; `ARCHITECTURE.md` describes it.

#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod formats;
pub mod http;
pub mod jobs;
pub mod storage;
pub mod telemetry;
pub mod trace;
