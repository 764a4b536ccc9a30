//! A row of a file, parsed into the fields of a contact.

use serde_json::{Map, Value};

use super::columns::{Candidate, ColumnIndex};
use super::mapping::{Rule, Target};
use super::options::{ClearToken, Region};
use crate::domain::contact::fields::{AvatarUrl, DisplayName, Handle, Phone};
use crate::domain::contact::{ContactField, ContactId};
use crate::domain::group::GroupName;
use crate::domain::violation::Violation;

/// A value of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum CellValue {
    Text(String),
    /// Of a format that has types. Null clears a value.
    Json(Value),
}

/// A row as the file has it.
#[derive(Clone, Debug)]
pub struct SourceRow {
    /// The line on which it begins, or its ordinal in a format without lines; from 1.
    pub number: u64,
    /// By the index of their column.
    pub cells: Vec<(usize, CellValue)>,
    /// Why it cannot be read.
    pub unreadable: Option<RowError>,
}

/// Why a row is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub code: String,
    /// The index of the column.
    pub column: Option<usize>,
    pub message: String,
}

impl RowError {
    fn of(violation: &Violation, column: Option<usize>, target: &Target) -> Self {
        Self { code: violation.code().to_owned(), column, message: violation.sentence(&target.to_string()) }
    }

    #[must_use]
    pub fn new(code: &str, column: Option<usize>, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), column, message: message.into() }
    }
}

/// A value for a field, and what it does to the stored one. `value` is `None` if it clears that.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported<T> {
    pub value: Option<T>,
    pub rule: Rule,
}

/// A row whose values are valid. Fields without a value in the file are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedRow {
    pub number: u64,
    pub id: Option<ContactId>,
    pub handle: Option<Imported<Handle>>,
    pub phone: Option<Imported<Phone>>,
    pub display_name: Option<Imported<DisplayName>>,
    pub avatar_url: Option<Imported<AvatarUrl>>,
    pub meta: Map<String, Value>,
    /// The rules of those members of `meta` that do not overwrite.
    pub meta_rules: Vec<(String, Rule)>,
    /// Those members of `meta` that a clear token removes.
    pub cleared_meta: Vec<String>,
    pub groups: Vec<GroupName>,
}

/// How the values of a file are read.
#[derive(Clone, Debug)]
pub struct RowParser {
    pub default_region: Option<Region>,
    pub clear_token: Option<ClearToken>,
}

/// What a cell says about a field.
enum Cell<'c> {
    Clear,
    Text(&'c str),
    Json(&'c Value),
}

impl RowParser {
    /// # Errors
    /// The first value that is invalid, with its column.
    pub fn parse(&self, row: &SourceRow, columns: &ColumnIndex) -> Result<ParsedRow, RowError> {
        let mut parsed = ParsedRow::empty(row.number);
        if let Some(error) = &row.unreadable {
            return Err(error.clone());
        }
        for (target, candidates) in columns.fields() {
            let merged = matches!(target, Target::MetaObject | Target::Groups);
            for Candidate { column, rule, .. } in candidates {
                let is_meta = matches!(target, Target::Meta(_));
                let Some(cell) = self.cell(row, *column, is_meta) else { continue };
                self.read(target, &cell, *rule, &mut parsed)
                    .map_err(|violation| RowError::of(&violation, Some(*column), target))?;
                if !merged {
                    break;
                }
            }
        }
        Ok(parsed)
    }

    /// What the row has in a column. A cell without text says nothing; white space is text in `meta` alone.
    fn cell<'r>(&self, row: &'r SourceRow, column: usize, is_meta: bool) -> Option<Cell<'r>> {
        let (_, value) = row.cells.iter().find(|(other, _)| *other == column)?;
        match value {
            CellValue::Json(Value::Null) => Some(Cell::Clear),
            CellValue::Json(Value::String(text)) if !is_meta => Some(Cell::Text(text)),
            CellValue::Json(value) => Some(Cell::Json(value)),
            CellValue::Text(text) if text.is_empty() || (!is_meta && text.trim().is_empty()) => None,
            CellValue::Text(text) if self.is_clear_token(text) => Some(Cell::Clear),
            CellValue::Text(text) => Some(Cell::Text(text)),
        }
    }

    fn is_clear_token(&self, text: &str) -> bool {
        self.clear_token.as_ref().is_some_and(|token| token.as_str() == text.trim())
    }

    fn read(
        &self,
        target: &Target,
        cell: &Cell<'_>,
        rule: Rule,
        parsed: &mut ParsedRow,
    ) -> Result<(), Violation> {
        match target {
            Target::Id => {
                parsed.id = Some(ContactId::parse(required_text(cell)?.trim()).ok_or(Violation::NotUuid)?);
            }
            Target::Handle => {
                let value = Some(Handle::parse(required_text(cell)?)?);
                parsed.handle = Some(Imported { value, rule });
            }
            Target::Phone => {
                let value = Some(self.phone(cell)?);
                parsed.phone = Some(Imported { value, rule });
            }
            Target::DisplayName => {
                let value = optional_text(cell)?.map(DisplayName::parse).transpose()?;
                parsed.display_name = Some(Imported { value, rule });
            }
            Target::AvatarUrl => {
                let value = optional_text(cell)?.map(AvatarUrl::parse).transpose()?;
                parsed.avatar_url = Some(Imported { value, rule });
            }
            Target::Meta(key) => {
                match cell {
                    Cell::Clear => parsed.cleared_meta.push(key.clone()),
                    Cell::Text(text) => drop(parsed.meta.insert(key.clone(), Value::from(*text))),
                    Cell::Json(value) => drop(parsed.meta.insert(key.clone(), (*value).clone())),
                }
                parsed.set_rule(key, rule);
            }
            Target::MetaObject => {
                for (key, value) in json_object(cell)? {
                    parsed.set_rule(&key, rule);
                    parsed.meta.insert(key, value);
                }
            }
            Target::Groups => {
                for name in group_names(cell)? {
                    let name = GroupName::parse(&name)?;
                    if !parsed.groups.contains(&name) {
                        parsed.groups.push(name);
                    }
                    if parsed.groups.len() > MAX_GROUPS {
                        return Err(Violation::TooManyItems { max: MAX_GROUPS });
                    }
                }
            }
        }
        Ok(())
    }

    /// A spreadsheet that took a number for one changed it: `4.47E+11` has lost digits, `447900000001.0` has won one.
    fn phone(&self, cell: &Cell<'_>) -> Result<Phone, Violation> {
        let number;
        let text = match cell {
            Cell::Json(Value::Number(value)) => {
                number = value.to_string();
                &number
            }
            _ => required_text(cell)?,
        };
        // An apostrophe marks a text in a spreadsheet, and is no part of a number.
        let text = text.trim().trim_start_matches('\'');
        if is_floating_point(text) {
            return Err(Violation::SpreadsheetNumber);
        }
        match self.default_region {
            Some(region) => Phone::parse_in(text, region.id()),
            None => Phone::parse(text),
        }
    }
}

/// Maximum number of groups in one row.
const MAX_GROUPS: usize = 100;

fn is_floating_point(text: &str) -> bool {
    let Some((whole, rest)) = text.split_once(['.', ',']) else {
        return text.split_once(['E', 'e']).is_some_and(|(whole, exponent)| {
            is_digits(whole) && is_digits(exponent.trim_start_matches(['+', '-']))
        });
    };
    match rest.split_once(['E', 'e']) {
        Some((fraction, exponent)) => {
            is_digits(whole) && is_digits(fraction) && is_digits(exponent.trim_start_matches(['+', '-']))
        }
        None => {
            whole.len() >= Phone::MIN_DIGITS && is_digits(whole) && rest.bytes().all(|digit| digit == b'0')
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn required_text<'c>(cell: &Cell<'c>) -> Result<&'c str, Violation> {
    optional_text(cell)?.ok_or(Violation::NotClearable)
}

fn optional_text<'c>(cell: &Cell<'c>) -> Result<Option<&'c str>, Violation> {
    match cell {
        Cell::Clear => Ok(None),
        Cell::Text(text) => Ok(Some(text)),
        Cell::Json(_) => Err(Violation::WrongType { expected: "a string".into() }),
    }
}

fn json_object(cell: &Cell<'_>) -> Result<Map<String, Value>, Violation> {
    let wrong = || Violation::WrongType { expected: "a JSON object".into() };
    match cell {
        Cell::Clear => Ok(Map::new()),
        Cell::Json(Value::Object(object)) => Ok(object.clone()),
        Cell::Json(_) => Err(wrong()),
        Cell::Text(text) => serde_json::from_str(text).map_err(|_| wrong()),
    }
}

/// A JSON array, or names between commas, semicolons or ` ::: `, as address books export them.
fn group_names(cell: &Cell<'_>) -> Result<Vec<String>, Violation> {
    let wrong = || Violation::WrongType { expected: "an array of strings".into() };
    let text = match cell {
        Cell::Clear => return Ok(Vec::new()),
        Cell::Json(value) => return serde_json::from_value((*value).clone()).map_err(|_| wrong()),
        Cell::Text(text) => text.trim(),
    };
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|_| wrong());
    }
    let names = text.split([',', ';']).flat_map(|part| part.split(":::"));
    Ok(names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

impl ParsedRow {
    fn empty(number: u64) -> Self {
        Self {
            number,
            id: None,
            handle: None,
            phone: None,
            display_name: None,
            avatar_url: None,
            meta: Map::new(),
            meta_rules: Vec::new(),
            cleared_meta: Vec::new(),
            groups: Vec::new(),
        }
    }

    fn set_rule(&mut self, key: &str, rule: Rule) {
        if rule != Rule::Overwrite {
            self.meta_rules.push((key.to_owned(), rule));
        }
    }

    pub(super) fn meta_rule(&self, key: &str) -> Rule {
        self.meta_rules.iter().find(|(other, _)| other == key).map_or(Rule::Overwrite, |(_, rule)| *rule)
    }
}

impl Target {
    pub(super) fn of(field: &ContactField) -> Self {
        match field {
            ContactField::Handle => Self::Handle,
            ContactField::Phone => Self::Phone,
            ContactField::DisplayName => Self::DisplayName,
            ContactField::AvatarUrl => Self::AvatarUrl,
            ContactField::Meta(key) => Self::Meta(key.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::import::options::ImportOptions;

    fn parse(columns: &[&str], cells: &[&str]) -> Result<ParsedRow, RowError> {
        let names: Vec<std::sync::Arc<str>> = columns.iter().map(|name| (*name).into()).collect();
        let mut index = ColumnIndex::new(&ImportOptions::default());
        index.extend(&names);
        let cells = cells.iter().map(|text| CellValue::Text((*text).to_owned())).enumerate().collect();
        let parser = RowParser {
            default_region: Some(Region::parse("gb").unwrap()),
            clear_token: Some(ClearToken::parse("NULL").unwrap()),
        };
        parser.parse(&SourceRow { number: 2, cells, unreadable: None }, &index)
    }

    #[test]
    fn numbers_that_a_spreadsheet_changed_are_told_from_numbers() {
        for text in ["4.47E+11", "4,47E+11", "4.479e11", "447900000001.0", "447900000001,00", "447E9"] {
            let error = parse(&["phone"], &[text]).unwrap_err();
            assert_eq!((error.code.as_str(), error.column), ("spreadsheet_number", Some(0)), "{text}");
        }
        for (text, number) in [
            ("+44.7900.000001", "+447900000001"),
            ("'+447900000001", "+447900000001"),
            ("07900 000001", "+447900000001"),
            ("7900000001", "+447900000001"),
            ("+33 6 12 34 56 78", "+33612345678"),
            ("447900000001", "+447900000001"),
            ("4479000000001", "+4479000000001"),
            ("33612345678", "+33612345678"),
        ] {
            let row = parse(&["phone"], &[text]);
            let phone = row.map(|row| row.phone.and_then(|phone| phone.value).map(Phone::into_string));
            assert_eq!(phone, Ok(Some(number.to_owned())), "{text}");
        }
    }

    #[test]
    fn the_first_column_with_a_value_counts() {
        let handle = |cells: &[&str]| {
            let row = parse(&["email", "name", "nickname"], cells).unwrap();
            row.handle.and_then(|handle| handle.value).map(Handle::into_string)
        };
        assert_eq!(handle(&["a@b", "Ann", " "]), Some("Ann".to_owned()));
        assert_eq!(handle(&["a@b", "", ""]), Some("a@b".to_owned()));
        assert_eq!(handle(&["", "", ""]), None);
    }

    #[test]
    fn a_clear_token_clears_what_can_be_cleared() {
        let columns = ["username", "display_name", "meta.CITY", "meta.AGE"];
        let row = parse(&columns, &["a", "NULL", "NULL", "12"]).unwrap();
        assert_eq!(row.display_name, Some(Imported { value: None, rule: Rule::Overwrite }));
        assert_eq!((row.cleared_meta, row.meta.len()), (vec!["CITY".to_owned()], 1));
        assert_eq!(parse(&["username"], &["NULL"]).unwrap_err().code, "not_clearable");
    }

    #[test]
    fn groups_are_a_list_or_json() {
        let groups = |text| {
            let row = parse(&["groups"], &[text]);
            row.map(|row| row.groups.into_iter().map(GroupName::into_string).collect::<Vec<_>>())
        };
        assert_eq!(groups("a, b;c ::: * d").unwrap(), ["a", "b", "c", "* d"]);
        assert_eq!(groups(r#"["a, b", "c"]"#).unwrap(), ["a, b", "c"]);
        assert_eq!(groups("[1]").unwrap_err().code, "wrong_type");
    }
}
