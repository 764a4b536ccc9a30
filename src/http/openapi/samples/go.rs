//! Go with its standard library.

use super::literal::JSON;
use super::request::{RequestBody, SampleRequest, UrlPart};

pub(super) fn render(request: &SampleRequest) -> String {
    let strings = if request.body.is_some() { "\n\t\"strings\"" } else { "" };
    let (declaration, body) = match &request.body {
        Some(RequestBody::Json(body)) => (format!("\tbody := {}\n", reader(&JSON.render(body, 0))), "body"),
        Some(RequestBody::File { content, .. }) => (format!("\tbody := {}\n", reader(content)), "body"),
        None => (String::new(), "nil"),
    };
    let mut headers = String::new();
    if let Some(key) = request.key {
        headers += &format!("\trequest.Header.Set(\"Authorization\", \"Bearer \"+os.Getenv(\"{key}\"))\n");
    }
    if let Some(body) = &request.body {
        headers += &format!("\trequest.Header.Set(\"Content-Type\", \"{}\")\n", body.media_type());
    }
    format!(
        "\
package main

import (
	\"fmt\"
	\"io\"
	\"log\"
	\"net/http\"
	\"os\"{strings}
)

func main() {{
	url := {url}
{declaration}	request, err := http.NewRequest(\"{method}\", url, {body})
	if err != nil {{
		log.Fatal(err)
	}}
{headers}
	response, err := http.DefaultClient.Do(request)
	if err != nil {{
		log.Fatal(err)
	}}
	content, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {{
		log.Fatal(err)
	}}
	if response.StatusCode >= 400 {{
		log.Fatalf(\"%s: %s\", response.Status, content)
	}}
	fmt.Println(response.Status, string(content))
}}
",
        url = url(request),
        method = request.method,
    )
}

/// A raw string literal, which cannot contain a backquote.
fn reader(json: &str) -> String {
    format!("strings.NewReader(`{}`)", json.replace('`', "\\u0060"))
}

fn url(request: &SampleRequest) -> String {
    let parts = request.parts_with_query().into_iter().map(|part| match part {
        UrlPart::Text(text) => format!("\"{text}\""),
        UrlPart::Variable(name) => format!("os.Getenv(\"{name}\")"),
    });
    parts.collect::<Vec<_>>().join(" + ")
}
