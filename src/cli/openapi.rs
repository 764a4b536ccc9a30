//! `addressbook openapi`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use similar::TextDiff;

use super::Outcome;
use crate::app;
use crate::config::Settings;

/// Prints the document that this program serves with its default settings.
#[derive(Args, Debug)]
pub(super) struct Openapi {
    /// Compare with the committed document instead; exit code 1 where they differ
    #[arg(long)]
    check: bool,
    /// The committed document
    #[arg(long, value_name = "FILE", default_value = "openapi/openapi.json")]
    file: PathBuf,
}

impl Openapi {
    pub(super) fn run(self) -> Outcome {
        let document = app::openapi(&Settings::default().limits)?;
        if !self.check {
            std::io::stdout().write_all(document.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let committed = std::fs::read_to_string(&self.file)
            .map_err(|error| format!("{}: {error}", self.file.display()))?;
        if committed == document {
            eprintln!("{} is up to date", self.file.display());
            return Ok(ExitCode::SUCCESS);
        }
        let diff = TextDiff::from_lines(&committed, &document);
        let name = self.file.display().to_string();
        eprint!("{}", diff.unified_diff().header(&name, "what the handlers say"));
        eprintln!("error: {name} differs; `addressbook openapi > {name}` brings it up to date");
        Ok(ExitCode::FAILURE)
    }
}
