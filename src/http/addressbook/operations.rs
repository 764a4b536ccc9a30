//! What operations of one kind have in common in this dialect: the statuses, headers and descriptions of their responses.

use super::envelope::Deleted;
use super::pagination;
use super::records::{RecordDoc, RecordPage, RecordResponse, RecordUpdated, UpdatableDoc};
use crate::domain::pagination::OffsetPage;
use crate::domain::{FieldViolation, Violation};
use crate::http::headers::IDEMPOTENT_REPLAYED;
use crate::http::openapi::{OperationDoc, ResourceDoc};

pub(super) fn creates<T: RecordDoc>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    let noun = resource.noun;
    let replayed =
        format!("`true` if an earlier request with the same `Idempotency-Key` created the {noun}.");
    OperationDoc::of(resource)
        .responds::<RecordResponse<T>>(
            200,
            format!("The {noun} was created."),
            RecordResponse::<T>::new(example),
        )
        .header(200, IDEMPOTENT_REPLAYED, replayed)
}

pub(super) fn lists<T: RecordDoc>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    let page = RecordPage::<T>::new(OffsetPage { items: vec![example], total: 1 }, 0, 10);
    OperationDoc::of(resource).responds::<RecordPage<T>>(200, format!("A page of {}s.", T::NOUN), page)
}

pub(super) fn gets<T: RecordDoc>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    let about = format!("The {}.", resource.noun);
    OperationDoc::of(resource).responds::<RecordResponse<T>>(200, about, RecordResponse::<T>::new(example))
}

pub(super) fn updates<T: UpdatableDoc>(resource: &'static ResourceDoc, example: T) -> OperationDoc {
    let about = format!("The {} after the change.", resource.noun);
    OperationDoc::of(resource).responds::<RecordUpdated<T>>(200, about, RecordUpdated::new(Some(example)))
}

pub(super) fn deletes(resource: &'static ResourceDoc) -> OperationDoc {
    let about = format!("The {} was deleted.", resource.noun);
    OperationDoc::of(resource).responds::<Deleted>(200, about, Deleted { success: true })
}

/// An example of the 400 response of a sorted list.
pub(super) fn invalid_direction() -> FieldViolation {
    FieldViolation::at("sortDir", Violation::NotOneOf { allowed: pagination::DIRECTIONS })
}
