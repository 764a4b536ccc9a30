//! Pages for people: HTML without a script.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};
use serde_json::Value;

use super::operation::{Operation, Sample};
use super::{index, page};

const TEMPLATE: &str = include_str!("page.html");

/// The index.
pub(super) fn index(document: &Value, operations: &[Operation]) -> String {
    let body = rendered(&index::overview(document, operations));
    filled("addressbook API", "../llms.txt", "../swagger-ui/", &body, "")
}

/// The page of an operation.
pub(super) fn page(document: &Value, operations: &[Operation], operation: &Operation) -> String {
    let body = format!(
        "{}{}{}",
        rendered(&page::before_samples(operation)),
        tabs(&operation.samples),
        rendered(&page::after_samples(operation, ""))
    );
    let Operation { id, tag, title, .. } = operation;
    let explorer = format!("../swagger-ui/#/{}/{id}", tag.replace(' ', "%20"));
    let others = rendered(&menu(document, operations));
    filled(&format!("{title} – addressbook API"), &format!("{id}.md"), &explorer, &body, &others)
}

fn filled(title: &str, markdown: &str, explorer: &str, body: &str, menu: &str) -> String {
    TEMPLATE
        .replace("{title}", &escaped(title))
        .replace("{markdown}", markdown)
        .replace("{explorer}", explorer)
        .replace("{menu}", menu)
        .replace("{body}", body)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    html::push_html(&mut escaped, std::iter::once(Event::Text(text.into())));
    escaped
}

fn menu(document: &Value, operations: &[Operation]) -> String {
    let mut text = String::new();
    for tag in super::schema::list(&document["tags"]) {
        let name = super::schema::text(&tag["name"]);
        text += &format!("\n**{name}**\n\n");
        for Operation { id, title, .. } in operations.iter().filter(|operation| operation.tag == name) {
            text += &format!("- [{title}]({id})\n");
        }
    }
    text
}

/// The samples as tabs that need no script: of the panels, that of the chosen button is shown.
fn tabs(samples: &[Sample]) -> String {
    let buttons = samples.iter().enumerate().map(|(index, Sample { label, .. })| {
        let checked = if index == 0 { " checked" } else { "" };
        format!(
            "<input type=\"radio\" name=\"language\" id=\"language-{index}\"{checked}>\
             <label for=\"language-{index}\">{label}</label>\n"
        )
    });
    let panels = samples.iter().map(|sample| rendered(&page::fence(&sample.lang, &sample.source)));
    format!("<div class=\"samples\">\n{}{}</div>\n", buttons.collect::<String>(), panels.collect::<String>())
}

/// Markdown as HTML. Links to pages in Markdown lead to those in HTML; a long line of code can be
/// scrolled with the keyboard.
fn rendered(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = CowStr::from(dest_url.trim_end_matches(".md").to_owned());
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        other => other,
    });
    let mut text = String::new();
    html::push_html(&mut text, events);
    text.replace("<pre>", "<pre tabindex=\"0\">")
}
