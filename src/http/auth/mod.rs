//! Authentication and authorization.

pub mod access;
pub mod authorized;
pub mod bearer;
pub mod caller;
pub mod operator;
pub mod stream_origin;
