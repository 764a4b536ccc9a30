//! The baseline of audiences: one thread reads the same rows from the same SQLite file and renders the same template. It
//! checks no opt-outs, excludes no recipient and sends no response.
//!
//!     plain_loop FILE GROUP TEMPLATE
//!
//! prints the number of texts, their bytes, and the elapsed seconds.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use minijinja::{Environment, UndefinedBehavior, Value};
use rusqlite::{Connection, OpenFlags};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, group, template] = arguments.as_slice() else {
        return Err("usage: plain_loop FILE GROUP TEMPLATE".into());
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let template = environment.template_from_str(template)?;
    let started = Instant::now();
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
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
    println!("{texts} {bytes} {}", started.elapsed().as_secs_f64());
    Ok(())
}
