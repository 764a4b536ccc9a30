//! NDJSON: a JSON object per line, whose members are the cells.

use super::error::{FileError, Rejected};
use super::limits::MAX_RECORD_BYTES;
use super::record::{Columns, Record, Records, Tally};
use super::source::{LineLength, Source};
use crate::domain::json;
use crate::formats::fields::POSITION_MEMBER;

pub(super) struct Lines {
    source: Source,
}

impl Lines {
    pub(super) fn new(source: Source) -> Self {
        Self { source }
    }
}

impl Records for Lines {
    fn next(&mut self, columns: &mut Columns, tally: &mut Tally) -> Result<Option<Record>, FileError> {
        loop {
            let number = self.source.line;
            let mut line = Vec::new();
            match self.source.read_line(&mut line, MAX_RECORD_BYTES)? {
                None => return Ok(None),
                Some(LineLength::Exceeded) => return Ok(Some(Record::rejected(number, Rejected::TooLong))),
                Some(LineLength::Within) if line.trim_ascii().is_empty() => continue,
                Some(LineLength::Within) => {}
            }
            let line = tally.decode(number, line);
            let members = match json::parse_object(line.as_bytes()) {
                Ok(members) => members,
                Err(error) => return Ok(Some(Record::rejected(number, error.into()))),
            };
            if members.len() == 1 && members.contains_key(POSITION_MEMBER) {
                continue;
            }
            let cells = members.into_iter().map(|(name, value)| (name, value.into()));
            return Ok(Some(Record::from_named(number, cells, columns)));
        }
    }
}
