//! The guard before what a spreadsheet program would run as a formula.
//!
//! Invariant: [`remove`] undoes [`guard`] for every value. A value that already looks guarded gets one more apostrophe.

const GUARD: char = '\'';

/// What starts a formula, also in full width, or is skipped before one.
const STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether a value is a formula behind any number of guards, or without one.
fn is_formula(value: &str) -> bool {
    value.trim_start_matches(GUARD).starts_with(STARTS)
}

/// What has to stand before the value.
pub(super) fn guard(value: &str) -> Option<char> {
    is_formula(value).then_some(GUARD)
}

/// The value without its guard.
pub(super) fn remove(value: &str) -> &str {
    value.strip_prefix(GUARD).filter(|rest| is_formula(rest)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_exactly_what_would_run_and_takes_it_off_again() {
        for (value, guarded) in [
            ("", ""),
            ("john", "john"),
            ("1+1", "1+1"),
            ("'tis", "'tis"),
            ("''", "''"),
            ("=1+1", "'=1+1"),
            ("+447900000001", "'+447900000001"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("''@", "'''@"),
        ] {
            let written = guard(value).into_iter().chain(value.chars()).collect::<String>();
            assert_eq!(written, guarded);
            assert_eq!(remove(&written), value);
        }
    }
}
