//! The one error of the domain and the one table of codes.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::permission::Permission;
use super::violation::{Fault, Field, FieldFault};

/// The result of anything that the domain does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A row of the table of codes: how each dialect says it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// HTTP status.
    pub status: u16,
    /// `error.code` under `/v1`.
    pub v1: &'static str,
    /// `error.name` under `/addressbook`.
    pub addressbook: &'static str,
    /// The message where no better one is known.
    pub message: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident => $status:literal, $v1:literal, $name:literal, $message:literal;)*) => {
        /// Every way in which a request can fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// This code's row of the table.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$code => Row { status: $status, v1: $v1, addressbook: $name, message: $message },)*
                }
            }
        }
    };
}

codes! {
    /// A member, parameter or path segment is at fault; `details` says which.
    Invalid => 400, "validation_failed", "ValidationError", "The request is not valid";
    /// The body is no JSON object at all.
    Malformed => 400, "malformed_json", "ValidationError", "The body must be a JSON object";
    /// It is no HTTP request that can be read.
    MalformedRequest => 400, "malformed_request", "ValidationError", "The request is malformed";
    /// No key, or one that is not in force.
    Unauthorized => 401, "unauthorized", "UnauthorizedError", "A valid API key is required";
    /// The key lacks the permission of the operation.
    Forbidden => 403, "forbidden", "ForbiddenError", "The API key lacks the permission for this operation";
    /// No such contact (or whatever it is about), or none of this account.
    NotFound => 404, "not_found", "NotFoundError", "There is no such contact";
    /// No such address.
    RouteNotFound => 404, "route_not_found", "NotFoundError", "There is nothing at this address";
    /// The address exists and has no such method.
    MethodNotAllowed => 405, "method_not_allowed", "MethodNotAllowedError", "This address does not have this method";
    /// The request did not arrive in time.
    RequestTimeout => 408, "request_timeout", "RequestTimeoutError", "The request did not arrive in time";
    /// Another contact of the account has the handle.
    HandleTaken => 409, "username_taken", "ConflictError", "Another contact has this name already";
    /// Another thing of the same kind in the account has the name.
    NameTaken => 409, "name_taken", "ConflictError", "The name is already taken";
    /// Several contacts share the phone number by which one was named.
    PhoneAmbiguous => 409, "phone_number_ambiguous", "ConflictError", "Several contacts have this phone number; name one by its id";
    /// A request with the same idempotency key is being answered right now.
    AttemptInFlight => 409, "idempotency_key_in_use", "ConflictError", "A request with this Idempotency-Key is still being answered; try again";
    /// A request with the same idempotency key made something that has been deleted since.
    Gone => 410, "gone", "GoneError", "What the first request with this Idempotency-Key made has been deleted";
    /// Another audience of the account is being kept right now.
    AudienceInProgress => 409, "audience_in_progress", "ConflictError", "Another audience of this account is still being kept; try again when it is done";
    /// It has another version than the client expects.
    PreconditionFailed => 412, "precondition_failed", "PreconditionFailedError", "It has changed since it was read; read it again";
    /// The body is larger than allowed.
    PayloadTooLarge => 413, "payload_too_large", "PayloadTooLargeError", "The body is too large";
    /// The address is longer than allowed.
    UriTooLong => 414, "uri_too_long", "UriTooLongError", "The address is too long";
    /// More recipients than one answer, or a kept audience, may have.
    AudienceTooLarge => 422, "audience_too_large", "UnprocessableEntityError", "The audience is too large for this; let it stream as application/x-ndjson, or make a dry run";
    /// More entries than an account may keep.
    AudienceQuota => 422, "audience_quota", "UnprocessableEntityError", "The account keeps as many audience entries as it may; delete an audience, or wait until one expires";
    /// Filling a template in takes more than a request, or one recipient, may.
    TemplateTooCostly => 422, "template_too_costly", "UnprocessableEntityError", "Filling in the template goes through too much data or takes too many steps for one recipient; use fewer filters and loops, or shorter values";
    /// The head of the request is larger than allowed.
    HeadersTooLarge => 431, "headers_too_large", "HeadersTooLargeError", "The headers of the request are too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType => 415, "unsupported_media_type", "UnsupportedMediaTypeError", "Content-Type must be application/json, without Content-Encoding";
    /// The idempotency key was used before, with another body.
    AttemptMismatch => 422, "idempotency_key_reused", "UnprocessableEntityError", "This Idempotency-Key was used for another request";
    /// A fault of ours; the log has it under the request id.
    Internal => 500, "internal_error", "InternalServerError", "Something went wrong on our side";
    /// The disk of the database is full.
    StorageFull => 507, "storage_full", "InsufficientStorageError", "There is no room to store this; nothing was changed";
    /// The database does not answer for now.
    Unavailable => 503, "unavailable", "ServiceUnavailableError", "The service is not available for the moment; try again";
}

/// Why something could not be done: a code, the sentence for the caller, the fields at fault, and
/// for the log alone what lies behind it.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Option<Cow<'static, str>>,
    faults: Vec<FieldFault>,
    has_more_faults: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a better message than the table's.
    pub fn with_message(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: Some(message.into()), ..Self::from(code) }
    }

    /// Faults of a request, in the order in which they are to be told.
    #[must_use]
    pub fn invalid(faults: Vec<FieldFault>) -> Self {
        Self { faults, ..Self::from(Code::Invalid) }
    }

    /// The same error, of whose faults there are more than it has.
    #[must_use]
    pub fn with_more_faults(self, has_more_faults: bool) -> Self {
        Self { has_more_faults, ..self }
    }

    /// The handle belongs to another contact.
    #[must_use]
    pub fn handle_taken() -> Self {
        Self { faults: vec![FieldFault::of(Field::Handle, Fault::Taken)], ..Self::from(Code::HandleTaken) }
    }

    /// Filling a template in for all recipients took as long as it may.
    #[must_use]
    pub fn audience_too_costly(limit: Duration) -> Self {
        let message = format!(
            "Filling in the template for all recipients takes more than {} of processor time; \
             simplify the template, or ask for fewer recipients",
            humantime::format_duration(limit)
        );
        Self::with_message(Code::TemplateTooCostly, message)
    }

    /// A request ran out of time while it found an audience.
    #[must_use]
    pub fn audience_too_slow() -> Self {
        let message = "The audience cannot be found in the time that a request has; ask for fewer recipients";
        Self::with_message(Code::TemplateTooCostly, message)
    }

    /// Another one of its kind has the name.
    #[must_use]
    pub fn name_taken() -> Self {
        Self { faults: vec![FieldFault::at("name", Fault::Taken)], ..Self::from(Code::NameTaken) }
    }

    /// More recipients than one answer may have.
    #[must_use]
    pub fn answer_too_large(count: u64, limit: u64) -> Self {
        let message = format!(
            "The audience has {count} recipients, and one answer has at most {limit}; \
             let it stream as application/x-ndjson, or make a dry run"
        );
        Self::with_message(Code::AudienceTooLarge, message)
    }

    /// More recipients than an audience that is kept may have.
    #[must_use]
    pub fn kept_too_large(count: u64, limit: u64) -> Self {
        let message =
            format!("The audience has {count} recipients, and one that is kept has at most {limit}");
        Self::with_message(Code::AudienceTooLarge, message)
    }

    /// Too many entries together with those that the account keeps already.
    #[must_use]
    pub fn audience_quota(kept: u64, count: u64, quota: u64) -> Self {
        let message = format!(
            "The account keeps {kept} of at most {quota} audience entries, and this audience counts as {count}; \
             delete an audience, or wait until one expires"
        );
        Self::with_message(Code::AudienceQuota, message)
    }

    /// What an earlier attempt made has been deleted; `what` is its kind.
    #[must_use]
    pub fn gone(what: &str) -> Self {
        let message =
            format!("The {what} that the first request with this Idempotency-Key made has been deleted");
        Self::with_message(Code::Gone, message)
    }

    /// Something of another kind than a contact is not there; `what` is the kind.
    #[must_use]
    pub fn no_such(what: &str) -> Self {
        Self::with_message(Code::NotFound, format!("There is no such {what}"))
    }

    /// The key lacks permissions; the message names them.
    #[must_use]
    pub fn forbidden(missing: &[Permission]) -> Self {
        let names: Vec<_> = missing.iter().map(|permission| permission.as_str()).collect();
        let plural = if names.len() > 1 { "permissions" } else { "permission" };
        Self::with_message(Code::Forbidden, format!("The API key lacks the {plural} {}", names.join(" and ")))
    }

    /// With what lies behind it, for the log.
    #[must_use]
    pub fn caused_by(code: Code, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::from(code) }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The fields at fault; none for most codes.
    #[must_use]
    pub fn faults(&self) -> &[FieldFault] {
        &self.faults
    }

    /// Whether there are more fields at fault than [`Self::faults`] has.
    #[must_use]
    pub fn has_more_faults(&self) -> bool {
        self.has_more_faults
    }

    /// What lies behind it, for the log; empty where nothing does.
    #[must_use]
    pub fn cause(&self) -> String {
        self.source.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// The sentence for the caller where no field is at fault.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(self.code.row().message)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code, message: None, faults: Vec::new(), has_more_faults: false, source: None }
    }
}

impl From<FieldFault> for Error {
    fn from(fault: FieldFault) -> Self {
        Self::invalid(vec![fault])
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
