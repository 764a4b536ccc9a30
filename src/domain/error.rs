//! The error of the domain: a code, which knows neither an HTTP status nor a dialect, a message, and violations.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::permission::Permission;
use super::violation::{Field, FieldViolation, Violation};

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident => $message:literal;)*) => {
        /// Every way in which a request can fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $code,)* }

        impl ErrorCode {
            /// All codes, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The message of errors that have none of their own.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$code => $message,)*
                }
            }
        }
    };
}

codes! {
    /// A member, parameter or path segment is invalid; the violations say which.
    Invalid => "The request is not valid";
    /// The body is no JSON object at all.
    Malformed => "The body must be a JSON object";
    /// It is no HTTP request that can be read.
    MalformedRequest => "The request is malformed";
    /// No key, or one that is not in force.
    Unauthorized => "A valid API key is required";
    /// The key lacks the permission of the operation.
    Forbidden => "The API key lacks the permission for this operation";
    /// The account of the key is suspended or closed.
    AccountSuspended => "The account is suspended; ask the operator of the service";
    /// The account has no such resource.
    NotFound => "There is no such resource";
    /// No resource has the URL.
    RouteNotFound => "There is no resource at this URL";
    /// The URL exists but does not support the method.
    MethodNotAllowed => "This URL does not support this method";
    /// The request did not arrive in time.
    RequestTimeout => "The request did not arrive in time";
    /// Another contact of the account has the handle.
    HandleTaken => "Another contact already has this name";
    /// Another resource of the same kind in the account has the name.
    NameTaken => "The name is already taken";
    /// The time for which a closed account was kept is over.
    AccountPurging => "The account is closed, and what it has is being deleted";
    /// The key cannot be rotated any more.
    KeyNotLive => "The key has expired or was revoked; create a new one";
    /// The account has already declared the key.
    FieldDeclared => "The key is already declared as a field";
    /// Something that is stored needs the field.
    FieldInUse => "The field is in use";
    /// A filter or an order names a key of `meta` that is not declared as a field.
    FieldNotDeclared => "A key of meta must be declared as a field before contacts are chosen or sorted by it";
    /// The contacts that existed before the field are still being indexed.
    FieldNotReady => "The field is still being built; try again when it is ready";
    /// An earlier item of the batch is about the same contact, or has the same name.
    DuplicateItem => "An earlier item is about the same contact";
    /// The log does not have all changes since the position.
    PositionExpired => "The changes since this position are not available any more; read everything again, and go on from a new position";
    /// Several contacts share the phone number that identifies one in the request.
    PhoneAmbiguous => "Several contacts have this phone number; use the id of the contact";
    /// The key or its account has spent the requests that it may send.
    RateLimited => "Too many requests; try again later";
    /// As many responses of the account are under way as may be.
    TooManyStreams => "The account has too many streams open; try again when one of them has ended";
    /// As many imports of the account are in progress as may be.
    TooManyImports => "The account has too many imports in progress; try again when one of them has ended";
    /// A request with the same idempotency key is in progress.
    IdempotencyKeyInUse => "A request with this idempotency key is still being processed; try again";
    /// The resource that a request with the same idempotency key created has since been deleted.
    Gone => "The resource that the first request with this idempotency key created has been deleted";
    /// Another kept audience of the account is being created.
    AudienceInProgress => "Another kept audience of this account is still being created; try again when it is complete";
    /// The import has not reached the state, or is past it, in which this is possible.
    ImportState => "The import is not in a state in which this is possible";
    /// The plan is another one than the client has seen.
    PlanChanged => "The plan has changed since it was read; read it again";
    /// The resource has another version than the client expects.
    PreconditionFailed => "The resource has changed since it was read; read it again";
    /// The body is larger than allowed.
    PayloadTooLarge => "The body is too large";
    /// The URL is longer than allowed.
    UriTooLong => "The URL is too long";
    /// More recipients than one response, or a kept audience, may have.
    AudienceTooLarge => "The audience is too large";
    /// More contacts than an account may have.
    ContactQuota => "The account has reached its limit of contacts; delete some";
    /// More kept audience entries than an account may have.
    AudienceQuota => "The account has reached its limit of kept audience entries; delete an audience, or wait until one expires";
    /// More bytes of files and plans than an account may have.
    ImportQuota => "The account has reached its limit of stored import files; delete an import, or wait until one expires";
    /// More fields than an account may have.
    FieldQuota => "The account has reached its limit of declared fields; delete one";
    /// Rendering a template takes more than the limit of a request, or of one recipient.
    TemplateTooCostly => "Rendering the template processes too much data or takes too many steps for one recipient; use fewer filters and loops, or shorter values";
    /// The head of the request is larger than allowed.
    HeadersTooLarge => "The head of the request is too large";
    /// The body is declared as something else than JSON.
    UnsupportedMediaType => "The media type of the body is not supported";
    /// The idempotency key was used before, with another body.
    IdempotencyKeyReused => "This idempotency key has already been used for a different request";
    /// A bug or an unexpected failure; the cause is logged, and never sent.
    Internal => "Something went wrong on our side";
    /// The disk of the database is full.
    StorageFull => "There is not enough storage space; nothing was changed";
    /// The database is temporarily unavailable.
    Unavailable => "The service is temporarily unavailable; try again";
}

/// `source` is for the log alone; code, message and violations are for the client.
#[derive(Clone, Debug)]
pub struct Error {
    code: ErrorCode,
    message: Option<Cow<'static, str>>,
    violations: Vec<FieldViolation>,
    has_more_violations: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What was looked up; `None` if it does not exist.
///
/// # Errors
/// Those of the result but [`ErrorCode::NotFound`].
pub fn if_found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Error {
    /// An error with a more specific message than the code's.
    pub fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: Some(message.into()), ..Self::from(code) }
    }

    /// The violations of a request, in the order in which they are reported.
    #[must_use]
    pub fn invalid(violations: Vec<FieldViolation>) -> Self {
        Self { violations, ..Self::from(ErrorCode::Invalid) }
    }

    /// The same error, which has more violations than it lists.
    #[must_use]
    pub fn with_more_violations(self, has_more_violations: bool) -> Self {
        Self { has_more_violations, ..self }
    }

    /// The handle belongs to another contact.
    #[must_use]
    pub fn handle_taken() -> Self {
        Self {
            violations: vec![FieldViolation::of(Field::Handle, Violation::Taken)],
            ..Self::from(ErrorCode::HandleTaken)
        }
    }

    /// Rendering a template for all recipients exceeded the limit.
    #[must_use]
    pub fn audience_too_costly(limit: Duration) -> Self {
        let message = format!(
            "Rendering the template for all recipients takes more than {} of processor time; \
             simplify the template, or request fewer recipients",
            humantime::format_duration(limit)
        );
        Self::with_message(ErrorCode::TemplateTooCostly, message)
    }

    /// A request timed out while it resolved an audience.
    #[must_use]
    pub fn audience_too_slow() -> Self {
        let message =
            "The audience cannot be resolved within the time limit of a request; request fewer recipients";
        Self::with_message(ErrorCode::TemplateTooCostly, message)
    }

    /// Another resource of the kind has the name.
    #[must_use]
    pub fn name_taken() -> Self {
        Self {
            violations: vec![FieldViolation::at("name", Violation::Taken)],
            ..Self::from(ErrorCode::NameTaken)
        }
    }

    /// The key is declared already.
    #[must_use]
    pub fn field_declared() -> Self {
        Self {
            violations: vec![FieldViolation::at("key", Violation::Taken)],
            ..Self::from(ErrorCode::FieldDeclared)
        }
    }

    /// Segments need the field.
    #[must_use]
    pub fn field_in_use(segments: &[String]) -> Self {
        const SHOWN: usize = 3;
        let shown: Vec<_> = segments.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect();
        let more = match segments.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = format!("{}{more}", shown.join(", "));
        let message = if segments.len() == 1 {
            format!("The filter of the segment {named} needs the field; change or delete the segment first")
        } else {
            format!("The filters of the segments {named} need the field; change or delete the segments first")
        };
        Self::with_message(ErrorCode::FieldInUse, message)
    }

    /// More recipients than one response may have.
    #[must_use]
    pub fn response_too_large(count: u64, limit: u64) -> Self {
        let message =
            format!("The audience has {count} recipients, but a single response can have at most {limit}");
        Self::with_message(ErrorCode::AudienceTooLarge, message)
    }

    /// As [`Self::response_too_large`], before all recipients were counted.
    #[must_use]
    pub fn response_limit_exceeded(limit: u64) -> Self {
        let message = format!(
            "The audience has more than {limit} recipients, the most that a single response can have"
        );
        Self::with_message(ErrorCode::AudienceTooLarge, message)
    }

    /// More recipients than a kept audience may have.
    #[must_use]
    pub fn snapshot_too_large(count: u64, limit: u64) -> Self {
        let message =
            format!("The audience has {count} recipients, but a kept audience can have at most {limit}");
        Self::with_message(ErrorCode::AudienceTooLarge, message)
    }

    /// Too many entries together with those of the account's other kept audiences.
    #[must_use]
    pub fn audience_quota(kept: u64, count: u64, quota: u64) -> Self {
        let message = format!(
            "The account has {kept} of at most {quota} kept audience entries, and this audience counts as \
             {count}; delete an audience, or wait until one expires"
        );
        Self::with_message(ErrorCode::AudienceQuota, message)
    }

    /// The resource that the first request created has been deleted; `what` is its kind.
    #[must_use]
    pub fn gone(what: &str) -> Self {
        let message =
            format!("The {what} that the first request with this idempotency key created has been deleted");
        Self::with_message(ErrorCode::Gone, message)
    }

    /// A resource does not exist; `what` is its kind.
    #[must_use]
    pub fn no_such(what: &str) -> Self {
        Self::with_message(ErrorCode::NotFound, format!("There is no such {what}"))
    }

    /// The key lacks permissions; the message names them.
    #[must_use]
    pub fn forbidden(missing: &[Permission]) -> Self {
        let names: Vec<_> = missing.iter().map(|permission| permission.as_str()).collect();
        let plural = if names.len() > 1 { "permissions" } else { "permission" };
        Self::with_message(
            ErrorCode::Forbidden,
            format!("The API key lacks the {plural} {}", names.join(" and ")),
        )
    }

    /// An earlier item of the list, `first`, is about the same contact.
    #[must_use]
    pub fn duplicate_item(list: &str, first: usize) -> Self {
        Self::with_message(ErrorCode::DuplicateItem, format!("{list}.{first} is about the same contact"))
    }

    /// An earlier item of the list, `first`, gives the same name to another contact.
    #[must_use]
    pub fn duplicate_name(list: &str, first: usize) -> Self {
        Self::with_message(ErrorCode::DuplicateItem, format!("{list}.{first} has the same name"))
    }

    /// The error of an item as that of the request: it says which item is meant.
    #[must_use]
    pub fn of_item(self, list: &'static str, index: usize) -> Self {
        if self.violations.is_empty() {
            let message = format!("{list}.{index}: {}", self.message());
            return Self { message: Some(message.into()), ..self };
        }
        let violations = self.violations.into_iter();
        let violations = violations.map(|violation| violation.in_item(list, index)).collect();
        Self { violations, ..self }
    }

    /// An error with a cause for the log.
    #[must_use]
    pub fn caused_by(code: ErrorCode, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into().into()), ..Self::from(code) }
    }

    /// Whether the request itself is the cause: repeated unchanged, it fails again.
    #[must_use]
    pub fn is_client_error(&self) -> bool {
        !matches!(self.code, ErrorCode::Internal | ErrorCode::Unavailable | ErrorCode::StorageFull)
    }

    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Empty for most codes.
    #[must_use]
    pub fn violations(&self) -> &[FieldViolation] {
        &self.violations
    }

    /// Whether there are more violations than [`Self::violations`] lists.
    #[must_use]
    pub fn has_more_violations(&self) -> bool {
        self.has_more_violations
    }

    /// The cause, for the log; empty if there is none.
    #[must_use]
    pub fn cause(&self) -> String {
        self.source.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// The message for the client, unless there are violations.
    #[must_use]
    pub fn message(&self) -> &str {
        self.own_message().unwrap_or(self.code.message())
    }

    /// A message that is more specific than the code's.
    #[must_use]
    pub fn own_message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, violations: Vec::new(), has_more_violations: false, source: None }
    }
}

impl From<FieldViolation> for Error {
    fn from(violation: FieldViolation) -> Self {
        Self::invalid(vec![violation])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
