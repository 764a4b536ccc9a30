//! `addressbook import`: a file, through a running server.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, ClientError, Server};
use super::command::CommandResult;
use super::progress::{Progress, Unit};

/// The codes, for `--help`.
pub(super) const HELP: &str = "Exit codes: 0 if all rows were planned or carried out, 2 for a wrong command line, 3 if the \
    server rejected a request, 4 if the plan was not committed, 5 if some rows were rejected, or left alone because their \
    contacts have changed, 1 for anything else. Set the key in the environment: other users of the machine can see the \
    arguments of a process.";

/// The plan was not confirmed.
const NOT_COMMITTED: u8 = 4;
/// Some rows were rejected, or left alone.
const INCOMPLETE: u8 = 5;

#[derive(Args, Debug)]
pub(super) struct Import {
    /// The file: CSV, vCard, NDJSON or JSContact, compressed with gzip or not; `-` for standard input
    #[arg(required_unless_present = "undo")]
    file: Option<PathBuf>,
    /// A column of the file and the member of the contact that it is for (`City=meta.CITY`); can be repeated; by default,
    /// columns are recognised by their names
    #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = mapping)]
    mappings: Vec<(String, String)>,
    /// `upsert`, `create` or `update`
    #[arg(long, value_name = "MODE", default_value = "upsert")]
    mode: String,
    /// `username`, `id` or `phone_number`
    #[arg(long, value_name = "FIELD", default_value = "username")]
    match_by: String,
    /// `csv`, `vcard`, `ndjson` or `jscontact`; by default, the name and the content of the file decide
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// The country of phone numbers without a country code (two letters, such as `GB`)
    #[arg(long, value_name = "COUNTRY")]
    default_region: Option<String>,
    /// What separates the cells of a CSV file: `,`, `;`, `tab` or `|`
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// A cell with this text clears the value of the contact
    #[arg(long, value_name = "TEXT")]
    clear_token: Option<String>,
    /// A group that every contact joins
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Show the plan and do nothing
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Commit the plan without a question
    #[arg(long)]
    yes: bool,
    /// The file for rejected rows; by default, the name of the file with `.rejects.csv`
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Undo the import with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "plan", "yes", "mappings"])]
    undo: Option<String>,
    #[command(flatten)]
    server: Server,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (column, field) = text.rsplit_once('=').ok_or("must be COLUMN=FIELD")?;
    Ok((column.to_owned(), field.to_owned()))
}

/// What the name of a file says about its format.
fn content_type(file: &Path) -> &'static str {
    let name = file.to_string_lossy().to_lowercase();
    match name.trim_end_matches(".gz").rsplit('.').next() {
        Some("csv" | "tsv" | "txt") => "text/csv",
        Some("vcf" | "vcard") => "text/vcard",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        _ => "application/octet-stream",
    }
}

impl Import {
    pub(super) fn run(self) -> CommandResult {
        self.carry_out().or_else(|error| match error.downcast::<ClientError>() {
            Ok(error) => {
                eprintln!("error: {error}");
                Ok(error.exit_code())
            }
            Err(error) => Err(error),
        })
    }

    fn carry_out(self) -> CommandResult {
        let Self {
            file,
            mappings,
            mode,
            match_by,
            format,
            default_region,
            delimiter,
            clear_token,
            group,
            plan,
            yes,
            rejects,
            undo,
            server,
        } = self;
        let server = Client::new(server);
        let Some(file) = file else {
            return undo_import(&server, &undo.unwrap_or_default());
        };
        let columns: Vec<Value> =
            mappings.iter().map(|(column, to)| json!({"column": column, "to": to})).collect();
        let mut options = json!({
            "mode": mode, "match_by": match_by, "format": format, "default_region": default_region,
            "delimiter": delimiter, "clear_token": clear_token, "group": group,
        });
        if !columns.is_empty() {
            options["columns"] = columns.into();
        }
        let (input, length) = open(&file)?;
        let import = server.post("/v1/imports", &options)?;
        let path = format!("/v1/imports/{}", text(&import["id"]));
        let sending = length
            .map_or_else(|| Progress::start("sent"), |length| Progress::of("sent", length, Unit::Bytes));
        server.put(
            &format!("{path}/file"),
            content_type(&file),
            Sending { input, bytes: 0, progress: sending },
        )?;

        let planned = wait(&server, &path, "planning")?;
        if planned["state"] == "failed" {
            return Err(text(&planned["failure"]).into());
        }
        print_plan(&server, &path, &planned)?;
        let rejected = count(&planned, "reject");
        if rejected > 0 {
            let name = rejects.unwrap_or_else(|| default_rejects(&file));
            save_rejects(&server, &path, &name)?;
            eprintln!("{rejected} rejected rows are in {}, with the reasons", name.display());
        }
        if plan {
            return Ok(code(rejected));
        }
        if !yes && !confirm()? {
            eprintln!("not committed; the plan is kept as {}", text(&planned["id"]));
            return Ok(ExitCode::from(NOT_COMMITTED));
        }
        server.post(&format!("{path}/commit"), &json!({"digest": planned["digest"]}))?;
        let committed = wait(&server, &path, "committing")?;
        if committed["state"] != "committed" {
            return Err(format!("the import is {}", text(&committed["state"])).into());
        }
        let (left_alone, over_quota) = (count(&committed, "changed_since"), count(&committed, "over_quota"));
        println!("{} rows carried out", count(&committed, "applied"));
        if left_alone > 0 {
            println!("{left_alone} left alone, since their contacts have changed");
        }
        if over_quota > 0 {
            println!("{over_quota} not created, since the account has reached its limit of contacts");
        }
        println!("to undo: addressbook import --undo {}", text(&committed["id"]));
        Ok(code(rejected + left_alone + over_quota))
    }
}

fn code(incomplete: u64) -> ExitCode {
    if incomplete == 0 { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) }
}

fn undo_import(server: &Client, id: &str) -> CommandResult {
    let path = format!("/v1/imports/{id}");
    server.post(&format!("{path}/undo"), &Value::Null)?;
    let undone = wait(server, &path, "undoing")?;
    let kept = count(&undone, "kept");
    println!("{} rows taken back", count(&undone, "undone"));
    if kept > 0 {
        println!("{kept} kept, since their contacts have changed");
    }
    Ok(code(kept))
}

/// A file whose bytes are the progress.
struct Sending {
    input: Box<dyn Read + Send>,
    bytes: u64,
    progress: Progress,
}

impl Read for Sending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.bytes += u64::try_from(length).unwrap_or(0);
        self.progress.advance(self.bytes);
        Ok(length)
    }
}

/// A file and its length, if that is known.
fn open(file: &Path) -> io::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let opened =
        File::open(file).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
    let length = opened.metadata()?.len();
    Ok((Box::new(opened), Some(length)))
}

fn default_rejects(file: &Path) -> PathBuf {
    if file == Path::new("-") {
        return PathBuf::from("rejects.csv");
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".rejects.csv");
    PathBuf::from(name)
}

fn save_rejects(server: &Client, path: &str, name: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut response = server.get(&format!("{path}/rejects"), &[])?;
    let mut rejects = File::create(name)?;
    io::copy(&mut response.body_mut().as_reader(), &mut rejects)?;
    Ok(())
}

/// Time between two looks at an import.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Waits for the end of a step; shows how far it is.
fn wait(server: &Client, path: &str, state: &str) -> Result<Value, ClientError> {
    let mut progress = None;
    loop {
        let import = server.get_json(path, &[])?;
        if import["state"] != state {
            return Ok(import);
        }
        let number = |name: &str| import["progress"][name].as_u64().unwrap_or(0);
        let bar = progress.get_or_insert_with(|| {
            let (verb, unit) = match state {
                "planning" => ("planned", Unit::Bytes),
                "undoing" => ("taken back", Unit::Rows),
                _ => ("committed", Unit::Rows),
            };
            Progress::of(verb, number("total"), unit)
        });
        bar.advance(number("done"));
        sleep(POLL_INTERVAL);
    }
}

/// Rows that are shown as examples.
const EXAMPLES: &str = "5";

fn print_plan(server: &Client, path: &str, import: &Value) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    for column in import["columns"].as_array().into_iter().flatten() {
        writeln!(out, "{:>24} → {}", text(&column["column"]), text(&column["to"]))?;
    }
    let ignored: Vec<&str> =
        import["ignored_columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !ignored.is_empty() {
        writeln!(out, "{:>24}   {}", "not used:", ignored.join(", "))?;
    }
    for note in import["notes"].as_array().into_iter().flatten() {
        writeln!(out, "{}", text(note))?;
    }
    writeln!(out)?;
    for (name, about) in [
        ("rows", "rows"),
        ("create", "contacts to create"),
        ("update", "contacts to update"),
        ("unchanged", "unchanged"),
        ("skip", "skipped"),
        ("reject", "rejected"),
        ("warnings", "with warnings"),
        ("opted_out", "of numbers that have opted out"),
    ] {
        let count = count(import, name);
        if count > 0 || name == "rows" {
            writeln!(out, "{count:>12} {about}")?;
        }
    }
    if count(import, "update") > 0 {
        writeln!(out, "\nThe first changes:")?;
        let query = [("outcome", "update"), ("limit", EXAMPLES)];
        let rows = server.get_json(&format!("{path}/rows"), &query)?;
        for row in rows["data"].as_array().into_iter().flatten() {
            let changes: Vec<&str> =
                row["changes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            writeln!(out, "{:>12}: {}", row["number"], changes.join(", "))?;
        }
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Asks on a terminal; elsewhere, the answer is no.
fn confirm() -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        eprintln!("--yes commits the plan without a question");
        return Ok(false);
    }
    eprint!("Commit this plan? [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_lowercase().as_str()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn count(import: &Value, name: &str) -> u64 {
    import["counts"][name].as_u64().unwrap_or(0)
}
