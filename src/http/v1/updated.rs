//! The answer to an update: the whole resource for a key that may read it, else what the client knows already.

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

/// A resource after an update. One type for both answers, because most generated clients know one type of
/// success an operation: the schema is the resource's own, with two required members.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Updated<T> {
    /// For a key that may read it.
    Whole(T),
    /// For a key that may not.
    Bare {
        #[allow(missing_docs)]
        id: Uuid,
        #[allow(missing_docs)]
        updated_at: Timestamp,
    },
}

impl<T> Updated<T> {
    /// What the key may see of a resource.
    pub fn new<G: Single>(
        visibility: &Visibility<G>,
        id: Uuid,
        updated_at: Timestamp,
        whole: impl Into<T>,
    ) -> Self {
        if visibility.is_full() { Self::Whole(whole.into()) } else { Self::Bare { id, updated_at } }
    }
}

impl<T: PartialSchema> PartialSchema for Updated<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required.retain(|name| [ID, UPDATED_AT].contains(&name.as_str()));
            let whole = object.description.take().unwrap_or_default();
            object.description =
                Some(format!("{whole} Contains only `id` and `updated_at` if the key may not read it."));
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
