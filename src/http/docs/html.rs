//! Pages for people: HTML that needs no script; one adds some comfort.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
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
    let link = format!("<a href=\"{id}\"");
    let others = rendered(&menu(document, operations))
        .replace(&format!("{link}>"), &format!("{link} aria-current=\"page\">"));
    filled(&format!("{title} – addressbook API"), &format!("{id}.md"), &explorer, &body, &others)
}

/// The 404 page.
pub(super) fn not_found(document: &Value, operations: &[Operation]) -> String {
    let body = rendered("# Page not found\n\nThe [index](./) lists all pages of the documentation.\n");
    let others = rendered(&menu(document, operations));
    filled("Page not found – addressbook API", "../llms.txt", "../swagger-ui/", &body, &others)
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

/// Markdown as HTML. Links to pages in Markdown lead to those in HTML; headings can be linked to; a long
/// line of code can be scrolled with the keyboard.
fn rendered(markdown: &str) -> String {
    let source: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let mut anchors = Vec::new();
    let mut events = Vec::new();
    for (index, event) in source.iter().enumerate() {
        match event.clone() {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = CowStr::from(dest_url.trim_end_matches(".md").to_owned());
                events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let text = heading(&source[index..]);
                let anchor = anchor(&text, &anchors);
                events.push(Event::Start(Tag::Heading {
                    level,
                    id: Some(anchor.clone().into()),
                    classes,
                    attrs,
                }));
                anchors.push(anchor);
            }
            Event::End(TagEnd::Heading(level)) => {
                if let Some(anchor) = anchors.last() {
                    let link = format!(
                        " <a class=\"anchor\" href=\"#{anchor}\" aria-label=\"Link to this section\">#</a>"
                    );
                    events.push(Event::InlineHtml(link.into()));
                }
                events.push(Event::End(TagEnd::Heading(level)));
            }
            other => events.push(other),
        }
    }
    let mut text = String::new();
    html::push_html(&mut text, events.into_iter());
    text.replace("<pre>", "<pre tabindex=\"0\">")
}

/// The text of the heading that begins the events.
fn heading(events: &[Event]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    inside
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect()
}

/// The name of a heading in addresses: `required-attributes`; with a number where another one has it.
fn anchor(text: &str, taken: &[String]) -> String {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_lowercase();
    match taken.iter().filter(|other| **other == name).count() {
        0 => name,
        count => format!("{name}-{}", count + 1),
    }
}
