//! Requests that can be sent again without doing their work twice.

use super::error::{Error, ErrorCode};
use super::violation::Violation;

/// What a client calls one attempt to create: the header `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Longest key, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Reads a key: visible ASCII characters.
    ///
    /// # Errors
    /// What is wrong with the text.
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

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One attempt: which operation, under which key, with which body. The same key under another
/// operation, or of another account, is another attempt.
#[derive(Clone, Debug)]
pub struct IdempotentRequest {
    /// The operation id.
    pub operation: &'static str,
    /// The client's key.
    pub key: IdempotencyKey,
    /// SHA-256 of the body.
    pub fingerprint: [u8; 32],
}

/// What became of a create.
#[derive(Clone, Debug)]
pub struct Created<T> {
    /// What was made, as it is now.
    pub made: T,
    /// Whether an earlier request with the same key made it.
    pub replayed: bool,
}

impl<T> Created<T> {
    /// The answer to an attempt that was made before: what it made, as it was found; `what` is its kind.
    ///
    /// # Errors
    /// [`ErrorCode::Gone`] where it was not found any more; whatever else the search answers.
    pub fn replay(found: Result<T, Error>, what: &str) -> Result<Self, Error> {
        match found {
            Ok(made) => Ok(Self { made, replayed: true }),
            Err(error) if error.code() == ErrorCode::NotFound => Err(Error::gone(what)),
            Err(error) => Err(error),
        }
    }
}

/// What a request creates.
pub trait Resource: Clone {
    /// The resource as the request created it that is repeated now; `stored` is what it created, as it is now.
    #[must_use]
    fn first_created(self, stored: &Self) -> Self;
}

/// Creates a resource with `insert`. The response to a repeated request shows the resource as it is now; to a key that
/// may not read it, as it was created, without what others have changed since.
///
/// # Errors
/// Whatever `insert` answers.
pub async fn create<T: Resource>(
    requested: T,
    attempt: Option<IdempotentRequest>,
    may_read: bool,
    insert: impl AsyncFnOnce(T, Option<IdempotentRequest>) -> Result<Created<T>, Error>,
) -> Result<Created<T>, Error> {
    let unread = (attempt.is_some() && !may_read).then(|| requested.clone());
    let created = insert(requested, attempt).await?;
    Ok(match unread {
        Some(requested) if created.replayed => {
            Created { made: requested.first_created(&created.made), replayed: true }
        }
        _ => created,
    })
}
