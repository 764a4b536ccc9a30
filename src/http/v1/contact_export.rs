//! `/v1/contacts/export`

use std::io;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use super::contacts::{EXPORT_PATH, Expand, GROUPS_OR_EXPAND, RESOURCE, contact_filter, needs_groups};
use super::dialect::DIALECT;
use crate::domain::change::ChangePosition;
use crate::domain::contact::{Export, ExportPage, ExportQuery, OVERLAP};
use crate::domain::file_format::FileFormat;
use crate::domain::filter::Filter;
use crate::domain::permission::granted::ReadContacts;
use crate::domain::{self, Error};
use crate::formats::Profile;
use crate::formats::write::{ExportedContact, MetaColumns, Writer};
use crate::http::auth::stream_origin::StreamOrigin;
use crate::http::headers::CHANGE_POSITION;
use crate::http::media_type;
use crate::http::openapi::examples;
use crate::http::openapi::fields::filter::{self, HasFilter};
use crate::http::prelude::*;

pub struct ExportContacts {
    query: ExportQuery,
    format: FileFormat,
    profile: Profile,
}

impl HasFilter for ExportContacts {
    fn filter(&self) -> Option<&Filter> {
        self.query.filter.filter()
    }
}

impl Parameters for ExportContacts {
    const CONDITIONAL_PERMISSIONS: &'static [ConditionalPermission<Self>] = &[
        ConditionalPermission {
            permission: Permission::ReadGroups,
            when: GROUPS_OR_EXPAND,
            applies: |Self { query, .. }| query.with_groups || needs_groups(&query.filter),
        },
        Self::OPT_OUTS,
        Self::SEGMENTS,
    ];

    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let parse = |text: &str| FileFormat::parse(text).ok_or(Violation::NotOneOf { allowed: FORMATS });
        let format = query.optional("format", format_schema, parse).unwrap_or(FileFormat::Csv);
        let parse = |text: &str| match (Profile::parse(text), format) {
            (Some(Profile::Spreadsheet), FileFormat::VCard | FileFormat::NdJson | FileFormat::JsContact) => {
                Err(Violation::NotOneOf { allowed: Profile::Exact.as_str() })
            }
            (profile, _) => profile.ok_or(Violation::NotOneOf { allowed: PROFILES }),
        };
        let profile = query.optional("profile", profile_schema, parse).unwrap_or(Profile::Exact);
        let updated_since = format!(
            "Only contacts that changed at or after this time. A change may become visible up to {OVERLAP} \
             seconds after its `updated_at`. Deleted contacts are not exported."
        );
        let filter = contact_filter(query, &updated_since);
        let Expand(with_groups) = Expand::described(query, EXPAND);
        Some(Self { query: ExportQuery { filter, with_groups }, format, profile })
    }
}

/// As the sentence of a violation lists them.
const FORMATS: &str = FileFormat::NAMES;
const PROFILES: &str = "exact, spreadsheet";

const EXPAND: &str = "`groups` adds to each contact the names of all groups that it is in, newest first: a column in CSV, \
                      `CATEGORIES` in vCard, a member in NDJSON, `keywords` in JSContact.";

fn format_schema() -> Object {
    let about = "The format of the file. CSV and NDJSON have the same names as the members of a contact, except that \
                 `display_name` is empty or null where a contact has none. vCard is version 4.0 (RFC 6350), with the \
                 properties `X-ADDRESSBOOK-USERNAME` and `X-ADDRESSBOOK-META`; JSContact (RFC 9553) is an array of Cards, with \
                 `addressbook.internal:username` and `addressbook.internal:meta`. The last line of NDJSON has one \
                 member, `$position`: the same as the header `X-Change-Position`.";
    choice("ExportFormat", about, FileFormat::ALL.map(FileFormat::as_str))
}

fn profile_schema() -> Object {
    let about = "For whom CSV is written. `exact` is for programs: nothing is altered, and `meta` is a JSON object. \
                 `spreadsheet` is for spreadsheet programs: the file begins with a byte order mark, each key of `meta` \
                 with a text has a column `meta.KEY`, up to 200 of them, and everything else is in the column `meta`. \
                 What a spreadsheet would run as a formula has an apostrophe before it, which an import takes off again.";
    choice("ExportProfile", about, Profile::ALL.map(Profile::as_str))
}

/// One of several words, the first of which is the default.
fn choice<const N: usize>(title: &str, about: &str, words: [&'static str; N]) -> Object {
    ObjectBuilder::new()
        .title(Some(title))
        .description(Some(about))
        .schema_type(SchemaType::new(Type::String))
        .enum_values(Some(words))
        .default(words.first().copied().map(Into::into))
        .build()
}

/// Export contacts
///
/// Returns all contacts that match as one file, from the oldest to the newest, however many there are. The file is sent
/// while the contacts are read: each contact that exists and matches all the time is in it exactly once. If it cannot be
/// completed, the connection is closed before the end of the body, which clients report as an error.
///
/// The header `X-Change-Position` is the position of the change log before the first contact was read: whoever
/// follows the changes from there misses none, but may see some that are already in the file.
#[utoipa::path(get, path = EXPORT_PATH, operation_id = "exportContacts")]
async fn export_contacts(
    authorized: Authorized<ReadContacts>,
    Query { command, .. }: Query<ExportContacts>,
    origin: StreamOrigin,
) -> HandlerResult {
    let ExportContacts { query, format, profile } = command;
    let with_groups = query.with_groups;
    let export = authorized.contacts().export(query).await?;
    let position = export.position.to_string();
    let file = FileWriter { export, format, profile, with_groups };
    Ok(HttpResponse::Ok()
        .content_type(content_type(format, profile))
        .insert_header(disposition(format))
        .insert_header((CHANGE_POSITION, position))
        .streaming(file.stream(origin)))
}

fn content_type(format: FileFormat, profile: Profile) -> &'static str {
    match (format, profile) {
        (FileFormat::Csv, Profile::Exact | Profile::Spreadsheet) => "text/csv; charset=utf-8; header=present",
        (FileFormat::VCard, _) => "text/vcard; charset=utf-8",
        (FileFormat::NdJson, _) => media_type::NDJSON,
        (FileFormat::JsContact, _) => FileFormat::JsContact.media_type(),
    }
}

/// `contacts-2025-11-10.csv`
fn disposition(format: FileFormat) -> ContentDisposition {
    let now = Timestamp::now().to_string();
    let date = now.split('T').next().unwrap_or_default();
    let name = format!("contacts-{date}.{}", format.file_extension());
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    }
}

/// Writes the contacts of an export into a file, page by page.
struct FileWriter {
    export: Export,
    format: FileFormat,
    profile: Profile,
    with_groups: bool,
}

enum StreamState {
    Begin(FileWriter),
    Writing {
        position: ChangePosition,
        pages: BoxStream<'static, domain::Result<ExportPage>>,
        writer: Writer,
    },
    Finished,
}

impl FileWriter {
    /// Ends with an error if the file cannot be completed: the connection is then closed, so that no client takes a part for
    /// the whole.
    fn stream(self, origin: StreamOrigin) -> impl Stream<Item = io::Result<Bytes>> {
        futures_util::stream::unfold((StreamState::Begin(self), origin), async |(state, origin)| {
            let mut chunk = Vec::new();
            match state.next(&mut chunk).await {
                Ok(Some(next)) => Some((Ok(chunk.into()), (next, origin))),
                Ok(None) => None,
                Err(error) => {
                    origin.log_abort("an export", &error);
                    Some((Err(io::Error::other("the export was aborted")), (StreamState::Finished, origin)))
                }
            }
        })
    }

    /// The keys of all contacts, for which the contacts are read once more.
    async fn meta_columns(&self) -> domain::Result<MetaColumns> {
        let mut columns = MetaColumns::default();
        if (self.format, self.profile) == (FileFormat::Csv, Profile::Spreadsheet) {
            let mut pages = self.export.source.pages();
            while let Some(page) = pages.next().await {
                page?.iter().for_each(|exported| columns.add(&exported.contact.meta));
            }
        }
        Ok(columns)
    }
}

impl StreamState {
    /// Writes the next piece of the file; `None` behind the last one.
    async fn next(self, chunk: &mut Vec<u8>) -> domain::Result<Option<Self>> {
        let internal = |error| Error::caused_by(ErrorCode::Internal, error);
        match self {
            Self::Begin(file) => {
                let columns = file.meta_columns().await?;
                let FileWriter { export: Export { position, source }, format, profile, with_groups } = file;
                let writer = Writer::new(format, profile, columns, with_groups);
                writer.begin(chunk);
                Ok(Some(Self::Writing { position, pages: source.pages(), writer }))
            }
            Self::Writing { position, mut pages, mut writer } => match pages.next().await.transpose()? {
                Some(page) => {
                    for exported in &page {
                        let groups = exported.groups.as_deref();
                        let exported = ExportedContact { contact: &exported.contact, groups };
                        writer.write(exported, chunk).map_err(internal)?;
                    }
                    Ok(Some(Self::Writing { position, pages, writer }))
                }
                None => {
                    writer.finish(position, chunk).map_err(internal)?;
                    Ok(Some(Self::Finished))
                }
            },
            Self::Finished => Ok(None),
        }
    }
}

/// The example contact as a file.
///
/// # Panics
/// It cannot be written: every test that builds the document fails.
fn example(format: FileFormat) -> (&'static str, String) {
    let contact = examples::contact();
    let mut writer = Writer::new(format, Profile::Exact, MetaColumns::default(), false);
    let mut file = Vec::new();
    writer.begin(&mut file);
    writer
        .write(ExportedContact { contact: &contact, groups: None }, &mut file)
        .expect("the contact is JSON");
    writer.finish(examples::change_position(), &mut file).expect("the position is JSON");
    (format.media_type(), String::from_utf8(file).expect("UTF-8"))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let export = OperationDoc::of(&RESOURCE)
        .responds_with_file(200, "The file.", FileFormat::ALL.map(example))
        .header(200, CHANGE_POSITION, "The position of the change log before the first contact was read.")
        .header(200, "Content-Disposition", "The suggested name of the file.")
        .errors(filter::ERRORS)
        .example_violation(FieldViolation::at("format", Violation::NotOneOf { allowed: FORMATS }));
    table.protected(&DIALECT, __path_export_contacts, export_contacts, export)
}
