//! Database URLs that name several servers, as those of libpq do:
//! `postgres://one,two:5433/database?target_session_attrs=read-write`.

use url::Url;

use crate::storage::error::OpenError;

/// libpq's parameter: which of the servers is wanted.
const TARGET: &str = "target_session_attrs";

/// A URL, taken apart into one for each server.
#[derive(Debug)]
pub(crate) struct ServerUrls {
    /// In the order of the URL, at least one; without the parameter that says which of them is wanted.
    pub(crate) urls: Vec<Url>,
    /// Whether servers that cannot be written to are to be passed over. Of several servers, only one is of use.
    pub(crate) must_be_writable: bool,
}

impl ServerUrls {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let urls: Result<Vec<Url>, _> = split(url).iter().map(|url| Url::parse(url)).collect();
        let mut urls = urls.map_err(|_| OpenError::BadUrl)?;
        let has_several = urls.len() > 1;
        // An empty host is this machine.
        if has_several && urls.iter().any(|url| url.host_str().is_none_or(str::is_empty)) {
            return Err(OpenError::BadUrl);
        }
        let mut must_be_writable = has_several;
        for url in &mut urls {
            must_be_writable |= take_target(url)?;
        }
        Ok(Self { urls, must_be_writable })
    }
}

/// The same URL for each of its hosts.
fn split(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

/// Takes out the parameter, which the driver does not know; returns whether it was there.
fn take_target(url: &mut Url) -> Result<bool, OpenError> {
    let pairs = url.query_pairs().into_owned();
    let (targets, others): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| name == TARGET);
    if let Some((_, value)) =
        targets.iter().find(|(_, value)| !["read-write", "primary"].contains(&value.as_str()))
    {
        return Err(OpenError::ReadOnlyTarget { value: value.clone() });
    }
    if targets.is_empty() {
        return Ok(false);
    }
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (Vec<String>, bool) {
        let ServerUrls { urls, must_be_writable } = ServerUrls::parse(url).unwrap();
        (urls.into_iter().map(String::from).collect(), must_be_writable)
    }

    #[test]
    fn each_host_has_a_url() {
        for (url, expected, must_be_writable) in [
            ("postgres://host/db", &["postgres://host/db"][..], false),
            ("postgres:///db?host=/run", &["postgres:///db?host=/run"], false),
            (
                "postgres://u:p@a,b:5433,[::1]:5434/db?sslmode=require",
                &[
                    "postgres://u:p@a/db?sslmode=require",
                    "postgres://u:p@b:5433/db?sslmode=require",
                    "postgres://u:p@[::1]:5434/db?sslmode=require",
                ],
                true,
            ),
            // Escaped or not, a comma in a password separates no hosts.
            ("postgres://u:p,w@a/db", &["postgres://u:p,w@a/db"], false),
            ("postgres://u:p%2Cw@a,b", &["postgres://u:p%2Cw@a", "postgres://u:p%2Cw@b"], true),
            ("postgres://a/db?target_session_attrs=primary", &["postgres://a/db"], true),
            (
                "postgres://a,b/db?options=-c%20x%3D1&target_session_attrs=read-write&user=me",
                &["postgres://a/db?options=-c+x%3D1&user=me", "postgres://b/db?options=-c+x%3D1&user=me"],
                true,
            ),
        ] {
            assert_eq!(parsed(url), (expected.iter().map(ToString::to_string).collect(), must_be_writable));
        }
    }

    #[test]
    fn what_names_no_server_that_can_be_written_to_is_rejected() {
        for url in
            ["postgres://a,,b/db", "postgres://a,/db", "postgres://,/db", "postgres://a:1,b:x/db", "nothing"]
        {
            assert!(matches!(ServerUrls::parse(url), Err(OpenError::BadUrl)), "{url}");
        }
        for value in ["any", "standby", "prefer-standby", "read-only", ""] {
            let rejected = ServerUrls::parse(&format!("postgres://a,b/db?target_session_attrs={value}"));
            assert!(
                matches!(rejected, Err(OpenError::ReadOnlyTarget { value: named }) if named == value),
                "{value}"
            );
        }
    }
}
