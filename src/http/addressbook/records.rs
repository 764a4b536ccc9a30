//! Responses with one record and with a page of records.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, RefBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::domain::pagination::OffsetPage;
use crate::http::dialect::{NamedSchema, schemas_of};

/// A resource as this dialect shows it, and the descriptions of the responses that contain it.
pub trait RecordDoc: Serialize + ToSchema {
    /// In a sentence: `contact`.
    const NOUN: &'static str;
    /// The names of the schemas of [`RecordResponse`] and [`RecordPage`].
    const RESPONSE: &'static str;
    const PAGE: &'static str;
    /// The order of a page: `in the requested order`.
    const ORDER: &'static str = "in the requested order";
    /// What the total counts, after the plural of the noun.
    const TOTAL: &'static str = " in the account";
}

#[derive(Debug, Serialize)]
pub struct RecordResponse<T> {
    success: bool,
    record: T,
}

impl<T> RecordResponse<T> {
    pub fn new(record: impl Into<T>) -> Self {
        Self { success: true, record: record.into() }
    }
}

impl<T: RecordDoc> ComposeSchema for RecordResponse<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let noun = T::NOUN;
        let record = RefBuilder::new()
            .ref_location_from_schema_name(T::name())
            .description(Some(format!("The {noun}.")));
        ObjectBuilder::new()
            .description(Some(format!("A response with one {noun}.")))
            .property("success", success())
            .required("success")
            .property("record", record)
            .required("record")
            .into()
    }
}

impl<T: RecordDoc> ToSchema for RecordResponse<T> {
    fn name() -> Cow<'static, str> {
        T::RESPONSE.into()
    }

    fn schemas(schemas: &mut Vec<NamedSchema>) {
        schemas.extend(schemas_of::<T>());
    }
}

/// A record that can be updated.
pub trait UpdatableDoc: RecordDoc {
    /// The name of the schema of [`RecordUpdated`].
    const UPDATED: &'static str;
}

/// `record` is absent if the key may not read the resource.
#[derive(Debug, Serialize)]
pub struct RecordUpdated<T> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<T>,
}

impl<T> RecordUpdated<T> {
    pub fn new(record: Option<T>) -> Self {
        Self { success: true, record }
    }
}

impl<T: UpdatableDoc> ComposeSchema for RecordUpdated<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let noun = T::NOUN;
        let record = RefBuilder::new()
            .ref_location_from_schema_name(T::name())
            .description(Some(format!("The {noun}; absent if the key may not read it.")));
        ObjectBuilder::new()
            .description(Some(format!("A response with the updated {noun}.")))
            .property("success", success())
            .required("success")
            .property("record", record)
            .into()
    }
}

impl<T: UpdatableDoc> ToSchema for RecordUpdated<T> {
    fn name() -> Cow<'static, str> {
        T::UPDATED.into()
    }

    fn schemas(schemas: &mut Vec<NamedSchema>) {
        schemas.extend(schemas_of::<T>());
    }
}

#[derive(Debug, Serialize)]
pub struct RecordPage<T> {
    success: bool,
    records: Vec<T>,
    offset: u64,
    limit: u64,
    total: u64,
}

impl<T> RecordPage<T> {
    pub(super) fn new<R: Into<T>>(page: OffsetPage<R>, offset: u64, limit: u64) -> Self {
        let records = page.items.into_iter().map(R::into).collect();
        Self { success: true, records, offset, limit, total: page.total }
    }
}

impl<T: RecordDoc> ComposeSchema for RecordPage<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let (noun, order, total) = (T::NOUN, T::ORDER, T::TOTAL);
        let records = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some(format!("The {noun}s, {order}.")));
        let offset = format!("The number of {noun}s that were skipped at the start.");
        let limit = format!("The maximum number of {noun}s on the page.");
        let total = format!("The total number of {noun}s{total}.");
        ObjectBuilder::new()
            .description(Some(format!("A page of {noun}s.")))
            .property("success", success())
            .required("success")
            .property("records", records)
            .required("records")
            .property("offset", count(offset, KnownFormat::Int32))
            .required("offset")
            .property("limit", count(limit, KnownFormat::Int32))
            .required("limit")
            .property("total", count(total, KnownFormat::Int64))
            .required("total")
            .into()
    }
}

impl<T: RecordDoc> ToSchema for RecordPage<T> {
    fn name() -> Cow<'static, str> {
        T::PAGE.into()
    }

    fn schemas(schemas: &mut Vec<NamedSchema>) {
        schemas.extend(schemas_of::<T>());
    }
}

#[allow(deprecated)] // `example`, as utoipa writes the attribute `example` of other DTOs
fn success() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Boolean))
        .description(Some("Always true."))
        .example(Some(true.into()))
        .build()
}

fn count(about: String, format: KnownFormat) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(format)))
        .description(Some(about))
        .minimum(Some(0))
        .build()
}
