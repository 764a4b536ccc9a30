//! The index for people, and for language models (llms.txt convention).

use serde_json::Value;

use super::guides::{GUIDES, Guide};
use super::operation::Operation;
use super::{page, schema};

/// Title and description.
fn introduction(document: &Value) -> String {
    let info = &document["info"];
    let description = schema::text(&info["description"]);
    let (first, rest) = description.split_once("\n\n").unwrap_or((&description, ""));
    format!("# {}\n\n> {first}\n\n{rest}\n", schema::text(&info["title"]))
}

/// How clients authenticate, and all permissions.
fn authentication(document: &Value) -> String {
    let schemes = schema::members(&document["components"]["securitySchemes"]);
    schemes.map(|(_, scheme)| format!("\n{}\n", schema::text(&scheme["description"]))).collect()
}

/// `/llms.txt`.
pub(super) fn llms(document: &Value, operations: &[Operation]) -> String {
    let link = |name: &str| format!("docs/{name}.md");
    let mut text = introduction(document) + &authentication(document);
    text += &(guides(link) + &by_tag(document, operations, link));
    text += "\n## Optional\n\n\
        - [llms-full.txt](llms-full.txt): all of these pages in one fetch\n\
        - [openapi.json](openapi.json): the OpenAPI 3.1 document from which all of this is generated\n\
        - [v1.json](openapi/v1.json) and [addressbook.json](openapi/addressbook.json): one dialect each\n\
        - [openapi-3.0.json](openapi-3.0.json): the document in OpenAPI 3.0\n\
        - [Swagger UI](swagger-ui/): try the operations out\n";
    text
}

/// The guides.
fn guides(link: impl Fn(&str) -> String) -> String {
    let line = |guide: &Guide| format!("- [{}]({}): {}\n", guide.title(), link(guide.name), guide.about());
    format!("\n## Guides\n\n{}", GUIDES.iter().map(line).collect::<String>())
}

/// The operations by tag.
pub(super) fn by_tag(document: &Value, operations: &[Operation], link: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for tag in schema::list(&document["tags"]) {
        let name = schema::text(&tag["name"]);
        text += &format!("\n## {name}\n\n{}\n\n", schema::text(&tag["description"]));
        for operation in operations.iter().filter(|operation| operation.tag == name) {
            let Operation { id, title, method, path, .. } = operation;
            let about = operation.first_sentence();
            text += &format!("- [{title}]({}): `{method} {path}`. {about}\n", link(id));
        }
    }
    text
}

/// `/llms-full.txt`.
pub(super) fn llms_full(document: &Value, operations: &[Operation]) -> String {
    let pages = operations.iter().map(|operation| {
        format!("\n{}\n{}", page::front_matter(operation), page::content(operation, "docs/"))
    });
    let guides = GUIDES.iter().map(|guide| format!("\n{}", guide.relative_to("docs/")));
    introduction(document)
        + &authentication(document)
        + &guides.collect::<String>()
        + &pages.collect::<String>()
}

/// The index for people, in Markdown: first what a newcomer reads first. (In `llms.txt`, sections have links only.)
pub(super) fn overview(document: &Value, operations: &[Operation]) -> String {
    let keys = format!("\n## API keys and permissions\n{}", authentication(document));
    introduction(document) + &guides(str::to_owned) + &keys + &by_tag(document, operations, str::to_owned)
}
