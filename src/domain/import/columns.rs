//! The columns of a file, by the fields that they are for.

use std::sync::Arc;

use super::mapping::{ColumnMapping, META_PREFIX, Rule, Target};
use super::options::ImportOptions;
use crate::domain::contact::batch::MatchBy;

/// Names of columns, in lower case and without separators, in the order of preference: those of our own exports, of
/// spreadsheets, and of the address books of Google, Outlook and Apple.
const HANDLES: &[&str] = &[
    "username",
    "xaddressbookusername",
    "addressbookinternalusername",
    "alias",
    "handle",
    "login",
    // From here on, names that serve only if a file has none of the above.
    "nickname",
    "name",
    "fn",
    "namefull",
    "fullname",
    "displayname",
    "email",
    "emailaddress",
    "email1value",
];
/// So many of [`HANDLES`] are names of nothing else.
const OWN_HANDLES: usize = 6;

const PHONES: &[&str] = &[
    "phonenumber",
    "msisdn",
    "phone",
    "phone1value",
    "mobilephone",
    "mobile",
    "mobilenumber",
    "cell",
    "cellphone",
    "tel",
    "telephone",
    "primaryphone",
    "homephone",
    "businessphone",
];
const DISPLAY_NAMES: &[&str] = &["displayname", "fullname", "name", "fn", "namefull"];
const AVATAR_URLS: &[&str] = &["avatarurl", "avatar", "photo"];
const META_OBJECTS: &[&str] = &["meta", "xaddressbookmeta", "addressbookinternalmeta"];
const GROUPS: &[&str] = &["groups", "groupmembership", "labels", "categories", "keywords", "tags"];

fn simplified(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The mappings of the columns of a file, by their index. Columns of some formats become known only while the file is
/// read.
#[derive(Clone, Debug)]
pub struct ColumnIndex {
    requested: Vec<ColumnMapping>,
    match_by: MatchBy,
    guess_groups: bool,
    known: usize,
    /// By field, in the order of preference: the index of the column, its place in that order, the rule.
    found: Vec<(Target, Vec<Candidate>)>,
    mappings: Vec<ColumnMapping>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) column: usize,
    pub(super) rule: Rule,
    preference: usize,
}

impl ColumnIndex {
    /// The mappings that the client requested; if there are none, they are guessed.
    #[must_use]
    pub fn new(options: &ImportOptions) -> Self {
        Self {
            requested: options.columns.clone(),
            match_by: options.match_by,
            guess_groups: options.guess_groups,
            known: 0,
            found: Vec::new(),
            mappings: Vec::new(),
        }
    }

    /// Whether some of the columns are not known yet.
    #[must_use]
    pub fn is_behind(&self, columns: &[Arc<str>]) -> bool {
        self.known < columns.len()
    }

    /// Takes note of the columns that have become known.
    pub fn extend(&mut self, columns: &[Arc<str>]) {
        for (column, name) in columns.iter().enumerate().skip(self.known) {
            for (preference, to, rule) in self.targets(name) {
                let candidate = Candidate { column, rule, preference };
                match self.found.iter_mut().find(|(target, _)| *target == to) {
                    Some((_, candidates)) => {
                        let at = candidates.partition_point(|other| other.preference <= preference);
                        candidates.insert(at, candidate);
                    }
                    None => self.found.push((to.clone(), vec![candidate])),
                }
                self.mappings.push(ColumnMapping { column: name.as_ref().to_owned(), to, rule });
            }
        }
        self.known = columns.len().max(self.known);
        self.drop_substitutes();
    }

    /// A name of a person is not taken for a handle in a file that has handles.
    fn drop_substitutes(&mut self) {
        let is_guessed = self.requested.is_empty();
        let Some((_, candidates)) = self.found.iter_mut().find(|(target, _)| *target == Target::Handle)
        else {
            return;
        };
        if !is_guessed || candidates.first().is_none_or(|best| best.preference >= OWN_HANDLES) {
            return;
        }
        candidates.retain(|candidate| candidate.preference < OWN_HANDLES);
        self.mappings.retain(|ColumnMapping { column, to, rule: _ }| {
            *to != Target::Handle || HANDLES[..OWN_HANDLES].contains(&simplified(column).as_str())
        });
    }

    /// The fields that a column is for.
    fn targets(&self, column: &str) -> Vec<(usize, Target, Rule)> {
        if self.requested.is_empty() {
            return guess(column, self.match_by)
                .into_iter()
                .filter(|(_, to)| self.guess_groups || *to != Target::Groups)
                .map(|(preference, to)| (preference, to, Rule::Overwrite))
                .collect();
        }
        let requested = self.requested.iter().enumerate();
        requested
            .filter(|(_, mapping)| mapping.column == column)
            .map(|(preference, ColumnMapping { column: _, to, rule })| (preference, to.clone(), *rule))
            .collect()
    }

    /// The requested columns that the file does not have, as far as it is known.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        let is_missing = |mapping: &&ColumnMapping| {
            !self.mappings.iter().any(|found| found.column == mapping.column && found.to == mapping.to)
        };
        self.requested.iter().filter(is_missing).map(|mapping| mapping.column.as_str()).collect()
    }

    /// The mappings of the columns found so far.
    #[must_use]
    pub fn mappings(&self) -> &[ColumnMapping] {
        &self.mappings
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&Target, &[Candidate])> {
        self.found.iter().map(|(target, candidates)| (target, candidates.as_slice()))
    }

    /// The preferred column of a field.
    pub(super) fn column_of(&self, wanted: &Target) -> Option<usize> {
        let (_, candidates) = self.found.iter().find(|(target, _)| target == wanted)?;
        candidates.first().map(|candidate| candidate.column)
    }
}

fn guess(column: &str, match_by: MatchBy) -> Vec<(usize, Target)> {
    if column.starts_with(META_PREFIX) {
        return Target::parse(column).map(|target| vec![(0, target)]).unwrap_or_default();
    }
    let name = simplified(column);
    let lists = [
        (HANDLES, Target::Handle),
        (PHONES, Target::Phone),
        (DISPLAY_NAMES, Target::DisplayName),
        (AVATAR_URLS, Target::AvatarUrl),
        (META_OBJECTS, Target::MetaObject),
        (GROUPS, Target::Groups),
    ];
    let mut targets: Vec<(usize, Target)> = lists
        .into_iter()
        .filter_map(|(names, target)| Some((names.iter().position(|known| *known == name)?, target)))
        .collect();
    if name == "id" && match_by == MatchBy::Id {
        targets.push((0, Target::Id));
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(columns: &[&str], requested: Vec<ColumnMapping>) -> ColumnIndex {
        let columns: Vec<Arc<str>> = columns.iter().map(|name| Arc::from(*name)).collect();
        let mut index = ColumnIndex::new(&ImportOptions { columns: requested, ..ImportOptions::default() });
        index.extend(&columns);
        index
    }

    fn first(index: &ColumnIndex, target: &Target) -> Option<usize> {
        index.fields().find(|(found, _)| *found == target).map(|(_, candidates)| candidates[0].column)
    }

    #[test]
    fn guesses_the_columns_of_common_files() {
        for (columns, handle, phone, display_name) in [
            (&["username", "phone_number", "display_name", "meta.CITY"][..], Some(0), Some(1), Some(2)),
            (&["Alias", "MSISDN"][..], Some(0), Some(1), None),
            (&["First Name", "Name", "Phone 1 - Label", "Phone 1 - Value"][..], Some(1), Some(3), Some(1)),
            (&["E-mail Address", "Mobile Phone", "Nickname"][..], Some(2), Some(1), None),
            (&["FN", "TEL", "NICKNAME"][..], Some(2), Some(1), Some(0)),
            (&["id", "note"][..], None, None, None),
        ] {
            let index = index(columns, Vec::new());
            let found = [Target::Handle, Target::Phone, Target::DisplayName].map(|to| first(&index, &to));
            assert_eq!(found, [handle, phone, display_name], "{columns:?}");
        }
        let with_both = index(&["display_name", "username"], Vec::new());
        let handles = with_both.mappings().iter().filter(|mapping| mapping.to == Target::Handle);
        assert_eq!(handles.map(|mapping| &mapping.column).collect::<Vec<_>>(), ["username"]);
        let index = index(&["meta.CITY", "meta."], Vec::new());
        assert_eq!(first(&index, &Target::Meta("CITY".to_owned())), Some(0));
        assert_eq!(index.mappings().len(), 1);
    }

    #[test]
    fn requested_columns_are_the_only_ones_and_are_named_if_missing() {
        let mapping = |column: &str, to| ColumnMapping { column: column.to_owned(), to, rule: Rule::Fill };
        let requested = vec![mapping("Number", Target::Phone), mapping("Who", Target::Handle)];
        let index = index(&["username", "Number"], requested);
        assert_eq!(first(&index, &Target::Phone), Some(1));
        assert_eq!(first(&index, &Target::Handle), None);
        assert_eq!(index.missing(), ["Who"]);
    }
}
