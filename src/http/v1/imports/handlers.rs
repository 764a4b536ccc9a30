//! The operations of `/v1/imports`.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, HeaderValue};

use super::rejects;
use super::request::{CommitImport, CommitPermissions, CreateImport, ListRows, UndoPermissions};
use super::response::{ContactImport, ImportRow};
use crate::domain::idempotency::Created;
use crate::domain::import::{CHUNK_BYTES, CommitMode, ImportId, ImportOptions};
use crate::domain::pagination::CursorParams;
use crate::domain::permission::granted::{CreateImports, ReadImports};
use crate::http::error::api_error::ApiError;
use crate::http::extract::Upload;
use crate::http::prelude::*;
use crate::http::v1::operations;
use crate::http::v1::pagination::{self, Page, respond_with_links};

pub(super) const PATH: &str = "/v1/imports";
const CREATE: &str = "createImport";

/// Create an import
///
/// Describes how a file of contacts is to be imported. The file is then sent to the `file_path` of the response. It is
/// read into a plan, which shows for each row what would be done, before anything is done. The plan is carried out when
/// it is committed, and can be undone until the import expires, by default after 30 days.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
pub(super) async fn create_import(
    authorized: Authorized<CreateImports>,
    prefix: Prefix,
    body: IdempotentBody<CreateImport>,
) -> HandlerResult {
    let (options, idempotent) = body.into_parts(CREATE);
    let may_change_groups =
        authorized.may(Permission::CreateGroups) && authorized.may(Permission::UpdateGroups);
    let guess_groups = options.commit == CommitMode::Manual || may_change_groups;
    let options = ImportOptions { guess_groups, ..options };
    let may_read = authorized.may(Permission::ReadImports);
    let Created { resource, replayed } = authorized.imports().create(options, idempotent, may_read).await?;
    let mut response = operations::created(&prefix, PATH, resource.id, replayed);
    Ok(response.json(ContactImport::new(resource, &prefix.prepend_to(PATH))))
}

/// List imports
///
/// Returns a page of the imports, newest first.
#[utoipa::path(get, path = PATH, operation_id = "listImports")]
pub(super) async fn list_imports(
    authorized: Authorized<ReadImports>,
    prefix: Prefix,
    Query { command: params, filters }: Query<CursorParams<ImportId>>,
) -> HandlerResult {
    let page = authorized.imports().list(params).await?;
    let path = prefix.prepend_to(PATH);
    let links = pagination::links(&path, &params, &filters, &page, |import| import.id);
    let data = page.items.into_iter().map(|import| ContactImport::new(import, &path)).collect();
    Ok(respond_with_links(links, Page::new(page.has_more, data)))
}

/// Get an import
///
/// Returns the import: its state, its progress, the counts of its rows, and the digest of its plan.
#[utoipa::path(get, path = "/v1/imports/{id}", operation_id = "getImport")]
pub(super) async fn get_import(
    authorized: Authorized<ReadImports>,
    prefix: Prefix,
    PathParam(id): PathParam<ImportId>,
) -> HandlerResult {
    let import = authorized.imports().get(id).await?;
    Ok(HttpResponse::Ok().json(ContactImport::new(import, &prefix.prepend_to(PATH))))
}

/// Send the file of an import
///
/// Receives the file and starts to plan. The file is CSV with a header line, vCard 2.1 to 4.0, NDJSON, or JSContact,
/// compressed with gzip or not; it is recognised by its content. It may also be sent with its media type: `text/csv`,
/// `text/vcard`, `application/x-ndjson`, `application/jscontact+json` or `application/gzip`. A further file replaces the
/// first, until the import is committed.
#[utoipa::path(put, path = "/v1/imports/{id}/file", operation_id = "putImportFile")]
pub(super) async fn put_file(
    authorized: Authorized<CreateImports>,
    prefix: Prefix,
    PathParam(id): PathParam<ImportId>,
    mut file: Upload,
) -> HandlerResult {
    let imports = authorized.imports();
    let mut upload = imports.begin_upload(id, file.length).await?;
    let received = async {
        while let Some(chunk) = file.next(CHUNK_BYTES).await? {
            upload.append(chunk).await?;
        }
        Ok::<_, ApiError>(())
    };
    if let Err(error) = received.await {
        upload.abandon().await;
        return Err(error);
    }
    let import = upload.finish(file.format).await?;
    Ok(HttpResponse::Accepted().json(ContactImport::new(import, &prefix.prepend_to(PATH))))
}

/// List the rows of an import
///
/// Returns a page of the rows of the plan, in the order of the file, each with what it changes.
#[utoipa::path(get, path = "/v1/imports/{id}/rows", operation_id = "listImportRows")]
pub(super) async fn list_rows(
    authorized: Authorized<ReadImports>,
    prefix: Prefix,
    PathParam(id): PathParam<ImportId>,
    Query { command: ListRows { filter, after, limit }, filters }: Query<ListRows>,
) -> HandlerResult {
    let page = authorized.imports().rows(id, filter, after, limit).await?;
    let link = page.rows.last().filter(|_| page.has_more).and_then(|(last, _)| {
        let path = prefix.prepend_to(format_args!("{PATH}/{id}/rows"));
        let filters: String = filters.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let link = format!("<{path}?limit={limit}{filters}&starting_after={last}>; rel=\"next\"");
        HeaderValue::try_from(link).ok()
    });
    let rows = page.rows.into_iter().map(|(position, row)| ImportRow::new(position, row, &page.columns));
    Ok(respond_with_links(link, Page::new(page.has_more, rows.collect())))
}

/// Get the rejected rows of an import
///
/// Returns the rejected rows as a CSV file with the columns of the file, followed by `code`, `column` and `message`. Once
/// they are corrected, the file can be imported as it is: the three columns are ignored.
#[utoipa::path(get, path = "/v1/imports/{id}/rejects", operation_id = "getImportRejects")]
pub(super) async fn get_rejects(
    authorized: Authorized<ReadImports>,
    PathParam(id): PathParam<ImportId>,
) -> HandlerResult {
    let imports = authorized.imports();
    let columns = imports.get(id).await?.report.columns;
    let lines = rejects::stream(imports, id, columns);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"rejects-{id}.csv\"")))
        .streaming(lines))
}

/// Commit an import
///
/// Starts to carry out the plan with this digest. Contacts that have changed since the plan was made are left alone and
/// counted as `changed_since`. Rows for which the account has no room left are left out and counted as `over_quota`. The
/// rows are carried out in batches; each batch becomes visible as a whole.
#[utoipa::path(post, path = "/v1/imports/{id}/commit", operation_id = "commitImport")]
pub(super) async fn commit_import(
    authorized: Authorized<CreateImports>,
    prefix: Prefix,
    PathParam(id): PathParam<ImportId>,
    _: Query<CommitPermissions>,
    body: Body<CommitImport>,
) -> HandlerResult {
    let imports = authorized.imports();
    authorized.require(imports.get(id).await?.required_permissions())?;
    let import = imports.commit(id, body.command).await?;
    Ok(HttpResponse::Accepted().json(ContactImport::new(import, &prefix.prepend_to(PATH))))
}

/// Undo an import
///
/// Starts to take back what the import has done: contacts that it created are deleted, those that it updated get their
/// former values back, and contacts leave the groups that they joined. Contacts that have changed since are left alone and
/// counted as `kept`. Groups that it created remain.
#[utoipa::path(post, path = "/v1/imports/{id}/undo", operation_id = "undoImport")]
pub(super) async fn undo_import(
    authorized: Authorized<CreateImports>,
    prefix: Prefix,
    PathParam(id): PathParam<ImportId>,
    _: Query<UndoPermissions>,
) -> HandlerResult {
    let imports = authorized.imports();
    authorized.require(imports.get(id).await?.undo_permissions())?;
    let import = imports.undo(id).await?;
    Ok(HttpResponse::Accepted().json(ContactImport::new(import, &prefix.prepend_to(PATH))))
}

/// Cancel or delete an import
///
/// Deletes the import with its file and its rows; it can no longer be undone. An import that is being carried out or taken
/// back is cancelled instead, and remains in the list: what it has done so far is not changed.
#[utoipa::path(delete, path = "/v1/imports/{id}", operation_id = "deleteImport")]
pub(super) async fn delete_import(
    authorized: Authorized<CreateImports>,
    PathParam(id): PathParam<ImportId>,
) -> HandlerResult {
    authorized.imports().delete(id).await?;
    Ok(HttpResponse::NoContent().finish())
}
