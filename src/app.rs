//! Wiring: store, services, server, and their lifecycle. The only module that imports both `storage` and `http`.

mod admin;
mod error;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;
use tokio::signal::unix::{SignalKind, signal};

use self::admin::AdminServer;
pub use self::error::StartError;
use crate::config::{DatabaseSettings, Limits, MigrateOnStart, Settings, StorageSettings};
use crate::domain::api_key::Token;
use crate::domain::api_key::service::KeyService;
use crate::domain::audience::AudienceSettings;
use crate::domain::import::ImportSettings;
use crate::domain::rate_budget::SharedBudgets;
use crate::domain::store::Store;
use crate::http::app_state::AppState;
use crate::http::lifecycle::Lifecycle;
use crate::http::rate_limit::RateLimits;
pub use crate::http::server::Variant;
use crate::http::streams::Streams;
use crate::http::{admin as admin_api, server, swagger_ui};
use crate::jobs::{BudgetLeaser, USES_STORED_EVERY, UseRecorder, Workers};
pub use crate::storage::backup::Destination;
use crate::storage::backup::{self, BackupError, Manifest, Verified, Written};
use crate::storage::directory::sync_directory;
use crate::storage::{Database, Options, safe_url};
use crate::telemetry::SpanCounters;

/// A service whose socket is bound and whose requests wait in the backlog until [`App::run`].
pub struct App {
    server: Server,
    store: Arc<dyn Store>,
    workers: Workers,
    uses: UseRecorder,
    /// If other processes may accept requests, too.
    budgets: Option<BudgetLeaser>,
    address: SocketAddr,
    admin: Option<AdminServer>,
    lifecycle: Lifecycle,
    database_url: String,
    first_key: Option<Token>,
    /// Where the key was written, instead of being printed.
    first_key_file: Option<PathBuf>,
}

impl App {
    /// Opens and migrates the database, binds the socket, and creates the first key if there is none. To be called
    /// within a Tokio runtime that lives as long as the service. `spans`: of the traces, for the metrics.
    pub async fn start(settings: &Settings, spans: &SpanCounters) -> Result<Self, StartError> {
        let lifecycle = Lifecycle::starting();
        // First: whoever waits for the service sees that it is being started.
        let admin = settings.admin_bind.as_deref();
        let admin =
            admin.map(|address| AdminServer::start(address, settings, &lifecycle, spans)).transpose()?;
        match Self::start_beside(admin.as_ref(), settings, lifecycle).await {
            Ok(app) => Ok(Self { admin, ..app }),
            Err(error) => {
                if let Some(admin) = admin {
                    admin.stop().await;
                }
                Err(error)
            }
        }
    }

    async fn start_beside(
        admin: Option<&AdminServer>,
        settings: &Settings,
        lifecycle: Lifecycle,
    ) -> Result<Self, StartError> {
        let measures = admin.map(|admin| admin.measures.clone());
        let (mut options, url) = options(&settings.database, &settings.storage);
        let limits = settings.limits.of_accounts();
        options.contact_quota = limits.contacts;
        options.instruments = measures.as_ref().map(|measures| measures.storage.clone());
        let database = match settings.migrate {
            MigrateOnStart::Auto => Database::open_to_serve(&options).await,
            MigrateOnStart::Never => Database::open_to_serve_unmigrated(&options).await,
        };
        let database = database.map_err(|source| StartError::Database { source, url: url.clone() })?;
        let store: Arc<dyn Store> = Arc::new(database.clone());
        admin.inspect(|admin| admin.watch(&database, &store));
        let keys = KeyService::new(Arc::clone(&store)).with_limits(limits);
        let budgets = store.rate_budgets().map(|repository| (Arc::<SharedBudgets>::default(), repository));
        let state = Data::new(AppState {
            store: Arc::clone(&store),
            keys: keys.clone(),
            audiences: Arc::new(audience_settings(&settings.limits)),
            imports: import_settings(settings),
            rate_limits: RateLimits::new(&limits, budgets.as_ref().map(|(shared, _)| Arc::clone(shared))),
            streams: Streams::default(),
            limits: settings.limits.clone(),
            lifecycle: lifecycle.clone(),
            trust_proxy: settings.trust_proxy,
        });
        admin.inspect(|admin| admin.serve_api(&state));
        let (http, jobs) = measures.map(|measures| (measures.http, measures.jobs)).unzip();
        let (server, address) = server::bind(state, settings, http)
            .map_err(|reason| StartError::Bind { address: settings.bind.clone(), reason })?;
        // Last: the key is shown only once, so that no later step of the start may fail.
        let first_key_file = settings.first_key_file.clone();
        let first_key = create_first_key(&keys, first_key_file.as_deref()).await?;
        let workers = Workers::start(&store, jobs);
        let uses = UseRecorder::start(keys, USES_STORED_EVERY);
        let budgets = budgets.map(|(shared, repository)| BudgetLeaser::start(shared, repository));
        lifecycle.begin_serving();
        Ok(Self {
            server,
            store,
            workers,
            uses,
            budgets,
            address,
            admin: None,
            lifecycle,
            database_url: url,
            first_key,
            first_key_file,
        })
    }

    /// Logs the start with the effective settings.
    pub fn log_start(&self, settings: &Settings) {
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            address = %self.address,
            admin_address = self.admin_address().map(tracing::field::display),
            database = self.database_url,
            database_connections = settings.database.database_connections,
            workers = settings.workers,
            trust_proxy = settings.trust_proxy,
            otlp_endpoint = settings.traces.otlp_endpoint.as_ref().map(tracing::field::display),
            first_key_made = self.first_key.is_some(),
            "started"
        );
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of metrics, health and the administration API, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// The first key in clear text, if this start created it.
    #[must_use]
    pub fn first_key(&self) -> Option<String> {
        self.first_key.as_ref().map(Token::reveal)
    }

    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Prints the URLs and the first key for the operator.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn announce(&self, mut out: impl Write) -> io::Result<()> {
        let base = format!("http://{}", self.address);
        writeln!(out, "addressbook {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "  API         {base}/v1/contacts and {base}/addressbook/contacts")?;
        writeln!(out, "  Swagger UI  {base}/swagger-ui/")?;
        writeln!(out, "  Guides      {base}/docs/")?;
        if let Some(admin) = self.admin_address() {
            writeln!(out, "  Metrics     http://{admin}/metrics")?;
            writeln!(out, "  Admin API   http://{admin}{}", swagger_ui::ADMINISTRATION_PATH)?;
        }
        writeln!(out, "  Database    {}", self.database_url)?;
        if let (Some(_), Some(path)) = (&self.first_key, &self.first_key_file) {
            writeln!(out, "  API key     written to {}", path.display())?;
            writeln!(out, "              for the account `default`, with all permissions")?;
        } else if let Some(token) = &self.first_key {
            writeln!(out, "  API key     {}", token.reveal())?;
            writeln!(
                out,
                "              for the account `default`, with all permissions; shown once, never again"
            )?;
        }
        out.flush()
    }

    /// Serves requests until the server is stopped, drains those in progress, then closes the database.
    ///
    /// # Errors
    /// The server fails.
    pub async fn run(self) -> io::Result<()> {
        let outcome = self.server.await;
        self.workers.stop().await;
        if let Some(admin) = self.admin {
            admin.stop().await;
        }
        self.uses.stop().await;
        if let Some(budgets) = self.budgets {
            budgets.stop().await;
        }
        self.store.close().await;
        outcome
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Creates the first key if there is none. A key that goes to a file is durable there before it is in the database:
/// the database holds only its hash, so that a lost file could not be written again.
async fn create_first_key(keys: &KeyService, file: Option<&Path>) -> Result<Option<Token>, StartError> {
    let Some(token) = keys.first_key_if_none().await? else { return Ok(None) };
    let fail = |path: &Path, reason| StartError::FirstKeyFile { path: path.display().to_string(), reason };
    if let Some(path) = file {
        write_new(path, &token).map_err(|reason| fail(path, reason))?;
    }
    let stored = keys.store_first(&token).await;
    if let (Ok(false) | Err(_), Some(path)) = (&stored, file) {
        // Another instance was first, or nothing was stored: this key is not valid.
        std::fs::remove_file(path).map_err(|reason| fail(path, reason))?;
    }
    Ok(stored?.then_some(token))
}

/// Writes a key durably to a new file that only its owner can read.
fn write_new(path: &Path, token: &Token) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let written = writeln!(file, "{}", token.reveal())
        .and_then(|()| file.sync_all())
        // The directory entry is durable once the directory is synced.
        .and_then(|()| sync_directory(path));
    if written.is_err() {
        drop(std::fs::remove_file(path));
    }
    written
}

/// Opens an existing database with an up-to-date schema; a server may use it at the same time.
pub async fn open(settings: &DatabaseSettings) -> Result<Arc<dyn Store>, StartError> {
    let (options, url) = options(settings, &Settings::default().storage);
    match Database::open_existing(&options).await {
        Ok(database) => Ok(Arc::new(database)),
        Err(source) => Err(StartError::Database { source, url }),
    }
}

/// Creates the database if it does not exist, and migrates its schema.
pub async fn migrate(settings: &DatabaseSettings) -> Result<(), StartError> {
    let (options, url) = options(settings, &Settings::default().storage);
    match Database::open(&options).await {
        Ok(database) => {
            database.close().await;
            Ok(())
        }
        Err(source) => Err(StartError::Database { source, url }),
    }
}

/// The migrations that an existing database lacks.
pub async fn pending_migrations(settings: &DatabaseSettings) -> Result<Vec<String>, StartError> {
    let (options, url) = options(settings, &Settings::default().storage);
    Database::pending_migrations(&options).await.map_err(|source| StartError::Database { source, url })
}

/// Backs a database up; a server may use it at the same time.
pub async fn back_up(settings: &DatabaseSettings, destination: &Destination) -> Result<Written, StartError> {
    let (options, url) = options(settings, &Settings::default().storage);
    backup::back_up(&options, destination).await.map_err(|error| backup_error(error, url))
}

/// Verifies a backup.
pub async fn verify_backup(path: &Path) -> Result<Verified, StartError> {
    backup::verify(path).await.map_err(StartError::Backup)
}

/// Restores a backup to a database that no server uses. `replace`: also if there is one already.
pub async fn restore(
    settings: &DatabaseSettings,
    path: &Path,
    replace: bool,
) -> Result<Manifest, StartError> {
    let (options, url) = options(settings, &Settings::default().storage);
    backup::restore(&options, path, replace).await.map_err(|error| backup_error(error, url))
}

fn backup_error(error: BackupError, url: String) -> StartError {
    match error {
        BackupError::Open(source) => StartError::Database { source, url },
        other => StartError::Backup(other),
    }
}

/// The options of storage, and the URL without its password.
fn options(database: &DatabaseSettings, storage: &StorageSettings) -> (Options, String) {
    let DatabaseSettings {
        database_url,
        database_connections,
        database_acquire_timeout,
        database_statement_timeout,
    } = database;
    let StorageSettings {
        write_queue,
        contact_cache,
        search_cache,
        idempotency_ttl,
        audience_ttl,
        change_retention,
        import_retention: _, // of the imports themselves
        backup_retention,
    } = storage;
    let options = Options {
        url: database_url.clone(),
        connections: *database_connections,
        acquire_timeout: *database_acquire_timeout,
        statement_timeout: *database_statement_timeout,
        write_queue: usize::try_from(*write_queue).unwrap_or(usize::MAX),
        contact_cache: *contact_cache,
        search_cache: *search_cache,
        idempotency_ttl: *idempotency_ttl,
        // Of what a server accepts: other programs create no contacts.
        contact_quota: None,
        audience_ttl: *audience_ttl,
        change_retention: *change_retention,
        backup_retention: (!backup_retention.is_zero()).then_some(*backup_retention),
        instruments: None,
    };
    (options, safe_url(database_url))
}

/// The OpenAPI document as committed: pretty-printed, with a final newline.
pub fn openapi(limits: &Limits) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&server::document(limits)?).map(|json| json + "\n")
}

/// A variant of that document, in the same format.
pub fn openapi_variant(limits: &Limits, variant: Variant) -> serde_json::Result<String> {
    let document = variant.derive(&server::document(limits)?);
    serde_json::to_string_pretty(&document).map(|json| json + "\n")
}

/// The OpenAPI document of the administration API, in the same format.
pub fn administration_openapi(limits: &Limits) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&admin_api::document(limits)?).map(|json| json + "\n")
}

fn import_settings(settings: &Settings) -> ImportSettings {
    ImportSettings {
        file_bytes: settings.limits.import_file_limit,
        retention: settings.storage.import_retention,
    }
}

fn audience_settings(limits: &Limits) -> AudienceSettings {
    AudienceSettings::new(limits.audience_answer_limit, limits.audience_kept_limit, limits.audience_cpu_limit)
}

impl App {
    /// The first SIGTERM or SIGINT shuts the server down gracefully: for the time of `drain`, it accepts requests as before,
    /// while `/readyz` says that no further ones should be sent here. The second signal shuts it down immediately.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn stop_on_signal(&self, drain: Duration) -> io::Result<()> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (handle, lifecycle) = (self.handle(), self.lifecycle.clone());
        tokio::spawn(async move {
            let mut signalled = async || {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            signalled().await;
            lifecycle.begin_stopping();
            tracing::info!(graceful = true, ?drain, "stopping");
            if tokio::time::timeout(drain, signalled()).await.is_err() {
                // Not awaited: the second signal must be handled while the graceful shutdown is in progress.
                drop(tokio::spawn(handle.stop(true)));
                signalled().await;
            }
            tracing::info!(graceful = false, "stopping");
            handle.stop(false).await;
        });
        Ok(())
    }
}
