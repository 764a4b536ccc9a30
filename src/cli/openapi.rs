//! `addressbook openapi`: prints the document, or checks the committed one against it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use similar::TextDiff;

use super::command::CommandResult;
use crate::app;
use crate::config::Settings;

/// Print the document that this program serves with its default settings.
#[derive(Args, Debug)]
pub(super) struct Openapi {
    /// Compare the document with the committed one instead of printing it; exit with code 1 if they differ
    #[arg(long)]
    check: bool,
    /// Print a document that is derived from it instead
    #[arg(long, value_name = "NAME", conflicts_with = "check")]
    variant: Option<VariantName>,
    /// The document of the administration API instead
    #[arg(long, conflicts_with = "variant")]
    admin: bool,
    /// The committed document [default: openapi/openapi.json; with --admin, openapi/admin.json]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Which one.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum VariantName {
    /// The operations under /v1
    V1,
    /// The operations under /addressbook
    Addressbook,
    /// All operations in OpenAPI 3.0
    #[value(name = "3.0")]
    Version3_0,
}

impl From<VariantName> for app::Variant {
    fn from(name: VariantName) -> Self {
        match name {
            VariantName::V1 => Self::V1,
            VariantName::Addressbook => Self::AddressBook,
            VariantName::Version3_0 => Self::Version3_0,
        }
    }
}

impl Openapi {
    pub(super) fn run(self) -> CommandResult {
        let limits = Settings::default().limits;
        let document = match self.variant {
            _ if self.admin => app::administration_openapi(&limits)?,
            None => app::openapi(&limits)?,
            Some(name) => app::openapi_variant(&limits, name.into())?,
        };
        let (default, option) =
            if self.admin { ("openapi/admin.json", " --admin") } else { ("openapi/openapi.json", "") };
        let file = self.file.unwrap_or_else(|| default.into());
        if !self.check {
            std::io::stdout().write_all(document.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let committed =
            std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        if committed == document {
            eprintln!("{} is up to date", file.display());
            return Ok(ExitCode::SUCCESS);
        }
        let diff = TextDiff::from_lines(&committed, &document);
        let name = file.display().to_string();
        eprint!("{}", diff.unified_diff().header(&name, "generated from the handlers"));
        eprintln!("error: {name} differs; `addressbook openapi{option} > {name}` brings it up to date");
        Ok(ExitCode::FAILURE)
    }
}
