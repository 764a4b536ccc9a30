//! The documents as they are served: each made and compressed once, whatever address it names as that of
//! the server.

use std::future::ready;
use std::io;
use std::sync::{Arc, OnceLock};

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, ETag, Encoding, EntityTag, Header, VARY,
};
use actix_web::web::{Bytes, ServiceConfig};
use flate2::{Compress, Compression, FlushCompress, Status};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{dialect, version_3_0};
use crate::domain::{Error, ErrorCode};
use crate::http::asset::version_of;
use crate::http::base_url::BaseUrl;
use crate::http::error::api_error::ApiError;
use crate::http::extract::IfNoneMatch;
use crate::http::response_body::Pieces;
use crate::http::routes::read_only;
use crate::http::{addressbook, v1};

/// Where the document is, as JSON.
pub const JSON_PATH: &str = "/openapi.json";
/// Where the document is, as YAML.
pub const YAML_PATH: &str = "/openapi.yaml";
/// Where the documents of one dialect each are.
pub const V1_PATH: &str = "/openapi/v1.json";
#[allow(missing_docs)]
pub const ADDRESS_BOOK_PATH: &str = "/openapi/addressbook.json";
/// Where the document is in OpenAPI 3.0.
pub const VERSION_3_0_PATH: &str = "/openapi-3.0.json";

/// Stands in the text where the server's address belongs.
const ROOT: &str = "/root-of-this-service";

/// A document that is made of the whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The operations of v1.
    V1,
    /// The operations of the address book.
    AddressBook,
    /// All operations, in OpenAPI 3.0.
    Version3_0,
}

impl Variant {
    /// This variant of a document.
    #[must_use]
    pub fn of(self, document: &Value) -> Value {
        match self {
            Self::V1 => dialect::only(document, &v1::DIALECT),
            Self::AddressBook => dialect::only(document, &addressbook::DIALECT),
            Self::Version3_0 => version_3_0::down_convert(document),
        }
    }
}

/// The documents. Those that few clients request are made on their first request.
#[derive(Debug)]
pub struct Served {
    json: Text,
    yaml: Text,
    v1: OnceLock<Text>,
    address_book: OnceLock<Text>,
    version_3_0: OnceLock<Text>,
}

impl Served {
    /// Writes the document in both forms.
    ///
    /// # Errors
    /// It cannot be written, or does not name this server once.
    pub fn new(mut document: Value) -> io::Result<Self> {
        for server in document["servers"].as_array_mut().into_iter().flatten() {
            server["url"] = ROOT.into();
        }
        let yaml = yaml_serde::to_string(&document).map_err(io::Error::other)?;
        Ok(Self {
            json: Text::new("application/json", &document.to_string())?,
            // RFC 9512
            yaml: Text::new("application/yaml", &yaml)?,
            v1: OnceLock::new(),
            address_book: OnceLock::new(),
            version_3_0: OnceLock::new(),
        })
    }

    /// Adds all addresses.
    pub fn configure(self: &Arc<Self>, config: &mut ServiceConfig) {
        type Of = fn(&Served) -> io::Result<&Text>;
        let all: [(&str, Of); 5] = [
            (JSON_PATH, |served| Ok(&served.json)),
            (YAML_PATH, |served| Ok(&served.yaml)),
            (V1_PATH, |served| served.variant(&served.v1, Variant::V1)),
            (ADDRESS_BOOK_PATH, |served| served.variant(&served.address_book, Variant::AddressBook)),
            (VERSION_3_0_PATH, |served| served.variant(&served.version_3_0, Variant::Version3_0)),
        ];
        for (path, text) in all {
            let served = Arc::clone(self);
            config.service(read_only(
                path,
                move |request: HttpRequest, base: BaseUrl, cached: IfNoneMatch| {
                    let response = text(&served).and_then(|text| text.respond(&request, &base, &cached));
                    ready(
                        response
                            .map_err(|error| ApiError::from(Error::caused_by(ErrorCode::Internal, error))),
                    )
                },
            ));
        }
    }

    fn variant<'a>(&self, made: &'a OnceLock<Text>, variant: Variant) -> io::Result<&'a Text> {
        if let Some(text) = made.get() {
            return Ok(text);
        }
        let document: Value =
            serde_json::from_slice(&[&self.json.before[..], ROOT.as_bytes(), &self.json.behind].concat())?;
        let text = Text::new("application/json", &variant.of(&document).to_string())?;
        Ok(made.get_or_init(|| text))
    }
}

/// What stands before the server's address, and behind it. The address needs no escapes: see [`BaseUrl`].
#[derive(Debug)]
struct Text {
    content_type: &'static str,
    before: Bytes,
    behind: Bytes,
    digest: [u8; 32],
    gzip: OnceLock<Gzip>,
}

/// Both parts as parts of one gzip stream (RFC 1952), into which the address is put as it is.
#[derive(Debug)]
struct Gzip {
    before: Bytes,
    behind: Bytes,
    before_sum: crc32fast::Hasher,
    behind_sum: crc32fast::Hasher,
    /// Of both parts, before they were compressed.
    length: usize,
}

impl Text {
    fn new(content_type: &'static str, text: &str) -> io::Result<Self> {
        let parts: Vec<&str> = text.split(ROOT).collect();
        let [before, behind] = parts[..] else {
            return Err(io::Error::other("the document does not name one server"));
        };
        Ok(Self {
            content_type,
            digest: Sha256::digest(text).into(),
            before: before.to_owned().into(),
            behind: behind.to_owned().into(),
            gzip: OnceLock::new(),
        })
    }

    /// The text for a caller who found the service at this address, or 304 where the caller has it.
    fn respond(
        &self,
        request: &HttpRequest,
        base: &BaseUrl,
        cached: &IfNoneMatch,
    ) -> io::Result<HttpResponse> {
        let gzipped = accepts_gzip(request);
        let tag = version_of(Sha256::new_with_prefix(self.digest).chain_update(base.as_str()));
        // Two representations of one resource are not the same bytes.
        let tag = EntityTag::new_strong(if gzipped { tag + "-gzip" } else { tag });
        let known = cached.has(&tag);
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(ETag(tag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .append_header((VARY, "Accept-Encoding"));
        if known {
            return Ok(response.finish());
        }
        response.content_type(self.content_type);
        if gzipped {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            return Ok(response.body(self.gzip()?.with(base)));
        }
        let address = Bytes::copy_from_slice(base.as_str().as_bytes());
        Ok(response.body(Pieces::new([self.before.clone(), address, self.behind.clone()])))
    }

    fn gzip(&self) -> io::Result<&Gzip> {
        if let Some(made) = self.gzip.get() {
            return Ok(made);
        }
        let gzip = Gzip::new(&self.before, &self.behind)?;
        Ok(self.gzip.get_or_init(|| gzip))
    }
}

/// Whether a client asks for gzip and does not prefer the text as it is.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let [gzip, identity] = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate([gzip.clone(), identity].iter()) == Some(gzip))
}

/// By how much the memory for compressed bytes grows.
const ROOM: usize = 32 * 1024;

/// The header of a gzip stream: deflate, no flags, no time, no system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

impl Gzip {
    fn new(before_text: &[u8], behind_text: &[u8]) -> io::Result<Self> {
        let sum = |bytes: &[u8]| {
            let mut sum = crc32fast::Hasher::new();
            sum.update(bytes);
            sum
        };
        let mut before = GZIP_HEADER.to_vec();
        // A flush ends on a whole byte, so that a stored block can follow.
        deflate(before_text, FlushCompress::Sync, &mut before)?;
        let mut behind = Vec::new();
        deflate(behind_text, FlushCompress::Finish, &mut behind)?;
        Ok(Self {
            before: before.into(),
            behind: behind.into(),
            before_sum: sum(before_text),
            behind_sum: sum(behind_text),
            length: before_text.len() + behind_text.len(),
        })
    }

    /// The stream with the address in it.
    fn with(&self, base: &BaseUrl) -> Pieces {
        let address = base.as_str().as_bytes();
        // A stored block (RFC 1951, section 3.2.4): an address is far shorter than the longest one.
        let [low, high, ..] = address.len().to_le_bytes();
        let mut block = vec![0, low, high, !low, !high];
        block.extend(address);

        let mut sum = self.before_sum.clone();
        sum.update(address);
        sum.combine(&self.behind_sum);
        let [a, b, c, d, ..] = (self.length + address.len()).to_le_bytes();
        let mut trailer = sum.finalize().to_le_bytes().to_vec();
        trailer.extend([a, b, c, d]);
        Pieces::new([self.before.clone(), block.into(), self.behind.clone(), trailer.into()])
    }
}

/// Compresses bytes to the end of `out`.
fn deflate(bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
    let mut compress = Compress::new(Compression::best(), false);
    loop {
        out.reserve(ROOM);
        let read = usize::try_from(compress.total_in()).map_err(io::Error::other)?;
        let status = compress.compress_vec(&bytes[read..], out, flush).map_err(io::Error::other)?;
        // Room that is left says that nothing more is to be written.
        let is_done = compress.total_in() == bytes.len() as u64 && out.len() < out.capacity();
        if status == Status::StreamEnd || (flush == FlushCompress::Sync && is_done) {
            return Ok(());
        }
    }
}
