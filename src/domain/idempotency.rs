//! Idempotent creates and batches: a request that is repeated under its `Idempotency-Key` changes nothing a second time.
//!
//! Invariant: the record of a key is part of the transaction that makes the changes; a request that failed has none.

use super::error::{Error, ErrorCode};
use super::violation::Violation;

/// The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub const MAX_CHARS: usize = 255;

    /// Accepts visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.is_empty() {
            Err(Violation::Blank)
        } else if text.len() > Self::MAX_CHARS {
            Err(Violation::TooLong { max: Self::MAX_CHARS })
        } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Violation::ForbiddenCharacter)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request with an idempotency key. Keys are scoped to the account and the operation.
#[derive(Clone, Debug)]
pub struct IdempotentRequest {
    pub operation: &'static str,
    pub key: IdempotencyKey,
    /// SHA-256 of the body.
    pub fingerprint: [u8; 32],
}

/// The result of a create.
#[derive(Clone, Debug)]
pub struct Created<T> {
    /// In its current state.
    pub resource: T,
    /// Whether an earlier request with the same key created it.
    pub replayed: bool,
}

impl<T> Created<T> {
    /// The result of a repeated request, from the lookup of what the first one created; `what` is its kind.
    ///
    /// # Errors
    /// [`ErrorCode::Gone`] if it has been deleted.
    pub fn replay(found: Result<T, Error>, what: &str) -> Result<Self, Error> {
        match found {
            Ok(resource) => Ok(Self { resource, replayed: true }),
            Err(error) if error.code() == ErrorCode::NotFound => Err(Error::gone(what)),
            Err(error) => Err(error),
        }
    }
}

/// A resource that idempotent requests create.
pub trait Resource: Clone {
    /// The resource as the first request created it: `self` is what the repeated request asks for, `stored` the current
    /// state.
    #[must_use]
    fn first_created(self, stored: &Self) -> Self;
}

/// Creates a resource with `insert`. A repeated request gets its current state or, if the key may not read it, its
/// state when it was created: later changes stay hidden.
///
/// # Errors
/// Those of `insert`.
pub async fn create<T: Resource>(
    requested: T,
    idempotent: Option<IdempotentRequest>,
    may_read: bool,
    insert: impl AsyncFnOnce(T, Option<IdempotentRequest>) -> Result<Created<T>, Error>,
) -> Result<Created<T>, Error> {
    let unread = (idempotent.is_some() && !may_read).then(|| requested.clone());
    let created = insert(requested, idempotent).await?;
    Ok(match unread {
        Some(requested) if created.replayed => {
            Created { resource: requested.first_created(&created.resource), replayed: true }
        }
        _ => created,
    })
}
