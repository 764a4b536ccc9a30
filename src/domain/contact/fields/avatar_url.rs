//! The URL of a picture. The service stores it and never fetches it (no SSRF).

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// An `http` or `https` URL without userinfo, stored verbatim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarUrl(String);

stored_text!(AvatarUrl);

static REGEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(AvatarUrl::PATTERN).expect("the pattern is a regular expression"));

impl AvatarUrl {
    pub const MAX_CHARS: usize = 2_048;
    /// One regular expression for the schema and the parser: `http` or `https`, a domain name or an IPv4 address, a
    /// port, and a path, query and fragment in the characters of RFC 3986. Internationalised names must be in
    /// Punycode (`xn--…`).
    pub const PATTERN: &'static str = "^https?://\
        (([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\
        |((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]))\
        (:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?\
        ([/?#][A-Za-z0-9._~!$&'()*+,;=:@/?#%-]*)?$";

    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Violation::TooLong { max: Self::MAX_CHARS });
        }
        if REGEX.is_match(text) {
            return Ok(Self(text.to_owned()));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        let has_userinfo = authority.is_some_and(|authority| authority.contains('@'));
        Err(if has_userinfo { Violation::UrlWithUserinfo } else { Violation::NotHttpUrl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_http_urls_without_userinfo() {
        for valid in [
            "https://example.com",
            "http://10.0.0.1:8080/a?b=c#d",
            "https://xn--bcher-kva.example/%C3%BC.png",
            "https://example.com/@john",
        ] {
            assert_eq!(AvatarUrl::parse(valid).map(AvatarUrl::into_string), Ok(valid.to_owned()));
        }
        for (invalid, violation) in [
            ("", Violation::Blank),
            ("  ", Violation::Blank),
            ("example.com/a.png", Violation::NotHttpUrl),
            ("javascript:alert(1)", Violation::NotHttpUrl),
            ("ftp://example.com/a", Violation::NotHttpUrl),
            ("https:example.com", Violation::NotHttpUrl),
            ("https://", Violation::NotHttpUrl),
            ("https://bücher.example/", Violation::NotHttpUrl),
            ("https://exa*mple.com", Violation::NotHttpUrl),
            ("http://10.0.0.256", Violation::NotHttpUrl),
            ("http://example.com:65536", Violation::NotHttpUrl),
            ("https://exa mple.com", Violation::NotHttpUrl),
            ("https://example.com/a\nb", Violation::NotHttpUrl),
            ("https://user@example.com", Violation::UrlWithUserinfo),
            ("https://user:secret@example.com", Violation::UrlWithUserinfo),
        ] {
            assert_eq!(AvatarUrl::parse(invalid), Err(violation), "{invalid}");
        }
    }
}
