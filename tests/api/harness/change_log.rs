//! The change log as a consumer reads it: by SQL, on a connection of its own, never through the service.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel, QueryResult,
    Statement, TransactionTrait,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::Client;
use super::field_index;

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub sequence: i64,
    pub event: String,
    pub resource: Uuid,
    pub group: Option<Uuid>,
    pub version: Option<i64>,
    /// As it is stored.
    pub fields: Option<String>,
    pub key: String,
    pub request: String,
}

/// What the log alone tells about an account that it describes from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Ids and versions, as for groups and templates.
    pub contacts: BTreeMap<Uuid, i64>,
    pub groups: BTreeMap<Uuid, i64>,
    pub templates: BTreeMap<Uuid, i64>,
    pub segments: BTreeMap<Uuid, i64>,
    /// Group and contact.
    pub members: BTreeSet<(Uuid, Uuid)>,
    pub opt_outs: BTreeSet<Uuid>,
}

/// A row of a resource: its version, if it has one, and what else it holds.
type Row = (Option<i64>, String);

/// Follows the log of one account. It rebuilds the account's state from the log, and keeps a copy of its resources as the
/// client of a feed does: whatever an entry names, it reads.
pub struct Follower {
    runtime: Runtime,
    url: String,
    /// `None` while disconnected.
    database: Option<DatabaseConnection>,
    account: i64,
    log: Followed,
}

#[derive(Default)]
struct Followed {
    /// All that was read.
    entries: Vec<Entry>,
    rebuilt: Rebuilt,
    /// By table and id.
    copies: BTreeMap<(&'static str, Uuid), Row>,
}

/// A table of resources, the prefix of its events, what its rows hold besides id and version, whether they have a version,
/// and which of them exist for readers.
struct Kind {
    event: &'static str,
    table: &'static str,
    columns: &'static str,
    versioned: bool,
    exists: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        event: "contact.",
        table: "contacts",
        columns: "handle, phone, display_name, avatar_url, meta, created_at, updated_at",
        versioned: true,
        exists: "true",
    },
    Kind {
        event: "group.",
        table: "groups",
        columns: "name, description, created_at, updated_at",
        versioned: true,
        exists: "name IS NOT NULL",
    },
    Kind {
        event: "template.",
        table: "templates",
        columns: "name, text, created_at, updated_at",
        versioned: true,
        exists: "true",
    },
    Kind {
        event: "segment.",
        table: "segments",
        columns: "name, filter, created_at, updated_at",
        versioned: true,
        exists: "true",
    },
    Kind {
        event: "opt_out.",
        table: "opt_outs",
        columns: "phone, source, note, created_at",
        versioned: false,
        exists: "true",
    },
];

/// The ids under which the table `counters` counts opt-outs, groups and contacts.
const COUNTED: [u128; 3] = [0, 1, 2];

impl Follower {
    /// Follows the log of the client's account from its beginning.
    pub fn of(url: &str, client: &Client) -> Self {
        let mut this = Self::of_account(url, 0);
        this.connect();
        let sql = format!("SELECT account_id FROM api_keys WHERE id = '{}'", key_id(client));
        let row = this.runtime.block_on(rows(this.database.as_ref().unwrap(), &sql)).pop().unwrap();
        this.account = row.try_get_by_index(0).unwrap();
        this
    }

    /// The same for the id of an account.
    pub fn of_account(url: &str, account: i64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, url: url.to_owned(), database: None, account, log: Followed::default() }
    }

    fn connect(&mut self) {
        if self.database.is_none() {
            self.database = Some(self.runtime.block_on(sea_orm::Database::connect(&self.url)).unwrap());
        }
    }

    /// Closes the connection; what was followed is kept. (An SQLite database that another connection has open needs no recovery when
    /// its server is killed.)
    pub fn disconnect(&mut self) {
        if let Some(database) = self.database.take() {
            drop(self.runtime.block_on(database.close()));
        }
    }

    /// Reads up to `limit` further entries; returns how many there were.
    ///
    /// # Panics
    /// They do not continue the log without a gap, or contradict those before them or the rows that they name.
    pub fn step(&mut self, limit: usize) -> usize {
        self.connect();
        let Self { runtime, database, account, log, .. } = self;
        runtime.block_on(log.step(database.as_ref().unwrap(), *account, limit))
    }

    /// Reads the rest of the log and all tables in one snapshot of the database.
    ///
    /// # Panics
    /// Log, counters and tables do not agree.
    #[track_caller]
    pub fn assert_agreement(&mut self) {
        self.connect();
        let Self { runtime, database, account, log, .. } = self;
        let mismatch = runtime.block_on(async {
            let snapshot = snapshot(database.as_ref().unwrap()).await;
            while log.step(&snapshot, *account, 1_000).await > 0 {}
            let mismatch = log.mismatch(&snapshot, *account).await;
            snapshot.rollback().await.unwrap();
            mismatch
        });
        assert_eq!(mismatch, None);
    }

    pub fn entries(&self) -> &[Entry] {
        &self.log.entries
    }

    pub fn rebuilt(&self) -> &Rebuilt {
        &self.log.rebuilt
    }
}

/// The id of a client's API key.
pub fn key_id(client: &Client) -> String {
    client.key.as_deref().unwrap().split('_').nth(2).unwrap().to_owned()
}

async fn snapshot(database: &DatabaseConnection) -> DatabaseTransaction {
    let isolation =
        (database.get_database_backend() == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
    database.begin_with_config(isolation, None).await.unwrap()
}

pub async fn rows(connection: &impl ConnectionTrait, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{error}: {sql}"))
}

impl Followed {
    async fn step(&mut self, connection: &impl ConnectionTrait, account: i64, limit: usize) -> usize {
        let last = self.entries.len();
        let sql = format!(
            "SELECT sequence, event, resource_id, group_id, version, fields, key_id, request_id FROM changes \
             WHERE account_id = {account} AND sequence > {last} ORDER BY sequence LIMIT {limit}"
        );
        let entries: Vec<Entry> = rows(connection, &sql).await.iter().map(Entry::from).collect();
        for (i, entry) in entries.iter().enumerate() {
            // Also: nothing appears behind what was read.
            assert_eq!(usize::try_from(entry.sequence), Ok(last + i + 1), "a gap in the log");
            self.rebuilt.apply(entry);
        }
        for kind in &KINDS {
            self.copy(connection, account, kind, &entries).await;
        }
        let count = entries.len();
        self.entries.extend(entries);
        count
    }

    /// Reads the rows of a kind that new entries name.
    async fn copy(
        &mut self,
        connection: &impl ConnectionTrait,
        account: i64,
        kind: &Kind,
        entries: &[Entry],
    ) {
        let named: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.event.starts_with(kind.event) && entry.group.is_none())
            .collect();
        let ids: BTreeSet<Uuid> = named.iter().map(|entry| entry.resource).collect();
        if ids.is_empty() {
            return;
        }
        let read = kind.read(connection, account, Some(&ids)).await;
        for entry in named {
            // At least as new as the entry. (If there is none, a later entry tells that it was deleted.)
            match read.get(&entry.resource) {
                Some(_) if entry.event.ends_with(".deleted") => panic!("there is a row after {entry:?}"),
                Some((version, _)) => assert!(*version >= entry.version, "{version:?} after {entry:?}"),
                None => {}
            }
        }
        for id in ids {
            match read.get(&id) {
                Some(row) => drop(self.copies.insert((kind.table, id), row.clone())),
                None => drop(self.copies.remove(&(kind.table, id))),
            }
        }
    }

    /// The first difference between what was followed and the tables.
    async fn mismatch(&self, connection: &impl ConnectionTrait, account: i64) -> Option<String> {
        let head = format!("SELECT sequence FROM change_heads WHERE account_id = {account}");
        let head =
            rows(connection, &head).await.pop().map_or(0, |row| row.try_get_by_index::<i64>(0).unwrap());
        if usize::try_from(head) != Ok(self.entries.len()) {
            return Some(format!("the head is {head} after {} entries", self.entries.len()));
        }
        let mut tables = Rebuilt::default();
        let mut contents = BTreeMap::new();
        for kind in &KINDS {
            let read = kind.read(connection, account, None).await;
            let versions =
                || read.iter().map(|(id, (version, _))| (*id, version.unwrap_or_default())).collect();
            match kind.table {
                "contacts" => tables.contacts = versions(),
                "groups" => tables.groups = versions(),
                "templates" => tables.templates = versions(),
                "segments" => tables.segments = versions(),
                _ => tables.opt_outs = read.keys().copied().collect(),
            }
            contents.extend(read.into_iter().map(|(id, row)| ((kind.table, id), row)));
        }
        // The members of deleted groups are deleted in the background.
        let members = format!("SELECT group_id, contact_id FROM members WHERE account_id = {account}");
        let members = rows(connection, &members).await;
        let members =
            members.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap()));
        tables.members = members.filter(|(group, _)| tables.groups.contains_key(group)).collect();
        let rebuilt = &self.rebuilt;
        difference("contacts", &rebuilt.contacts, &tables.contacts)
            .or_else(|| difference("groups", &rebuilt.groups, &tables.groups))
            .or_else(|| difference("templates", &rebuilt.templates, &tables.templates))
            .or_else(|| difference("segments", &rebuilt.segments, &tables.segments))
            .or_else(|| difference("contents", &self.copies, &contents))
            .or_else(|| set_difference("members", &rebuilt.members, &tables.members))
            .or_else(|| set_difference("opt-outs", &rebuilt.opt_outs, &tables.opt_outs))
            .or(Self::counters_or_index(connection, account, &tables).await)
    }

    /// The first difference between the counters and what they count, or between contacts and the index of their fields.
    async fn counters_or_index(
        connection: &impl ConnectionTrait,
        account: i64,
        tables: &Rebuilt,
    ) -> Option<String> {
        let index = field_index::check(connection, account).await;
        let [opt_outs, groups, contacts] = COUNTED.map(Uuid::from_u128);
        let mut counts: BTreeMap<Uuid, i64> = BTreeMap::new();
        let sizes = [
            (opt_outs, tables.opt_outs.len()),
            (groups, tables.groups.len()),
            (contacts, tables.contacts.len()),
        ];
        counts.extend(sizes.map(|(counted, size)| (counted, i64::try_from(size).unwrap())));
        counts.extend(index.counters);
        for (group, _) in &tables.members {
            *counts.entry(*group).or_default() += 1;
        }
        counts.retain(|_, count| *count != 0);
        // Those of deleted groups go with their last members.
        let sql = format!(
            "SELECT counted, amount FROM counters WHERE account_id = {account} AND amount <> 0 AND counted NOT IN \
             (SELECT id FROM groups WHERE account_id = {account} AND name IS NULL)"
        );
        let counters = rows(connection, &sql).await;
        let mut counters: BTreeMap<Uuid, i64> = counters
            .iter()
            .map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap()))
            .collect();
        counters.retain(|counted, _| !index.ignored.contains(counted));
        index.mismatch.or_else(|| difference("counters", &counts, &counters))
    }
}

fn difference<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    rebuilt: &BTreeMap<K, V>,
    tables: &BTreeMap<K, V>,
) -> Option<String> {
    let keys = rebuilt.keys().chain(tables.keys());
    let mut differing = keys.filter(|key| rebuilt.get(*key) != tables.get(*key));
    let key = differing.next()?;
    Some(format!("{what} {key:?}: {:?} rebuilt, {:?} in the tables", rebuilt.get(key), tables.get(key)))
}

fn set_difference<T: Ord + std::fmt::Debug>(
    what: &str,
    rebuilt: &BTreeSet<T>,
    tables: &BTreeSet<T>,
) -> Option<String> {
    let item = rebuilt.symmetric_difference(tables).next()?;
    Some(format!(
        "{what} {item:?}: only {}",
        if rebuilt.contains(item) { "rebuilt" } else { "in the tables" }
    ))
}

impl Kind {
    /// Rows by id: those with these ids, or all of the account.
    async fn read(
        &self,
        connection: &impl ConnectionTrait,
        account: i64,
        ids: Option<&BTreeSet<Uuid>>,
    ) -> BTreeMap<Uuid, Row> {
        let Self { event: _, table, columns, versioned, exists } = self;
        let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
        let version = if *versioned { "version" } else { "NULL" };
        let content = if sqlite {
            format!("json_array({columns})")
        } else {
            format!("CAST(json_build_array({columns}) AS text)")
        };
        let id = |id: &Uuid| if sqlite { format!("X'{}'", id.simple()) } else { format!("'{id}'") };
        let among =
            ids.map(|ids| format!("AND id IN ({})", ids.iter().map(id).collect::<Vec<_>>().join(", ")));
        let sql = format!(
            "SELECT id, CAST({version} AS bigint), {content} FROM {table} WHERE account_id = {account} AND {exists} {}",
            among.unwrap_or_default()
        );
        let found = rows(connection, &sql).await;
        let row = |row: &QueryResult| {
            let content = row.try_get_by_index(2).unwrap();
            (row.try_get_by_index(0).unwrap(), (row.try_get_by_index(1).unwrap(), content))
        };
        found.iter().map(row).collect()
    }
}

impl From<&QueryResult> for Entry {
    fn from(row: &QueryResult) -> Self {
        Self {
            sequence: row.try_get("", "sequence").unwrap(),
            event: row.try_get("", "event").unwrap(),
            resource: row.try_get("", "resource_id").unwrap(),
            group: row.try_get("", "group_id").unwrap(),
            version: row.try_get("", "version").unwrap(),
            fields: row.try_get("", "fields").unwrap(),
            key: row.try_get("", "key_id").unwrap(),
            request: row.try_get("", "request_id").unwrap(),
        }
    }
}

impl Rebuilt {
    /// Applies an entry.
    ///
    /// # Panics
    /// It cannot follow those before it.
    fn apply(&mut self, entry: &Entry) {
        let Entry { event, resource, group, version, fields, .. } = entry;
        let (kind, change) = event.split_once('.').unwrap();
        let was = match (kind, change, group) {
            ("contact", _, None) => versioned(&mut self.contacts, entry, change),
            ("group", "member_added", Some(group)) => {
                let exist = self.groups.contains_key(group) && self.contacts.contains_key(resource);
                exist && self.members.insert((*group, *resource))
            }
            ("group", "member_removed", Some(group)) => self.members.remove(&(*group, *resource)),
            ("group", _, None) => versioned(&mut self.groups, entry, change),
            ("template", _, None) => versioned(&mut self.templates, entry, change),
            ("segment", _, None) => versioned(&mut self.segments, entry, change),
            ("opt_out", "created", None) => self.opt_outs.insert(*resource),
            ("opt_out", "deleted", None) => self.opt_outs.remove(resource),
            _ => false,
        };
        assert!(
            was,
            "{entry:?} cannot follow {:?}",
            self.contacts.get(resource).or(self.groups.get(resource))
        );
        assert_eq!(version.is_some(), group.is_none() && kind != "opt_out", "{entry:?}");
        assert_eq!(fields.is_some(), change == "updated", "{entry:?}");
        match event.as_str() {
            "contact.deleted" => self.members.retain(|(_, contact)| contact != resource),
            "group.deleted" => self.members.retain(|(group, _)| group != resource),
            _ => {}
        }
    }
}

/// Applies a create, an update or a deletion; returns whether it can follow what was there.
fn versioned(versions: &mut BTreeMap<Uuid, i64>, entry: &Entry, change: &str) -> bool {
    let Some(version) = entry.version else { return false };
    match change {
        "created" => version == 1 && versions.insert(entry.resource, version).is_none(),
        "updated" => versions.insert(entry.resource, version) == Some(version - 1),
        "deleted" => versions.remove(&entry.resource) == Some(version),
        _ => false,
    }
}
