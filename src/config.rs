//! Typed settings. Flags override environment variables, which override the settings file, which overrides the
//! defaults declared here; see `cli::settings_file`.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use url::Url;

use crate::domain::account::limits::{AccountLimits, MAX_RATE};
use crate::domain::pagination;

/// Environment variables of the client samples of earlier releases. They are not settings, but a shell in which they
/// are set must still be able to start the service.
pub const CLIENT_URL: &str = "ADDRESSBOOK_URL";
pub const CLIENT_KEY: &str = "ADDRESSBOOK_KEY";

/// The settings of `serve`.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address and port to listen on; with port 0, a free port is chosen and printed
    #[arg(long, env = "ADDRESSBOOK_BIND", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: String,

    /// Address and port for metrics (`/metrics`) and health checks, which require no key, and for the administration
    /// API (`/admin/`), which requires an operator key: not to be reachable by clients. None by default; with port 0,
    /// a free port is chosen and printed
    #[arg(long, env = "ADDRESSBOOK_ADMIN_BIND", value_name = "ADDRESS")]
    pub admin_bind: Option<String>,

    /// Number of threads that serve requests; 0 for one per processor
    #[arg(long, env = "ADDRESSBOOK_WORKERS", value_name = "NUMBER", default_value = "0")]
    pub workers: usize,

    /// Origins whose pages may call the API from a browser (CORS), separated by commas; none by default
    #[arg(long, env = "ADDRESSBOOK_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,

    /// Trust the proxy in front: take the scheme, host and path of the URL that clients use from
    /// X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Prefix, and the client's address for the log from
    /// X-Forwarded-For. Only use it if every request comes through a proxy that sets or removes these headers
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

    /// Write the first API key to this new file, readable only by its owner, instead of printing it
    #[arg(long, env = "ADDRESSBOOK_FIRST_KEY_FILE", value_name = "FILE")]
    pub first_key_file: Option<PathBuf>,

    /// Whether to bring the database's schema up to date on start
    #[arg(long, env = "ADDRESSBOOK_MIGRATE", value_name = "WHEN", default_value = "auto")]
    pub migrate: MigrateOnStart,

    #[command(flatten)]
    pub database: DatabaseSettings,

    #[command(flatten)]
    pub storage: StorageSettings,

    #[command(flatten)]
    pub log: LogSettings,

    #[command(flatten)]
    pub traces: TraceSettings,

    #[command(flatten)]
    pub limits: Limits,
}

// In milliseconds, for the bounds of `duration`.
pub(crate) const HOUR: u64 = 60 * 60 * 1_000;
const DAY: u64 = 24 * HOUR;
/// The maximum of every lifetime: the expiry must be a valid RFC 3339 timestamp.
pub(crate) const CENTURY: u64 = 36_525 * DAY;

/// Parses a duration between two inclusive bounds in milliseconds.
pub(crate) fn duration<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let (min, max) = (Duration::from_millis(MIN), Duration::from_millis(MAX));
    if (min..=max).contains(&duration) {
        return Ok(duration);
    }
    let max = match MAX {
        CENTURY => "100 years".to_owned(),
        _ => humantime::format_duration(max).to_string(),
    };
    Err(format!("must be between {} and {max}", humantime::format_duration(min)))
}

/// A duration as [`duration`] reads it.
pub(crate) fn written(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
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

    /// Maximum number of connections: in all on PostgreSQL, for reading on SQLite (where it is capped at two
    /// per processor, but at least four)
    #[arg(
        long,
        env = "ADDRESSBOOK_DATABASE_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "8",
        value_parser = clap::value_parser!(u32).range(2..=1000)
    )]
    pub database_connections: u32,

    /// How long a request waits for a connection before the response is 503
    #[arg(
        long,
        env = "ADDRESSBOOK_DATABASE_ACQUIRE_TIMEOUT",
        value_name = "TIME",
        default_value = "2s",
        value_parser = duration::<1, HOUR>
    )]
    pub database_acquire_timeout: Duration,

    /// How long a statement may take on PostgreSQL; a connection that does not respond by then is closed
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
    /// Omits the URL, which may contain a password.
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

/// The write queue, the contact cache, and how long idempotency keys, kept audiences, the change log, imports and
/// backups are stored.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageSettings {
    /// Maximum number of writes that wait for a commit; beyond it, the response is 503 immediately
    #[arg(
        long,
        env = "ADDRESSBOOK_WRITE_QUEUE",
        value_name = "NUMBER",
        default_value = "1024",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub write_queue: u32,

    /// Maximum size of the contact cache in memory, in bytes; SQLite only
    #[arg(long, env = "ADDRESSBOOK_CONTACT_CACHE", value_name = "BYTES", default_value = "33554432")]
    pub contact_cache: usize,

    /// Maximum size of the cache of the search index in memory, in bytes
    #[arg(long, env = "ADDRESSBOOK_SEARCH_CACHE", value_name = "BYTES", default_value = "33554432")]
    pub search_cache: usize,

    /// How long an Idempotency-Key is stored
    #[arg(
        long,
        env = "ADDRESSBOOK_IDEMPOTENCY_TTL",
        value_name = "TIME",
        default_value = "24h",
        value_parser = duration::<1_000, CENTURY>
    )]
    pub idempotency_ttl: Duration,

    /// How long a kept audience is stored
    #[arg(
        long,
        env = "ADDRESSBOOK_AUDIENCE_TTL",
        value_name = "TIME",
        default_value = "24h",
        value_parser = duration::<1_000, CENTURY>
    )]
    pub audience_ttl: Duration,

    /// How long the change log keeps an entry
    #[arg(
        long,
        env = "ADDRESSBOOK_CHANGE_RETENTION",
        value_name = "TIME",
        default_value = "30d",
        value_parser = duration::<1_000, CENTURY>
    )]
    pub change_retention: Duration,

    /// How long an import is stored, and can be undone
    #[arg(
        long,
        env = "ADDRESSBOOK_IMPORT_RETENTION",
        value_name = "TIME",
        default_value = "30d",
        value_parser = duration::<1_000, CENTURY>
    )]
    pub import_retention: Duration,

    /// How long a backup is kept before it is deleted, for the receipts of erasures; 0s if none are made. Whoever deletes
    /// backups must do so within this time
    #[arg(
        long,
        env = "ADDRESSBOOK_BACKUP_RETENTION",
        value_name = "TIME",
        default_value = "8d",
        value_parser = duration::<0, CENTURY>
    )]
    pub backup_retention: Duration,
}

/// How the log is written.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// Log level, or levels by module (`info,actix_server=warn`)
    #[arg(
        long,
        env = "ADDRESSBOOK_LOG",
        value_name = "LEVEL",
        default_value = "info,actix_server=warn,sea_orm_migration=warn,sqlx=warn"
    )]
    pub log: String,

    /// Log format
    #[arg(long, env = "ADDRESSBOOK_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    pub log_format: LogFormat,
}

/// Whether and where traces are sent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Traces")]
pub struct TraceSettings {
    /// URL of an OpenTelemetry collector, to which traces are sent with OTLP over HTTP (`http://127.0.0.1:4318`);
    /// `/v1/traces` is appended to its path. None by default: there are no traces
    #[arg(long, env = "ADDRESSBOOK_OTLP_ENDPOINT", value_name = "URL", value_parser = collector_url)]
    pub otlp_endpoint: Option<Url>,

    /// Which part of the traces that begin here is sent, from 0 to 1. Of a request with a `traceparent`, that header decides
    #[arg(long, env = "ADDRESSBOOK_OTLP_SAMPLE", value_name = "NUMBER", default_value = "1", value_parser = ratio)]
    pub otlp_sample: f64,
}

/// Parses a URL of a server.
pub(crate) fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if ["http", "https"].contains(&url.scheme()) {
        Ok(url)
    } else {
        Err("must be an http or https URL".to_owned())
    }
}

/// Without anything that would have to be kept secret: the URL is logged.
fn collector_url(text: &str) -> Result<Url, String> {
    let url = http_url(text)?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain { Ok(url) } else { Err("must have no user, password, query or fragment".to_owned()) }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// Whether a server migrates.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrateOnStart {
    /// Migrate if the schema is older than this program, or does not exist
    Auto,
    /// Do not migrate; refuse an older schema. On PostgreSQL, a role that can only read and write rows is
    /// sufficient
    Never,
}

/// The form of the log.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere
    Auto,
    /// One line of text per event
    Text,
    /// One JSON object per event
    Json,
}

/// The limits of requests.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Maximum size of a JSON body, in bytes
    #[arg(long, env = "ADDRESSBOOK_BODY_LIMIT", value_name = "BYTES", default_value = "65536")]
    pub body_limit: usize,

    /// Maximum size of the JSON body of a batch operation, in bytes
    #[arg(long, env = "ADDRESSBOOK_BATCH_BODY_LIMIT", value_name = "BYTES", default_value = "1048576")]
    pub batch_body_limit: usize,

    /// Maximum length of a URL with its query, in bytes
    #[arg(long, env = "ADDRESSBOOK_URI_LIMIT", value_name = "BYTES", default_value = "8192")]
    pub uri_limit: usize,

    /// Maximum nesting depth of a JSON body
    #[arg(long, env = "ADDRESSBOOK_JSON_DEPTH", value_name = "LEVELS", default_value = "16")]
    pub json_depth: usize,

    /// Number of items on a page if the request does not specify it
    #[arg(
        long,
        env = "ADDRESSBOOK_PAGE_DEFAULT",
        value_name = "NUMBER",
        default_value_t = pagination::DEFAULT_LIMIT,
        value_parser = clap::value_parser!(u64).range(1..=10_000)
    )]
    pub page_default: u64,

    /// Maximum number of items on a page
    #[arg(
        long,
        env = "ADDRESSBOOK_PAGE_MAX",
        value_name = "NUMBER",
        default_value_t = pagination::MAX_LIMIT,
        value_parser = clap::value_parser!(u64).range(1..=10_000)
    )]
    pub page_max: u64,

    /// Maximum number of recipients of an audience in one JSON response; a streamed audience may have more
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_ANSWER_LIMIT", value_name = "NUMBER", default_value = "10000")]
    pub audience_answer_limit: u64,

    /// Maximum number of recipients of a kept audience
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_KEPT_LIMIT", value_name = "NUMBER", default_value = "250000")]
    pub audience_kept_limit: u64,

    /// Maximum number of contacts of an account; 0 for any number
    #[arg(long, env = "ADDRESSBOOK_CONTACT_QUOTA", value_name = "NUMBER", default_value = "10000000")]
    pub contact_quota: u64,

    /// Maximum number of entries in all kept audiences of an account; each audience counts as at least 100
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_QUOTA", value_name = "NUMBER", default_value = "1000000")]
    pub audience_quota: u64,

    /// Maximum processor time that one request may use to render a template, for all recipients
    #[arg(long, env = "ADDRESSBOOK_AUDIENCE_CPU_LIMIT", value_name = "TIME", default_value = "10s", value_parser = duration::<1, DAY>)]
    pub audience_cpu_limit: Duration,

    /// Maximum size of the file of an import, in bytes
    #[arg(long, env = "ADDRESSBOOK_IMPORT_FILE_LIMIT", value_name = "BYTES", default_value = "1073741824")]
    pub import_file_limit: u64,

    /// Maximum size of all files and plans of imports of an account, in bytes
    #[arg(long, env = "ADDRESSBOOK_IMPORT_QUOTA", value_name = "BYTES", default_value = "4294967296")]
    pub import_quota: u64,

    /// How many requests per second may be sent with a key; 0 for any number. Ten items of a batch count as one request
    #[arg(long, env = "ADDRESSBOOK_KEY_RATE_LIMIT", value_name = "NUMBER", default_value = "10000", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_RATE)))]
    pub key_rate_limit: u32,

    /// The same for all keys of an account together
    #[arg(long, env = "ADDRESSBOOK_ACCOUNT_RATE_LIMIT", value_name = "NUMBER", default_value = "20000", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_RATE)))]
    pub account_rate_limit: u32,

    /// For how long a key or an account may send requests at once that it would otherwise send one by one, in whole seconds
    #[arg(long, env = "ADDRESSBOOK_RATE_LIMIT_WINDOW", value_name = "TIME", default_value = "5s", value_parser = duration::<1_000, HOUR>)]
    pub rate_limit_window: Duration,

    /// Maximum number of exports and audiences that are sent to an account at once; 0 for any number
    #[arg(long, env = "ADDRESSBOOK_ACCOUNT_STREAMS", value_name = "NUMBER", default_value = "1000")]
    pub account_streams: u32,

    /// Maximum number of requests of an account for changes at once: those that wait for some, and streams of events; 0
    /// for any number
    #[arg(long, env = "ADDRESSBOOK_ACCOUNT_FEEDS", value_name = "NUMBER", default_value = "10000")]
    pub account_feeds: u32,

    /// Maximum number of imports of an account that are planned, committed or undone at once, or wait for that; 0 for
    /// any number
    #[arg(long, env = "ADDRESSBOOK_ACCOUNT_IMPORTS", value_name = "NUMBER", default_value = "100")]
    pub account_imports: u32,

    /// Maximum number of connections from one address (of an IPv6 address, from its /64); 0 for any number. It does not
    /// apply behind a proxy that is trusted, which opens the connections of all clients
    #[arg(long, env = "ADDRESSBOOK_ADDRESS_CONNECTIONS", value_name = "NUMBER", default_value = "10000")]
    pub address_connections: usize,

    /// How long the head of a request may take to arrive
    #[arg(long, env = "ADDRESSBOOK_HEADER_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = duration::<1, DAY>)]
    pub header_timeout: Duration,

    /// How long a body may take to arrive
    #[arg(long, env = "ADDRESSBOOK_BODY_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = duration::<1, DAY>)]
    pub body_timeout: Duration,

    /// How long a request may take in all
    #[arg(long, env = "ADDRESSBOOK_REQUEST_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration::<1, DAY>)]
    pub request_timeout: Duration,

    /// How long a client may read nothing of a response before its connection is closed
    #[arg(long, env = "ADDRESSBOOK_WRITE_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration::<1, DAY>)]
    pub write_timeout: Duration,

    /// How long an idle connection is kept open
    #[arg(long, env = "ADDRESSBOOK_KEEP_ALIVE", value_name = "TIME", default_value = "5s", value_parser = duration::<0, DAY>)]
    pub keep_alive: Duration,

    /// How long the service still accepts requests after SIGTERM or SIGINT while `/readyz` responds with 503, so that a
    /// load balancer stops sending them here before it stops accepting them
    #[arg(long, env = "ADDRESSBOOK_DRAIN", value_name = "TIME", default_value = "0s", value_parser = duration::<0, DAY>)]
    pub drain: Duration,

    /// How long a graceful shutdown waits for requests in progress
    #[arg(long, env = "ADDRESSBOOK_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration::<0, DAY>)]
    pub shutdown_timeout: Duration,
}

impl Limits {
    /// Of an account that has none of its own.
    #[must_use]
    pub fn of_accounts(&self) -> AccountLimits {
        let unless_zero = |limit: u64| Some(limit).filter(|limit| *limit > 0);
        let window = u32::try_from(self.rate_limit_window.as_secs()).unwrap_or(u32::MAX);
        AccountLimits {
            key_rate: NonZeroU32::new(self.key_rate_limit),
            account_rate: NonZeroU32::new(self.account_rate_limit),
            rate_window: NonZeroU32::new(window).unwrap_or(NonZeroU32::MIN),
            contacts: unless_zero(self.contact_quota),
            audience_entries: self.audience_quota,
            import_bytes: self.import_quota,
            streams: unless_zero(self.account_streams.into()),
            feeds: unless_zero(self.account_feeds.into()),
            imports: unless_zero(self.account_imports.into()),
        }
    }
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
