//! The text of a file as a stream of bytes: decompressed, without byte order mark, UTF-16 decoded.
//!
//! What comes out is UTF-8 or Windows-1252. Which of the two is decided for each record, so that neither a wrong byte in
//! a file of UTF-8 nor a late umlaut in one of Windows-1252 spoils the other records: a text of Windows-1252 that has
//! umlauts is hardly ever valid UTF-8.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};
use flate2::bufread::MultiGzDecoder;

use super::error::FileError;
use crate::domain::file_format::{Delimiter, FileFormat};

type Input = Box<dyn Read + Send>;

/// The encoding of a file, as far as its beginning tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

impl Encoding {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// How much of a file decides what it is.
const PREFIX_BYTES: usize = 64 * 1024;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const UTF8_BOM: &[u8] = &[0xef, 0xbb, 0xbf];

/// What people send in place of text.
const BINARY_MAGICS: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "a workbook (.xlsx or .ods) or another archive"),
    (&[0xd0, 0xcf, 0x11, 0xe0], "an old Excel workbook (.xls)"),
    (b"%PDF-", "a PDF"),
    (b"SQLite format 3\0", "a database"),
];

pub(super) struct Source {
    reader: BufReader<Input>,
    prefix: Vec<u8>,
    max_bytes: u64,
    pub(super) is_gzip: bool,
    pub(super) has_bom: bool,
    pub(super) encoding: Encoding,
    /// The line on which the next byte is, from 1.
    pub(super) line: u64,
}

impl Source {
    pub(super) fn open(input: Input, max_bytes: u64) -> Result<Self, FileError> {
        let error = |error| file_error(error, max_bytes);
        let (magic, input) = with_prefix(input, GZIP_MAGIC.len()).map_err(error)?;
        let is_gzip = magic == GZIP_MAGIC;
        let input: Input =
            if is_gzip { Box::new(GzipErrors(MultiGzDecoder::new(BufReader::new(input)))) } else { input };
        let limited = Limited { input, left: max_bytes };
        let (mut prefix, mut input) = with_prefix(Box::new(limited), PREFIX_BYTES).map_err(error)?;
        if let Some((_, actual)) = BINARY_MAGICS.iter().find(|(magic, _)| prefix.starts_with(magic)) {
            return Err(FileError::NotText { actual });
        }
        let (encoding, bom_length) = guess_encoding(&prefix);
        let mut skipped = [0; 3];
        input.read_exact(&mut skipped[..bom_length]).map_err(error)?;
        if let Encoding::Utf16Le | Encoding::Utf16Be = encoding {
            let decoder = if encoding == Encoding::Utf16Le { UTF_16LE } else { UTF_16BE };
            let decoded = Utf16 {
                input: BufReader::new(input),
                decoder: decoder.new_decoder_without_bom_handling(),
                decoded: Cursor::default(),
                is_finished: false,
            };
            (prefix, input) = with_prefix(Box::new(decoded), PREFIX_BYTES).map_err(error)?;
        } else {
            prefix.drain(..bom_length);
        }
        if prefix.iter().all(u8::is_ascii_whitespace) && prefix.len() < PREFIX_BYTES {
            return Err(FileError::Empty);
        }
        let reader = BufReader::with_capacity(PREFIX_BYTES, input);
        Ok(Self { reader, prefix, max_bytes, is_gzip, has_bom: bom_length > 0, encoding, line: 1 })
    }

    /// From the beginning of the file.
    pub(super) fn guess_format(&self) -> FileFormat {
        let start = self.prefix.trim_ascii_start();
        let vcard = b"BEGIN:VCARD";
        match start {
            _ if start.get(..vcard.len()).is_some_and(|start| start.eq_ignore_ascii_case(vcard)) => {
                FileFormat::VCard
            }
            [b'[', ..] => FileFormat::JsContact,
            [b'{', ..] => {
                let mut values = serde_json::Deserializer::from_slice(start).into_iter::<serde_json::Value>();
                match values.next() {
                    Some(Ok(value)) if value["@type"] == "Card" => FileFormat::JsContact,
                    _ => FileFormat::NdJson,
                }
            }
            _ => FileFormat::Csv,
        }
    }

    /// The one that the header has most, outside quotes; or what Excel's line before the header says.
    pub(super) fn guess_delimiter(&self) -> Delimiter {
        if let Some((delimiter, _)) = self.declared_delimiter() {
            return delimiter;
        }
        let mut counts = [0_usize; Delimiter::ALL.len()];
        let mut in_quotes = false;
        for &byte in self.prefix.trim_ascii_start() {
            match byte {
                b'"' => in_quotes = !in_quotes,
                b'\n' | b'\r' if !in_quotes => break,
                _ if in_quotes => {}
                _ => {
                    if let Some(index) =
                        Delimiter::ALL.iter().position(|delimiter| delimiter.as_byte() == byte)
                    {
                        counts[index] += 1;
                    }
                }
            }
        }
        // `max_by_key` returns the last of several maxima, and the first is preferred.
        let most = Delimiter::ALL.into_iter().zip(counts).rev().max_by_key(|(_, count)| *count);
        most.map_or(Delimiter::Comma, |(delimiter, _)| delimiter)
    }

    /// Skips `sep=;`, which Excel understands before the header.
    pub(super) fn skip_declared_delimiter(&mut self) -> Result<(), FileError> {
        let length = self.declared_delimiter().map_or(0, |(_, length)| length);
        let mut left = length;
        while left > 0 {
            let available = self.fill()?.len().min(left);
            self.consume(available);
            left -= available;
        }
        Ok(())
    }

    /// The delimiter in `sep=;`, and the length of the line without its end.
    fn declared_delimiter(&self) -> Option<(Delimiter, usize)> {
        let line = self.prefix.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        let (prefix, declared) = line.split_at_checked(4)?;
        let declared = std::str::from_utf8(declared).ok().and_then(Delimiter::parse)?;
        prefix.eq_ignore_ascii_case(b"sep=").then_some((declared, line.len()))
    }

    /// Bytes that have not been consumed. Empty only at the end of the file.
    pub(super) fn fill(&mut self) -> Result<&[u8], FileError> {
        let max_bytes = self.max_bytes;
        self.reader.fill_buf().map_err(|error| file_error(error, max_bytes))
    }

    pub(super) fn consume(&mut self, length: usize) {
        let newlines = memchr::memchr_iter(b'\n', &self.reader.buffer()[..length]).count();
        self.line += u64::try_from(newlines).unwrap_or(u64::MAX);
        self.reader.consume(length);
    }

    /// Appends the next line without its end, as much of it as `line` may hold; `None` at the end of the file.
    pub(super) fn read_line(
        &mut self,
        line: &mut Vec<u8>,
        max: usize,
    ) -> Result<Option<LineLength>, FileError> {
        let mut length = LineLength::Within;
        let mut is_first = true;
        loop {
            let available = self.fill()?;
            if available.is_empty() {
                return Ok((!is_first).then_some(length));
            }
            is_first = false;
            let end = memchr::memchr(b'\n', available);
            let content = &available[..end.unwrap_or(available.len())];
            let room = max.saturating_sub(line.len());
            if content.len() > room {
                length = LineLength::Exceeded;
            }
            line.extend_from_slice(&content[..content.len().min(room)]);
            let consumed = end.map_or(available.len(), |end| end + 1);
            self.consume(consumed);
            if end.is_some() {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(length));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineLength {
    Within,
    /// The line is cut.
    Exceeded,
}

/// Reads up to `length` bytes, and returns them with a stream that begins with them.
fn with_prefix(mut input: Input, length: usize) -> io::Result<(Vec<u8>, Input)> {
    let mut prefix = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut prefix)?;
    let whole = Cursor::new(prefix.clone()).chain(input);
    Ok((prefix, Box::new(whole)))
}

/// The encoding, and the length of the byte order mark.
fn guess_encoding(prefix: &[u8]) -> (Encoding, usize) {
    match prefix {
        [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
        _ if prefix.starts_with(UTF8_BOM) => (Encoding::Utf8, UTF8_BOM.len()),
        _ => {
            // Names of columns, or of properties, are mostly ASCII: in UTF-16, half of their bytes are 0, and hardly any of
            // the other half.
            let start = &prefix[..prefix.len().min(256)];
            let nuls = |offset| start.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
            let (even, odd, units) = (nuls(0), nuls(1), start.len() / 2);
            if odd * 2 > units && even * 8 <= units {
                (Encoding::Utf16Le, 0)
            } else if even * 2 > units && odd * 8 <= units {
                (Encoding::Utf16Be, 0)
            } else if is_utf8_so_far(prefix) {
                (Encoding::Utf8, 0)
            } else {
                (Encoding::Windows1252, 0)
            }
        }
    }
}

/// Whether the bytes are UTF-8; the last character may be cut.
fn is_utf8_so_far(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Fails when more is read than allowed. (A compressed file can be a thousand times as large as it looks.)
struct Limited {
    input: Input,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("too large")]
struct TooLarge;

#[derive(Debug, thiserror::Error)]
#[error("damaged gzip")]
struct DamagedGzip;

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(TooLarge))?;
        Ok(read)
    }
}

/// Tells damaged data from a failure to read it.
struct GzipErrors<R>(R);

impl<R: Read> Read for GzipErrors<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                io::Error::other(DamagedGzip)
            }
            _ => error,
        })
    }
}

fn file_error(error: io::Error, max: u64) -> FileError {
    match error.get_ref() {
        Some(inner) if inner.is::<TooLarge>() => FileError::TooLarge { max },
        Some(inner) if inner.is::<DamagedGzip>() => FileError::Gzip,
        _ => FileError::Io(error),
    }
}

/// UTF-16 as UTF-8. Lone surrogates become U+FFFD.
struct Utf16 {
    input: BufReader<Input>,
    decoder: Decoder,
    decoded: Cursor<Vec<u8>>,
    is_finished: bool,
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoded.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.is_finished {
                return Ok(read);
            }
            let available = self.input.fill_buf()?;
            self.is_finished = available.is_empty();
            let mut text = std::mem::take(&mut self.decoded).into_inner();
            // Three bytes for each unit of two, and some for the replacement of what was pending.
            text.resize(available.len() * 2 + 16, 0);
            let (_, consumed, written, _) =
                self.decoder.decode_to_utf8(available, &mut text, self.is_finished);
            self.input.consume(consumed);
            text.truncate(written);
            self.decoded = Cursor::new(text);
        }
    }
}
