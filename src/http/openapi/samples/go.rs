//! Go with its standard library.

use super::literal::JSON;
use super::request::{Piece, SampleRequest};
use super::variables::KEY;

pub(super) fn render(request: &SampleRequest) -> String {
    let strings = if request.body.is_some() { "\n\t\"strings\"" } else { "" };
    let (declaration, body) = match &request.body {
        Some(body) => (format!("\tbody := {}\n", reader(&JSON.write(body, 0))), "body"),
        None => (String::new(), "nil"),
    };
    let mut headers = String::new();
    if request.needs_key {
        headers += &format!("\trequest.Header.Set(\"Authorization\", \"Bearer \"+os.Getenv(\"{KEY}\"))\n");
    }
    if request.body.is_some() {
        headers += "\trequest.Header.Set(\"Content-Type\", \"application/json\")\n";
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

/// A string that spans lines; `"` and `\` may stand in it, a backquote may not.
fn reader(json: &str) -> String {
    format!("strings.NewReader(`{}`)", json.replace('`', "\\u0060"))
}

fn url(request: &SampleRequest) -> String {
    let pieces = request.pieces_and_query().into_iter().map(|piece| match piece {
        Piece::Text(text) => format!("\"{text}\""),
        Piece::Variable(name) => format!("os.Getenv(\"{name}\")"),
    });
    pieces.collect::<Vec<_>>().join(" + ")
}
