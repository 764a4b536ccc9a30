//! Templates: texts that are filled in for each recipient, by minijinja.
//!
//! What a template may do is little. It reads the recipient's own data and nothing else; it has no
//! functions, no assignments, and no other templates; a filter cannot make a text grow. It ends where it takes too
//! many steps (fuel), goes through too much data (`meter`), or makes more than the longest message. All of that is
//! checked when a template is read, except for what depends on the recipient.

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
