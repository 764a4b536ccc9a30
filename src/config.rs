//! Typed settings. Flags go over environment variables, those over the settings file, and that over
//! the defaults written here; `cli::settings_file` says how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::domain::pagination;

/// Environment variables that are no settings: from these, samples of earlier releases read where the
/// service is and their key. A shell that has them set can start the service all the same.
pub const CLIENT_URL: &str = "ADDRESSBOOK_URL";
#[allow(missing_docs)]
pub const CLIENT_KEY: &str = "ADDRESSBOOK_KEY";

/// Everything that `serve` can be told.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one and prints it
    #[arg(long, env = "ADDRESSBOOK_BIND", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: String,

    /// Threads that answer requests; 0 for one a processor
    #[arg(long, env = "ADDRESSBOOK_WORKERS", value_name = "NUMBER", default_value = "0")]
    pub workers: usize,

    /// Origins whose pages may call the API from a browser (CORS), separated by commas; none by default
    #[arg(long, env = "ADDRESSBOOK_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,

    /// Believe the proxy in front: scheme, host and path of the address that its callers use, in
    /// X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix. Only where every request comes through a
    /// proxy that sets or removes these headers
    #[arg(
        long,
        env = "ADDRESSBOOK_TRUST_PROXY",
        value_name = "TRUE OR FALSE",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub trust_proxy: bool,

    /// Write the first API key to this new file, readable by its owner alone, instead of printing it
    #[arg(long, env = "ADDRESSBOOK_FIRST_KEY_FILE", value_name = "FILE")]
    pub first_key_file: Option<PathBuf>,

    /// Whether to bring the database's schema up to date on start
    #[arg(long, env = "ADDRESSBOOK_MIGRATE", value_name = "WHEN", default_value = "auto")]
    pub migrate: MigrateOnStart,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub database: DatabaseSettings,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub storage: StorageSettings,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogSettings,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub limits: Limits,
}

/// Milliseconds in a span of time, for the bounds of [`duration`].
const HOUR: u64 = 60 * 60 * 1_000;
const DAY: u64 = 24 * HOUR;
/// 100 years: the longest that anything is kept or accepted, so that the moment can be written down.
pub(crate) const CENTURY: u64 = 36_525 * DAY;

/// Reads a span of time between two bounds, in milliseconds.
pub(crate) fn duration<const LEAST: u64, const MOST: u64>(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let (least, most) = (Duration::from_millis(LEAST), Duration::from_millis(MOST));
    if (least..=most).contains(&span) {
        return Ok(span);
    }
    let most = match MOST {
        CENTURY => "100 years".to_owned(),
        _ => humantime::format_duration(most).to_string(),
    };
    Err(format!("must be between {} and {most}", humantime::format_duration(least)))
}

/// Which database, and how to reach it.
#[derive(Args, Clone)]
#[command(next_help_heading = "Database")]
pub struct DatabaseSettings {
    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(
        long,
        env = "ADDRESSBOOK_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "sqlite://data/addressbook.db"
    )]
    pub database_url: String,

    /// Most connections: to PostgreSQL in all, to SQLite for reading (and no more than two a processor, or four)
    #[arg(
        long,
        env = "ADDRESSBOOK_DATABASE_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "8",
        value_parser = clap::value_parser!(u32).range(2..=1000)
    )]
    pub database_connections: u32,

    /// How long a request waits for a connection before it is answered with 503
    #[arg(
        long,
        env = "ADDRESSBOOK_DATABASE_ACQUIRE_TIMEOUT",
        value_name = "TIME",
        default_value = "2s",
        value_parser = duration::<1, HOUR>
    )]
    pub database_acquire_timeout: Duration,

    /// How long a statement may take on PostgreSQL; a connection that does not answer by then is closed
    #[arg(
        long,
        env = "ADDRESSBOOK_DATABASE_STATEMENT_TIMEOUT",
        value_name = "TIME",
        default_value = "3s",
        value_parser = duration::<10, HOUR>
    )]
    pub database_statement_timeout: Duration,
}

impl fmt::Debug for DatabaseSettings {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            database_url: _,
            database_connections,
            database_acquire_timeout,
            database_statement_timeout,
        } = self;
        f.debug_struct("DatabaseSettings")
            .field("database_connections", database_connections)
            .field("database_acquire_timeout", database_acquire_timeout)
            .field("database_statement_timeout", database_statement_timeout)
            .finish_non_exhaustive()
    }
}

/// How writes wait, what is kept in memory, and for how long attempts are remembered.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageSettings {
    /// Most creates that wait for a commit; past them a request is answered with 503 at once
    #[arg(
        long,
        env = "ADDRESSBOOK_WRITE_QUEUE",
        value_name = "NUMBER",
        default_value = "1024",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub write_queue: u32,

    /// Most memory for contacts that are kept there, in bytes; on SQLite only
    #[arg(long, env = "ADDRESSBOOK_CONTACT_CACHE", value_name = "BYTES", default_value = "33554432")]
    pub contact_cache: usize,

    /// For how long an Idempotency-Key is remembered
    #[arg(
        long,
        env = "ADDRESSBOOK_IDEMPOTENCY_TTL",
        value_name = "TIME",
        default_value = "24h",
        value_parser = duration::<1_000, CENTURY>
    )]
    pub idempotency_ttl: Duration,

    /// For how long an audience is kept
    #[arg(
        long,
        env = "ADDRESSBOOK_AUDIENCE_TTL",
        value_name = "TIME",
        default_value = "24h",
        value_parser = duration::<1_000, CENTURY>
    )]
    pub audience_ttl: Duration,
}

/// How the log is written.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// What is logged: a level, or levels by module (`info,actix_server=warn`)
    #[arg(
        long,
        env = "ADDRESSBOOK_LOG",
        value_name = "LEVEL",
        default_value = "info,actix_server=warn,sea_orm_migration=warn,sqlx=warn"
    )]
    pub log: String,

    /// For people, for programs, or by what standard error is
    #[arg(long, env = "ADDRESSBOOK_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    pub log_format: LogFormat,
}

/// Whether a server migrates.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrateOnStart {
    /// Where the schema is older than this program, or there is none
    Auto,
    /// An older schema is refused; on PostgreSQL a role that can only read and write rows is enough
    Never,
}

/// The form of the log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere
    Auto,
    /// A line of text an event
    Text,
    /// A JSON object an event
    Json,
}

/// What a request may take.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Largest JSON body, in bytes
    #[arg(long, env = "ADDRESSBOOK_BODY_LIMIT", value_name = "BYTES", default_value = "65536")]
    pub body_limit: usize,

    /// Largest JSON body of an operation on many things at once, in bytes
    #[arg(long, env = "ADDRESSBOOK_BATCH_BODY_LIMIT", value_name = "BYTES", default_value = "1048576")]
    pub batch_body_limit: usize,

    /// Longest address with its query, in bytes
    #[arg(long, env = "ADDRESSBOOK_URI_LIMIT", value_name = "BYTES", default_value = "8192")]
    pub uri_limit: usize,

    /// Deepest nesting of a JSON body
    #[arg(long, env = "ADDRESSBOOK_JSON_DEPTH", value_name = "LEVELS", default_value = "16")]
    pub json_depth: usize,

    /// Contacts on a page when the request does not say
    #[arg(
        long,
        env = "ADDRESSBOOK_PAGE_DEFAULT",
        value_name = "NUMBER",
        default_value_t = pagination::DEFAULT_LIMIT,
        value_parser = clap::value_parser!(u64).range(1..=10_000)
    )]
    pub page_default: u64,

    /// Most contacts on a page
    #[arg(
        long,
        env = "ADDRESSBOOK_PAGE_MAX",
        value_name = "NUMBER",
        default_value_t = pagination::MAX_LIMIT,
        value_parser = clap::value_parser!(u64).range(1..=10_000)
    )]
    pub page_max: u64,

    /// Most recipients of an audience in one JSON answer; one that streams may have more
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_ANSWER_LIMIT", value_name = "NUMBER", default_value = "10000")]
    pub audience_answer_limit: u64,

    /// Most recipients of an audience that is kept
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_KEPT_LIMIT", value_name = "NUMBER", default_value = "250000")]
    pub audience_kept_limit: u64,

    /// Most entries of all audiences that an account keeps; each audience counts as 100 at least
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_QUOTA", value_name = "NUMBER", default_value = "1000000")]
    pub audience_quota: u64,

    /// Most processor time that one request may use to fill in a template, over all recipients
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_CPU_LIMIT", value_name = "TIME", default_value = "10s", value_parser = duration::<1, DAY>)]
    pub audience_cpu_limit: Duration,

    /// How long the head of a request may take to arrive
    #[arg(long, env = "ADDRESSBOOK_HEADER_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = duration::<1, DAY>)]
    pub header_timeout: Duration,

    /// How long a body may take to arrive
    #[arg(long, env = "ADDRESSBOOK_BODY_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = duration::<1, DAY>)]
    pub body_timeout: Duration,

    /// How long a request may take in all
    #[arg(long, env = "ADDRESSBOOK_REQUEST_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration::<1, DAY>)]
    pub request_timeout: Duration,

    /// How long a client may take nothing of what is sent to it before its connection is closed
    #[arg(long, env = "ADDRESSBOOK_WRITE_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration::<1, DAY>)]
    pub write_timeout: Duration,

    /// How long an idle connection is kept open
    #[arg(long, env = "ADDRESSBOOK_KEEP_ALIVE", value_name = "TIME", default_value = "5s", value_parser = duration::<0, DAY>)]
    pub keep_alive: Duration,

    /// How long a stop waits for requests that are under way
    #[arg(long, env = "ADDRESSBOOK_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration::<0, DAY>)]
    pub shutdown_timeout: Duration,
}

/// The settings with no flag, variable or file.
impl Default for Settings {
    fn default() -> Self {
        use clap::FromArgMatches;
        let mut matches = Self::augment_args(clap::Command::new("defaults").no_binary_name(true))
            .mut_args(|arg| arg.env(None::<&str>))
            .get_matches_from(Vec::<String>::new());
        Self::from_arg_matches_mut(&mut matches).expect("every setting has a default")
    }
}
