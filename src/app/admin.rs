//! The administration address: the metrics of all layers, and health before, while and after requests are served.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use tokio::task::JoinHandle;

use super::error::StartError;
use crate::config::Settings;
use crate::domain::store::Store;
use crate::http::admin::{self, AdminState};
use crate::http::app_state::AppState;
use crate::http::lifecycle::Lifecycle;
use crate::http::metrics::HttpMetrics;
use crate::jobs::JobMetrics;
use crate::storage::{Database, Figures, Instruments};
use crate::telemetry::SpanCounters;
use crate::telemetry::metrics::Metrics;

/// What the layers measure themselves with.
#[derive(Clone)]
pub(super) struct Measures {
    pub(super) http: HttpMetrics,
    pub(super) storage: Instruments,
    pub(super) jobs: JobMetrics,
}

/// A running administration server.
pub(super) struct AdminServer {
    pub(super) measures: Measures,
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
    database: Arc<OnceLock<Database>>,
    store: Arc<OnceLock<Arc<dyn Store>>>,
    api: Arc<OnceLock<Data<AppState>>>,
}

impl AdminServer {
    /// Serves from now on, before the database is open. To be called within a Tokio runtime.
    pub(super) fn start(
        address: &str,
        settings: &Settings,
        lifecycle: &Lifecycle,
        spans: &SpanCounters,
    ) -> Result<Self, StartError> {
        if is_same_address(address, &settings.bind) {
            return Err(StartError::AdminIsPublic { address: address.to_owned() });
        }
        let (metrics, (measures, figures)) = Metrics::new(|registry| {
            let measures = Measures {
                http: HttpMetrics::register(registry),
                storage: Instruments::register(registry),
                jobs: JobMetrics::register(registry),
            };
            spans.register(registry);
            (measures, Figures::register(registry))
        });
        let (metrics, database) = (Arc::new(metrics), Arc::<OnceLock<Database>>::default());
        let scraped = Arc::clone(&database);
        let scrape = move || {
            let (metrics, database, figures) =
                (Arc::clone(&metrics), scraped.get().cloned(), figures.clone());
            let scrape = async move {
                if let Some(database) = database {
                    figures.refresh(&database).await;
                }
                metrics.encode()
            };
            Box::pin(scrape) as _
        };
        let (store, api) = (Arc::default(), Arc::default());
        let state = AdminState {
            lifecycle: lifecycle.clone(),
            store: Arc::clone(&store),
            scrape: Arc::new(scrape),
            api: Arc::clone(&api),
        };
        let (server, bound) = admin::bind(address, state, &settings.limits)
            .map_err(|reason| StartError::Bind { address: address.to_owned(), reason })?;
        tracing::info!(address = %bound, "the administration address is served");
        let handle = server.handle();
        Ok(Self { measures, address: bound, handle, task: tokio::spawn(server), database, store, api })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, readiness and metrics are also those of the database.
    pub(super) fn watch(&self, database: &Database, store: &Arc<dyn Store>) {
        self.database.get_or_init(|| database.clone());
        self.store.get_or_init(|| Arc::clone(store));
    }

    /// From now on, the administration API is served.
    pub(super) fn serve_api(&self, state: &Data<AppState>) {
        self.api.get_or_init(|| Data::clone(state));
    }

    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
        // What was served has ended; whether the server has ended well is of no interest any more.
        drop(self.task.await);
    }
}

/// Whether a connection to one of the addresses could be one to the other. Names that cannot be resolved are reported when
/// they are bound.
fn is_same_address(one: &str, other: &str) -> bool {
    let resolve = |name: &str| name.to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let overlap = |one: IpAddr, other: IpAddr| one == other || one.is_unspecified() || other.is_unspecified();
    let (one, other) = (resolve(one), resolve(other));
    // With port 0, each gets a port of its own.
    one.iter()
        .filter(|one| one.port() != 0)
        .any(|one| other.iter().any(|other| one.port() == other.port() && overlap(one.ip(), other.ip())))
}
