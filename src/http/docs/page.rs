//! The Markdown page of an operation.

use serde_json::Value;

use super::guides::Guide;
use super::operation::{Operation, RelatedOperation, Response};
use super::schema::Attribute;
use crate::http::openapi::samples::variables;

/// The last release and its date. The release tests run every sample.
const LAST_RELEASE: &str = include_str!("../../../openapi/released/LAST");

/// The page for language models.
pub(super) fn markdown(operation: &Operation) -> String {
    format!("{}\n{POINTERS}\n{}", front_matter(operation), content(operation, ""))
}

/// Where a language model finds the rest.
const POINTERS: &str = "> For the complete documentation index, see [llms.txt](../llms.txt).\n\
    > Everything in one fetch: [llms-full.txt](../llms-full.txt).\n";

/// The page of a guide for language models.
pub(super) fn guide(guide: &Guide) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let (title, about) = (quoted(guide.title()), quoted(&guide.about()));
    format!("---\ntitle: {title}\ndescription: {about}\n---\n\n{POINTERS}\n{}", guide.text)
}

/// The content of the page; `base` is the path of other pages.
pub(super) fn content(operation: &Operation, base: &str) -> String {
    let samples = operation
        .samples
        .iter()
        .map(|sample| format!("### {}\n\n{}", sample.label, fence(&sample.lang, &sample.source)));
    format!(
        "{}\n{}\n{}",
        before_samples(operation),
        samples.collect::<Vec<_>>().join("\n"),
        after_samples(operation, base)
    )
}

/// YAML front matter. (JSON strings are valid YAML.)
pub(super) fn front_matter(operation: &Operation) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    format!(
        "---\ntitle: {}\ndescription: {}\nendpoint: {}\nmethod: {}\nlast_verified: {}\n---\n",
        quoted(&operation.title),
        quoted(operation.first_sentence()),
        quoted(&operation.path),
        quoted(&operation.method),
        LAST_RELEASE.split_whitespace().nth(1).unwrap_or_default(),
    )
}

/// Title, endpoint and attributes, up to the heading of the samples.
pub(super) fn before_samples(operation: &Operation) -> String {
    let mut page = format!("# {}\n\n{}\n\n", operation.title, operation.description);
    page += &format!("- **Endpoint**: `{} {}`\n", operation.method, operation.path);
    page += &match &operation.permissions {
        // Those that some requests require are in the description.
        Some(permissions) if permissions.is_empty() => {
            "- **Auth**: `Authorization: Bearer <api_key>` (required)\n".to_owned()
        }
        Some(permissions) => format!(
            "- **Auth**: `Authorization: Bearer <api_key>` (required), with the permission `{}`\n",
            permissions.join("` and `")
        ),
        None => "- **Auth**: none\n".to_owned(),
    };
    if operation.has_body {
        page += "- **Content-Type**: `application/json`\n";
    }
    // The 503 of a health check has no envelope.
    if let (Some(envelope), Some(_)) = (&operation.envelope, &operation.permissions) {
        page += &format!("- **Error envelope**: 4xx/5xx return `{envelope}`\n");
    }
    for (heading, required) in [("Required attributes", true), ("Optional attributes", false)] {
        let attributes: Vec<_> =
            operation.attributes.iter().filter(|attribute| attribute.required == required).collect();
        if !attributes.is_empty() {
            page += &format!("\n## {heading}\n\n{}", list(attributes));
        }
    }
    page += "\n## Request example\n\n";
    page += &environment_variables(operation);
    page
}

fn environment_variables(operation: &Operation) -> String {
    let mut variables = vec![
        (variables::URL.to_owned(), "the URL of the service, such as `http://127.0.0.1:8080`".to_owned()),
        (variables::KEY.to_owned(), "an API key".to_owned()),
    ];
    variables.extend(variables::collections(&operation.path).map(|(_, collection)| {
        let noun = variables::singular(collection).replace('_', "-");
        (variables::id_variable(collection), format!("the id of the {noun}"))
    }));
    let is_read = |name: &str| operation.samples.iter().any(|sample| sample.source.contains(name));
    let listed: Vec<_> = variables
        .iter()
        .filter(|(name, _)| is_read(name))
        .map(|(name, about)| format!("`{name}` ({about})"))
        .collect();
    format!("Environment variables: {}.\n", listed.join(", "))
}

/// Request bodies, responses, errors and related operations.
pub(super) fn after_samples(operation: &Operation, base: &str) -> String {
    let mut page = String::new();
    if operation.requests.len() > 1 {
        page += "## Request bodies\n";
        for (about, body) in &operation.requests {
            page += &format!("\n{about}:\n\n{}", json(body));
        }
        page += "\n";
    }
    page += "## Response\n";
    for (index, response) in operation.responses.iter().enumerate() {
        page += &render_response(response, &operation.responses[..index]);
    }
    if !operation.errors.is_empty() {
        page += "\n## Errors\n\n";
        for error in &operation.errors {
            page += &format!("- `{}` `{}`: {}\n", error.status, error.code, error.about);
        }
        let attributes = list(operation.error_attributes.iter().collect());
        page += &format!("\nAttributes of an error:\n\n{attributes}");
    }
    // The longest example has the most members.
    if let Some(error) = operation.errors.iter().max_by_key(|error| error.example.to_string().len()) {
        page += &format!("\nFor example, `{}`:\n\n{}", error.status, json(&error.example));
    }
    if !operation.related.is_empty() {
        page += "\n## Related operations\n\n";
        for RelatedOperation { id, title, endpoint, about } in &operation.related {
            page += &format!("- [{title}]({base}{id}.md), `{endpoint}`: {about}\n");
        }
    }
    page
}

fn render_response(response: &Response, previous: &[Response]) -> String {
    let mut text = format!("\n`{}`: {}\n", response.status, response.about);
    if let Some(example) = &response.example {
        text += &format!("\n{}", json(example));
    }
    for (media_type, example) in &response.files {
        let lines = example.trim_end().replace('\r', "");
        text += &format!("\nAs `{media_type}`:\n\n{}", fence("text", &format!("{lines}\n")));
    }
    let same = previous.iter().find(|other| other.attributes == response.attributes);
    if let (Some(same), false) = (same, response.attributes.is_empty()) {
        text += &format!("\nAttributes: as for `{}`.\n", same.status);
    } else if !response.attributes.is_empty() {
        text += &format!("\nAttributes:\n\n{}", list(response.attributes.iter().collect()));
    }
    if !response.headers.is_empty() {
        text += "\nHeaders:\n\n";
        for (name, about) in &response.headers {
            text += &format!("- `{name}`: {about}\n");
        }
    }
    text
}

fn list(attributes: Vec<&Attribute>) -> String {
    let line = |attribute: &Attribute| {
        let Attribute { name, location, kind, required, about, example } = attribute;
        let separator = if location.is_empty() { "" } else { ", " };
        let absent = if location.is_empty() && !required { ", not always present" } else { "" };
        let example = example.as_ref().map(|example| format!(" Example: `{example}`.")).unwrap_or_default();
        let (lead, rest) = about.split_once("\n\n").unwrap_or((about, ""));
        let lead = lead.replace('\n', " ");
        format!("- `{name}` ({location}{separator}{kind}{absent}): {lead}{example}\n{}", indent(rest))
    };
    attributes.into_iter().map(line).collect()
}

/// Indents the paragraphs and lists after the first paragraph of a description, so that Markdown takes them as part of the
/// list item.
fn indent(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.is_empty());
    let indented = paragraphs.map(|paragraph| {
        let is_list = paragraph.starts_with("- ");
        let lines: String = paragraph.lines().map(|line| format!("  {line}\n")).collect();
        if is_list { lines } else { format!("\n{lines}") }
    });
    indented.collect()
}

fn json(value: &Value) -> String {
    fence("json", &format!("{value:#}\n"))
}

pub(super) fn fence(language: &str, code: &str) -> String {
    let language = if language == "Shell" { "bash".to_owned() } else { language.to_lowercase() };
    format!("```{language}\n{code}```\n")
}
