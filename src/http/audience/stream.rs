//! An audience as lines of JSON: as long as it may be, some of it at a time in memory.

use std::iter::Peekable;
use std::vec::IntoIter;

use actix_web::web::Bytes;
use futures_util::Stream;
use serde::Serialize;

use crate::domain::Error;
use crate::domain::api_key::Principal;
use crate::domain::audience::{Entry, Report, Resolver};
use crate::http::error::table::wire_code;
use crate::http::request_id::RequestId;

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

/// Most bytes of lines that are made before the connection has room for more.
const MAX_CHUNK: usize = 32 * 1024;

/// What is still to be written.
enum Rest {
    /// Entries that were found, and whatever finds the next ones.
    Entries(Peekable<IntoIter<Entry>>, Box<Resolver>),
    Nothing,
}

/// Whose audience it is, for the log: the line of the request is written before the stream begins.
#[derive(Debug)]
pub struct Origin {
    /// The request.
    pub request: Option<RequestId>,
    /// The key that it came with.
    pub principal: Principal,
}

impl Origin {
    fn log(&self, error: &Error) {
        let Self { request, principal } = self;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = request.as_ref().map(tracing::field::display),
                    account = principal.account().get(),
                    key = principal.key().as_str(),
                    code = wire_code(error.code()).v1,
                    cause = Some(error.cause()).filter(|cause| !cause.is_empty()),
                    "an audience stream was aborted"
                )
            };
        }
        if !wire_code(error.code()).status.is_server_error() { line!(info) } else { line!(error) }
    }
}

/// The lines of an audience.
pub fn lines<L: Lines>(
    resolver: Resolver,
    origin: Origin,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    let rest = Rest::Entries(Vec::new().into_iter().peekable(), Box::new(resolver));
    futures_util::stream::unfold((rest, origin), async |(rest, origin)| {
        let Rest::Entries(mut found, mut resolver) = rest else { return None };
        if found.peek().is_none() {
            found = match resolver.next().await {
                Ok(Some(entries)) => entries.into_iter().peekable(),
                Ok(None) => return Some((write([L::summary(resolver.report())]), (Rest::Nothing, origin))),
                Err(error) => {
                    origin.log(&error);
                    return Some((write([L::error(&error)]), (Rest::Nothing, origin)));
                }
            };
        }
        Some((write(found.by_ref().map(L::entry)), (Rest::Entries(found, resolver), origin)))
    })
}

/// As many lines as fit, and one at least.
fn write(lines: impl IntoIterator<Item = impl Serialize>) -> Result<Bytes, std::io::Error> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        if bytes.len() >= MAX_CHUNK {
            break;
        }
    }
    Ok(bytes.into())
}
