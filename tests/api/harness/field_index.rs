//! The index of declared fields, compared with what the contacts have.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use addressbook::domain::field::{FieldContent, FieldKey, FieldType};
use sea_orm::{ConnectionTrait, QueryResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Client;
use super::change_log::rows;

/// What is wrong with the index, and which counters there must be.
#[derive(Default)]
pub struct IndexCheck {
    pub mismatch: Option<String>,
    pub counters: BTreeMap<Uuid, i64>,
    /// Those of fields that are being deleted.
    pub ignored: Vec<Uuid>,
}

/// Contact and number of a field.
type Key = (Uuid, i32);

struct Field {
    number: i32,
    /// `None`: deleted.
    declared: Option<(FieldKey, FieldType)>,
    is_ready: bool,
}

impl From<&QueryResult> for Field {
    fn from(row: &QueryResult) -> Self {
        let key: Option<String> = row.try_get("", "key").unwrap();
        let field_type: String = row.try_get("", "type").unwrap();
        let state: String = row.try_get("", "state").unwrap();
        let declared =
            key.map(|key| (FieldKey::parse(&key).unwrap(), FieldType::parse(&field_type).unwrap()));
        Self { number: row.try_get("", "number").unwrap(), declared, is_ready: state == "ready" }
    }
}

/// Compares the index with the contacts of one account, in a snapshot of the database.
pub async fn check(connection: &impl ConnectionTrait, account: i64) -> IndexCheck {
    let of_account =
        |columns: &str, table: &str| format!("SELECT {columns} FROM {table} WHERE account_id = {account}");
    let fields = rows(connection, &of_account("number, key, type, state", "fields")).await;
    let fields: Vec<Field> = fields.iter().map(Field::from).collect();
    let contacts = rows(connection, &of_account("id, meta", "contacts")).await;
    let mut expected: BTreeMap<Key, String> = BTreeMap::new();
    for contact in &contacts {
        let id: Uuid = contact.try_get("", "id").unwrap();
        let meta: String = contact.try_get("", "meta").unwrap();
        let meta: Value = serde_json::from_str(&meta).unwrap();
        for field in &fields {
            let Some((key, field_type)) = &field.declared else { continue };
            match FieldContent::of(*field_type, key, meta.as_object().unwrap()) {
                FieldContent::Absent => {}
                FieldContent::Value(value) => drop(expected.insert((id, field.number), value.into_string())),
                FieldContent::Mismatch => drop(expected.insert((id, -field.number), String::new())),
            }
        }
    }
    let stored = rows(connection, &of_account("contact_id, field, value", "field_values")).await;
    let stored: BTreeMap<Key, String> = stored
        .iter()
        .map(|row| {
            let key = (row.try_get("", "contact_id").unwrap(), row.try_get("", "field").unwrap());
            (key, row.try_get("", "value").unwrap())
        })
        .collect();
    let mut check = IndexCheck::default();
    for (key, value) in &stored {
        let field = fields.iter().find(|field| field.number == key.1.abs());
        match field {
            None => check.mismatch = Some(format!("{key:?} is of no field")),
            Some(field) if field.declared.is_some() && expected.get(key) != Some(value) => {
                check.mismatch = Some(format!("{key:?}: {value:?} stored, {:?} expected", expected.get(key)));
            }
            Some(_) => {}
        }
    }
    for field in &fields {
        let of_field = |number: i32| expected.iter().filter(move |((_, of), _)| *of == number);
        for (kind, number) in [(1_u128, field.number), (2, -field.number)] {
            let counter = Uuid::from_u128(kind << 64 | u128::from(number.unsigned_abs()));
            if field.declared.is_none() {
                check.ignored.push(counter);
            } else if field.is_ready {
                let missing = of_field(number).find(|(key, _)| !stored.contains_key(key));
                check.mismatch = check.mismatch.or(missing.map(|missing| format!("{missing:?} is missing")));
                check.counters.insert(counter, i64::try_from(of_field(number).count()).unwrap());
            }
        }
    }
    check
}

/// Declares a field; returns its path.
#[track_caller]
pub fn declare(client: &Client, key: &str, field_type: &str) -> String {
    let declared = client.post("/v1/fields", &json!({"key": key, "type": field_type})).expect(201);
    format!("/v1/fields/{}", declared["id"].as_str().unwrap())
}

/// How long a build may take: the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a field is built; returns it.
#[track_caller]
pub fn wait_until_ready(client: &Client, path: &str) -> Value {
    let began = Instant::now();
    loop {
        let field = client.get(path).expect(200);
        if field["state"] == "ready" {
            return field;
        }
        assert!(field["state"] == "building" && began.elapsed() < TIMEOUT, "{field}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
