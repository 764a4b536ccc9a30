//! Message templates: the engine that parses and renders them, saved templates, and the size of a message in SMS
//! parts.

pub mod engine;
pub mod saved;
pub mod sms;
