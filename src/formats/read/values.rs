//! What vCard and JSContact have in common.

/// The name of the column for the n-th value of a property, from 0: `TEL`, `TEL 2`.
pub(super) fn numbered(name: &str, index: usize) -> String {
    if index == 0 { name.to_owned() } else { format!("{name} {}", index + 1) }
}

/// A phone number without the scheme of its URI.
pub(super) fn without_tel_scheme(number: &str) -> &str {
    match number.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &number[4..],
        _ => number,
    }
}

/// Whether a picture is an address, and not the picture itself.
pub(super) fn is_http_url(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}
