//! Finds inexact numbers, which JSON parsers store with fewer digits: integers beyond 64 bits, which become doubles, and
//! numbers beyond the range of a double.

/// Integers of up to this many digits fit into 64 bits.
const SAFE_DIGITS: usize = 18;

/// The bytes of JSON text outside strings, with their indices; the quotes are included.
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

/// The nesting depth of brackets, and whether there may be an inexact number. One pass without parsing, over all input.
#[must_use]
pub fn scan(bytes: &[u8]) -> (usize, bool) {
    let (mut depth, mut max_depth) = (0_usize, 0);
    let (mut digits, mut may_be_inexact) = (0_usize, false);
    for (_, byte) in outside_strings(bytes) {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                may_be_inexact |= digits > SAFE_DIGITS;
                continue;
            }
            b'e' | b'E' => may_be_inexact |= digits > 0,
            b'{' | b'[' => {
                depth += 1;
                max_depth = max_depth.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        digits = 0;
    }
    (max_depth, may_be_inexact)
}

#[must_use]
pub fn has_inexact(json: &[u8]) -> bool {
    let mut start = None;
    for (index, byte) in outside_strings(json) {
        let in_number = matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        match (in_number, start) {
            // No number begins with `e`, which occurs in `true` and `false`.
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
        return text.len() > SAFE_DIGITS && text.parse::<i64>().is_err() && text.parse::<u64>().is_err();
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    text.parse::<f64>().is_ok_and(|value| value.is_infinite() || (value == 0.0 && !is_zero))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_ignores_brackets_in_strings() {
        for (json, expected) in
            [("1", 0), ("{}", 1), (r#"{"a":[{}]}"#, 3), (r#"{"a":"[[[\"[["}"#, 1), ("[[]],[[[", 3)]
        {
            assert_eq!(scan(json.as_bytes()).0, expected, "{json}");
        }
    }

    #[test]
    fn inexact_numbers_are_found() {
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
            assert!(!has_inexact(exact.as_bytes()), "{exact}");
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
            assert!(has_inexact(inexact.as_bytes()), "{inexact}");
            assert!(scan(inexact.as_bytes()).1, "{inexact}");
        }
    }
}
