//! `/v1/fields`

use super::dialect::DIALECT;
use super::operations::{self, created, invalid_cursor, invalid_id};
use super::pagination::{Listed, cursor_params, respond};
use super::tags;
use crate::domain::field::{self, FieldId, FieldKey, FieldQuery, FieldType, NewField};
use crate::domain::idempotency::Created;
use crate::domain::permission::granted::{CreateFields, DeleteFields, ReadFields};
use crate::http::headers::IDEMPOTENT_REPLAYED;
use crate::http::openapi::examples::field as example;
use crate::http::openapi::fields;
use crate::http::prelude::*;

const PATH: &str = "/v1/fields";
const DECLARE: &str = "declareField";

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(tags::FIELDS), noun: "field", argument: "field", versioned: false };

/// A key of `meta` to choose and sort contacts by. Both members are required.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclareField {
    #[validate(required)]
    key: Required<FieldKey>,
    #[validate(required)]
    #[schema(schema_with = fields::field::field_type, required)]
    r#type: Option<String>,
}

impl Payload for DeclareField {
    type Command = NewField;

    fn into_command(self, violations: &mut Violations) -> Option<NewField> {
        let key = violations.read("key", self.key);
        let field_type = violations.parse("type", self.r#type, FieldType::parse_input);
        Some(NewField { key: key?, field_type: field_type? })
    }
}

/// A key of `meta` that contacts can be chosen and sorted by.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeclaredField {
    id: FieldId,
    key: FieldKey,
    #[schema(schema_with = fields::field::field_type)]
    r#type: &'static str,
    #[schema(schema_with = fields::field::state)]
    state: &'static str,
    /// How many contacts are in the index: those that have a value of the type. While the field is built, of those that
    /// have been read so far.
    #[schema(format = Int64, minimum = 0, example = 1)]
    indexed: u64,
    /// How many contacts have a value that does not fit the type, which no condition matches. While the field is built, of
    /// those that have been read so far.
    #[schema(format = Int64, minimum = 0, example = 0)]
    mismatched: u64,
    /// The time at which the field was declared, in UTC with millisecond precision.
    created_at: Timestamp,
}

impl From<field::Field> for DeclaredField {
    fn from(field: field::Field) -> Self {
        let field::Field { id, number: _, key, field_type, state, indexed, mismatched, created_at } = field;
        let (r#type, state) = (field_type.as_str(), state.as_str());
        Self { id, key, r#type, state, indexed, mismatched, created_at }
    }
}

impl Listed for DeclaredField {
    const PAGE: &'static str = "DeclaredFieldList";
    const PLURAL: &'static str = "fields";
}

impl Parameters for FieldQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params(query);
        let key = query.text_filter("key", "Only the field with this key.");
        Some(Self { page: page?, key })
    }
}

/// Declare a field
///
/// Declares a key of `meta`, at most 20 in an account, so that filters can name it and lists can be sorted by it. The
/// contacts that exist are indexed in the background: the field is ready when its `state` is `ready`. Every later write
/// maintains the index.
#[utoipa::path(post, path = PATH, operation_id = DECLARE)]
async fn declare_field(
    authorized: Authorized<CreateFields>,
    prefix: Prefix,
    body: IdempotentBody<DeclareField>,
) -> HandlerResult {
    let (new, idempotent) = body.into_parts(DECLARE);
    let may_read = authorized.may(Permission::ReadFields);
    let Created { resource: field, replayed } =
        authorized.fields().declare(new, idempotent, may_read).await?;
    Ok(created(&prefix, PATH, field.id, replayed).json(DeclaredField::from(field)))
}

/// List fields
///
/// Returns a page of the declared fields, newest first. `has_more` indicates whether there are more; the `Link`
/// header contains the URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listFields")]
async fn list_fields(
    authorized: Authorized<ReadFields>,
    prefix: Prefix,
    Query { command: query, filters }: Query<FieldQuery>,
) -> HandlerResult {
    let params = query.page;
    let page = authorized.fields().cursor_page(query).await?;
    Ok(respond::<DeclaredField, _, _>(&prefix.prepend_to(PATH), &params, &filters, page, |field| field.id))
}

/// Get a field
///
/// Returns the field with this id: whether it is ready, and how many contacts have a value of its type.
#[utoipa::path(get, path = "/v1/fields/{id}", operation_id = "getField")]
async fn get_field(authorized: Authorized<ReadFields>, PathParam(id): PathParam<FieldId>) -> HandlerResult {
    let field = authorized.fields().get(id).await?;
    Ok(HttpResponse::Ok().json(DeclaredField::from(field)))
}

/// Delete a field
///
/// Deletes the declaration and, in the background, its index; the contacts keep their values. The key can be declared
/// again, with another type if need be. A field that the filter of a segment names is not deleted.
#[utoipa::path(delete, path = "/v1/fields/{id}", operation_id = "deleteField")]
async fn delete_field(
    authorized: Authorized<DeleteFields>,
    PathParam(id): PathParam<FieldId>,
) -> HandlerResult {
    authorized.fields().delete(id).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let field = || DeclaredField::from(example::field());
    let text = json!({"key": example::KEY, "type": FieldType::Text});
    let number = json!({"key": example::OTHER_KEY, "type": FieldType::Number});
    let not_a_type = FieldViolation::at("type", Violation::NotOneOf { allowed: FieldType::NAMES });
    let declare = operations::creates(&RESOURCE, field())
        .describe(201, "The field was declared.")
        .header(
            201,
            IDEMPOTENT_REPLAYED,
            "`true` if an earlier request with the same `Idempotency-Key` declared the field.",
        )
        .request_example("text", "A text", text)
        .request_example("number", "A number", number)
        .errors(&[ErrorCode::FieldDeclared, ErrorCode::FieldQuota])
        .example_violation(not_a_type);
    let list = operations::lists(&RESOURCE, field()).example_violation(invalid_cursor());
    let get = operations::gets(&RESOURCE, field()).example_violation(invalid_id());
    let delete =
        operations::deletes(&RESOURCE).errors(&[ErrorCode::FieldInUse]).example_violation(invalid_id());
    table
        .protected(&DIALECT, __path_declare_field, declare_field, declare)
        .protected(&DIALECT, __path_list_fields, list_fields, list)
        .protected(&DIALECT, __path_get_field, get_field, get)
        .protected(&DIALECT, __path_delete_field, delete_field, delete)
}
