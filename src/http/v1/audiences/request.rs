//! The body of `POST /v1/audiences`.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::Array;
use validator::Validate;

use crate::config::Limits;
use crate::domain::audience::{
    MAX_FILTERED_ITEMS, Options, RecipientSpec, ResolveCommand, Selector, TemplateChoice,
};
use crate::domain::contact::fields::{Handle, Meta, Phone};
use crate::domain::filter::Filter;
use crate::domain::group::GroupKey;
use crate::domain::segment::SegmentKey;
use crate::domain::{ContactId, Violation};
use crate::http::audience::{
    CREATE_AUDIENCES, READ_GROUPS, READ_OPT_OUTS_OR_FILTER, READ_SEGMENTS, READ_TEMPLATES, schema,
};
use crate::http::extract::meta::MetaObject;
use crate::http::extract::{ConditionalPermission, Items, Object, Payload, Violations};
use crate::http::openapi::examples::{self, audience, segment};
use crate::http::openapi::fields;
use crate::http::v1::names::PROPERTIES;

/// The recipients and the template of an audience. `recipients` is required. Null in an optional member is
/// treated as absent.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAudience {
    #[validate(required)]
    #[schema(schema_with = recipients, required)]
    recipients: Option<Items<Object<AudienceItem>>>,
    /// The template for the texts. Without one, the response shows who would get a message, but no texts.
    // (utoipa takes a type named `Object` for a free-form object.)
    #[schema(value_type = AudienceTemplate, required = false, nullable = false)]
    template: Option<Object<AudienceTemplate>>,
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
    /// Whether the audience is stored as it was resolved, to be read page by page. The response is then 201.
    #[schema(required = false, nullable = false, default = false)]
    keep: Option<bool>,
}

/// One or more recipients: exactly one of `username`, `id`, `phone_number`, `group`, `all`, `segment` and `filter`.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudienceItem {
    #[schema(schema_with = fields::handle, required = false)]
    username: Option<String>,
    #[schema(schema_with = fields::id, required = false)]
    id: Option<String>,
    #[schema(schema_with = fields::phone, required = false)]
    phone_number: Option<String>,
    #[schema(schema_with = schema::group, required = false)]
    group: Option<String>,
    #[schema(schema_with = schema::all, required = false)]
    all: Option<bool>,
    #[schema(schema_with = own_fields, required = false)]
    fields: Option<MetaObject>,
    #[schema(schema_with = schema::segment, required = false)]
    segment: Option<String>,
    #[schema(schema_with = filter, required = false)]
    filter: Option<String>,
}

/// A template: exactly one of `text`, `id` and `name`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudienceTemplate {
    #[schema(schema_with = schema::template_text, required = false)]
    text: Option<String>,
    #[schema(schema_with = schema::template_id, required = false)]
    id: Option<String>,
    #[schema(schema_with = schema::template_name, required = false)]
    name: Option<String>,
}

fn own_fields() -> Ref {
    let mut schema = fields::meta();
    schema.description =
        "The data for this recipient only, or for each one that a group, a segment or a filter selects. It overrides the \
         recipient's own values."
            .to_owned();
    schema
}

fn filter() -> utoipa::openapi::Object {
    fields::filter::schema(&PROPERTIES, "Selects all contacts that match at this moment.")
}

fn recipients() -> Array {
    let item = Ref::from_schema_name(AudienceItem::name());
    schema::list_of(item, "The recipients, in the order of the response.")
}

impl CreateAudience {
    pub(super) fn example() -> Value {
        json!({
            "recipients": [
                {"username": examples::HANDLE},
                {"phone_number": audience::OTHER_PHONE, "fields": audience::other_fields()},
            ],
            "template": {"text": audience::TEMPLATE},
        })
    }

    pub(super) fn dry_run_example() -> Value {
        json!({"recipients": [{"all": true}], "template": {"text": audience::TEMPLATE}, "dry_run": true})
    }

    pub(super) fn chosen_example() -> Value {
        json!({
            "recipients": [{"segment": segment::NAME}, {"filter": "username = \"j*\""}],
            "template": {"text": audience::TEMPLATE},
        })
    }

    pub(super) fn kept_example() -> Value {
        json!({"recipients": [{"all": true}], "keep": true})
    }
}

impl Payload for CreateAudience {
    type Command = ResolveCommand;

    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<ResolveCommand>] =
        &[READ_GROUPS, READ_TEMPLATES, READ_OPT_OUTS_OR_FILTER, CREATE_AUDIENCES, READ_SEGMENTS];

    const ITEMS: Option<fn(&ResolveCommand) -> usize> = Some(|command| command.recipients.len());

    fn body_limit(limits: &Limits) -> usize {
        limits.batch_body_limit
    }

    fn into_command(self, violations: &mut Violations) -> Option<ResolveCommand> {
        let Self {
            recipients,
            template,
            include_opted_out,
            repeat_numbers,
            missing_variables,
            dry_run,
            keep,
        } = self;
        let Items(recipients) = recipients?;
        let is_filtered =
            |Object(item): &&Object<AudienceItem>| item.segment.is_some() || item.filter.is_some();
        if recipients.iter().filter(is_filtered).count() > MAX_FILTERED_ITEMS {
            let (max, members) = (MAX_FILTERED_ITEMS, "segment or filter");
            violations.add("recipients", Violation::TooManyItemsWith { max, members });
            return None;
        }
        let mut specs = Vec::with_capacity(recipients.len());
        for (index, Object(item)) in recipients.into_iter().enumerate() {
            specs.extend(item.into_spec(&format!("recipients.{index}"), violations));
            if violations.has_more() {
                return None;
            }
        }
        if violations.is_empty() {
            reject_repeated(&specs, violations);
        }
        let missing_variables = schema::parse_missing_variables(missing_variables, violations);
        Some(ResolveCommand {
            recipients: specs,
            template: template.and_then(|Object(template)| template.into_choice(violations)),
            options: Options {
                opted_out: include_opted_out.unwrap_or_default(),
                repeated_numbers: repeat_numbers.unwrap_or_default(),
                missing_variables: missing_variables?,
            },
            dry_run: dry_run.unwrap_or_default(),
            keep: keep.unwrap_or_default(),
        })
    }
}

/// A group, a segment, a filter, or all contacts, may occur once: each occurrence is read from the database.
fn reject_repeated(specs: &[RecipientSpec], violations: &mut Violations) {
    let (mut groups, mut segments, mut filters) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut all = false;
    for (index, spec) in specs.iter().enumerate() {
        let (member, repeated) = match &spec.selector {
            Selector::Group(key) => ("group", !groups.insert(key)),
            Selector::All => ("all", std::mem::replace(&mut all, true)),
            Selector::Segment(key) => ("segment", !segments.insert(key)),
            Selector::Filter(filter) => ("filter", !filters.insert(filter)),
            Selector::Handle(_) | Selector::Id(_) | Selector::Phone(_) => continue,
        };
        if repeated {
            violations.add(format!("recipients.{index}.{member}"), Violation::Duplicate);
        }
    }
}

impl AudienceItem {
    fn into_spec(self, path: &str, violations: &mut Violations) -> Option<RecipientSpec> {
        let Self { username, id, phone_number, group, all, fields, segment, filter } = self;
        let mut selectors = Vec::new();
        let mut add = |name: &str, selector: Result<Selector, Violation>| match selector {
            Ok(selector) => selectors.push(Some(selector)),
            Err(violation) => {
                violations.add(format!("{path}.{name}"), violation);
                selectors.push(None);
            }
        };
        if let Some(text) = username {
            add("username", Handle::parse(&text).map(Selector::Handle));
        }
        if let Some(text) = id {
            add("id", ContactId::parse(&text).map(Selector::Id).ok_or(Violation::NotUuid));
        }
        if let Some(text) = phone_number {
            add("phone_number", Phone::parse(&text).map(Selector::Phone));
        }
        if let Some(text) = group {
            add("group", GroupKey::parse(&text).map(Selector::Group));
        }
        if let Some(all) = all {
            add("all", if all { Ok(Selector::All) } else { Err(Violation::NotOneOf { allowed: "true" }) });
        }
        if let Some(text) = segment {
            add("segment", SegmentKey::parse(&text).map(Selector::Segment));
        }
        if let Some(text) = filter {
            add("filter", Filter::parse(&text, &PROPERTIES).map(Selector::Filter));
        }
        let fields = match fields.map(|MetaObject(map)| Meta::parse(&map).map(|_| map)).transpose() {
            Ok(fields) => fields,
            Err(violation) => {
                violations.add(format!("{path}.fields"), violation);
                None
            }
        };
        match <[Option<Selector>; 1]>::try_from(selectors) {
            Ok([selector]) => selector.map(|selector| RecipientSpec { selector, fields }),
            Err(_) => {
                let of = "username, id, phone_number, group, all, segment and filter";
                violations.add(path.to_owned(), Violation::NotExactlyOne { of });
                None
            }
        }
    }
}

impl AudienceTemplate {
    fn into_choice(self, violations: &mut Violations) -> Option<TemplateChoice> {
        let Self { text, id, name } = self;
        match (text, id, name) {
            (Some(text), None, None) => schema::parse_template_text("template.text", &text, violations),
            (None, Some(id), None) => schema::parse_template_id("template.id", &id, violations),
            (None, None, Some(name)) => schema::parse_template_name("template.name", &name, violations),
            _ => {
                violations.add("template", Violation::NotExactlyOne { of: "text, id and name" });
                None
            }
        }
    }
}
