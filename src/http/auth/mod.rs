//! Authentication and authorization.

pub mod access;
pub mod authorized;
pub mod stream_origin;
