//! The baselines of audiences, exports and batches: one thread reads the same rows from the same SQLite file, or writes
//! such rows to the same table.
//!
//!     plain_loop audience FILE GROUP TEMPLATE
//!
//! renders the same template; it checks no opt-outs, excludes no recipient and sends no response.
//!
//!     plain_loop export FILE
//!
//! writes the same CSV to /dev/null.
//!
//!     plain_loop insert FILE ROWS
//!
//! inserts contacts with ascending names into a migrated database, 1,000 in each transaction, each of which it syncs.
//!
//! All print the number of texts or rows, their bytes, and the elapsed seconds.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant, UNIX_EPOCH};

use minijinja::{Environment, UndefinedBehavior, Value};
use rusqlite::{Connection, OpenFlags, params};
use uuid::Uuid;

/// Texts or rows, and their bytes.
type Made = (u64, usize);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let (made, bytes) = match arguments.as_slice() {
        ["audience", file, group, template] => audience(&open(file)?, group, template)?,
        ["export", file] => export(&open(file)?)?,
        ["insert", file, rows] => insert(file, rows.parse()?)?,
        _ => {
            return Err(
                "usage: plain_loop audience FILE GROUP TEMPLATE | export FILE | insert FILE ROWS".into()
            );
        }
    };
    println!("{made} {bytes} {}", started.elapsed().as_secs_f64());
    Ok(())
}

fn open(file: &str) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn audience(connection: &Connection, group: &str, template: &str) -> Result<Made, Box<dyn Error>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let template = environment.template_from_str(template)?;
    let mut statement = connection.prepare(
        "SELECT contacts.id, handle, phone, meta FROM members \
         JOIN groups ON groups.account_id = members.account_id AND groups.id = group_id \
         JOIN contacts ON contacts.account_id = members.account_id AND contacts.id = contact_id \
         WHERE groups.name = ?1 ORDER BY contact_id DESC",
    )?;
    let mut rows = statement.query([group])?;
    let (mut texts, mut bytes) = (0_u64, 0_usize);
    while let Some(row) = rows.next()? {
        let (_id, _handle, _phone): (Vec<u8>, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let data: BTreeMap<String, Value> = serde_json::from_str(row.get_ref(3)?.as_str()?)?;
        bytes += template.render(Value::from_pairs(data))?.len();
        texts += 1;
    }
    Ok((texts, bytes))
}

fn export(connection: &Connection) -> Result<Made, Box<dyn Error>> {
    let mut file = BufWriter::with_capacity(64 * 1024, OpenOptions::new().write(true).open("/dev/null")?);
    let mut statement = connection.prepare(
        "SELECT id, handle, phone, display_name, avatar_url, meta, created_at, updated_at FROM contacts \
         ORDER BY account_id, id",
    )?;
    let mut rows = statement.query([])?;
    let mut line = b"id,username,phone_number,display_name,avatar_url,meta,created_at,updated_at".to_vec();
    let (mut written, mut bytes) = (0_u64, 0_usize);
    loop {
        line.extend_from_slice(b"\r\n");
        file.write_all(&line)?;
        bytes += line.len();
        line.clear();
        let Some(row) = rows.next()? else { break };
        write!(line, "{}", Uuid::from_slice(row.get_ref(0)?.as_blob()?)?)?;
        for column in 1..=5 {
            line.push(b',');
            match row.get_ref(column)?.as_str_or_null()? {
                Some("{}") if column == 5 => {}
                Some(text) => cell(text, &mut line)?,
                None => {}
            }
        }
        for column in [6, 7] {
            let time = UNIX_EPOCH + Duration::from_millis(row.get::<_, i64>(column)?.try_into()?);
            write!(line, ",{}", humantime::format_rfc3339_millis(time))?;
        }
        written += 1;
    }
    file.flush()?;
    Ok((written, bytes))
}

fn cell(text: &str, line: &mut Vec<u8>) -> std::io::Result<()> {
    if text.contains(['"', ',', '\r', '\n']) {
        write!(line, "\"{}\"", text.replace('"', "\"\""))
    } else {
        line.write_all(text.as_bytes())
    }
}

/// The rows of a transaction.
const BATCH: u64 = 1_000;

fn insert(file: &str, rows: u64) -> Result<Made, Box<dyn Error>> {
    let connection = Connection::open(file)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    let mut statement = connection.prepare(
        "INSERT INTO contacts (account_id, id, handle, phone, display_name, avatar_url, meta, created_at, \
         updated_at, version) VALUES (1, ?1, ?2, ?3, NULL, NULL, ?4, ?5, ?5, 1)",
    )?;
    let mut bytes = 0;
    for batch in 0..rows / BATCH {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for row in 0..BATCH {
            let id = Uuid::now_v7();
            let seconds = id.get_timestamp().map_or(0, |timestamp| timestamp.to_unix().0);
            let millis = i64::try_from(seconds * 1_000)?;
            let name = format!("import00{batch:08x}{row:04}");
            let phone = format!("+4479{batch:07}{row:03}");
            let meta = r#"{"NAME":"John","CITY":"London"}"#;
            bytes += name.len() + phone.len() + meta.len();
            statement.execute(params![id.as_bytes(), name, phone, meta, millis])?;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok((rows / BATCH * BATCH, bytes))
}
