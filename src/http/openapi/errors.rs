//! The errors of an operation: from its shape, from the table of codes, and through the very function
//! that writes them when they happen.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Header, Ref, RefOr, Schema};

use super::operation_doc::{OperationDoc, put};
use super::parameters::{IDEMPOTENCY_KEY, IF_MATCH};
use crate::domain::{Error, ErrorCode};
use crate::http::auth::access::Access;
use crate::http::error::api_error::{field_errors, message};
use crate::http::middleware::edge::MAX_REQUEST_ID;
use crate::http::{addressbook, v1};

/// The schemas of both envelopes.
pub(super) fn schemas() -> BTreeMap<String, RefOr<Schema>> {
    fn of<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
    let mut schemas = Vec::new();
    of::<v1::envelope::V1Error>(&mut schemas);
    of::<addressbook::envelope::AddressBookError>(&mut schemas);
    schemas.into_iter().collect()
}

/// Documents every error that an operation can answer; `access` is what a protected one needs.
pub(super) fn document(
    operation: &mut Operation,
    access: Option<&Access>,
    spec: &OperationDoc,
    frees_room: bool,
) {
    // What belongs to no dialect answers as the first one.
    let dialect = access.map_or(&v1::DIALECT, |access| access.dialect);
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes(operation, access, spec, frees_room) {
        by_status.entry(code.row().status).or_default().push(code);
    }
    for (status, codes) in by_status {
        let mut content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(dialect.error_schema))).build();
        let mut descriptions: Vec<String> = Vec::new();
        for code in codes {
            let example = example(code, access, spec);
            // What is said of the one example at hand would be too narrow for the others.
            let narrow = matches!(code, ErrorCode::Forbidden);
            let details = field_errors(&example, dialect);
            let message = match code {
                // The name of the member is the dialect's.
                ErrorCode::HandleTaken | ErrorCode::NameTaken => message(&example, &details),
                _ if narrow => code.row().message.to_owned(),
                _ => example.message().to_owned(),
            };
            let mut description = format!("{message}.");
            if let (ErrorCode::Forbidden, Some(access)) = (code, access) {
                description = format!("{description} {}", access.sentences());
            }
            put(&mut content, code.row().v1, &description, (dialect.envelope)(&example));
            descriptions.push(description);
        }
        let mut response = ResponseBuilder::new()
            .description(descriptions.join(" "))
            .content("application/json", content)
            .build();
        if let Some(access) = access.filter(|access| status == 403 && !access.conditions.is_empty()) {
            let conditions = serde_json::json!(access.conditions);
            response.extensions = Some(Extensions::from_iter([(Access::EXTENSION, conditions)]));
        }
        operation.responses.responses.insert(status.to_string(), response.into());
    }
}

/// The codes that an operation can answer, in the order of the table.
fn codes(
    operation: &Operation,
    access: Option<&Access>,
    spec: &OperationDoc,
    frees_room: bool,
) -> Vec<ErrorCode> {
    let Some(access) = access else { return vec![ErrorCode::UriTooLong] };
    let takes_room = !frees_room && access.always.iter().any(|permission| permission.changes_something());
    let has_body = operation.request_body.is_some();
    let parameters: Vec<_> = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| if let RefOr::T(parameter) = parameter { Some(parameter) } else { None })
        .collect();
    let in_path = parameters.iter().any(|parameter| parameter.parameter_in == ParameterIn::Path);
    let has_header = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    let possible = |code: &ErrorCode| match code {
        ErrorCode::Unauthorized
        | ErrorCode::Forbidden
        | ErrorCode::UriTooLong
        | ErrorCode::Internal
        | ErrorCode::Unavailable => true,
        ErrorCode::Invalid => has_body || !parameters.is_empty(),
        ErrorCode::Malformed
        | ErrorCode::RequestTimeout
        | ErrorCode::PayloadTooLarge
        | ErrorCode::UnsupportedMediaType => has_body,
        ErrorCode::NotFound => in_path || spec.errors.contains(code),
        ErrorCode::IdempotencyKeyInUse | ErrorCode::IdempotencyKeyReused | ErrorCode::Gone => {
            has_header(IDEMPOTENCY_KEY)
        }
        ErrorCode::PreconditionFailed => has_header(IF_MATCH),
        ErrorCode::StorageFull => takes_room || spec.errors.contains(code),
        // Not of an operation, but of an address without one, or of a request that reaches none.
        ErrorCode::RouteNotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::MalformedRequest
        | ErrorCode::HeadersTooLarge => false,
        ErrorCode::HandleTaken
        | ErrorCode::NameTaken
        | ErrorCode::PhoneAmbiguous
        | ErrorCode::AudienceTooLarge
        | ErrorCode::AudienceQuota
        | ErrorCode::AudienceInProgress
        | ErrorCode::TemplateTooCostly => spec.errors.contains(code),
    };
    ErrorCode::ALL.iter().copied().filter(possible).collect()
}

fn example(code: ErrorCode, access: Option<&Access>, spec: &OperationDoc) -> Error {
    match (code, access) {
        (ErrorCode::Invalid, _) => Error::invalid(spec.violations.clone()),
        (ErrorCode::Forbidden, Some(access)) => Error::forbidden(access.always),
        (ErrorCode::HandleTaken, _) => Error::handle_taken(),
        (ErrorCode::NameTaken, _) => Error::name_taken(),
        (ErrorCode::NotFound, _) => {
            spec.resource.map_or_else(|| code.into(), |resource| Error::no_such(resource.noun))
        }
        (ErrorCode::Gone, _) => {
            let what = spec.resource.map_or("contact", |resource| resource.argument);
            Error::gone(&what.replace('_', "-"))
        }
        (other, _) => other.into(),
    }
}

/// Documents the headers that responses carry.
pub(super) fn document_headers(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut add = |name: &str, header: Header| {
            response.headers.entry(name.to_owned()).or_insert_with(|| header.into());
        };
        add(
            "X-Request-Id",
            text_header(
                "The id of this request in the log: the client's own, or one assigned by the server.",
                Some(MAX_REQUEST_ID),
            ),
        );
        match status.as_str() {
            "401" | "403" => add(
                "WWW-Authenticate",
                text_header("The challenge, which says what the request lacks (RFC 6750).", None),
            ),
            "503" if operation.security.as_ref().is_some_and(|keys| !keys.is_empty()) => {
                add("Retry-After", text_header("The number of seconds to wait before trying again.", None));
            }
            _ => {}
        }
    }
}

fn text_header(about: &str, max: Option<usize>) -> Header {
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).max_length(max).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
}
