//! What the module of every resource imports: `use crate::http::prelude::*`.

pub use actix_web::HttpResponse;
pub use serde::{Deserialize, Serialize};
pub use serde_json::json;
pub use utoipa::ToSchema;
pub use validator::Validate;

pub use super::auth::access::Visibility;
pub use super::auth::authorized::Authorized;
pub use super::auth::caller::Caller;
pub use super::extract::{
    Body, ConditionalPermission, IdempotentBody, IfMatch, IfNoneMatch, Parameters, PathParam, PathValue,
    Payload, Query, QueryReader, Violations,
};
pub use super::field::{Clearable, Nullable, Optional, Patch, Required, WireText};
pub use super::forwarded_prefix::Prefix;
pub use super::openapi::{OperationDoc, ResourceDoc};
pub use super::response::HandlerResult;
pub use super::routes::RouteTable;
pub use crate::domain::{ErrorCode, FieldViolation, Permission, Timestamp, Violation};
