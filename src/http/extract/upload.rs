//! Bodies that are files: streamed, of any size, and never in memory as a whole.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use actix_web::{FromRequest, HttpRequest, dev, web};
use futures_util::StreamExt;

use crate::domain::file_format::FileFormat;
use crate::domain::{Error, ErrorCode, FieldViolation, Violation};
use crate::formats::of_media_type;
use crate::http::app_state::AppState;
use crate::http::error::api_error::ApiError;

/// A file that a client sends. There is no limit to the time that it takes, as long as it does not stall.
pub struct Upload {
    payload: web::Payload,
    stall_timeout: Duration,
    /// As declared by the client.
    pub length: Option<u64>,
    /// By the media type. `None`: its content decides.
    pub format: Option<FileFormat>,
}

/// What a file of any format may be sent as: its content decides. The only one in the document: of several, each generated client
/// picks one for all files.
pub const ANY_FILE: &str = "application/octet-stream";
const GZIP: &str = "application/gzip";

/// The `Content-Type` or the `Content-Encoding` of a file is none that can be read.
#[must_use]
pub fn unsupported_media_type() -> Error {
    let formats = FileFormat::ALL.map(FileFormat::media_type).join(", ");
    let message =
        format!("Content-Type must be one of {formats}, {GZIP}, {ANY_FILE}; Content-Encoding may be gzip");
    Error::with_message(ErrorCode::UnsupportedMediaType, message)
}

/// The connection was closed before the end of the file.
#[must_use]
pub fn incomplete() -> Error {
    Error::with_message(ErrorCode::Malformed, "The body is incomplete")
}

impl FromRequest for Upload {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let mut upload = || {
            let length = header(request, CONTENT_LENGTH).and_then(|length| length.parse().ok());
            let is_absent = matches!(length, None | Some(0)) && header(request, TRANSFER_ENCODING).is_none();
            // An empty file is one, if it is declared as a file.
            if is_absent && header(request, CONTENT_TYPE).is_none() {
                return Err(Error::from(FieldViolation::at("body", Violation::Required)).into());
            }
            let format = format(request)?;
            Ok(Self {
                payload: web::Payload::from_request(request, payload)
                    .into_inner()
                    .map_err(|_| ErrorCode::Malformed)?,
                stall_timeout: AppState::of(request)?.limits.body_timeout,
                length,
                format,
            })
        };
        ready(upload())
    }
}

fn header(request: &HttpRequest, name: actix_web::http::header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// The reader of the file recognises compression by itself, whether it is declared or not.
fn format(request: &HttpRequest) -> Result<Option<FileFormat>, ApiError> {
    let encoding = header(request, CONTENT_ENCODING).unwrap_or("identity");
    let is_known = ["identity", "gzip", "x-gzip"].iter().any(|known| encoding.eq_ignore_ascii_case(known));
    // RFC 9110, section 8.3: without a type, this may be assumed.
    let media_type = header(request, CONTENT_TYPE).unwrap_or(ANY_FILE);
    let format = of_media_type(media_type);
    let is_any = [ANY_FILE, GZIP].iter().any(|known| known.eq_ignore_ascii_case(media_type));
    if is_known && (format.is_some() || is_any) { Ok(format) } else { Err(unsupported_media_type().into()) }
}

impl Upload {
    /// The next piece of the file, of this size unless it is the last.
    ///
    /// # Errors
    /// [`ErrorCode::RequestTimeout`] if nothing arrives for a while, [`ErrorCode::MalformedRequest`] if the body is cut off.
    pub async fn next(&mut self, size: usize) -> Result<Option<Vec<u8>>, ApiError> {
        let mut piece = Vec::with_capacity(size);
        while piece.len() < size {
            let received = tokio::time::timeout(self.stall_timeout, self.payload.next()).await;
            match received.map_err(|_| ErrorCode::RequestTimeout)? {
                Some(Ok(bytes)) => piece.extend_from_slice(&bytes),
                Some(Err(error)) => {
                    tracing::debug!(cause = %error, "a file was not received");
                    return Err(incomplete().into());
                }
                None => break,
            }
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}
