//! The rows of imports that are about a person, without what they said.

use serde_json::Value;

use super::traces::Traces;
use crate::domain::contact::ContactField;
use crate::domain::contact::fields::Phone;
use crate::domain::import::{FieldChange, PlannedRow, Region, RowError, RowOutcome};

/// Whether the rows of a page have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Rows of a person are then skipped.
    Planned,
    /// What became of the rows stays; no undo touches those of a person.
    CarriedOut,
}

/// Erases the rows of a person. Returns how many there were.
pub fn erase_rows(rows: &mut [PlannedRow], traces: &Traces, region: Option<Region>, pages: Pages) -> u64 {
    let mut erased = 0;
    for row in rows.iter_mut().filter(|row| is_about(row, traces, region)) {
        erase(row, pages);
        erased += 1;
    }
    erased
}

fn is_about(row: &PlannedRow, traces: &Traces, region: Option<Region>) -> bool {
    let is_value = |field: &ContactField, value: Option<&Value>| {
        let Some(text) = value.and_then(Value::as_str) else { return false };
        match field {
            ContactField::Phone => traces.has_phone(text),
            ContactField::Handle => traces.has_handle(text),
            ContactField::DisplayName | ContactField::AvatarUrl | ContactField::Meta(_) => false,
        }
    };
    let is_change = |FieldChange { field, before, after }: &FieldChange| {
        is_value(field, before.as_ref()) || is_value(field, after.as_ref())
    };
    // A rejected row has what stands in the file: also a number without its country code.
    let is_cell = |text: &str| {
        let national = region.and_then(|region| Phone::parse_in(text, region.id()).ok());
        national.is_some_and(|phone| traces.has_phone(phone.as_str())) || traces.are_in(text)
    };
    row.contact.is_some_and(|contact| traces.has_id(contact.as_uuid()))
        || row.changes.iter().any(is_change)
        || row.cells.iter().any(|(_, text)| is_cell(text))
}

fn erase(row: &mut PlannedRow, pages: Pages) {
    if pages == Pages::Planned && row.is_carried_out() {
        row.outcome = RowOutcome::Skip;
    }
    let PlannedRow {
        number: _,
        outcome: _,
        status: _,
        contact,
        version,
        changes,
        groups,
        joined,
        warnings: _,
        reason,
        cells,
    } = row;
    // Without the contact, no undo looks for it.
    (*contact, *version) = (None, None);
    changes.clear();
    groups.clear();
    joined.clear();
    cells.clear();
    *reason = Some(RowError::new("erased", None, "the person of this row was erased"));
}
