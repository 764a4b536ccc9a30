//! Domain errors on the wire.

pub mod api_error;
pub mod table;
