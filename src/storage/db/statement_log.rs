//! The log of executed statements, with their values, for tests of query plans.

use std::sync::{Arc, Mutex};

use sea_orm::Statement;

/// Every statement that was executed through a recording handle.
pub type Statements = Arc<Mutex<Vec<Statement>>>;

pub(crate) fn log(statement_log: Option<&Statements>, statement: &Statement) {
    if let Some(Ok(mut statement_log)) = statement_log.map(|statement_log| statement_log.lock()) {
        statement_log.push(statement.clone());
    }
}
