//! Query plans of filters: a source is a range of an index, in the order of ids where the index has it, and its contacts are
//! probed one by one. No plan reads a whole table, and none joins in another order.

use addressbook::domain::contact::{
    ContactFilter, ContactOffsetQuery, ContactQuery, ContactRepository, ContactSort, OrderCursor,
    OrderedOffsetQuery, OrderedQuery,
};
use addressbook::domain::filter::{ContactOrder, Filter, OrderKey, OrderPlace, PropertyNames};
use addressbook::domain::pagination::{Cursor, SortDirection};
use addressbook::domain::store::Store;
use addressbook::domain::{AccountId, ContactId};
use sea_orm::DbBackend;
use uuid::Uuid;

use crate::contact_query_plans::{COPIES, contact, multiply, open};
use crate::harness::statements::{Planner, Statements, run_recorded};
use crate::harness::{Backend, context, new_database};

static NAMES: PropertyNames = PropertyNames {
    handle: "username",
    phone: "phone_number",
    created_at: "created_at",
    updated_at: "updated_at",
};

/// Numbered in this order from 1.
const FIELDS: [(&str, &str); 4] =
    [("CITY", "text"), ("AGE", "number"), ("ALL", "text"), ("BORN", "datetime")];

/// Of each, whether its source has the contacts in the order of ids, so that nothing is sorted.
const FILTERS: [(&str, bool); 16] = [
    ("CITY = \"v5\" AND AGE >= 18", true),
    ("ALL = \"same\" AND display_name = \"nobody\"", true),
    ("ALL = \"same\" AND NOT CITY = \"v5\"", true),
    ("NOT CITY = \"v5\" AND NOT opted_out", true),
    ("display_name = \"nobody\"", true),
    ("display_name = \"contact 1#7*\" AND ALL = \"same\"", false),
    ("NOT display_name = \"nobody\"", true),
    ("created_at > now() - 30d AND NOT CITY:*", true),
    ("CITY = \"v*\" AND ALL = \"same\"", false),
    ("CITY IN (\"v5\", \"v7\") AND AGE < 5", false),
    ("CITY = \"v12*\" AND (AGE < 5 OR username = \"x*\")", false),
    ("CITY = \"v5\" OR phone_number = \"+4479000000001\"", false),
    ("username = \"contact 1#7*\"", false),
    ("updated_at > \"2100-01-01\"", false),
    ("anniversary(BORN) = \"12-24\" AND ALL = \"same\"", false),
    ("opted_out AND CITY != \"v5\"", false),
];

/// Orders, and what else is asked, of all of which the index has the order: nothing is sorted.
const ORDERS: [&str; 8] = [
    "username",
    "phone_number desc",
    "display_name",
    "display_name desc",
    "updated_at desc",
    "created_at",
    "meta.CITY",
    "meta.AGE desc",
];

async fn run_in_order(contacts: &dyn ContactRepository, order: &str, filter: &str) {
    let order = ContactOrder::parse(order, &NAMES).unwrap();
    let expression = (!filter.is_empty()).then(|| Filter::parse(filter, &NAMES).unwrap());
    let filter = ContactFilter { expression, ..ContactFilter::default() };
    let place = match order.key() {
        OrderKey::CreatedAt => OrderPlace::NoValue,
        OrderKey::UpdatedAt => OrderPlace::Millis(1),
        OrderKey::Handle | OrderKey::Phone | OrderKey::DisplayName | OrderKey::Meta(_) => {
            OrderPlace::Text("v1".to_owned())
        }
    };
    let cursor = OrderCursor { id: ContactId::from_uuid(Uuid::from_u128(1)), place: Some(place) };
    for after in [None, Some(cursor)] {
        let (order, filter) = (order.clone(), filter.clone());
        contacts.ordered_page(OrderedQuery { order, filter, after, limit: 10 }).await.unwrap();
    }
    let query = OrderedOffsetQuery { order, filter, offset: 10, limit: 10 };
    contacts.ordered_offset_page(query).await.unwrap();
}

async fn run(contacts: &dyn ContactRepository, text: &str) {
    let filter = Filter::parse(text, &NAMES).unwrap();
    let expression = || Some(filter.clone());
    let newest = ContactId::from_uuid(Uuid::max());
    for cursor in [
        Cursor::default(),
        Cursor { after: Some(newest), before: None },
        Cursor { after: None, before: Some(ContactId::from_uuid(Uuid::nil())) },
    ] {
        let filter = ContactFilter { expression: expression(), ..ContactFilter::default() };
        contacts.cursor_page(ContactQuery { cursor, limit: 10, filter }).await.unwrap();
    }
}

async fn count(contacts: &dyn ContactRepository, text: &str) {
    let filter = Filter::parse(text, &NAMES).unwrap();
    contacts
        .count(ContactFilter { expression: Some(filter.clone()), ..ContactFilter::default() })
        .await
        .unwrap();
    let query = ContactOffsetQuery {
        field: ContactSort::CreatedOn,
        direction: SortDirection::Descending,
        offset: 10,
        limit: 10,
    };
    contacts.ordered_offset_page(query.of_matching(filter)).await.unwrap();
}

/// Declares a field under a number, and writes its index.
async fn declare(planner: &Planner, account: i64, number: usize, key: &str, field_type: &str, value: &str) {
    let id = Uuid::from_u128(number as u128);
    let id = match planner.backend {
        DbBackend::Sqlite => format!("x'{}'", id.simple()),
        _ => format!("'{id}'"),
    };
    let values = format!("{account}, {id}, {number}, '{key}', '{field_type}', 'ready', {id}, 0, 0, 0");
    planner.run(&format!("INSERT INTO fields VALUES ({values})")).await;
    let insert = format!(
        "INSERT INTO field_values (account_id, contact_id, field, value) \
         SELECT account_id, id, {number}, {value} FROM contacts WHERE account_id = {account}"
    );
    planner.run(&insert).await;
}

/// Conditions that many contacts meet are counted by merging their indexes.
pub fn common_conditions_are_merged(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        let (database, planner) = (open(&url).await, Planner::connect(&url).await);
        let contacts = database.contacts(&context(AccountId::new(1)));
        for i in 0..4 {
            contacts.insert(contact(i), None).await.unwrap();
        }
        multiply(&planner, 10_000).await;
        // Of 40,000 contacts; the ids are random.
        let byte = |position: usize| match planner.backend {
            DbBackend::Sqlite => format!("substr(hex(id), {position}, 1)"),
            _ => format!("upper(substr(replace(id::text, '-', ''), {position}, 1))"),
        };
        let most = format!("CASE WHEN {} < 'C' THEN 'x' ELSE 'y' END", byte(1));
        let many = format!("CASE WHEN {} < 'B' THEN 'x' ELSE 'y' END", byte(2));
        for (index, (key, value)) in
            [("ALL", "'same'"), ("MOST", &*most), ("MANY", &*many)].into_iter().enumerate()
        {
            declare(&planner, 1, index + 1, key, "text", value).await;
        }
        planner.fill("DELETE FROM opt_outs").await;
        let contacts = open(&url).await.contacts(&context(AccountId::new(1)));
        let matching = |number: usize| {
            format!("id IN (SELECT contact_id FROM field_values WHERE field = {number} AND value = 'x')")
        };
        for (filter, rest, condition) in [
            ("MOST = \"x\" AND MANY = \"x\"", false, format!("{} AND {}", matching(2), matching(3))),
            (
                "MANY = \"x\" AND ALL = \"same\" AND MOST = \"x\"",
                false,
                format!("{} AND {}", matching(2), matching(3)),
            ),
            (
                "MOST = \"x\" AND NOT username = \"contact 1*\" AND MANY = \"x\"",
                true,
                format!("{} AND {} AND handle NOT LIKE 'contact 1%'", matching(2), matching(3)),
            ),
        ] {
            statements.clear();
            let expected =
                planner.first_row(&format!("SELECT count(*) FROM contacts WHERE {condition}")).await;
            let expected: i64 = expected.unwrap().try_get_by_index(0).unwrap();
            let parsed = Some(Filter::parse(filter, &NAMES).unwrap());
            let counted =
                contacts.count(ContactFilter { expression: parsed, ..ContactFilter::default() }).await;
            assert_eq!(counted.unwrap(), u64::try_from(expected).unwrap(), "{filter}");
            assert!(expected > 1_000, "{filter}");
            statements.retain(|sql| sql.contains("probed"));
            let plans = statements.plans(&planner, "probed").await;
            assert!(!plans.is_empty(), "{filter}");
            for (sql, plan) in plans {
                println!("{filter}\n{sql}\n{plan}\n");
                let (needed, refused): (&str, &[&str]) = match planner.backend {
                    DbBackend::Sqlite => {
                        ("MERGE (INTERSECT)", &["SCAN field_values", "TEMP B-TREE", "CORRELATED"])
                    }
                    _ => ("Join", &["SubPlan", "Seq Scan on contacts"]),
                };
                assert!(plan.contains(needed), "{sql}\n{plan}");
                for word in refused {
                    let is_rest = rest && ["CORRELATED", "SubPlan"].contains(word);
                    assert!(is_rest || !plan.contains(word), "{word}\n{sql}\n{plan}");
                }
            }
        }
    });
}

pub fn every_filter_reads_one_range_and_probes(kind: Backend) {
    let Some(url) = new_database(kind) else { return };
    run_recorded(async |statements: &Statements| {
        let (database, planner) = (open(&url).await, Planner::connect(&url).await);
        for account in [1, 2] {
            let contacts = database.contacts(&context(AccountId::new(account)));
            for i in 0..4 {
                contacts.insert(contact(i), None).await.unwrap();
            }
        }
        multiply(&planner, COPIES).await;
        for (index, (key, field_type)) in FIELDS.into_iter().enumerate() {
            let value = match (planner.backend, key) {
                (_, "ALL") => "'same'",
                (DbBackend::Sqlite, _) => "'v' || (abs(random()) % 300)",
                _ => "'v' || floor(random() * 300)::int",
            };
            for account in [1, 2] {
                declare(&planner, account, index + 1, key, field_type, value).await;
            }
        }
        planner.fill("DELETE FROM opt_outs").await;
        let contacts = open(&url).await.contacts(&context(AccountId::new(1)));
        let is_sqlite = planner.backend == DbBackend::Sqlite;
        for (filter, is_ordered) in FILTERS {
            for (is_page, what) in [(true, "page"), (false, "count")] {
                statements.clear();
                if is_page {
                    run(contacts.as_ref(), filter).await;
                } else {
                    count(contacts.as_ref(), filter).await;
                }
                statements.retain(|sql| sql.contains("probed"));
                let plans = statements.plans(&planner, "probed").await;
                assert!(!plans.is_empty(), "{filter}");
                for (sql, plan) in plans {
                    println!("{what} of {filter}\n{sql}\n{plan}\n");
                    // PostgreSQL may sort what a source has, which is bounded: with its statistics, that can be better.
                    let refused: &[&str] = match (is_sqlite, is_page && is_ordered) {
                        (true, true) => &["SCAN contacts", "SCAN field_values", "AUTOMATIC", "TEMP B-TREE"],
                        (true, false) => &["SCAN contacts", "SCAN field_values", "AUTOMATIC"],
                        (false, true) => &["Seq Scan on contacts", "Hash", "Merge Join"],
                        (false, false) => &["Hash Join", "Merge Join"],
                    };
                    for word in refused {
                        assert!(!plan.contains(word), "{word} in the {what} of {filter}\n{sql}\n{plan}");
                    }
                }
            }
        }
        for order in ORDERS {
            // All of them, many, and few.
            for filter in
                ["", "NOT display_name = \"nobody\"", "CITY = \"v5\"", "CITY = \"v5\" AND opted_out"]
            {
                statements.clear();
                run_in_order(contacts.as_ref(), order, filter).await;
                statements.retain(|sql| sql.contains("probed"));
                for (sql, plan) in statements.plans(&planner, "probed").await {
                    println!("{order} of {filter}\n{sql}\n{plan}\n");
                    let is_offset_page = sql.contains("OFFSET") || sql.contains("count(*)");
                    let may_sort = !filter.is_empty() && (is_offset_page || filter.starts_with("CITY"));
                    let refused: &[&str] = match (is_sqlite, may_sort) {
                        (true, false) => &["SCAN contacts", "SCAN field_values", "AUTOMATIC", "TEMP B-TREE"],
                        (true, true) => &["SCAN contacts", "SCAN field_values", "AUTOMATIC"],
                        (false, false) if filter.is_empty() => &["Seq Scan", "Hash", "Merge Join", " Sort"],
                        (false, false) => &["Seq Scan on contacts", "Hash", "Merge Join"],
                        (false, true) => &["Hash Join", "Merge Join"],
                    };
                    let is_divided = sql.contains("UNION ALL");
                    if is_divided {
                        let parts = plan
                            .matches("USING COVERING INDEX contacts_by_shown_name (account_id=? AND <expr>");
                        assert!(parts.count() >= 2, "{order} of {filter}\n{sql}\n{plan}");
                        // Their entries together, and none of them alone.
                        let is_sorted = |lines: &[&str]| {
                            lines[0].contains("contacts_by") && lines[1].contains("TEMP B-TREE")
                        };
                        let lines: Vec<&str> = plan.lines().collect();
                        assert!(!lines.windows(2).any(is_sorted), "{order} of {filter}\n{sql}\n{plan}");
                    }
                    for word in refused {
                        if is_divided && *word == "TEMP B-TREE" {
                            continue;
                        }
                        assert!(!plan.contains(word), "{word} in {order} of {filter}\n{sql}\n{plan}");
                    }
                }
            }
        }
    });
}
