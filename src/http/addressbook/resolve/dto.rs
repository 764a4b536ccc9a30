//! Bodies of `/addressbook/resolve`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, Array, Object, ObjectBuilder, SchemaType, Type};
use validator::Validate;

use crate::config::Limits;
use crate::domain::audience::{
    Counts, Exclusion, Included, Options, Problem, RecipientSpec, Report, ResolveCommand, ResolvedAudience,
    Selector,
};
use crate::domain::contact::fields::{Handle, Meta};
use crate::domain::{ContactId, Violation};
use crate::http::audience::{READ_OPT_OUTS, READ_TEMPLATES, contact_fields, render, schema};
use crate::http::extract::meta::MetaObject;
use crate::http::extract::violations::truncated;
use crate::http::extract::{ConditionalPermission, Entries, Items, Payload, Violations};
use crate::http::openapi::examples::{self, audience};
use crate::http::openapi::fields;

/// The aliases to resolve, and the template. `aliases` is required. Null in an optional member is treated as
/// absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResolveAddressBookAliases)]
pub struct ResolveRequest {
    #[validate(required)]
    #[schema(schema_with = aliases, required)]
    aliases: Option<Items<String>>,
    #[schema(schema_with = per_alias, required = false)]
    fields: Option<Entries<MetaObject>>,
    #[schema(schema_with = schema::template_text, required = false)]
    template: Option<String>,
    #[schema(schema_with = schema::template_name, required = false)]
    template_name: Option<String>,
    /// Whether numbers that have opted out still get a message.
    #[schema(required = false, nullable = false, default = false)]
    include_opted_out: Option<bool>,
    /// Whether a number can get more than one message.
    #[schema(required = false, nullable = false, default = false)]
    repeat_numbers: Option<bool>,
    #[schema(schema_with = schema::missing_variables, required = false)]
    missing_variables: Option<String>,
    /// Whether the response contains only counts and problems.
    #[schema(required = false, nullable = false, default = false)]
    dry_run: Option<bool>,
}

fn aliases() -> Array {
    schema::list_of(fields::handle(), "The recipients, in the order of the response.")
}

fn per_alias() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Object))
        .description(Some(
            "The data for individual recipients, by alias. It overrides the contact's own values.",
        ))
        .additional_properties(Some(AdditionalProperties::RefOr(fields::meta().into())))
        .build()
}

impl ResolveRequest {
    pub(super) fn example() -> Value {
        json!({
            "aliases": [examples::HANDLE, "mary"],
            "fields": {"mary": audience::other_fields()},
            "template": audience::TEMPLATE,
        })
    }

    pub(super) fn dry_run_example() -> Value {
        json!({"aliases": [examples::HANDLE], "template": audience::TEMPLATE, "dry_run": true})
    }
}

impl Payload for ResolveRequest {
    type Command = ResolveCommand;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<ResolveCommand>] =
        &[READ_TEMPLATES, READ_OPT_OUTS];

    const ITEMS: Option<fn(&ResolveCommand) -> usize> = Some(|command| command.recipients.len());

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<ResolveCommand> {
        let Self {
            aliases,
            fields,
            template,
            template_name,
            include_opted_out,
            repeat_numbers,
            missing_variables,
            dry_run,
        } = self;
        let Items(aliases) = aliases?;
        let mut per_alias: HashMap<String, Map<String, Value>> = HashMap::new();
        for (alias, MetaObject(map)) in fields.into_iter().flat_map(|Entries(fields)| fields) {
            if violations.has_more() {
                return None;
            }
            if let Err(violation) = Meta::parse(&map) {
                violations.add(format!("fields.{}", truncated(&alias)), violation);
            }
            per_alias.insert(alias, map);
        }
        let mut recipients = Vec::with_capacity(aliases.len());
        for (index, alias) in aliases.iter().enumerate() {
            match Handle::parse(alias) {
                Ok(handle) => {
                    recipients.push(RecipientSpec {
                        selector: Selector::Handle(handle),
                        fields: per_alias.get(alias).cloned(),
                    });
                }
                Err(_) if violations.has_more() => return None,
                Err(violation) => violations.add(format!("aliases.{index}"), violation),
            }
        }
        let template = match (template, template_name) {
            (Some(_), Some(_)) => {
                violations.add("template_name", Violation::NotTogether { with: "template" });
                None
            }
            (Some(text), None) => schema::parse_template_text("template", &text, violations),
            (None, Some(name)) => schema::parse_template_name("template_name", &name, violations),
            (None, None) => None,
        };
        let missing_variables = schema::parse_missing_variables(missing_variables, violations);
        Some(ResolveCommand {
            recipients,
            template,
            options: Options {
                opted_out: include_opted_out.unwrap_or_default(),
                repeated_numbers: repeat_numbers.unwrap_or_default(),
                missing_variables: missing_variables?,
            },
            dry_run: dry_run.unwrap_or_default(),
            keep: false,
        })
    }
}

/// A recipient that gets a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResolvedAddressBookRecord)]
pub struct ResolvedRecord {
    #[schema(schema_with = fields::id)]
    id: Option<ContactId>,
    #[schema(schema_with = fields::stored_handle)]
    alias: Option<String>,
    #[schema(schema_with = fields::stored_msisdn)]
    msisdn: String,
    /// The text; absent if the request has no template.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "Hi John, greetings from London!")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::encoding, required = false)]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::parts, required = false)]
    parts: Option<usize>,
}

/// A recipient that gets no message, and the reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExcludedAddressBookAlias)]
pub struct ExcludedAlias {
    /// The index of the alias in the request's `aliases`, starting at 0.
    #[schema(format = Int32)]
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_handle, required = false)]
    alias: Option<String>,
    #[schema(schema_with = schema::reason)]
    reason: &'static str,
    /// The reason, for people.
    #[schema(example = "the number has opted out")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::stored_msisdn, required = false)]
    msisdn: Option<String>,
    /// The variable that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "CITY")]
    variable: Option<String>,
    /// The variable that exists instead, if it differs only in case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "City")]
    similar: Option<String>,
}

/// The counts: `asked` is the sum of `recipients` and `excluded`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookResolveCounts)]
pub struct ResolveCounts {
    /// The number of requested recipients.
    #[schema(example = 2)]
    asked: u64,
    /// The number of recipients that get a message.
    #[schema(example = 1)]
    recipients: u64,
    /// The number of recipients that get no message.
    #[schema(example = 1)]
    excluded: u64,
    /// The total number of SMS parts.
    #[schema(example = 1)]
    parts: u64,
}

/// A reason why some recipients get no message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookResolveProblem)]
pub struct ResolveProblem {
    #[schema(schema_with = schema::reason)]
    reason: &'static str,
    /// The number of excluded recipients with this reason.
    #[schema(example = 92)]
    count: u64,
    /// The reason and the count, for people.
    #[schema(example = "92 of 10000 lack CITY")]
    message: String,
    /// The first exclusions with this reason.
    examples: Vec<ExcludedAlias>,
}

/// The messages, the exclusions, and the reasons.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookResolveAnswer)]
pub struct ResolveResponse {
    /// Always true.
    #[schema(example = true)]
    success: bool,
    /// The counts.
    counts: ResolveCounts,
    /// The reasons why some recipients get no message, in the order in which they came up.
    problems: Vec<ResolveProblem>,
    /// The recipients that get a message, in the order of the request. Empty in a dry run.
    records: Vec<ResolvedRecord>,
    /// The recipients that get no message, in the same order. Empty in a dry run.
    excluded: Vec<ExcludedAlias>,
}

impl From<Included> for ResolvedRecord {
    fn from(Included { index: _, contact, phone, message }: Included) -> Self {
        let (id, alias) = contact_fields(contact);
        let (text, encoding, parts) = render(message);
        Self { id, alias, msisdn: phone.msisdn().to_owned(), text, encoding, parts }
    }
}

impl From<Exclusion> for ExcludedAlias {
    fn from(Exclusion { index, contact, phone, named, reason }: Exclusion) -> Self {
        let (_, alias) = contact_fields(contact);
        let (variable, similar) = reason.variable();
        Self {
            index,
            alias: alias.or(named),
            reason: reason.code(),
            message: reason.sentence(),
            msisdn: phone.map(|phone| phone.msisdn().to_owned()),
            variable: variable.map(str::to_owned),
            similar: similar.map(str::to_owned),
        }
    }
}

impl From<ResolvedAudience> for ResolveResponse {
    fn from(ResolvedAudience { report, recipients, exclusions }: ResolvedAudience) -> Self {
        let Report { counts: Counts { asked, recipients: included, excluded, parts }, problems } = report;
        let problem = |problem: Problem| {
            let message = problem.sentence(asked);
            let Problem { count, examples } = problem;
            ResolveProblem {
                reason: examples.first().map_or("", |first| first.reason.code()),
                count,
                message,
                examples: examples.into_iter().map(ExcludedAlias::from).collect(),
            }
        };
        Self {
            success: true,
            counts: ResolveCounts { asked, recipients: included, excluded, parts },
            problems: problems.into_iter().map(problem).collect(),
            records: recipients.into_iter().map(ResolvedRecord::from).collect(),
            excluded: exclusions.into_iter().map(ExcludedAlias::from).collect(),
        }
    }
}
