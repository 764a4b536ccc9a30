//! What operations of one kind have in common in this dialect: the statuses, headers and descriptions of their responses,
//! in the document and on the wire.

use std::fmt::Display;

use actix_web::http::header::{ETag, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use super::pagination::{Listed, Page};
use super::updated::Updated;
use crate::domain::{FieldViolation, Violation};
use crate::http::extract::{IfNoneMatch, entity_tag};
use crate::http::forwarded_prefix::Prefix;
use crate::http::headers::IDEMPOTENT_REPLAYED;
use crate::http::openapi::{OperationDoc, ResourceDoc};
use crate::http::response;

pub(super) fn creates<T: Serialize + ToSchema>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    let noun = resource.noun;
    let doc = OperationDoc::of(resource)
        .responds::<T>(201, format!("The {noun} was created."), example)
        .header(201, "Location", format!("The path of the {noun}."))
        .header(
            201,
            IDEMPOTENT_REPLAYED,
            format!("`true` if an earlier request with the same `Idempotency-Key` created the {noun}."),
        );
    with_tag(doc, 201, resource)
}

pub(in crate::http) fn lists<T: Listed>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    OperationDoc::of(resource)
        .responds::<Page<T>>(200, format!("A page of {}.", T::PLURAL), Page::new(false, vec![example]))
        .header(200, "Link", "The links to the next and the previous page, if they exist (RFC 8288).")
}

pub(in crate::http) fn gets<T: Serialize + ToSchema>(
    resource: &'static ResourceDoc,
    example: T,
) -> OperationDoc {
    let noun = resource.noun;
    let doc = OperationDoc::of(resource).responds::<T>(200, format!("The {noun}."), example);
    if !resource.versioned {
        return doc;
    }
    let unchanged = format!("The {noun} has not changed since the version that the client has.");
    with_tag(with_tag(doc, 200, resource).responds_empty(304, unchanged), 304, resource)
}

pub(super) fn updates<T: Serialize + ToSchema>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    let about = format!("The {} after the change.", resource.noun);
    with_tag(OperationDoc::of(resource).responds::<Updated<T>>(200, about, example), 200, resource)
}

pub(super) fn deletes(resource: &'static ResourceDoc) -> OperationDoc {
    OperationDoc::of(resource).responds_empty(204, format!("The {} was deleted.", resource.noun))
}

fn with_tag(doc: OperationDoc, status: u16, resource: &ResourceDoc) -> OperationDoc {
    if !resource.versioned {
        return doc;
    }
    doc.header(status, "ETag", format!("The version of the {}.", resource.noun))
}

/// An example of the 400 response of a list.
pub(super) fn invalid_cursor() -> FieldViolation {
    FieldViolation::at("starting_after", Violation::NotUuid)
}

/// An example of the 400 response of an operation on one resource.
pub(super) fn invalid_id() -> FieldViolation {
    FieldViolation::at("id", Violation::NotUuid)
}

/// The response to a create, without its body. `replayed` means that an earlier request with the same `Idempotency-Key`
/// created the resource.
pub(super) fn created(prefix: &Prefix, path: &str, id: impl Display, replayed: bool) -> HttpResponseBuilder {
    let mut response = response::idempotent(HttpResponse::Created(), replayed);
    response.insert_header((LOCATION, prefix.prepend_to(format_args!("{path}/{id}"))));
    response
}

/// A response with a version of a resource.
pub(super) fn tagged(mut response: HttpResponseBuilder, version: i64, body: impl Serialize) -> HttpResponse {
    response.insert_header(ETag(entity_tag(version))).json(body)
}

/// 304 if the client has cached the version.
pub(super) fn found<T: Serialize>(
    if_none_match: &IfNoneMatch,
    version: i64,
    body: impl FnOnce() -> T,
) -> HttpResponse {
    let tag = entity_tag(version);
    if if_none_match.has(&tag) {
        return HttpResponse::NotModified().insert_header(ETag(tag)).finish();
    }
    tagged(HttpResponse::Ok(), version, body())
}
