//! HTML pages. They work without scripts.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use serde_json::Value;

use super::guides::{GUIDES, Guide};
use super::operation::{Operation, Sample};
use super::{index, page};

const TEMPLATE: &str = include_str!("page.html");

pub(super) fn index(document: &Value, operations: &[Operation]) -> String {
    let body = render_markdown(&index::overview(document, operations));
    fill_template("addressbook API", "../llms.txt", "../swagger-ui/", &body, "")
}

pub(super) fn page(document: &Value, operations: &[Operation], operation: &Operation) -> String {
    let body = format!(
        "{}{}{}",
        render_markdown(&page::before_samples(operation)),
        tabs(&operation.samples),
        render_markdown(&page::after_samples(operation, ""))
    );
    let Operation { id, tag, title, .. } = operation;
    let swagger_ui = format!("../swagger-ui/#/{}/{id}", tag.replace(' ', "%20"));
    let menu = menu(document, operations, id);
    fill_template(&format!("{title} – addressbook API"), &format!("{id}.md"), &swagger_ui, &body, &menu)
}

pub(super) fn guide(document: &Value, operations: &[Operation], guide: &Guide) -> String {
    let title = format!("{} – addressbook API", guide.title());
    let menu = menu(document, operations, guide.name);
    fill_template(
        &title,
        &format!("{}.md", guide.name),
        "../swagger-ui/",
        &render_markdown(guide.text),
        &menu,
    )
}

/// The menu with the page on which it stands marked.
fn menu(document: &Value, operations: &[Operation], current: &str) -> String {
    let link = format!("<a href=\"{current}\"");
    render_markdown(&menu_markdown(document, operations))
        .replace(&format!("{link}>"), &format!("{link} aria-current=\"page\">"))
}

/// The 404 page.
pub(super) fn not_found(document: &Value, operations: &[Operation]) -> String {
    let body = render_markdown("# Page not found\n\nThe [index](./) lists all pages of the documentation.\n");
    let menu = render_markdown(&menu_markdown(document, operations));
    fill_template("Page not found – addressbook API", "../llms.txt", "../swagger-ui/", &body, &menu)
}

fn fill_template(title: &str, markdown: &str, swagger_ui: &str, body: &str, menu: &str) -> String {
    TEMPLATE
        .replace("{title}", &escape(title))
        .replace("{markdown}", markdown)
        .replace("{swagger_ui}", swagger_ui)
        .replace("{menu}", menu)
        .replace("{body}", body)
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    html::push_html(&mut escaped, std::iter::once(Event::Text(text.into())));
    escaped
}

fn menu_markdown(document: &Value, operations: &[Operation]) -> String {
    let guide = |guide: &Guide| format!("- [{}]({})\n", guide.title(), guide.name);
    let mut text = format!("\n**Guides**\n\n{}", GUIDES.iter().map(guide).collect::<String>());
    for tag in super::schema::list(&document["tags"]) {
        let name = super::schema::text(&tag["name"]);
        text += &format!("\n**{name}**\n\n");
        for Operation { id, title, .. } in operations.iter().filter(|operation| operation.tag == name) {
            text += &format!("- [{title}]({id})\n");
        }
    }
    text
}

/// The samples as tabs, by radio buttons and CSS.
fn tabs(samples: &[Sample]) -> String {
    let buttons = samples.iter().enumerate().map(|(index, Sample { label, .. })| {
        let checked = if index == 0 { " checked" } else { "" };
        format!(
            "<input type=\"radio\" name=\"language\" id=\"language-{index}\"{checked}>\
             <label for=\"language-{index}\">{label}</label>\n"
        )
    });
    let panels = samples.iter().map(|sample| render_markdown(&page::fence(&sample.lang, &sample.source)));
    format!("<div class=\"samples\">\n{}{}</div>\n", buttons.collect::<String>(), panels.collect::<String>())
}

/// Renders Markdown as HTML: links to Markdown pages lead to the HTML pages, headings have anchors, and code blocks can be
/// scrolled with the keyboard.
fn render_markdown(markdown: &str) -> String {
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

/// What a heading stands over, up to the next one.
pub(super) struct Section {
    pub(super) anchor: String,
    pub(super) heading: String,
    /// Without markup and blocks of code.
    pub(super) text: String,
}

/// The sections of a page, with the anchors that its headings have when it is rendered.
pub(super) fn sections(markdown: &str) -> Vec<Section> {
    let source: Vec<_> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let (mut anchors, mut sections) = (Vec::new(), Vec::<Section>::new());
    // Headings are kept beside the text, and code is not searched.
    let (mut in_heading, mut in_code) = (false, false);
    for (index, event) in source.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                let heading = heading(&source[index..]);
                let anchor = anchor(&heading, &anchors);
                anchors.push(anchor.clone());
                sections.push(Section { anchor, heading, text: String::new() });
                in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) | Event::Code(text) if !in_heading && !in_code => {
                if let Some(section) = sections.last_mut() {
                    section.text += text;
                }
            }
            Event::SoftBreak | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => {
                if let Some(section) = sections.last_mut() {
                    section.text += " ";
                }
            }
            _ => {}
        }
    }
    sections
}

/// The text of the heading at the start of the events.
fn heading(events: &[Event]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    inside
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect()
}

/// The anchor of a heading: `required-attributes`, with a number if it is taken.
fn anchor(text: &str, taken: &[String]) -> String {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_lowercase();
    match taken.iter().filter(|other| **other == name).count() {
        0 => name,
        count => format!("{name}-{}", count + 1),
    }
}
