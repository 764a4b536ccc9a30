//! The log of executed statements, for tests that look at query plans.

use std::sync::{Arc, Mutex};

use sea_orm::Statement;

/// Every statement that a database has run, with its values: for tests that look at query plans.
pub type Statements = Arc<Mutex<Vec<Statement>>>;

pub(crate) fn note(statements: Option<&Statements>, statement: &Statement) {
    if let Some(Ok(mut statements)) = statements.map(|statements| statements.lock()) {
        statements.push(statement.clone());
    }
}
