//! `addressbook export`: all contacts of a running server as one file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::client::{self, Client, Server};
use super::command::CommandResult;
use super::progress::Progress;
use crate::domain::file_format::FileFormat;
use crate::formats::Profile;

#[derive(Args, Debug)]
#[command(after_help = client::HELP)]
pub(super) struct Export {
    #[command(flatten)]
    server: Server,
    /// The format of the file
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = PossibleValuesParser::new(FileFormat::ALL.map(FileFormat::as_str)))]
    format: String,
    /// For whom CSV is written: programs or spreadsheet programs
    #[arg(long, value_name = "PROFILE", default_value = "exact", value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::as_str)))]
    profile: String,
    /// Only contacts in the group with this id or name
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Only contacts that changed at or after this time (`2025-11-10T20:15:12Z`)
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
    /// Add to each contact the groups that it is in
    #[arg(long)]
    groups: bool,
    /// The file to write; it appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The header with the position in the change log.
const POSITION: &str = "X-Change-Position";

impl Export {
    pub(super) fn run(self) -> CommandResult {
        let Self { server, format, profile, group, updated_since, groups, output } = self;
        let mut query = vec![("format", format.as_str()), ("profile", &profile)];
        query.extend(group.as_deref().map(|group| ("group", group)));
        query.extend(updated_since.as_deref().map(|time| ("updated_since", time)));
        query.extend(groups.then_some(("expand", "groups")));
        let mut response = match Client::new(server).get("/v1/contacts/export", &query) {
            Ok(response) => response,
            Err(error) => {
                eprintln!("error: {error}");
                return Ok(error.exit_code());
            }
        };
        let position =
            response.headers().get(POSITION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().as_reader();
        let (bytes, place) = match &output {
            Some(path) => (write_file(path, body)?, path.display().to_string()),
            None => (copy(body, io::stdout().lock())?, "standard output".to_owned()),
        };
        eprintln!("wrote {bytes} bytes to {place}");
        if let Some(position) = position {
            eprintln!("change position: {position}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a file beside its place, and moves it there when it is complete: half a file must not look like a whole one.
fn write_file(path: &Path, body: impl Read) -> Result<u64, Box<dyn std::error::Error>> {
    let mut name = path.file_name().ok_or("the output is not a file")?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let with_path = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let file = File::create_new(&part).map_err(|error| with_path(&part, error))?;
    let written = copy(body, &file).and_then(|bytes| file.sync_all().map(|()| bytes));
    let moved = written.and_then(|bytes| std::fs::rename(&part, path).map(|()| bytes));
    moved.map_err(|error| {
        // The error that is reported is the first one.
        drop(std::fs::remove_file(&part));
        with_path(path, error).into()
    })
}

fn copy(mut body: impl Read, mut to: impl Write) -> io::Result<u64> {
    let progress = Progress::start("exported");
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let read = body.read(&mut buffer)?;
        if read == 0 {
            to.flush()?;
            return Ok(bytes);
        }
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
        progress.advance(bytes);
    }
}
