//! Message templates: the engine that fills them in, the ones saved under a name, and the size of what they
//! become as SMS.

pub mod engine;
pub mod saved;
pub mod sms;
