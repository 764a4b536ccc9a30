//! What holds for every request, whichever operation it calls.

pub mod cors;
pub mod edge;
