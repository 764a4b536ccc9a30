//! What audiences are measured beside: one thread reads the same rows from the same SQLite file and fills
//! in the same template, and does nothing else. It checks no number, leaves nobody out and answers nobody.
//!
//!     plain_loop FILE GROUP TEMPLATE
//!
//! prints how many texts it made, their bytes, and the seconds it took.

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
    let begun = Instant::now();
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
    println!("{texts} {bytes} {}", begun.elapsed().as_secs_f64());
    Ok(())
}
