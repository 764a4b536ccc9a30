//! Authentication and authorization: who asks, and which permissions an operation needs.

pub mod access;
pub mod authorized;
