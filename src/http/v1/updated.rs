//! The response to an update: the resource for a key that may read it, else nothing that the client does not know.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::domain::permission::Single;
use crate::http::auth::access::Visibility;

const ID: &str = "id";
const UPDATED_AT: &str = "updated_at";

/// A resource after an update. One type for both responses, because most generated clients support one success type per
/// operation: the schema is that of the resource, with two required members only.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Updated<T> {
    /// For a key that may read the resource.
    Full(T),
    /// For a key that may not.
    Reduced { id: Uuid, updated_at: Timestamp },
}

impl<T> Updated<T> {
    pub fn new<G: Single>(
        visibility: &Visibility<G>,
        id: Uuid,
        updated_at: Timestamp,
        resource: impl Into<T>,
    ) -> Self {
        if visibility.is_full() { Self::Full(resource.into()) } else { Self::Reduced { id, updated_at } }
    }
}

impl<T: PartialSchema> PartialSchema for Updated<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required.retain(|name| [ID, UPDATED_AT].contains(&name.as_str()));
            let description = object.description.take().unwrap_or_default();
            object.description = Some(format!(
                "{description} Contains only `id` and `updated_at` if the key may not read it."
            ));
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for Updated<T> {
    fn name() -> Cow<'static, str> {
        format!("Updated{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}
