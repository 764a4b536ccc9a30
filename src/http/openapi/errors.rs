//! The error responses of an operation, derived from its shape and from the error table. Their examples are rendered by
//! the function that renders real errors.

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{Header, Ref, RefOr};

use super::examples::segment;
use super::operation_doc::{OperationDoc, add_example, text_header};
use crate::domain::api_key::KeyKind;
use crate::domain::{Error, ErrorCode};
use crate::http::auth::access::Access;
use crate::http::dialect::Dialect;
use crate::http::error::api_error::{field_errors, message};
use crate::http::error::table::{self, wire_code};
use crate::http::extract::upload;
use crate::http::headers::{IDEMPOTENCY_KEY, IF_MATCH};
use crate::http::media_type::JSON;
use crate::http::rate_limit::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::http::request_id::RequestId;

/// Documents every error that an operation can respond with, in the envelope of a dialect.
pub(super) fn document(
    operation: &mut Operation,
    access: Option<&Access>,
    doc: &OperationDoc,
    takes_storage: bool,
    dialect: &Dialect,
) {
    let takes_file =
        matches!(&operation.request_body, Some(RefOr::T(body)) if !body.content.contains_key(JSON));
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes(operation, access, doc, takes_storage) {
        by_status.entry(wire_code(code).status.as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let mut content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(dialect.error_schema))).build();
        let mut descriptions: Vec<String> = Vec::new();
        for code in codes {
            let example = example(code, access, doc, takes_file);
            let details = field_errors(&example, dialect.names);
            let message = match code {
                // The member has the dialect's name.
                ErrorCode::HandleTaken | ErrorCode::NameTaken | ErrorCode::FieldDeclared => {
                    message(&example, &details)
                }
                // The message of the example names the permissions of this operation only.
                ErrorCode::Forbidden => table::message(&Error::from(code)).into_owned(),
                _ => table::message(&example).into_owned(),
            };
            let mut description = format!("{message}.");
            if let (ErrorCode::Forbidden, Some(access)) = (code, access) {
                description = format!("{description} {}", access.sentences());
            }
            add_example(&mut content, wire_code(code).v1, &description, (dialect.envelope)(&example));
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

/// The codes that an operation can respond with, in the order of the table.
fn codes(
    operation: &Operation,
    access: Option<&Access>,
    doc: &OperationDoc,
    takes_storage: bool,
) -> Vec<ErrorCode> {
    let Some(access) = access else { return vec![ErrorCode::UriTooLong] };
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
        ErrorCode::Forbidden => access.requires_permissions(),
        // Neither apply to operators.
        ErrorCode::AccountSuspended | ErrorCode::RateLimited => access.kind == KeyKind::Account,
        ErrorCode::Unauthorized | ErrorCode::UriTooLong | ErrorCode::Internal | ErrorCode::Unavailable => {
            true
        }
        ErrorCode::Invalid => has_body || !parameters.is_empty(),
        ErrorCode::Malformed
        | ErrorCode::RequestTimeout
        | ErrorCode::PayloadTooLarge
        | ErrorCode::UnsupportedMediaType => has_body,
        ErrorCode::NotFound => in_path || doc.errors.contains(code),
        ErrorCode::IdempotencyKeyInUse | ErrorCode::IdempotencyKeyReused => has_header(IDEMPOTENCY_KEY),
        ErrorCode::Gone => has_header(IDEMPOTENCY_KEY) && !doc.replays_results,
        ErrorCode::PreconditionFailed => has_header(IF_MATCH) || doc.errors.contains(code),
        ErrorCode::StorageFull => takes_storage || doc.errors.contains(code),
        // Errors of requests that reach no operation.
        ErrorCode::RouteNotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::MalformedRequest
        | ErrorCode::HeadersTooLarge => false,
        ErrorCode::HandleTaken
        | ErrorCode::NameTaken
        | ErrorCode::AccountPurging
        | ErrorCode::KeyNotLive
        | ErrorCode::FieldDeclared
        | ErrorCode::FieldInUse
        | ErrorCode::FieldNotDeclared
        | ErrorCode::FieldNotReady
        | ErrorCode::DuplicateItem
        | ErrorCode::PhoneAmbiguous
        | ErrorCode::AudienceTooLarge
        | ErrorCode::ContactQuota
        | ErrorCode::TooManyStreams
        | ErrorCode::TooManyImports
        | ErrorCode::AudienceQuota
        | ErrorCode::AudienceInProgress
        | ErrorCode::ImportState
        | ErrorCode::PlanChanged
        | ErrorCode::PositionExpired
        | ErrorCode::ImportQuota
        | ErrorCode::FieldQuota
        | ErrorCode::TemplateTooCostly => doc.errors.contains(code),
    };
    ErrorCode::ALL.iter().copied().filter(possible).collect()
}

fn example(code: ErrorCode, access: Option<&Access>, doc: &OperationDoc, takes_file: bool) -> Error {
    match (code, access) {
        (ErrorCode::UnsupportedMediaType, _) if takes_file => upload::unsupported_media_type(),
        (ErrorCode::Malformed, _) if takes_file => upload::incomplete(),
        (ErrorCode::Invalid, _) => Error::invalid(doc.violations.clone()),
        (ErrorCode::Forbidden, Some(access)) => Error::forbidden(&access.required()),
        (ErrorCode::HandleTaken, _) => Error::handle_taken(),
        (ErrorCode::NameTaken, _) => Error::name_taken(),
        (ErrorCode::FieldInUse, _) => Error::field_in_use(&[segment::NAME.to_owned()]),
        (ErrorCode::FieldDeclared, _) => Error::field_declared(),
        (other, _) => match (other, doc.resource) {
            (ErrorCode::NotFound, Some(resource)) => Error::no_such(resource.noun),
            (ErrorCode::Gone, Some(resource)) => Error::gone(&resource.argument.replace('_', "-")),
            _ => other.into(),
        },
    }
}

fn challenge() -> Header {
    text_header("The challenge, which says what the request lacks (RFC 6750).", None)
}

/// Documents the headers of the responses.
pub(super) fn document_headers(operation: &mut Operation, access: Option<&Access>) {
    // That an account is suspended is nothing that another key could mend.
    let challenges = access.is_some_and(Access::requires_permissions);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let mut add = |name: &str, header: Header| {
            response.headers.entry(name.to_owned()).or_insert_with(|| header.into());
        };
        add(
            "X-Request-Id",
            text_header(
                "The id of this request in the log: the client's own, or one assigned by the server.",
                Some(RequestId::MAX_CHARS),
            ),
        );
        match status.as_str() {
            "401" => add("WWW-Authenticate", challenge()),
            "403" if challenges => add("WWW-Authenticate", challenge()),
            "429" => {
                add("Retry-After", text_header("The number of seconds to wait before trying again.", None));
                add(
                    RATE_LIMIT_POLICY,
                    text_header(
                        "The quota, and the seconds in which it refills. Other responses have this field and the next \
                        once less than half of a quota is left.",
                        None,
                    ),
                );
                add(
                    RATE_LIMIT,
                    text_header(
                        "What is left of the quota, and the seconds until all of it is there again.",
                        None,
                    ),
                );
            }
            "503" if operation.security.as_ref().is_some_and(|keys| !keys.is_empty()) => {
                add("Retry-After", text_header("The number of seconds to wait before trying again.", None));
            }
            _ => {}
        }
    }
}
