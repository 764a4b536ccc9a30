//! The rejected rows of an import as a CSV file.

use std::io;

use actix_web::web::Bytes;
use futures_util::Stream;

use crate::domain::Error;
use crate::domain::import::{ImportId, ImportService, PlannedRow, RowFilter, RowOutcome};
use crate::formats::write::write_record;

/// Rows that are read at a time.
const ROWS: u64 = 500;

/// The columns after those of the file. If that has columns with these names, ours get another one: a column may occur only
/// once.
const OWN_COLUMNS: [&str; 3] = ["code", "column", "message"];

struct Rejects {
    imports: ImportService,
    id: ImportId,
    columns: Vec<String>,
    /// The position of the last row; `None` before the first.
    after: Option<u64>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Header,
    Rows,
    Finished,
}

/// The file, one batch of rows at a time. If reading fails, the stream ends with an error, which breaks the connection: the
/// file does not look complete.
pub(super) fn stream(
    imports: ImportService,
    id: ImportId,
    columns: Vec<String>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let rejects = Rejects { imports, id, columns, after: None, state: State::Header };
    futures_util::stream::unfold(rejects, async |mut rejects| {
        let bytes = match rejects.state {
            State::Header => {
                rejects.state = State::Rows;
                Ok(rejects.header())
            }
            State::Rows => match rejects.next().await {
                Ok(bytes) => Ok(bytes),
                Err(error) => {
                    tracing::error!(reason = error.cause(), "the rejected rows of an import cannot be read");
                    rejects.state = State::Finished;
                    Err(io::Error::other("cannot be read"))
                }
            },
            State::Finished => return None,
        };
        Some((bytes, rejects))
    })
}

impl Rejects {
    fn header(&self) -> Bytes {
        let own = OWN_COLUMNS.map(|name| {
            let mut name = name.to_owned();
            while self.columns.contains(&name) {
                name.insert_str(0, "import_");
            }
            name
        });
        let mut line = Vec::new();
        write_record(self.columns.iter().chain(&own).map(String::as_str), &mut line);
        line.into()
    }

    async fn next(&mut self) -> Result<Bytes, Error> {
        let filter = RowFilter::Outcome(RowOutcome::Reject);
        let page = self.imports.rows(self.id, filter, self.after, ROWS).await?;
        if !page.has_more {
            self.state = State::Finished;
        }
        self.after = page.rows.last().map(|(position, _)| *position);
        let mut lines = Vec::new();
        for (_, row) in &page.rows {
            write_record(self.record(row), &mut lines);
        }
        Ok(lines.into())
    }

    fn record<'r>(&'r self, row: &'r PlannedRow) -> Vec<&'r str> {
        let mut record = vec![""; self.columns.len() + OWN_COLUMNS.len()];
        for (column, text) in &row.cells {
            if let Some(cell) = record.get_mut(*column) {
                *cell = text;
            }
        }
        if let Some(reason) = &row.reason {
            let column = reason.column.and_then(|column| self.columns.get(column));
            let own = [reason.code.as_str(), column.map_or("", String::as_str), reason.message.as_str()];
            record[self.columns.len()..].copy_from_slice(&own);
        }
        record
    }
}
