//! What an operation needs of its caller's key, declared once, in the signature of its handler: the router
//! enforces it, the OpenAPI document shows it, and the permission matrix of the tests goes through it.
//!
//! [`Authorized`] names the permissions that every call needs. What else a call needs depends
//! on what it touches, so it is declared with the argument that says so: [`Parameters`] and [`Payload`] have a
//! table of [`Need`]s over the command that they parse to. [`Sees`] is the argument of an operation whose answer
//! shows more to a key that may also read.
//!
//! [`Parameters`]: crate::http::extract::Parameters
//! [`Payload`]: crate::http::extract::Payload

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use serde::Serialize;

use super::authorized::Authorized;
use crate::domain::Permission;
use crate::domain::api_key::Principal;
use crate::domain::permission::{Grant, Single};
use crate::http::dialect::Dialect;
use crate::http::error::api_error::ApiError;
use crate::http::extract::{Body, IfMatch, IfNoneMatch, Parameters, Payload, Query, Segment, Segments};
use crate::http::forwarded_prefix::Prefix;

/// A permission that a request needs if its command touches something that the operation does not always touch.
pub struct Need<C: 'static> {
    /// The permission.
    pub permission: Permission,
    /// Which requests need it, to follow "if" in a sentence.
    pub when: &'static str,
    /// Whether this one does.
    pub touches: fn(&C) -> bool,
}

/// A permission that not every request needs, as the document shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Condition {
    /// The permission.
    pub permission: &'static str,
    /// Which requests need it, or what the response contains with it.
    pub when: &'static str,
    /// What becomes of a request whose key lacks it.
    pub otherwise: Otherwise,
}

/// What becomes of a request whose key lacks a conditional permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It is refused with 403.
    Forbidden,
    /// It is carried out, and the answer shows less.
    Hidden,
}

/// An argument of a protected handler, after the first one.
pub trait Argument: FromRequest<Error = ApiError> + 'static {
    /// The permissions that some requests need because of it.
    #[must_use]
    fn conditions() -> Vec<Condition> {
        Vec::new()
    }

    /// Those of them that this request needs.
    fn needed(&self) -> Vec<Permission> {
        Vec::new()
    }
}

fn conditions<C>(needs: &[Need<C>]) -> Vec<Condition> {
    let condition = |need: &Need<C>| Condition {
        permission: need.permission.as_str(),
        when: need.when,
        otherwise: Otherwise::Forbidden,
    };
    needs.iter().map(condition).collect()
}

fn needed<C>(needs: &[Need<C>], command: &C) -> Vec<Permission> {
    needs.iter().filter(|need| (need.touches)(command)).map(|need| need.permission).collect()
}

impl<P: Payload> Argument for Body<P> {
    fn conditions() -> Vec<Condition> {
        conditions(P::NEEDS)
    }

    fn needed(&self) -> Vec<Permission> {
        needed(P::NEEDS, &self.command)
    }
}

impl<P: Parameters> Argument for Query<P> {
    fn conditions() -> Vec<Condition> {
        conditions(P::NEEDS)
    }

    fn needed(&self) -> Vec<Permission> {
        needed(P::NEEDS, &self.0)
    }
}

/// Whether the key may also read what the operation changes. Without that permission the answer holds no value
/// that the request did not send, apart from what the change itself made (`updated_at`).
pub struct Sees<G: Single> {
    sees: bool,
    grant: PhantomData<G>,
}

impl<G: Single> Sees<G> {
    /// Whether it may.
    #[must_use]
    pub fn all(&self) -> bool {
        self.sees
    }

    /// A value that only a key with the permission sees.
    #[must_use]
    pub fn show<T>(&self, value: T) -> Option<T> {
        self.sees.then_some(value)
    }
}

impl<G: Single> FromRequest for Sees<G> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let sees =
            request.extensions().get::<Principal>().is_some_and(|principal| principal.may(G::PERMISSION));
        ready(Ok(Self { sees, grant: PhantomData }))
    }
}

impl<G: Single> Argument for Sees<G> {
    fn conditions() -> Vec<Condition> {
        let permission = G::PERMISSION.as_str();
        let when = "values that the request did not send";
        vec![Condition { permission, when, otherwise: Otherwise::Hidden }]
    }
}

impl<S: Segment> Argument for Segments<S> {}
impl Argument for IfNoneMatch {}
impl Argument for IfMatch {}
impl Argument for Prefix {}

/// All that an operation needs of a key, for the document.
pub struct Access {
    /// The dialect of the operation.
    pub dialect: &'static Dialect,
    /// The permissions that every request needs.
    pub always: &'static [Permission],
    /// The permissions that some requests need.
    pub conditions: Vec<Condition>,
}

impl Access {
    /// The extension of a 403 in OpenAPI that has the conditions: a security requirement cannot express them.
    pub const EXTENSION: &'static str = "x-conditional-permissions";

    /// Two or three sentences.
    #[must_use]
    pub fn sentences(&self) -> String {
        let always: Vec<_> = self.always.iter().map(|permission| format!("`{permission}`")).collect();
        let plural = if always.len() > 1 { "permissions" } else { "permission" };
        let mut text = format!("Required {plural}: {}.", always.join(" and "));
        for Condition { permission, when, otherwise } in &self.conditions {
            text += &match otherwise {
                Otherwise::Forbidden => format!(" Also requires `{permission}` if {when}."),
                Otherwise::Hidden => {
                    format!(" The response contains {when} only if the key also has `{permission}`.")
                }
            };
        }
        text
    }
}

/// Refuses a request whose key lacks what the request touches; the answer names all that is missing.
///
/// # Errors
/// 403.
pub fn require<G: Grant>(
    allowed: &Authorized<G>,
    needed: impl IntoIterator<Item = Permission>,
) -> Result<(), ApiError> {
    let missing: Vec<_> = needed.into_iter().filter(|permission| !allowed.may(*permission)).collect();
    if missing.is_empty() { Ok(()) } else { Err(ApiError::forbidden(&missing)) }
}
