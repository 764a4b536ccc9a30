//! A service in the test process, on its own port and database.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;

use addressbook::app::{self, App};
use addressbook::config::Settings;
use addressbook::domain::account::StateChange;
use addressbook::domain::account::limits::{AccountLimit, LimitChanges};
use addressbook::domain::account::service::AccountService;
use addressbook::domain::api_key::service::{KeyRequest, KeyService};
use addressbook::domain::operator::service::OperatorService;
use addressbook::domain::{AccountName, Permission, Permissions};
use addressbook::telemetry::SpanCounters;
use tokio::runtime::Runtime;

use super::client::Client;
use super::{TIMEOUT, folder, postgres};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A running service.
pub struct Service {
    pub address: String,
    /// If the settings have one.
    pub admin_address: Option<String>,
    pub settings: Settings,
    keys: KeyService,
    operators: OperatorService,
    accounts: AccountService,
    runtime: Arc<Runtime>,
    stop: Option<(actix_web::dev::ServerHandle, JoinHandle<()>)>,
}

impl Service {
    /// The service that most tests share; `None` if its database is unavailable.
    pub fn shared(backend: Backend) -> Option<&'static Self> {
        static SQLITE: OnceLock<Option<Service>> = OnceLock::new();
        static POSTGRES: OnceLock<Option<Service>> = OnceLock::new();
        let cell = match backend {
            Backend::Sqlite => &SQLITE,
            Backend::Postgres => &POSTGRES,
        };
        let known = cell.get().is_some();
        let service = cell.get_or_init(|| Self::start(backend, |_| {})).as_ref();
        // The first one was reported where the database was to be created.
        if service.is_none() && known {
            super::skip("PostgreSQL's programs are not found");
        }
        service
    }

    /// A service on a new database, with changed settings.
    pub fn start(backend: Backend, change: impl FnOnce(&mut Settings)) -> Option<Self> {
        let change = |settings: &mut Settings| {
            settings.database.database_acquire_timeout = TIMEOUT;
            settings.database.database_statement_timeout = TIMEOUT;
            change(settings);
        };
        Some(Self::start_on(&new_database(backend)?, change))
    }

    /// A service on an existing database.
    pub fn start_on(url: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { bind: "127.0.0.1:0".to_owned(), workers: 2, ..Settings::default() };
        settings.database.database_url = url.to_owned();
        change(&mut settings);

        let runtime = Arc::new(Runtime::new().unwrap());
        let (started, start) = mpsc::channel();
        let thread = {
            let (runtime, settings) = (Arc::clone(&runtime), settings.clone());
            std::thread::spawn(move || {
                runtime.block_on(async {
                    let app = App::start(&settings, &SpanCounters::default()).await.unwrap();
                    started.send((app.address(), app.admin_address(), app.handle())).unwrap();
                    app.run().await.unwrap();
                });
            })
        };
        let (address, admin_address, handle) = start.recv().unwrap();
        let store = runtime.block_on(app::open(&settings.database)).unwrap();
        let (keys, operators) =
            (KeyService::new(Arc::clone(&store)), OperatorService::new(Arc::clone(&store)));
        let accounts = AccountService::new(store);
        Self {
            address: address.to_string(),
            admin_address: admin_address.map(|address| address.to_string()),
            settings,
            keys,
            operators,
            accounts,
            runtime,
            stop: Some((handle, thread)),
        }
    }

    pub fn anonymous(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// A client of a new account, with all permissions.
    pub fn client(&self) -> Client {
        self.client_of(&new_account(), &[])
    }

    /// A client of an account with these permissions; an empty list means all.
    pub fn client_of(&self, account: &str, permissions: &[Permission]) -> Client {
        let request = KeyRequest {
            permissions: Permissions::from_list(permissions.to_vec()),
            expires_in: None,
            label: None,
        };
        self.client_with(account, request)
    }

    /// A client of an account with a key that is created from the request.
    pub fn client_with(&self, account: &str, request: KeyRequest) -> Client {
        let account = AccountName::parse(account).unwrap();
        let token = self.runtime.block_on(self.keys.create(&account, request)).unwrap();
        Client::new(&self.address, Some(token.reveal()))
    }

    /// Suspends an account, for all its keys that are not in use yet.
    pub fn suspend(&self, account: &str) {
        let name = AccountName::parse(account).unwrap();
        self.runtime.block_on(async {
            let account = self.accounts.get_by_name(&name).await.unwrap();
            self.accounts.change_state(account.id, StateChange::Suspend).await.unwrap();
        });
    }

    /// Sets a limit of an account, for all its keys that are not in use yet.
    pub fn limit(&self, account: &str, limit: AccountLimit, value: u64) {
        let name = AccountName::parse(account).unwrap();
        self.runtime.block_on(async {
            let account = self.accounts.get_by_name(&name).await.unwrap();
            let changes = LimitChanges([(limit, Some(value))].into());
            self.accounts.change_limits(account.id, changes).await.unwrap();
        });
    }

    /// A client of the administration API, with a new operator key.
    pub fn operator(&self) -> Client {
        let token = self.runtime.block_on(self.operators.create(None, None)).unwrap();
        Client::new(self.admin_address.as_ref().unwrap(), Some(token.reveal()))
    }

    /// The service of operator keys, and a runtime for its calls.
    pub fn operators(&self) -> (&OperatorService, &Runtime) {
        (&self.operators, &self.runtime)
    }

    /// The key service, and a runtime for its calls.
    pub fn keys(&self) -> (&KeyService, &Runtime) {
        (&self.keys, &self.runtime)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some((handle, thread)) = self.stop.take() {
            self.runtime.block_on(handle.stop(true));
            thread.join().unwrap();
        }
    }
}

/// The name of an account that no other test uses.
pub fn new_account() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("account-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn new_database(backend: Backend) -> Option<String> {
    match backend {
        Backend::Sqlite => Some(format!("sqlite://{}", folder().join("addressbook.db").display())),
        Backend::Postgres => postgres::new_database(),
    }
}
