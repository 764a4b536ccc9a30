//! Query plans of opt-outs and templates: every query is an index scan, whatever the size of the table.

use std::collections::BTreeMap;

use addressbook::domain::audience::{LookupRequest, PhoneMatch};
use addressbook::domain::contact::fields::Phone;
use addressbook::domain::named::NamedResource;
use addressbook::domain::opt_out::{NewOptOut, OptOutQuery};
use addressbook::domain::pagination::{Cursor, CursorParams, OffsetParams, SortDirection};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::template::saved::{
    NewTemplate, TemplateName, TemplatePatch, TemplateQuery, TemplateText,
};
use addressbook::domain::{AccountId, ContactId, OptOut, OptOutKey, SavedTemplate, TemplateKey, Timestamp};
use addressbook::storage::{Database, Statements};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::harness::{Backend, new_database};
use crate::storage::{open, plan};

/// Enough rows per account for the planner to prefer an index; there are two accounts.
pub const ROWS: usize = 4_000;

/// Builds a statement from the numbers 1 to [`ROWS`] as a table `n(i)`, an id expression, and an account expression.
pub fn fill(backend: DbBackend, sql: impl Fn(&str, &str) -> String) -> String {
    let id = if backend == DbBackend::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})");
    sql(&numbers, id)
}

/// Fills tables by SQL: faster than one request per row.
pub async fn run(database: &Database, backend: DbBackend, sql: &str) {
    if backend == DbBackend::Sqlite {
        // Without statistics, as in production: no operator runs ANALYZE on SQLite.
        database.reader().execute_unprepared(&format!("PRAGMA query_only = off; {sql}")).await.unwrap();
    } else {
        for sql in [sql, "ANALYZE"] {
            database.reader().execute_unprepared(sql).await.unwrap();
        }
    }
}

/// Checks the plan of each recorded query of a table: none sorts or scans the table. Returns the number of queries.
pub async fn check(database: &Database, backend: DbBackend, statements: &Statements, table: &str) -> usize {
    let mut plans = BTreeMap::new();
    let recorded = statements.lock().unwrap().clone();
    for statement in recorded {
        let reads = ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| statement.sql.starts_with(verb));
        if reads && statement.sql.split([' ', '"']).any(|word| word == table) {
            plans.insert(statement.sql.clone(), plan(database, backend, &statement).await);
        }
    }
    for (sql, plan) in &plans {
        println!("{sql}\n{plan}\n");
        // Changes within a group are read from its members, and sorted.
        let plan = if sql.contains("\"updated_at\" + ") {
            let begins_at_members = match backend {
                DbBackend::Sqlite => plan.find("SEARCH members") < plan.find("SEARCH contacts"),
                _ => plan.contains("Nested Loop") && !plan.contains("contacts_by_change"),
            };
            assert!(begins_at_members, "{sql}\n{plan}");
            plan.replace("TEMP B-TREE", "").replace("Sort", "")
        } else {
            plan.clone()
        };
        assert!(is_a_scan_of_an_index(backend, table, &plan), "{sql}\n{plan}");
    }
    // Self-check: a query without an index is detected.
    let bad = format!("SELECT * FROM {table} ORDER BY account_id + 1");
    let bad = plan(database, backend, &Statement::from_string(backend, bad)).await;
    assert!(!is_a_scan_of_an_index(backend, table, &bad), "{bad}");
    plans.len()
}

fn is_a_scan_of_an_index(backend: DbBackend, table: &str, plan: &str) -> bool {
    let words = match backend {
        DbBackend::Sqlite => [format!("SCAN {table}"), "TEMP B-TREE".to_owned()],
        _ => [format!("Seq Scan on {table}"), "Sort".to_owned()],
    };
    // A partial index that contains only the rows in question.
    let plan = plan.replace("SCAN groups USING INDEX groups_without_name", "");
    // Sorting the thousand contacts of a request into lock order.
    let locks = plan.contains("LockRows") && plan.contains("= ANY ($2)");
    let plan = if locks { plan.replace("Sort", "") } else { plan };
    !words.iter().any(|word| plan.contains(word))
}

fn opt_out_queries_are_index_scans(backend: DbBackend) {
    let kind = if backend == DbBackend::Sqlite { Backend::Sqlite } else { Backend::Postgres };
    let Some(url) = new_database(kind) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let plain = open(&url).await;
        let rows = fill(backend, |numbers, id| {
            format!(
                "INSERT INTO opt_outs (account_id, phone, id, created_at) {numbers} \
                 SELECT a.i, '+4479' || (10000000 + n.i), {id}, n.i FROM n, n AS a WHERE a.i < 3"
            )
        });
        run(&plain, backend, &rows).await;
        let tallies = fill(backend, |numbers, id| {
            format!(
                "INSERT INTO tallies (account_id, of_id, shard, amount) {numbers} SELECT 1, {id}, 0, i FROM n"
            )
        });
        run(&plain, backend, &tallies).await;

        let (database, statements) = plain.clone().recording();
        let opt_outs = database.opt_outs(AccountId::new(1));
        let phone = Phone::parse("+447910000007").unwrap();
        let new =
            OptOut::new(NewOptOut { phone: Phone::parse("+14155550100").unwrap(), source: None, note: None });
        let some = opt_outs.create(new, None).await.unwrap().made.opt_out;
        for (after, before) in
            [(None, None), (Some(some.id), None), (None, Some(some.id)), (Some(some.id), Some(some.id))]
        {
            for phone in [None, Some(phone.clone())] {
                let page = CursorParams { cursor: Cursor { after, before }, limit: 10 };
                opt_outs.cursor_page(OptOutQuery { page, phone }).await.unwrap();
            }
        }
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let page = opt_outs.offset_page(OffsetParams { direction, offset: 20, limit: 10 }).await.unwrap();
            assert_eq!(page.items.len(), 10, "there is something to plan for");
        }
        // A thousand numbers, half of them opted out.
        let numbers: Vec<Phone> =
            (0..1_000).map(|i| Phone::parse(&format!("+4479{}", 10_000_001 + i * 8)).unwrap()).collect();
        let named = LookupRequest { phones: numbers.iter().collect(), ..LookupRequest::default() };
        let found = database.audiences(AccountId::new(1)).find(named).await.unwrap();
        let out = |number: &PhoneMatch| matches!(number, PhoneMatch::None { opted_out: true });
        assert_eq!(found.numbers.len(), 1_000);
        assert_eq!(found.numbers.iter().filter(|number| out(number)).count(), ROWS / 8);
        assert!(found.numbers.iter().take(ROWS / 8).all(out));
        for key in [OptOutKey::Phone(phone), OptOutKey::Id(some.id)] {
            opt_outs.get(key.clone()).await.unwrap();
            opt_outs.delete(key).await.unwrap();
        }
        let count = check(&plain, backend, &statements, "opt_outs").await;
        assert!(count >= 13, "{count} queries");
        assert!(check(&plain, backend, &statements, "tallies").await >= 1);
    });
}

#[test]
fn opt_out_queries_are_index_scans_on_sqlite() {
    opt_out_queries_are_index_scans(DbBackend::Sqlite);
}

#[test]
fn opt_out_queries_are_index_scans_on_postgres() {
    opt_out_queries_are_index_scans(DbBackend::Postgres);
}

fn template_queries_are_index_scans(backend: DbBackend) {
    let kind = if backend == DbBackend::Sqlite { Backend::Sqlite } else { Backend::Postgres };
    let Some(url) = new_database(kind) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let plain = open(&url).await;
        let rows = fill(backend, |numbers, id| {
            format!(
                "INSERT INTO templates (account_id, id, name, text, created_at, updated_at, version) {numbers} \
                 SELECT a.i, {id}, 'name ' || n.i, 'text', n.i, n.i, 1 FROM n, n AS a WHERE a.i < 3"
            )
        });
        run(&plain, backend, &rows).await;

        let (database, statements) = plain.clone().recording();
        let templates = database.templates(AccountId::new(1));
        let name = TemplateName::parse("name 7").unwrap();
        let text = TemplateText::parse("text").unwrap();
        let new = NewTemplate { name: TemplateName::parse("new").unwrap(), text };
        let some = templates.insert(SavedTemplate::new(new), None).await.unwrap().made;
        for (after, before) in
            [(None, None), (Some(some.id), None), (None, Some(some.id)), (Some(some.id), Some(some.id))]
        {
            for name in [None, Some(name.clone())] {
                let page = CursorParams { cursor: Cursor { after, before }, limit: 10 };
                templates.cursor_page(TemplateQuery { page, name }).await.unwrap();
            }
        }
        for key in [TemplateKey::Name(name), TemplateKey::Id(some.id)] {
            templates.find(key).await.unwrap();
        }
        let patch = TemplatePatch { name: Some(TemplateName::parse("renamed").unwrap()), text: None };
        templates.update(TemplateKey::Id(some.id), patch, Precondition::None, Timestamp::now()).await.unwrap();
        templates.delete(TemplateKey::Id(some.id), Precondition::None).await.unwrap();
        let count = check(&plain, backend, &statements, "templates").await;
        assert!(count >= 12, "{count} queries");
    });
}

#[test]
fn template_queries_are_index_scans_on_sqlite() {
    template_queries_are_index_scans(DbBackend::Sqlite);
}

#[test]
fn template_queries_are_index_scans_on_postgres() {
    template_queries_are_index_scans(DbBackend::Postgres);
}
