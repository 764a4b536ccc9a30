//! An audience as lines of JSON: as long as it may be, some of it at a time in memory.

use actix_web::web::Bytes;
use futures_util::Stream;
use serde::Serialize;

use crate::domain::Error;
use crate::domain::audience::{Entry, Report, Resolver};

/// The media type of an answer in one.
pub const JSON: &str = "application/json";
/// The media type of lines of JSON.
pub const NDJSON: &str = "application/x-ndjson";

/// How a dialect writes the lines.
pub trait Lines: 'static {
    /// A line.
    type Line: Serialize;

    /// One of those who were asked for.
    fn entry(entry: Entry) -> Self::Line;

    /// The last line: the account of all before it. Without it, the answer is not whole.
    fn summary(report: &Report) -> Self::Line;

    /// The last line where something went wrong on the way.
    fn error(error: &Error) -> Self::Line;
}

/// What is still to be written.
enum Rest {
    Entries(Box<Resolver>),
    Nothing,
}

/// The lines of an audience.
pub fn lines<L: Lines>(resolver: Resolver) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    futures_util::stream::unfold(Rest::Entries(Box::new(resolver)), async |rest| {
        let Rest::Entries(mut resolver) = rest else { return None };
        let (bytes, rest) = match resolver.next().await {
            Ok(Some(entries)) => {
                let lines = entries.into_iter().map(L::entry);
                (write(lines), Rest::Entries(resolver))
            }
            Ok(None) => (write([L::summary(resolver.report())]), Rest::Nothing),
            Err(error) => {
                tracing::error!(reason = error.cause(), "an audience broke off");
                (write([L::error(&error)]), Rest::Nothing)
            }
        };
        Some((bytes, rest))
    })
}

fn write(lines: impl IntoIterator<Item = impl Serialize>) -> Result<Bytes, std::io::Error> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
    }
    Ok(bytes.into())
}
