//! Numbers whose digits JSON's readers would lose: integers past 64 bits, which turn into doubles, and numbers
//! past the range of a double.

/// Longest run of digits that is certainly within 64 bits.
const SHORT: usize = 18;

/// The bytes of JSON text outside of its strings, and the quotes around these; with their places.
fn outside_strings(json: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut in_string, mut escaped) = (false, false);
    json.iter().copied().enumerate().filter(move |(_, byte)| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'"' => {
            in_string = !in_string;
            true
        }
        _ if in_string => {
            escaped = *byte == b'\\';
            false
        }
        _ => true,
    })
}

/// How deeply brackets are nested outside of strings, and whether there may be an inexact number: without
/// parsing, in one pass over every body that arrives.
pub(super) fn survey(bytes: &[u8]) -> (usize, bool) {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut digits, mut suspect) = (0_usize, false);
    for (_, byte) in outside_strings(bytes) {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                suspect |= digits > SHORT;
                continue;
            }
            b'e' | b'E' => suspect |= digits > 0,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        digits = 0;
    }
    (deepest, suspect)
}

/// Whether some number in JSON text is inexact.
pub(super) fn some_inexact(json: &[u8]) -> bool {
    let mut start = None;
    for (index, byte) in outside_strings(json) {
        let in_number = matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        match (in_number, start) {
            // `e` stands in `true` and `false`, too, and begins no number.
            (true, None) if !byte.is_ascii_alphabetic() => start = Some(index),
            (false, Some(first)) => {
                if is_inexact(&json[first..index]) {
                    return true;
                }
                start = None;
            }
            _ => {}
        }
    }
    start.is_some_and(|first| is_inexact(&json[first..]))
}

fn is_inexact(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else { return false };
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return text.len() > SHORT && text.parse::<i64>().is_err() && text.parse::<u64>().is_err();
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    text.parse::<f64>().is_ok_and(|value| value.is_infinite() || (value == 0.0 && !is_zero))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_of_brackets_outside_of_strings() {
        for (json, expected) in
            [("1", 0), ("{}", 1), (r#"{"a":[{}]}"#, 3), (r#"{"a":"[[[\"[["}"#, 1), ("[[]],[[[", 3)]
        {
            assert_eq!(survey(json.as_bytes()).0, expected, "{json}");
        }
    }

    #[test]
    fn numbers_that_lose_digits() {
        for exact in [
            "0",
            "-0",
            "1e3",
            "-1.5E-3",
            "18446744073709551615",
            "-9223372036854775808",
            "1e308",
            "0.0e999",
            "3.14159265358979323846264338327950288",
            r#""18446744073709551616""#,
            r#""\"1e400""#,
            "[true,1]",
        ] {
            assert!(!some_inexact(exact.as_bytes()), "{exact}");
        }
        for inexact in [
            "18446744073709551616",
            "-9223372036854775809",
            "1e309",
            "-1E400",
            "1e-400",
            "[1,1e400]",
            r#"{"a":"1","b":99999999999999999999}"#,
        ] {
            assert!(some_inexact(inexact.as_bytes()), "{inexact}");
            assert!(survey(inexact.as_bytes()).1, "{inexact}");
        }
    }
}
