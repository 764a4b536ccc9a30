//! Serves the documents. Each is serialised and compressed once, although the server URL in it depends on the request.

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

use super::variant::Variant;
use crate::domain::{Error, ErrorCode};
use crate::http::asset::digest_tag;
use crate::http::base_url::BaseUrl;
use crate::http::dialect::Dialects;
use crate::http::error::api_error::ApiError;
use crate::http::extract::IfNoneMatch;
use crate::http::resource::read_only;
use crate::http::response_body::ChunkedBody;

pub const JSON_PATH: &str = "/openapi.json";
pub const YAML_PATH: &str = "/openapi.yaml";
pub const VERSION_3_0_PATH: &str = "/openapi-3.0.json";

/// Marks the position of the server URL in a document.
const URL_PLACEHOLDER: &str = "/root-of-this-service";

/// The documents that the server serves. The variants have few readers, so each is derived on its first request.
#[derive(Debug)]
pub struct ServedDocuments {
    json_path: &'static str,
    yaml_path: &'static str,
    json: Text,
    yaml: Text,
    variants: Vec<(&'static str, Variant, OnceLock<Text>)>,
}

impl ServedDocuments {
    /// The document, its variant of each dialect, and the one in OpenAPI 3.0.
    ///
    /// # Errors
    /// The document cannot be serialised, or does not contain exactly one server URL.
    pub fn new(document: Value, dialects: Dialects) -> io::Result<Self> {
        let of_dialects = dialects.iter().map(|dialect| (dialect.document_path, Variant::Dialect(dialect)));
        let variants = of_dialects.chain([(VERSION_3_0_PATH, Variant::Version3_0)]);
        Self::at((JSON_PATH, YAML_PATH), document, variants)
    }

    /// The document at these paths, with variants at theirs.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn at(
        (json_path, yaml_path): (&'static str, &'static str),
        mut document: Value,
        variants: impl IntoIterator<Item = (&'static str, Variant)>,
    ) -> io::Result<Self> {
        for server in document["servers"].as_array_mut().into_iter().flatten() {
            server["url"] = URL_PLACEHOLDER.into();
        }
        let yaml = yaml_serde::to_string(&document).map_err(io::Error::other)?;
        Ok(Self {
            json_path,
            yaml_path,
            json: Text::new("application/json", &document.to_string())?,
            // RFC 9512
            yaml: Text::new("application/yaml", &yaml)?,
            variants: variants.into_iter().map(|(path, variant)| (path, variant, OnceLock::new())).collect(),
        })
    }

    pub fn configure(self: &Arc<Self>, config: &mut ServiceConfig) {
        self.serve(config, self.json_path, |documents| Ok(&documents.json));
        self.serve(config, self.yaml_path, |documents| Ok(&documents.yaml));
        for (index, (path, ..)) in self.variants.iter().enumerate() {
            self.serve(config, path, move |documents| documents.variant(index));
        }
    }

    fn serve(
        self: &Arc<Self>,
        config: &mut ServiceConfig,
        path: &str,
        text: impl Fn(&Self) -> io::Result<&Text> + Clone + 'static,
    ) {
        let documents = Arc::clone(self);
        config.service(read_only(
            path,
            move |request: HttpRequest, base: BaseUrl, if_none_match: IfNoneMatch| {
                let response =
                    text(&documents).and_then(|text| text.respond(&request, &base, &if_none_match));
                ready(response.map_err(|error| ApiError::from(Error::caused_by(ErrorCode::Internal, error))))
            },
        ));
    }

    fn variant(&self, index: usize) -> io::Result<&Text> {
        let (_, variant, cell) = &self.variants[index];
        if let Some(text) = cell.get() {
            return Ok(text);
        }
        let json = [&self.json.head[..], URL_PLACEHOLDER.as_bytes(), &self.json.tail].concat();
        let document: Value = serde_json::from_slice(&json)?;
        let text = Text::new("application/json", &variant.derive(&document).to_string())?;
        Ok(cell.get_or_init(|| text))
    }
}

/// A document around the server URL, which needs no escaping: see [`BaseUrl`].
#[derive(Debug)]
struct Text {
    content_type: &'static str,
    head: Bytes,
    tail: Bytes,
    digest: [u8; 32],
    gzip: OnceLock<Gzip>,
}

/// Head and tail as parts of one gzip stream (RFC 1952); the server URL is inserted uncompressed.
#[derive(Debug)]
struct Gzip {
    head: Bytes,
    tail: Bytes,
    head_crc: crc32fast::Hasher,
    tail_crc: crc32fast::Hasher,
    /// Of head and tail, uncompressed.
    length: usize,
}

impl Text {
    fn new(content_type: &'static str, text: &str) -> io::Result<Self> {
        let parts: Vec<&str> = text.split(URL_PLACEHOLDER).collect();
        let [head, tail] = parts[..] else {
            return Err(io::Error::other("the document does not name one server"));
        };
        Ok(Self {
            content_type,
            digest: Sha256::digest(text).into(),
            head: head.to_owned().into(),
            tail: tail.to_owned().into(),
            gzip: OnceLock::new(),
        })
    }

    /// The document with the server URL of the request, or 304 if the client has cached it.
    fn respond(
        &self,
        request: &HttpRequest,
        base: &BaseUrl,
        if_none_match: &IfNoneMatch,
    ) -> io::Result<HttpResponse> {
        let gzipped = accepts_gzip(request);
        let tag = digest_tag(Sha256::new_with_prefix(self.digest).chain_update(base.as_str()));
        // A strong tag identifies one representation (RFC 9110, section 8.8.3.3).
        let tag = EntityTag::new_strong(if gzipped { tag + "-gzip" } else { tag });
        let is_cached = if_none_match.has(&tag);
        let mut response = if is_cached { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(ETag(tag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .append_header((VARY, "Accept-Encoding"));
        if is_cached {
            return Ok(response.finish());
        }
        response.content_type(self.content_type);
        if gzipped {
            response.insert_header((CONTENT_ENCODING, "gzip"));
            return Ok(response.body(self.gzip()?.with_url(base)));
        }
        let url = Bytes::copy_from_slice(base.as_str().as_bytes());
        Ok(response.body(ChunkedBody::new([self.head.clone(), url, self.tail.clone()])))
    }

    fn gzip(&self) -> io::Result<&Gzip> {
        if let Some(gzip) = self.gzip.get() {
            return Ok(gzip);
        }
        let gzip = Gzip::new(&self.head, &self.tail)?;
        Ok(self.gzip.get_or_init(|| gzip))
    }
}

/// Whether the client accepts gzip and does not prefer the uncompressed document.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let [gzip, identity] = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate([gzip.clone(), identity].iter()) == Some(gzip))
}

/// The step in which the output buffer grows.
const OUTPUT_STEP: usize = 32 * 1024;

/// Deflate, no flags, no modification time, no operating system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

impl Gzip {
    fn new(head_text: &[u8], tail_text: &[u8]) -> io::Result<Self> {
        let crc = |bytes: &[u8]| {
            let mut crc = crc32fast::Hasher::new();
            crc.update(bytes);
            crc
        };
        let mut head = GZIP_HEADER.to_vec();
        // A sync flush ends on a byte boundary, so that a stored block can follow.
        deflate(head_text, FlushCompress::Sync, &mut head)?;
        let mut tail = Vec::new();
        deflate(tail_text, FlushCompress::Finish, &mut tail)?;
        Ok(Self {
            head: head.into(),
            tail: tail.into(),
            head_crc: crc(head_text),
            tail_crc: crc(tail_text),
            length: head_text.len() + tail_text.len(),
        })
    }

    /// The stream with the server URL.
    fn with_url(&self, base: &BaseUrl) -> ChunkedBody {
        let url = base.as_str().as_bytes();
        // A stored block (RFC 1951, section 3.2.4) holds up to 65,535 bytes; a URL is far shorter.
        let [low, high, ..] = url.len().to_le_bytes();
        let mut block = vec![0, low, high, !low, !high];
        block.extend(url);

        let mut crc = self.head_crc.clone();
        crc.update(url);
        crc.combine(&self.tail_crc);
        let [a, b, c, d, ..] = (self.length + url.len()).to_le_bytes();
        let mut trailer = crc.finalize().to_le_bytes().to_vec();
        trailer.extend([a, b, c, d]);
        ChunkedBody::new([self.head.clone(), block.into(), self.tail.clone(), trailer.into()])
    }
}

/// Appends the compressed bytes to `out`.
fn deflate(bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
    let mut compress = Compress::new(Compression::best(), false);
    loop {
        out.reserve(OUTPUT_STEP);
        let read = usize::try_from(compress.total_in()).map_err(io::Error::other)?;
        let status = compress.compress_vec(&bytes[read..], out, flush).map_err(io::Error::other)?;
        // Spare capacity means that no output is pending.
        let is_done = compress.total_in() == bytes.len() as u64 && out.len() < out.capacity();
        if status == Status::StreamEnd || (flush == FlushCompress::Sync && is_done) {
            return Ok(());
        }
    }
}
