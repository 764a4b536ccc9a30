//! The served documentation: complete, linked, and independent of the path prefix.

use serde_json::Value;
use url::Url;

use crate::guides::GUIDES;
use crate::harness::operations::Call;
use crate::harness::{Backend, Client, Service};

const RELEASED: &str = include_str!("../../openapi/released/LAST");

fn client() -> Client {
    Service::shared(Backend::Sqlite).unwrap().anonymous()
}

pub fn text(client: &Client, path: &str) -> String {
    let reply = client.get(path);
    assert_eq!(reply.status, 200, "{path}");
    String::from_utf8(reply.body).unwrap()
}

/// The targets of links in HTML (`href="…"`) or Markdown (`](…)`).
fn links<'a>(page: &'a str, before: &str, after: char) -> Vec<&'a str> {
    page.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

/// The text of a page with character references resolved.
fn unescaped(html: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(html.to_owned(), |text, (mark, character)| text.replace(mark, character))
}

#[test]
fn every_operation_has_a_complete_page() {
    let client = client();
    let document = client.get("/openapi.json").expect(200);
    let released = RELEASED.split_whitespace().nth(1).unwrap();
    for call in Call::all(&document) {
        let operation = &document["paths"][&call.path][call.method.to_lowercase()];
        let page = text(&client, &format!("/docs/{}.md", call.id));
        let html = unescaped(&text(&client, &format!("/docs/{}", call.id)));
        let mut lines = page.lines();
        assert_eq!(lines.next(), Some("---"));
        for (name, value) in [
            ("title", operation["summary"].to_string()),
            (
                "description",
                operation["description"].as_str().unwrap().split_inclusive(". ").next().unwrap().to_owned(),
            ),
            ("endpoint", format!("\"{}\"", call.path)),
            ("method", format!("\"{}\"", call.method)),
            ("last_verified", released.to_owned()),
        ] {
            let line = lines.next().unwrap();
            let said =
                line.strip_prefix(&format!("{name}: ")).unwrap_or_else(|| panic!("{}: {line}", call.id));
            let of_same_words = said == value || value.trim().starts_with(said.trim_matches('"'));
            assert!(of_same_words && !said.is_empty(), "{}: {said} is not {value}", call.id);
        }
        assert_eq!(lines.next(), Some("---"));

        let mut expected = vec![format!("`{} {}`", call.method, call.path)];
        expected.extend(call.permission.clone());
        expected.extend(call.known.iter().map(|(name, place)| format!("- `{name}` ({place}, ")));
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        if let Some(schema) = schema.as_str() {
            let members = &document.pointer(schema.trim_start_matches('#')).unwrap()["properties"];
            expected.extend(members.as_object().unwrap().keys().map(|name| format!("- `{name}` (body, ")));
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let examples =
                response["content"]["application/json"]["examples"].as_object().into_iter().flatten();
            expected.push(format!("`{status}`"));
            for (name, example) in examples.filter(|(name, _)| *name != "example") {
                expected.push(format!("- `{status}` `{name}`: {}", example["summary"].as_str().unwrap()));
            }
            for link in
                response["links"].as_object().into_iter().flatten().filter(|_| status.starts_with('2'))
            {
                expected.push(format!("({}.md)", link.1["operationId"].as_str().unwrap()));
            }
        }
        let samples = operation["x-codeSamples"].as_array().unwrap();
        assert_eq!(samples.len(), 5);
        expected.extend(samples.iter().map(|sample| sample["source"].as_str().unwrap().to_owned()));
        for part in &expected {
            assert!(page.contains(part.as_str()), "{}: {part} is missing", call.id);
        }
        for sample in samples {
            assert!(html.contains(sample["source"].as_str().unwrap()), "{} in HTML", call.id);
        }
    }
}

#[test]
fn the_index_links_to_every_page() {
    let client = client();
    let document = client.get("/openapi.json").expect(200);
    let (index, full, html) =
        (text(&client, "/llms.txt"), text(&client, "/llms-full.txt"), text(&client, "/docs/"));
    // The llms.txt convention: one heading with the name, a quotation as summary, lists of links.
    assert!(index.starts_with("# addressbook\n\n> Contacts for messaging platforms"), "{index}");
    assert!(index.contains("\n## Optional\n"));
    for call in Call::all(&document) {
        assert!(
            index.contains(&format!("](docs/{}.md): `{} {}`", call.id, call.method, call.path)),
            "{}",
            call.id
        );
        assert!(html.contains(&format!("<a href=\"{}\">", call.id)), "{}", call.id);
        let page = text(&client, &format!("/docs/{}.md", call.id));
        let heading = page.find("\n# ").unwrap();
        let follows = page.find("\n## Related operations").unwrap_or(page.len());
        assert!(full.contains(&page[heading..follows]), "{} in full", call.id);
    }
}

/// Every link of every page, behind a prefix that the service does not know.
#[test]
fn links_work_behind_a_prefix() {
    let client = client();
    let prefix = "http://example.com/some/prefix";
    let mut pages = vec!["/docs/".to_owned(), "/llms.txt".to_owned(), "/llms-full.txt".to_owned()];
    for call in Call::all(&client.get("/openapi.json").expect(200)) {
        pages.extend([format!("/docs/{}", call.id), format!("/docs/{}.md", call.id)]);
    }
    for guide in GUIDES {
        pages.extend([format!("/docs/{guide}"), format!("/docs/{guide}.md")]);
    }
    let mut followed = 0;
    for page in pages {
        let base = Url::parse(&format!("{prefix}{page}")).unwrap();
        let content = text(&client, &page);
        let is_html = content.starts_with("<!DOCTYPE html>");
        let found = if is_html { links(&content, "href=\"", '"') } else { links(&content, "](", ')') };
        assert!(found.len() >= 3, "{page}: {found:?}");
        for link in found {
            let target = base.join(link).unwrap();
            let inside =
                target.as_str().strip_prefix(prefix).unwrap_or_else(|| panic!("{page}: {link} leads away"));
            let path = inside.split('#').next().unwrap();
            assert_eq!(client.get(path).status, 200, "{page}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 200, "{followed}");
    let reply = client.get("/docs");
    assert_eq!((reply.status, reply.header("Location")), (302, "docs/"));
}

/// Whatever follows the first paragraph of a description belongs to the same attribute: alternatives of a union are
/// not attributes of the response.
#[test]
fn listed_response_attributes_are_those_of_the_schema() {
    let client = client();
    let document = client.get("/openapi.json").expect(200);
    let mut listed = 0;
    for call in Call::all(&document) {
        let page = text(&client, &format!("/docs/{}.md", call.id));
        let html = text(&client, &format!("/docs/{}", call.id));
        for line in page.lines().filter(|line| line.starts_with("- `")) {
            // A name with its type or location in brackets, an error, or a header of the response.
            let rest = line[3..].split_once('`').unwrap().1;
            let is_error = rest.starts_with(" `") && line[3..6].bytes().all(|byte| byte.is_ascii_digit());
            let is_header = rest.starts_with(": ") && line.as_bytes()[3].is_ascii_uppercase();
            assert!(rest.starts_with(" (") || is_error || is_header, "{}: {line}", call.id);
        }
        listed += page.matches("\n  - `opted_out`: ").count();
        assert_eq!(
            page.matches("\n  - `opted_out`: ").count(),
            html.matches("<li><code>opted_out</code>: ").count(),
            "{}",
            call.id
        );
        assert!(!html.contains(
            "<code>template_failed</code>: the template cannot be rendered with this data Example"
        ));
    }
    assert!(listed > 2, "{listed}");
}

#[test]
fn limits_and_error_details_are_documented() {
    let client = client();
    let page = text(&client, "/docs/changeGroupMembers.md");
    assert!(page.contains("- `add` (body, array, at most 1000 items): "), "{page}");
    let page = text(&client, "/docs/createAudience.md");
    for part in
        ["`recipients` (body, array, ", "1000 items): ", "10,000 contacts", "250,000 in a kept audience"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("\nAttributes: as for `200`.\n"), "{page}");
    for (page, prefix) in [("createContact", ""), ("createAddressBookContact", "- `success` (boolean): ")] {
        let page = text(&client, &format!("/docs/{page}.md"));
        let errors = page.split("\nAttributes of an error:\n\n").nth(1).unwrap();
        assert!(
            errors.starts_with(if prefix.is_empty() { "- `error` (object): " } else { prefix }),
            "{errors}"
        );
        for name in ["error.message", "error.details", "error.details[].field", "error.details[].message"] {
            assert!(errors.contains(&format!("\n- `{name}` (")), "{name}: {errors}");
        }
    }
    let page = text(&client, "/docs/createContact.md");
    let conflicts: Vec<_> = page.lines().filter(|line| line.starts_with("- `409`")).collect();
    assert!(conflicts.len() == 2 && conflicts[0].contains("username_taken"), "{conflicts:?}");
    // With another setting.
    let service =
        Service::start(Backend::Sqlite, |settings| settings.limits.audience_kept_limit = 1_234_567).unwrap();
    let page = text(&service.anonymous(), "/docs/createAudience.md");
    assert!(page.contains("1,234,567 in a kept audience"), "{page}");
}

/// A missing page is an HTML page for browsers, and an error in the envelope for other clients.
#[test]
fn a_missing_page_is_html_for_browsers_and_json_for_programs() {
    let client = client();
    for accept in
        ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json, TEXT/HTML;q=0.5"]
    {
        let reply = client.send("GET", "/docs/nothing", &[("Accept", accept)], b"");
        assert_eq!(
            (reply.status, reply.header("Content-Type")),
            (404, "text/html; charset=utf-8"),
            "{accept}"
        );
        assert_eq!(reply.header("Vary"), "Accept");
        assert!(reply.header("Content-Security-Policy").starts_with("default-src 'none'; "));
        let html = String::from_utf8(reply.body).unwrap();
        assert!(html.contains("Page not found") && html.contains("<a href=\"createContact\">"), "{html}");
    }
    for accept in ["", "*/*", "application/json", "text/htmlx", "text/markdown"] {
        let reply = client.send("GET", "/docs/nothing", &[("Accept", accept)], b"");
        assert_eq!(reply.expect(404)["error"]["code"], "route_not_found", "{accept}");
    }
    let reply = client.send_json("POST", "/docs/nothing", "{}");
    assert_eq!((reply.status, reply.header("Allow")), (405, "GET, HEAD"));
}

#[test]
fn headings_have_anchors_and_the_menu_marks_the_current_page() {
    let client = client();
    for call in Call::all(&client.get("/openapi.json").expect(200)) {
        let html = text(&client, &format!("/docs/{}", call.id));
        let headings: Vec<_> = ["<h1", "<h2", "<h3"].iter().flat_map(|tag| links(&html, tag, '>')).collect();
        let ids: std::collections::BTreeSet<_> =
            headings.iter().flat_map(|it| links(it, " id=\"", '"')).collect();
        assert!(headings.len() >= 3 && ids.len() == headings.len(), "{}: {headings:?}", call.id);
        for id in ids {
            assert!(html.contains(&format!("href=\"#{id}\"")), "{}: {id}", call.id);
        }
        let current = format!("<a href=\"{}\" aria-current=\"page\">", call.id);
        assert_eq!(
            (html.matches("aria-current").count(), html.matches(&current).count()),
            (1, 1),
            "{}",
            call.id
        );
    }
}

/// `tests/browser` searches.
#[test]
fn the_search_has_each_operation_and_each_section_of_the_guides_at_its_place() {
    let client = client();
    let module = text(&client, "/docs/search-index.js");
    let json = module.strip_prefix("export default ").and_then(|rest| rest.strip_suffix(";\n")).unwrap();
    let entries: Vec<Value> = serde_json::from_str(json).unwrap();
    let member = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let hrefs: Vec<String> = entries.iter().map(|entry| member(entry, "href")).collect();

    for call in Call::all(&client.get("/openapi.json").expect(200)) {
        let entry = entries.iter().find(|entry| entry["href"] == call.id).expect(&call.id);
        assert_eq!(entry["about"], format!("{} {}", call.method, call.path));
        assert!(member(entry, "text").starts_with(&format!("{} ", call.id)), "{entry}");
    }
    for guide in GUIDES {
        let html = text(&client, &format!("/docs/{guide}"));
        let main = html.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
        for heading in main.split("<h").skip(1).filter(|rest| rest.starts_with(['2', '3'])) {
            let anchor = heading.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
            assert!(hrefs.contains(&format!("{guide}#{anchor}")), "{guide}#{anchor}");
        }
        assert!(hrefs.contains(&guide.to_owned()), "{guide}");
        let sections = hrefs.iter().filter(|href| href.starts_with(&format!("{guide}#"))).count();
        assert_eq!(sections, main.matches("<h2").count() + main.matches("<h3").count(), "{guide}");
    }
    // A sentence is under the heading where it stands; code is not searched.
    let entry = entries.iter().find(|entry| entry["href"] == "backups#rehearse").unwrap();
    assert!(
        member(entry, "text").starts_with("A backup that was never restored is a hope. Restore it"),
        "{entry}"
    );
    assert!(!member(entry, "text").contains("addressbook serve"), "{entry}");
}

#[test]
fn the_index_has_the_guides_before_keys_and_operations() {
    let html = text(&client(), "/docs/");
    let headings: Vec<_> =
        html.split("<h2 id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(headings[..2], ["guides", "api-keys-and-permissions"], "{headings:?}");
}

#[test]
fn pages_load_nothing_from_other_hosts_and_run_one_script() {
    let client = client();
    for path in ["/docs/", "/docs/createContact"] {
        let reply = client.get(path);
        assert_eq!(reply.header("Content-Type"), "text/html; charset=utf-8");
        let policy = reply.header("Content-Security-Policy").to_owned();
        let expected = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; ";
        assert!(policy.starts_with(expected), "{policy}");
        let html = String::from_utf8(reply.body).unwrap();
        assert_eq!(links(&html, "<script", '>'), [" src=\"script.js\" defer"], "{path}");
        for word in [" style=", " onclick=", "<iframe", "@import"] {
            assert!(!html.contains(word), "{path}: {word}");
        }
        // URLs of other hosts appear in samples as text, and nonexistent else.
        assert!(!html.contains("src=\"http") && !html.contains("href=\"http"), "{path}");
        assert!(html.contains("name=\"viewport\""), "{path}");
    }
    let style = text(&client, "/docs/style.css");
    assert!(style.contains("prefers-color-scheme: dark") && !style.contains("url("));
}

#[test]
fn files_are_cached_by_their_entity_tag() {
    let client = client();
    for (path, kind) in [
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/getContact", "text/html; charset=utf-8"),
        ("/docs/getContact.md", "text/markdown; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
        ("/docs/script.js", "text/javascript; charset=utf-8"),
        ("/docs/search.js", "text/javascript; charset=utf-8"),
        ("/docs/search-index.js", "text/javascript; charset=utf-8"),
        ("/llms.txt", "text/plain; charset=utf-8"),
        ("/llms-full.txt", "text/plain; charset=utf-8"),
    ] {
        let first = client.get(path);
        let tag = first.header("ETag").to_owned();
        assert_eq!((first.status, first.header("Content-Type"), tag.len()), (200, kind, 34), "{path}");
        let again = client.send("GET", path, &[("If-None-Match", &tag)], b"");
        assert_eq!((again.status, again.body.len(), again.header("ETag")), (304, 0, tag.as_str()), "{path}");
        assert_eq!(
            client.send("GET", path, &[("If-None-Match", "\"other\"")], b"").body,
            first.body,
            "{path}"
        );
        assert_eq!(client.send("HEAD", path, &[], b"").header("ETag"), tag, "{path}");
        let reply = client.send_json("POST", path, "{}");
        assert_eq!((reply.status, reply.header("Allow")), (405, "GET, HEAD"), "{path}");
    }
    assert_eq!(client.get("/docs/nothing").status, 404);
}

#[test]
fn the_documentation_shows_the_effective_settings() {
    let service = Service::start(Backend::Sqlite, |settings| {
        settings.limits.page_max = 7;
        settings.limits.page_default = 3;
    })
    .unwrap();
    let client = service.anonymous();
    let page = text(&client, "/docs/listContacts.md");
    assert!(
        page.contains("- `limit` (query, integer, 1–7, default `3`)") && page.contains("?limit=3\""),
        "{page}"
    );
}

#[test]
fn the_document_of_the_last_release_is_committed() {
    let (version, date) = RELEASED.trim().split_once(' ').unwrap();
    assert!(chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok(), "{date}");
    let released = std::fs::read_to_string(format!("openapi/released/{version}.json")).unwrap();
    let released: Value = serde_json::from_str(&released).unwrap();
    assert_eq!(released["info"]["version"], version);
    let files = std::fs::read_dir("openapi/released").unwrap();
    let newest = files
        .filter_map(|file| {
            file.unwrap().file_name().to_str().unwrap().strip_suffix(".json").map(str::to_owned)
        })
        .max_by_key(|version| {
            version.split('.').map(|part| part.parse::<u32>().unwrap()).collect::<Vec<_>>()
        });
    assert_eq!(newest.as_deref(), Some(version), "LAST names the last one");
}
