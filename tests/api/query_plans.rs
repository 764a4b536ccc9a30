//! Query plans of opt-outs, templates and audiences: every query is an index scan, whatever the size of the table.

use std::collections::BTreeSet;

use addressbook::domain::audience::{
    ContactRef, Counts, Entry, Included, Kind, LookupRequest, PhoneMatch, Report, SnapshotLimits,
};
use addressbook::domain::change::{ChangePosition, ChangeQuery, ChangeTypes};
use addressbook::domain::contact::fields::{Handle, Phone};
use addressbook::domain::named::NamedResource;
use addressbook::domain::opt_out::{NewOptOut, OptOutQuery};
use addressbook::domain::pagination::{Cursor, CursorParams, OffsetParams, SortDirection};
use addressbook::domain::precondition::Precondition;
use addressbook::domain::store::Store;
use addressbook::domain::template::saved::{
    NewTemplate, TemplateName, TemplatePatch, TemplateQuery, TemplateText,
};
use addressbook::domain::{AccountId, ContactId, OptOut, OptOutKey, SavedTemplate, TemplateKey, Timestamp};
use sea_orm::DbBackend;

use crate::contact_query_plans::{open, serve};
use crate::harness::statements::{Planner, Statements, run_recorded};
use crate::harness::{Backend, context, new_database};

/// Enough rows for a planner to prefer an index, in each of two accounts.
pub const ROWS: usize = 4_000;

/// The numbers from 1 to [`ROWS`], as a table `n(i)`; an id in SQL; and who makes it.
pub fn fill(backend: DbBackend, sql: impl Fn(&str, &str) -> String) -> String {
    let id = if backend == DbBackend::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})");
    sql(&numbers, id)
}

/// Checks the plan of each recorded query of a table: none sorts or scans the table. Returns the number of queries.
pub async fn check(planner: &Planner, statements: &Statements, table: &str) -> usize {
    let (backend, plans) = (planner.backend, statements.plans(planner, table).await);
    for (sql, plan) in &plans {
        println!("{sql}\n{plan}\n");
        // What changed in a group is found from its members, and sorted.
        let plan = if sql.contains("\"updated_at\" + ") {
            let begins_at_members = match backend {
                DbBackend::Sqlite => plan.find("SEARCH members") < plan.find("SEARCH contacts"),
                _ => plan.contains("Nested Loop") && !plan.contains("contacts_by_change"),
            };
            assert!(begins_at_members, "{sql}\n{plan}");
            plan.replace("TEMP B-TREE", "").replace("Sort", "")
        } else if plan.contains("LockRows") {
            // What the commands of a group name is few, and is locked in order.
            plan.replace("Sort", "")
        } else {
            plan.clone()
        };
        assert!(is_a_scan_of_an_index(backend, table, &plan), "{sql}\n{plan}");
    }
    // A query that no index serves is seen.
    let bad = planner.plan(&format!("SELECT * FROM {table} ORDER BY account_id + 1")).await;
    assert!(!is_a_scan_of_an_index(backend, table, &bad), "{bad}");
    plans.iter().map(|(sql, _)| sql).collect::<BTreeSet<_>>().len()
}

fn is_a_scan_of_an_index(backend: DbBackend, table: &str, plan: &str) -> bool {
    let words = match backend {
        DbBackend::Sqlite => [format!("SCAN {table}"), "TEMP B-TREE".to_owned()],
        _ => [format!("Seq Scan on {table}"), "Sort".to_owned()],
    };
    // All that is in this index is what is looked for.
    let plan = plan.replace("SCAN groups USING INDEX groups_without_name", "");
    // The contacts of a request or of a page, at most a thousand, found by their ids: into the order of the ids.
    let by_ids = plan.contains("(id = ANY ($");
    let plan = if by_ids { plan.replace("Sort", "") } else { plan };
    !words.iter().any(|word| plan.contains(word))
}

fn opt_out_queries_are_index_scans(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        drop(open(&url).await);
        let planner = Planner::connect(&url).await;
        let backend = planner.backend;
        let rows = fill(backend, |numbers, id| {
            format!(
                "INSERT INTO opt_outs (account_id, phone, id, created_at) {numbers} \
                 SELECT a.i, '+4479' || (10000000 + n.i), {id}, n.i FROM n, n AS a WHERE a.i < 3"
            )
        });
        planner.fill(&rows).await;
        let counters = fill(backend, |numbers, id| {
            format!("INSERT INTO counters (account_id, counted, amount) {numbers} SELECT 1, {id}, i FROM n")
        });
        planner.fill(&counters).await;

        let database = serve(&url).await;
        statements.clear();
        let opt_outs = database.opt_outs(&context(AccountId::new(1)));
        let phone = Phone::parse("+447910000007").unwrap();
        let new =
            OptOut::new(NewOptOut { phone: Phone::parse("+14155550100").unwrap(), source: None, note: None });
        let some = opt_outs.create(new, None).await.unwrap().resource.opt_out;
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
        // A thousand numbers, of which half are out.
        let asked: Vec<Phone> =
            (0..1_000).map(|i| Phone::parse(&format!("+4479{}", 10_000_001 + i * 8)).unwrap()).collect();
        let named = LookupRequest { phones: asked.iter().collect(), ..LookupRequest::default() };
        let found = database.audiences(&context(AccountId::new(1))).find(named).await.unwrap();
        let out = |number: &PhoneMatch| matches!(number, PhoneMatch::None { opted_out: true });
        assert_eq!(found.numbers.len(), 1_000);
        assert_eq!(found.numbers.iter().filter(|number| out(number)).count(), ROWS / 8);
        assert!(found.numbers.iter().take(ROWS / 8).all(out));
        for key in [OptOutKey::Phone(phone), OptOutKey::Id(some.id)] {
            opt_outs.get(key.clone()).await.unwrap();
            opt_outs.delete(key).await.unwrap();
        }
        let count = check(&planner, statements, "opt_outs").await;
        assert!(count >= 13, "{count} queries");
        assert!(check(&planner, statements, "counters").await >= 1);
    });
}

fn audience_queries_are_index_scans(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        drop(open(&url).await);
        let planner = Planner::connect(&url).await;
        let backend = planner.backend;
        let bytes = if backend == DbBackend::Sqlite { "blob" } else { "bytea" };
        let ends = Timestamp::now().millis() + 3_600_000;
        let report = r#"{"asked":0,"recipients":0,"excluded":0,"parts":0,"problems":[]}"#;
        for (columns, values) in [
            (
                "audiences (account_id, id, created_at, expires_at, report, entries)",
                format!("a.i, $id, n.i, {ends} + n.i, '{report}', 1"),
            ),
            (
                "audience_entries (account_id, audience_id, kind, position, entry, contact_id)",
                "a.i, $id, 0, n.i, '{}', $id".to_owned(),
            ),
            (
                "idempotency_keys (account_id, operation, key, fingerprint, created_at)",
                format!(
                    "a.i, 'op', 'key ' || n.i, CAST('0' AS {bytes}), CASE WHEN n.i % 100 = 0 THEN 0 ELSE {ends} END"
                ),
            ),
        ] {
            let rows = fill(backend, |numbers, id| {
                let values = values.replace("$id", id);
                format!("INSERT INTO {columns} {numbers} SELECT {values} FROM n, n AS a WHERE a.i < 3")
            });
            planner.fill(&rows).await;
        }

        let database = serve(&url).await;
        statements.clear();
        let audiences = database.audiences(&context(AccountId::new(1)));
        let limits = SnapshotLimits { entries: 1_000_000, quota: 1_000_000 };
        let audience = audiences.begin(None, 2, limits).await.unwrap().resource;
        let entry = |index| {
            let handle = Handle::parse("john").unwrap();
            let phone = Phone::parse("+14155550100").unwrap();
            let contact = Some(ContactRef { id: ContactId::generate().0, handle });
            Entry::Included(Included { index, contact, phone, message: None })
        };
        audiences.add_entries(audience, vec![(0, entry(0)), (1, entry(1))]).await.unwrap();
        let report = Report { counts: Counts::default(), problems: Vec::new() };
        audiences.finish(audience, report).await.unwrap();
        audiences.get(audience).await.unwrap();
        for after in [None, Some(0)] {
            audiences.page(audience, Kind::Recipients, after, 10).await.unwrap();
        }
        for (after, before) in [(None, None), (Some(audience), None), (None, Some(audience))] {
            let page = CursorParams { cursor: Cursor { after, before }, limit: 10 };
            audiences.list(page).await.unwrap();
        }
        // The cleaner, too, is asked for its plans.
        audiences.delete(audience).await.unwrap();
        let left = async |table: &str, condition: &str| {
            let sql = format!("SELECT 1 FROM {table} WHERE {condition} LIMIT 1");
            planner.first_row(&sql).await.is_some()
        };
        while left("audiences", "expires_at = 0").await || left("idempotency_keys", "created_at = 0").await {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // All audiences of an account are few: its quota bounds them. Their sum and their list may read all.
        let of_all = |sql: &str| sql.contains("SUM(") || sql.contains("\"report\" IS NOT NULL ORDER");
        statements.retain(|sql| !of_all(sql));
        for (table, least) in [("audiences", 10), ("audience_entries", 4), ("idempotency_keys", 2)] {
            let count = check(&planner, statements, table).await;
            assert!(count >= least, "{count} queries of {table}");
        }
    });
}

fn template_queries_are_index_scans(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        drop(open(&url).await);
        let planner = Planner::connect(&url).await;
        let backend = planner.backend;
        let rows = fill(backend, |numbers, id| {
            format!(
                "INSERT INTO templates (account_id, id, name, text, created_at, updated_at, version) {numbers} \
                 SELECT a.i, {id}, 'name ' || n.i, 'text', n.i, n.i, 1 FROM n, n AS a WHERE a.i < 3"
            )
        });
        planner.fill(&rows).await;

        let database = serve(&url).await;
        statements.clear();
        let templates = database.templates(&context(AccountId::new(1)));
        let name = TemplateName::parse("name 7").unwrap();
        let text = TemplateText::parse("text").unwrap();
        let new = NewTemplate { name: TemplateName::parse("new").unwrap(), text };
        let some = templates.insert(SavedTemplate::new(new), None).await.unwrap().resource;
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
        templates
            .update(TemplateKey::Id(some.id), patch, Precondition::None, Timestamp::now())
            .await
            .unwrap();
        templates.delete(TemplateKey::Id(some.id), Precondition::None).await.unwrap();
        let count = check(&planner, statements, "templates").await;
        assert!(count >= 12, "{count} queries");
    });
}

fn change_queries_are_index_scans(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        drop(open(&url).await);
        let planner = Planner::connect(&url).await;
        let backend = planner.backend;
        for (columns, values) in [
            (
                "changes (account_id, sequence, at, event, resource_id, key_id, request_id)",
                "a.i, n.i, n.i, CASE n.i % 4 WHEN 0 THEN 'contact.updated' WHEN 1 THEN 'group.updated' \
                 WHEN 2 THEN 'opt_out.created' ELSE 'template.created' END, $id, 'key', 'request'",
            ),
            (
                "contacts (account_id, id, handle, phone, meta, created_at, updated_at, version)",
                "a.i, $id, 'contact ' || n.i, '+4479' || (10000000 + n.i), '{}', n.i, n.i, 1",
            ),
            (
                "groups (account_id, id, name, created_at, updated_at, version)",
                "a.i, $id, 'group ' || n.i, n.i, n.i, 1",
            ),
            (
                "templates (account_id, id, name, text, created_at, updated_at, version)",
                "a.i, $id, 'template ' || n.i, 'Hello', n.i, n.i, 1",
            ),
            ("opt_outs (account_id, phone, id, created_at)", "a.i, '+4479' || (10000000 + n.i), $id, n.i"),
        ] {
            let rows = fill(backend, |numbers, id| {
                let values = values.replace("$id", id);
                format!("INSERT INTO {columns} {numbers} SELECT {values} FROM n, n AS a WHERE a.i < 3")
            });
            planner.fill(&rows).await;
        }
        let heads = fill(backend, |numbers, _| {
            format!("INSERT INTO change_heads (account_id, sequence) {numbers} SELECT i, {ROWS} FROM n")
        });
        planner.fill(&heads).await;

        let database = serve(&url).await;
        statements.clear();
        let changes = database.changes(&context(AccountId::new(1)));
        let last = changes.last().await.unwrap();
        for types in [ChangeTypes::ALL, ChangeTypes::parse("opt_out.created").unwrap()] {
            let query = ChangeQuery { since: None, types, limit: 100 };
            let page =
                changes.page(ChangePosition { sequence: ROWS as u64 / 2, ..last }, &query).await.unwrap();
            assert!(page.changes.len() == 100 && page.has_more);
        }
        for table in ["changes", "change_heads", "contacts", "groups", "templates", "opt_outs"] {
            assert!(check(&planner, statements, table).await >= 1, "{table}");
        }
    });
}

on_each! {
    change_queries_are_index_scans
    opt_out_queries_are_index_scans
    audience_queries_are_index_scans
    template_queries_are_index_scans
}
