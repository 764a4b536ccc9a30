//! The address of a picture. It is kept, and never fetched.

use url::Url;

use super::stored_text;
use crate::domain::fault::Fault;

/// An `http` or `https` address without user name or password, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarUrl(String);

stored_text!(AvatarUrl);

impl AvatarUrl {
    /// Longest address, in characters.
    pub const MAX_CHARS: usize = 2_048;
    /// The rule as a regular expression, for the schema: a domain name, an optional port, and a path,
    /// query and fragment in the characters of RFC 3986. (An IP address in place of the name is
    /// taken too; the expression stays readable without.)
    pub const PATTERN: &'static str = "^https?://([A-Za-z0-9]{1,63}\\.){0,3}[A-Za-z]{1,63}(:[1-9][0-9]{0,3})?([/?#][A-Za-z0-9._~!$&'()*+,;=:@/?#%-]*)?$";

    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Err(Fault::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Fault::TooLong { max: Self::MAX_CHARS });
        }
        // The parser strips or escapes these in silence; the address is kept as given.
        if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(Fault::NotHttpUrl);
        }
        let url = Url::parse(text).map_err(|_| Fault::NotHttpUrl)?;
        // `https:example.com` and `https:/\example.com` are read leniently too; nobody else would.
        let written_in_full = text.get(..8).is_some_and(|start| start.contains("://"));
        if !matches!(url.scheme(), "http" | "https") || !written_in_full {
            return Err(Fault::NotHttpUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::UrlWithUserinfo);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_web_addresses_only() {
        for good in ["https://example.com", "http://10.0.0.1:8080/a?b=c#d", "https://bücher.example/ü.png"]
        {
            assert_eq!(AvatarUrl::parse(good).map(AvatarUrl::into_string), Ok(good.to_owned()));
        }
        for (bad, fault) in [
            ("", Fault::Blank),
            ("  ", Fault::Blank),
            ("example.com/a.png", Fault::NotHttpUrl),
            ("javascript:alert(1)", Fault::NotHttpUrl),
            ("ftp://example.com/a", Fault::NotHttpUrl),
            ("https:example.com", Fault::NotHttpUrl),
            ("https://", Fault::NotHttpUrl),
            ("https://exa mple.com", Fault::NotHttpUrl),
            ("https://example.com/a\nb", Fault::NotHttpUrl),
            ("https://user@example.com", Fault::UrlWithUserinfo),
            ("https://user:secret@example.com", Fault::UrlWithUserinfo),
        ] {
            assert_eq!(AvatarUrl::parse(bad), Err(fault), "{bad}");
        }
    }
}
