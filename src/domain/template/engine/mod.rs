//! The template engine: a sandboxed subset of minijinja.
//!
//! A template reads the recipient's own data and nothing else. It has no functions, no assignments and no other
//! templates, and no filter lengthens its input. Rendering stops when it exhausts its instructions (fuel) or its data
//! budget (`meter`), or exceeds the longest message. Whatever does not depend on the recipient is checked when the
//! template is parsed.

mod check;
mod data;
mod environment;
mod meter;
mod render;
mod template;
#[cfg(test)]
mod tests;
mod variable;

pub use data::RenderInput;
pub use render::{Message, MissingVariables, RenderError, TooCostly};
pub use template::Template;
pub use variable::Variable;
