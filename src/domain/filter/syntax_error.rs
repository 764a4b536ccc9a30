//! What is wrong with the text of a filter.

use std::borrow::Cow;

use super::position::Position;
use crate::domain::violation::Violation;

/// What is wrong, and where. The message never has a value of the text, which may be personal data.
#[derive(Debug)]
pub(super) struct SyntaxError {
    position: Position,
    message: Cow<'static, str>,
}

impl SyntaxError {
    pub(super) fn new(position: Position, message: impl Into<Cow<'static, str>>) -> Self {
        Self { position, message: message.into() }
    }
}

impl From<SyntaxError> for Violation {
    fn from(SyntaxError { position, message }: SyntaxError) -> Self {
        Self::FilterSyntax { position: position.get(), message }
    }
}
