//! The permissions of an operation, declared once, in the signature of its handler: the router enforces them, the OpenAPI
//! document shows them, and the permission tests check each.
//!
//! [`Authorized`](super::authorized::Authorized) has the permissions that every request requires. Further ones depend on
//! the command, so the argument that carries the command declares them: [`Parameters`] and [`Payload`] list
//! [`ConditionalPermission`]s. [`Visibility`] is the argument of an operation whose response shows more to a key that may
//! also read.
//!
//! [`Parameters`]: crate::http::extract::Parameters
//! [`Payload`]: crate::http::extract::Payload

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use crate::domain::Permission;
use crate::domain::api_key::{KeyKind, Principal};
use crate::domain::permission::Single;
use crate::http::dialect::{Dialect, NamedSchema, schemas_of};
use crate::http::error::api_error::ApiError;
use crate::http::extract::{
    Body, ConditionalPermission, IdempotentBody, IfMatch, IfNoneMatch, Parameters, PathParam, PathValue,
    Payload, Query, Upload, query, upload,
};
use crate::http::forwarded_prefix::Prefix;
use crate::http::headers::{IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH};

/// A conditional permission in the OpenAPI document.
#[derive(Clone, Debug, Serialize)]
pub struct ConditionDoc {
    pub permission: Permission,
    /// Which requests require it, or what the response contains with it.
    pub when: &'static str,
    pub otherwise: Otherwise,
}

/// What happens to a request whose key lacks a conditional permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// 403.
    Forbidden,
    /// The request is carried out, and the response shows less.
    Hidden,
}

/// What the arguments of a handler add to the documentation of its operation.
#[derive(Default)]
pub struct RequestDoc {
    pub conditions: Vec<ConditionDoc>,
    /// The document adds the schemas of headers.
    pub parameters: Vec<Parameter>,
    /// The name of the schema of the body.
    pub body: Option<String>,
    /// Whether the rate limits count items of the body.
    pub has_items: bool,
    /// Whether an account may have only so many responses of the operation under way.
    pub is_stream: bool,
    /// The media type of a body that is a file.
    pub file: Option<&'static str>,
    /// The schema of the body and those that it refers to.
    pub schemas: Vec<NamedSchema>,
}

impl RequestDoc {
    /// A header that need not be there.
    pub fn add_header(&mut self, name: &str) {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
        self.parameters.push(parameter.required(Required::False).build());
    }

    fn add_body<P: Payload>(&mut self) {
        self.conditions.extend(conditions(P::CONDITIONAL_PERMISSIONS));
        self.has_items = P::ITEMS.is_some();
        self.body = Some(<P as ToSchema>::name().into_owned());
        self.schemas.extend(schemas_of::<P>());
    }
}

/// An argument of a protected handler after the first one.
pub trait HandlerArgument: FromRequest<Error = ApiError> + 'static {
    fn document(_: &mut RequestDoc) {}

    /// Whether the request may take longer than others: what makes it long has a limit of its own.
    const LIMITS_ITS_TIME: bool = false;

    /// Of how many items the request consists: the rate limits count them.
    fn items(&self) -> usize {
        0
    }

    /// Those that this request requires.
    fn required_permissions(&self) -> Vec<Permission> {
        Vec::new()
    }
}

fn conditions<C>(permissions: &[ConditionalPermission<C>]) -> Vec<ConditionDoc> {
    let condition = |conditional: &ConditionalPermission<C>| ConditionDoc {
        permission: conditional.permission,
        when: conditional.when,
        otherwise: Otherwise::Forbidden,
    };
    permissions.iter().map(condition).collect()
}

fn required<C>(permissions: &[ConditionalPermission<C>], command: &C) -> Vec<Permission> {
    let applying = permissions.iter().filter(|conditional| (conditional.applies)(command));
    applying.map(|conditional| conditional.permission).collect()
}

impl<P: Payload> HandlerArgument for Body<P> {
    fn document(doc: &mut RequestDoc) {
        doc.add_body::<P>();
    }

    fn items(&self) -> usize {
        P::ITEMS.map_or(0, |items| items(&self.command))
    }

    fn required_permissions(&self) -> Vec<Permission> {
        required(P::CONDITIONAL_PERMISSIONS, &self.command)
    }
}

impl<P: Payload> HandlerArgument for IdempotentBody<P> {
    fn document(doc: &mut RequestDoc) {
        doc.add_header(IDEMPOTENCY_KEY);
        doc.add_body::<P>();
    }

    fn items(&self) -> usize {
        P::ITEMS.map_or(0, |items| items(self.command()))
    }

    fn required_permissions(&self) -> Vec<Permission> {
        required(P::CONDITIONAL_PERMISSIONS, self.command())
    }
}

impl<P: Parameters> HandlerArgument for Query<P> {
    fn document(doc: &mut RequestDoc) {
        doc.conditions.extend(conditions(P::CONDITIONAL_PERMISSIONS));
        doc.parameters.extend(query::document::<P>());
    }

    fn required_permissions(&self) -> Vec<Permission> {
        required(P::CONDITIONAL_PERMISSIONS, &self.command)
    }
}

/// Whether the key may also read the resource that the operation changes. Without that permission the response contains
/// only values that the request sent, and those that the change itself set (`updated_at`).
pub struct Visibility<G: Single> {
    may_read: bool,
    grant: PhantomData<G>,
}

impl<G: Single> Visibility<G> {
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.may_read
    }

    /// The value if the key may read it.
    #[must_use]
    pub fn filter<T>(&self, value: T) -> Option<T> {
        self.may_read.then_some(value)
    }
}

impl<G: Single> FromRequest for Visibility<G> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let may_read =
            request.extensions().get::<Principal>().is_some_and(|principal| principal.may(G::PERMISSION));
        ready(Ok(Self { may_read, grant: PhantomData }))
    }
}

impl<G: Single> HandlerArgument for Visibility<G> {
    fn document(doc: &mut RequestDoc) {
        let permission = G::PERMISSION;
        let when = "values that the request did not send";
        doc.conditions.push(ConditionDoc { permission, when, otherwise: Otherwise::Hidden });
    }
}

/// The response shows how many contacts a stored filter matches, as far as the key may know: what its conditions are about
/// is known once it is read.
pub struct CountOfStoredFilter;

impl FromRequest for CountOfStoredFilter {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(_: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

impl HandlerArgument for CountOfStoredFilter {
    fn document(doc: &mut RequestDoc) {
        let shown = [
            (Permission::ReadContacts, "`count`"),
            (Permission::ReadGroups, "the `count` of a filter with a condition on `group`"),
            (Permission::ReadOptOuts, "the `count` of a filter with a condition on `opted_out`"),
        ];
        let condition = |(permission, when)| ConditionDoc { permission, when, otherwise: Otherwise::Hidden };
        doc.conditions.extend(shown.map(condition));
    }
}

impl<T: PathValue> HandlerArgument for PathParam<T> {
    fn document(doc: &mut RequestDoc) {
        doc.parameters.push(Self::document());
    }
}

impl HandlerArgument for IfNoneMatch {
    fn document(doc: &mut RequestDoc) {
        doc.add_header(IF_NONE_MATCH);
    }
}

impl HandlerArgument for IfMatch {
    fn document(doc: &mut RequestDoc) {
        doc.add_header(IF_MATCH);
    }
}

impl HandlerArgument for Prefix {}

impl HandlerArgument for Upload {
    /// As long as the body does not stall.
    const LIMITS_ITS_TIME: bool = true;

    fn document(doc: &mut RequestDoc) {
        doc.file = Some(upload::ANY_FILE);
    }
}

/// The permissions of an operation, for the OpenAPI document.
pub struct Access {
    pub dialect: &'static Dialect,
    pub kind: KeyKind,
    /// Required by every request.
    pub always: &'static [Permission],
    /// Required by some requests.
    pub conditions: Vec<ConditionDoc>,
}

impl Access {
    /// The extension of a 403 response that lists the conditions: a security requirement cannot express them.
    pub const EXTENSION: &'static str = "x-conditional-permissions";

    /// Whether some request requires a permission: else every valid key will do.
    #[must_use]
    pub fn requires_permissions(&self) -> bool {
        !self.required().is_empty()
    }

    /// For the description of the operation; empty if its keys have no permissions.
    #[must_use]
    pub fn sentences(&self) -> String {
        if self.kind == KeyKind::Operator {
            return String::new();
        }
        if !self.requires_permissions() && self.conditions.is_empty() {
            return "No permission is required: any valid key will do.".to_owned();
        }
        let always: Vec<_> = self.always.iter().map(|permission| format!("`{permission}`")).collect();
        let mut sentences = Vec::new();
        match &*always {
            [] => {}
            [one] => sentences.push(format!("Required permission: {one}.")),
            several => sentences.push(format!("Required permissions: {}.", several.join(" and "))),
        }
        for ConditionDoc { permission, when, otherwise } in &self.conditions {
            sentences.push(match otherwise {
                Otherwise::Forbidden if sentences.is_empty() => format!("Requires `{permission}` if {when}."),
                Otherwise::Forbidden => format!("Also requires `{permission}` if {when}."),
                Otherwise::Hidden => {
                    format!("The response contains {when} only if the key also has `{permission}`.")
                }
            });
        }
        sentences.join(" ")
    }

    /// The permissions that some request requires, for the example of an error: those of every request, if there are any.
    #[must_use]
    pub fn required(&self) -> Vec<Permission> {
        if !self.always.is_empty() {
            return self.always.to_vec();
        }
        let conditions =
            self.conditions.iter().filter(|condition| condition.otherwise == Otherwise::Forbidden);
        conditions.map(|condition| condition.permission).collect()
    }
}
