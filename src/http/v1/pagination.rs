//! Cursor-based lists: parameters, pages, and the `Link` header.

use std::borrow::Cow;
use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderValue, LINK};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::__dev::ComposeSchema;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::domain::id::Id;
use crate::domain::pagination::{Cursor, CursorPage, CursorParams};
use crate::http::dialect::{NamedSchema, schemas_of};
use crate::http::extract::{Parameters, PathValue, QueryReader};
use crate::http::openapi::fields::{ResourceId, with_description};

/// Reads `limit`, `starting_after` and `ending_before`.
pub(super) fn cursor_params<I: ResourceId>(query: &mut QueryReader<'_>) -> Option<CursorParams<I>> {
    cursor_params_of(query, I::NOUN)
}

/// As [`cursor_params`], of a kind of resource whose ids are none of [`ResourceId`].
pub(in crate::http) fn cursor_params_of<I: PathValue>(
    query: &mut QueryReader<'_>,
    noun: &str,
) -> Option<CursorParams<I>> {
    let limit = query.limit();
    let after = query.optional(
        "starting_after",
        || {
            let about = format!("The id of the {noun} after which the page starts; older {noun}s follow.");
            with_description(I::schema(), &about)
        },
        <I as PathValue>::parse,
    );
    let before = query.optional(
        "ending_before",
        || {
            let about = format!(
                "The id of the {noun} before which the page ends; the page contains newer {noun}s. Together \
                 with `starting_after`, the page starts there and continues to older {noun}s."
            );
            with_description(I::schema(), &about)
        },
        <I as PathValue>::parse,
    );
    Some(CursorParams { cursor: Cursor { after, before }, limit: limit? })
}

/// A list without filters.
impl<I: ResourceId> Parameters for CursorParams<I> {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        cursor_params(query)
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    has_more: bool,
    data: Vec<T>,
}

/// An item of a [`Page`].
pub trait Listed: Serialize + ToSchema {
    /// The name of the schema of a page.
    const PAGE: &'static str;
    /// In a sentence: `contacts`.
    const PLURAL: &'static str;
    const ORDER: &'static str = "newest first";
}

impl<T> Page<T> {
    #[must_use]
    pub fn new(has_more: bool, data: Vec<T>) -> Self {
        Self { has_more, data }
    }
}

impl<T: Listed> ComposeSchema for Page<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let (plural, order) = (T::PLURAL, T::ORDER);
        let has_more = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Boolean))
            .description(Some(format!("Whether there are more {plural} in the direction of the cursor.")));
        let data = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some(format!("The {plural}, {order}.")));
        ObjectBuilder::new()
            .description(Some(format!("A page of {plural}.")))
            .property("has_more", has_more)
            .required("has_more")
            .property("data", data)
            .required("data")
            .into()
    }
}

impl<T: Listed> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        T::PAGE.into()
    }

    fn schemas(schemas: &mut Vec<NamedSchema>) {
        schemas.extend(schemas_of::<T>());
    }
}

/// Responds with a page, and the links to its neighbours. `filters` are the parameters of the request other than cursor and
/// limit.
pub(super) fn respond<T: Serialize, R: Into<T>, I: Id>(
    path: &str,
    params: &CursorParams<I>,
    filters: &[(&str, String)],
    page: CursorPage<R>,
    id_of: fn(&R) -> I,
) -> HttpResponse {
    let links = links(path, params, filters, &page, id_of);
    respond_with_links(links, Page::new(page.has_more, page.items.into_iter().map(R::into).collect()))
}

pub(in crate::http) fn respond_with_links<T: Serialize>(
    links: Option<HeaderValue>,
    page: Page<T>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(links) = links {
        response.insert_header((LINK, links));
    }
    response.json(page)
}

/// One link: to the page that begins or ends at an item, with these other parameters.
fn link<'p>(
    path: &str,
    limit: u64,
    (end, id): (&str, &impl Display),
    others: impl Iterator<Item = &'p (&'p str, String)>,
    relation: &str,
) -> String {
    let mut target = format!("{path}?limit={limit}&{end}={id}");
    for (name, value) in others {
        target.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    }
    format!("<{target}>; rel=\"{relation}\"")
}

/// The `Link` header of a page that has no item to begin the next one at.
pub(super) fn next_link<'p>(
    path: &str,
    limit: u64,
    after: impl Id,
    others: impl Iterator<Item = &'p (&'p str, String)>,
) -> Option<HeaderValue> {
    HeaderValue::try_from(link(path, limit, ("starting_after", &after), others, "next")).ok()
}

/// The `Link` header of a page (RFC 8288) that has a neighbour.
pub(super) fn links<R, I: Id>(
    path: &str,
    params: &CursorParams<I>,
    filters: &[(&str, String)],
    page: &CursorPage<R>,
    id_of: fn(&R) -> I,
) -> Option<HeaderValue> {
    links_resumed_at(path, params, filters, page, id_of, page.resume_at.map(I::from_uuid))
}

/// As [`links`], of any ids. `resume_at`: see [`CursorPage::resume_at`].
pub(in crate::http) fn links_resumed_at<R, I: Clone + Display>(
    path: &str,
    params: &CursorParams<I>,
    filters: &[(&str, String)],
    page: &CursorPage<R>,
    id_of: fn(&R) -> I,
    resume_at: Option<I>,
) -> Option<HeaderValue> {
    let CursorParams { cursor, limit } = params;
    // The item that a cursor names is on the neighbouring page, so that one exists.
    let (has_previous, has_next) = match (&cursor.after, &cursor.before) {
        (None, None) => (false, page.has_more),
        (Some(_), _) => (true, page.has_more),
        (None, Some(_)) => (page.has_more, true),
    };
    let (first, last) = (page.items.first().map(id_of), page.items.last().map(id_of));
    // A page that ended early is resumed where it ended.
    let (first, last) =
        if cursor.forward() { (first, resume_at.or(last)) } else { (resume_at.or(first), last) };
    let link = |name: &str, id: I, relation: &str| {
        let other_end = cursor.before.as_ref().filter(|_| cursor.after.is_some() && relation == "next");
        let other_end = other_end.map(|other_end| ("ending_before", other_end.to_string()));
        link(path, *limit, (name, &id), other_end.iter().chain(filters), relation)
    };
    let links: Vec<String> = [
        last.filter(|_| has_next).map(|last| link("starting_after", last, "next")),
        first.filter(|_| has_previous).map(|first| link("ending_before", first, "prev")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if links.is_empty() { None } else { HeaderValue::try_from(links.join(", ")).ok() }
}
