//! Authentication and authorization.

pub mod access;
pub mod authorized;
