//! The bodies and query parameters of `/v1/imports`.

use std::sync::LazyLock;

use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object};

use crate::config::Limits;
use crate::domain::contact::batch::MatchBy;
use crate::domain::file_format::{Delimiter, FileFormat, FormulaGuard};
use crate::domain::group::GroupName;
use crate::domain::import::{
    ClearToken, ColumnMapping, CommitMode, ImportMode, ImportOptions, PlanDigest, Region, RowFilter,
    RowOutcome, RowStatus, Rule, Target, required_permissions,
};
use crate::http::extract::query::{integer, number};
use crate::http::extract::{Items, Object as JsonObject};
use crate::http::openapi::fields;
use crate::http::prelude::*;

/// How a file is imported. All members are optional; null in a member is treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateImport {
    #[schema(schema_with = fields::import::mode, required = false)]
    mode: Option<String>,
    #[schema(schema_with = fields::import::match_by, required = false)]
    match_by: Option<String>,
    #[schema(schema_with = fields::import::format, required = false)]
    format: Option<String>,
    #[schema(schema_with = columns, required = false)]
    columns: Option<Items<JsonObject<ImportColumn>>>,
    #[schema(schema_with = fields::import::default_region, required = false)]
    default_region: Option<String>,
    #[schema(schema_with = fields::import::delimiter, required = false)]
    delimiter: Option<String>,
    #[schema(schema_with = fields::import::clear_token, required = false)]
    clear_token: Option<String>,
    #[schema(schema_with = fields::import::formula_guard, required = false)]
    formula_guard: Option<String>,
    #[schema(schema_with = fields::import::group, required = false)]
    group: Option<String>,
    #[schema(schema_with = fields::import::commit, required = false)]
    commit: Option<String>,
}

/// A column of the file and the member of the contact that its values are for.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportColumn {
    #[schema(schema_with = fields::import::column, required)]
    pub(super) column: Option<String>,
    #[schema(schema_with = fields::import::target, required)]
    pub(super) to: Option<String>,
    #[schema(schema_with = fields::import::rule, required = false)]
    pub(super) rule: Option<String>,
}

fn columns() -> Array {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(ImportColumn::name()))
        .description(Some(
            "The columns to use. Several columns can be for the same member: the first one that has a value \
             counts. Without this list, the columns are recognised by their names, and shown in the plan.",
        ))
        .max_items(Some(ImportOptions::MAX_COLUMNS))
        .build()
}

impl From<&ColumnMapping> for ImportColumn {
    fn from(ColumnMapping { column, to, rule }: &ColumnMapping) -> Self {
        Self { column: Some(column.clone()), to: Some(to.to_string()), rule: Some(rule.as_str().to_owned()) }
    }
}

impl ImportColumn {
    fn into_mapping(self, path: &str, violations: &mut Violations) -> Option<ColumnMapping> {
        let Self { column, to, rule } = self;
        let mut at = |name: &str, violation| violations.add(format!("{path}.{name}"), violation);
        let column = column.filter(|column| !column.is_empty());
        if column.is_none() {
            at("column", Violation::Required);
        }
        let to = match to {
            None => {
                at("to", Violation::Required);
                None
            }
            Some(to) => Target::parse(&to).map_err(|violation| at("to", violation)).ok(),
        };
        let rule = match rule {
            None => Some(Rule::Overwrite),
            Some(rule) => {
                let parsed = Rule::parse(&rule);
                if parsed.is_none() {
                    at("rule", Violation::NotOneOf { allowed: Rule::NAMES });
                }
                parsed
            }
        };
        Some(ColumnMapping { column: column?, to: to?, rule: rule? })
    }
}

/// The permissions that the commit takes, which an import that commits itself needs at once.
macro_rules! automatic {
    ($permission:ident, $when:literal) => {
        ConditionalPermission {
            permission: Permission::$permission,
            when: $when,
            applies: |options: &ImportOptions| {
                options.commit == CommitMode::Automatic
                    && required_permissions(options, &options.columns).contains(&Permission::$permission)
            },
        }
    };
}

impl Payload for CreateImport {
    type Command = ImportOptions;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<ImportOptions>] = &[
        automatic!(CreateContacts, "`commit` is `automatic` and contacts may be created"),
        automatic!(UpdateContacts, "`commit` is `automatic` and contacts may be updated"),
        automatic!(CreateGroups, "`commit` is `automatic` and there is a group or a column of groups"),
        automatic!(UpdateGroups, "`commit` is `automatic` and there is a group or a column of groups"),
    ];

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<ImportOptions> {
        let Self {
            mode,
            match_by,
            format,
            columns,
            default_region,
            delimiter,
            clear_token,
            formula_guard,
            group,
            commit,
        } = self;
        let default = ImportOptions::default();
        let mut mappings = Vec::new();
        if let Some(Items(columns)) = columns {
            if columns.len() > ImportOptions::MAX_COLUMNS {
                violations.add("columns", Violation::TooManyItems { max: ImportOptions::MAX_COLUMNS });
            } else {
                for (index, JsonObject(column)) in columns.into_iter().enumerate() {
                    mappings.extend(column.into_mapping(&format!("columns.{index}"), violations));
                }
            }
        }
        Some(ImportOptions {
            mode: violations.parse("mode", mode, ImportMode::parse_input).unwrap_or(default.mode),
            match_by: violations
                .parse("match_by", match_by, MatchBy::parse_input)
                .unwrap_or(default.match_by),
            format: violations.parse("format", format, FileFormat::parse_input),
            columns: mappings,
            default_region: violations.parse("default_region", default_region, Region::parse),
            delimiter: violations.parse("delimiter", delimiter, Delimiter::parse_input),
            clear_token: violations.parse("clear_token", clear_token, ClearToken::parse),
            formula_guard: violations
                .parse("formula_guard", formula_guard, FormulaGuard::parse_input)
                .unwrap_or(default.formula_guard),
            group: violations.parse("group", group, GroupName::parse),
            guess_groups: true,
            commit: violations.parse("commit", commit, CommitMode::parse_input).unwrap_or(default.commit),
        })
    }
}

/// The plan to commit.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitImport {
    #[validate(required)]
    #[schema(schema_with = fields::import::digest, required)]
    digest: Option<String>,
}

impl Payload for CommitImport {
    type Command = PlanDigest;

    fn into_command(self, violations: &mut Violations) -> Option<PlanDigest> {
        violations.parse("digest", self.digest, PlanDigest::parse)
    }
}

/// Which rows of a plan.
pub struct ListRows {
    pub(super) filter: RowFilter,
    pub(super) after: Option<u64>,
    pub(super) limit: u64,
}

static OUTCOMES: LazyLock<String> = LazyLock::new(|| [RowOutcome::NAMES, RowStatus::NAMES].join(", "));

fn parse_filter(text: &str) -> Result<RowFilter, Violation> {
    let outcome = RowOutcome::parse(text).map(RowFilter::Outcome);
    let filter = outcome.or_else(|| RowStatus::parse(text).map(RowFilter::Status));
    filter.ok_or(Violation::NotOneOf { allowed: &OUTCOMES })
}

fn filter_name(filter: RowFilter) -> String {
    match filter {
        RowFilter::All => String::new(),
        RowFilter::Outcome(outcome) => outcome.as_str().to_owned(),
        RowFilter::Status(status) => status.as_str().to_owned(),
    }
}

/// Has the same limits as `starting_after`, which takes its value.
pub(super) fn position() -> Object {
    position_schema("The position of the row in the plan, for use as `starting_after`.")
}

const MAX_POSITION: u64 = i32::MAX as u64;

fn position_schema(about: &str) -> Object {
    integer(about).minimum(Some(0)).maximum(Some(MAX_POSITION as usize)).build()
}

impl Parameters for ListRows {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let limit = query.limit();
        let after = query.optional(
            "starting_after",
            || position_schema("The `position` of the row after which the page starts."),
            |text| number(text, 0, MAX_POSITION),
        );
        let filter =
            query.filter("outcome", fields::import::row_filter, parse_filter, |filter| filter_name(*filter));
        Some(Self { filter: filter.unwrap_or(RowFilter::All), after, limit: limit? })
    }
}

const NOT_UPDATE: &str = "the mode of the import is not `update`";
const NOT_CREATE: &str = "the mode of the import is not `create`";
const GROUPS: &str = "the import changes groups";

/// What a commit requires in addition: [`Import::required_permissions`](crate::domain::import::Import::required_permissions).
pub struct CommitPermissions;

impl Parameters for CommitPermissions {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[
        ConditionalPermission::of_stored(Permission::CreateContacts, NOT_UPDATE),
        ConditionalPermission::of_stored(Permission::UpdateContacts, NOT_CREATE),
        ConditionalPermission::of_stored(Permission::CreateGroups, GROUPS),
        ConditionalPermission::of_stored(Permission::UpdateGroups, GROUPS),
    ];

    fn read(_: &mut QueryReader<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// What taking it back requires: [`Import::undo_permissions`](crate::domain::import::Import::undo_permissions).
pub struct UndoPermissions;

impl Parameters for UndoPermissions {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[
        ConditionalPermission::of_stored(Permission::DeleteContacts, NOT_UPDATE),
        ConditionalPermission::of_stored(Permission::UpdateContacts, NOT_CREATE),
        ConditionalPermission::of_stored(Permission::UpdateGroups, GROUPS),
    ];

    fn read(_: &mut QueryReader<'_>) -> Option<Self> {
        Some(Self)
    }
}
