//! What an operation needs of its caller's key, declared once, in the signature of its handler: the router
//! enforces it, the OpenAPI document shows it, and the permission matrix of the tests goes through it.
//!
//! [`Allowed`](super::auth::Allowed) names the permissions that every call needs. What else a call needs depends
//! on what it touches, so it is declared with the argument that says so: [`Parameters`] and [`Payload`] have a
//! table of [`Need`]s over the command that they parse to.
//!
//! [`Parameters`]: super::extract::Parameters
//! [`Payload`]: super::extract::Payload

use actix_web::FromRequest;
use serde::Serialize;

use super::auth::Allowed;
use super::dialect::Dialect;
use super::extract::{Body, Cached, Expected, Parameters, Payload, Query, Segment, Segments};
use super::prefix::Prefix;
use super::problem::Problem;
use crate::domain::Permission;
use crate::domain::permission::Grant;

/// A permission that a request needs if its command touches something that the operation does not always touch.
pub struct Need<C: 'static> {
    /// The permission.
    pub permission: Permission,
    /// Which requests need it, to follow "where" in a sentence.
    pub when: &'static str,
    /// Whether this one does.
    pub touches: fn(&C) -> bool,
}

/// A [`Need`] as the document shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Condition {
    /// The permission.
    pub permission: &'static str,
    /// Which requests need it.
    pub when: &'static str,
}

/// An argument of a protected handler, after the first one.
pub trait Argument: FromRequest<Error = Problem> + 'static {
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
    let condition = |need: &Need<C>| Condition { permission: need.permission.as_str(), when: need.when };
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

impl<S: Segment> Argument for Segments<S> {}
impl Argument for Cached {}
impl Argument for Expected {}
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
        for Condition { permission, when } in &self.conditions {
            text += &format!(" Also `{permission}`, where {when}.");
        }
        text
    }
}

/// Refuses a request whose key lacks what the request touches; the answer names all that is missing.
///
/// # Errors
/// 403.
pub fn require<G: Grant>(
    allowed: &Allowed<G>,
    needed: impl IntoIterator<Item = Permission>,
) -> Result<(), Problem> {
    let missing: Vec<_> = needed.into_iter().filter(|permission| !allowed.may(*permission)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Problem::forbidden(&missing)) }
}
