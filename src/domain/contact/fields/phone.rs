//! Phone numbers in the international form (ITU-T E.164).

use std::fmt;
use std::sync::LazyLock;

use crate::domain::text::stored_text;
use crate::domain::violation::Violation;

/// A normalised E.164 number: `+`, an assigned country code, 7 to 15 digits in all.
///
/// Numbers that no operator has issued are accepted: the example in the address book's contract is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phone(String);

stored_text!(Phone);

/// Visual separators, which normalisation removes.
const SEPARATORS: &[char] = &[' ', '.', '-', '(', ')'];

/// The assigned country codes, from libphonenumber's metadata; sorted.
static COUNTRY_CODES: LazyLock<Vec<u16>> = LazyLock::new(|| {
    (1..=999).filter(|code| phonenumber::metadata::DATABASE.by_code(code).is_some()).collect()
});

impl Phone {
    /// Including the country code.
    pub const MIN_DIGITS: usize = 7;
    /// Including the country code (E.164, section 6.1).
    pub const MAX_DIGITS: usize = 15;
    /// Before normalisation: leaves room for separators around every digit.
    pub const MAX_CHARS: usize = 40;

    /// Normalises any accepted spelling: `+44 (20) 7946-0000`, `0044.20.79460000`, `442079460000`.
    ///
    /// A trunk prefix after the country code, `+44 (0)20 7946 0000` or `+33 06 12 34 56 78`, is dropped: it is
    /// dialled only within the country, and would otherwise yield a second number for the same line.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Violation::TooLong { max: Self::MAX_CHARS });
        }
        let written = text.trim_start_matches(SEPARATORS);
        let rest = written.strip_prefix('+').or_else(|| written.strip_prefix("00")).unwrap_or(written);
        let rest = rest.trim_start_matches(SEPARATORS);
        if rest.is_empty() || !rest.chars().all(|c| c.is_ascii_digit() || SEPARATORS.contains(&c)) {
            return Err(Violation::NotPhone);
        }
        // Country codes are prefix-free: at most one length matches. Separators within the code are not accepted.
        let code = (1..=3)
            .filter_map(|length| rest.get(..length))
            .find(|digits| is_country_code(digits))
            .ok_or(if written.starts_with('0') && !written.starts_with("00") {
                Violation::NationalPhone
            } else {
                Violation::UnassignedCountryCode
            })?;
        let national = digits(&rest[code.len()..]);
        let dialled = without_trunk_prefix(code, &rest[code.len()..], &national)
            .filter(|dialled| code.len() + dialled.len() >= Self::MIN_DIGITS)
            .unwrap_or(&national);
        let e164 = format!("+{code}{dialled}");
        if (Self::MIN_DIGITS..=Self::MAX_DIGITS).contains(&(e164.len() - 1)) {
            Ok(Self(e164))
        } else {
            Err(Violation::PhoneLength)
        }
    }

    /// The beginning of normalised numbers, in any spelling that begins one: `+44 79`, `0044 79`, `4479`. An empty one is
    /// that of all.
    ///
    /// # Errors
    /// It cannot begin a number in international format.
    pub fn parse_prefix(text: &str) -> Result<String, Violation> {
        let written = text.trim_start_matches(SEPARATORS);
        let rest = written.strip_prefix('+').or_else(|| written.strip_prefix("00")).unwrap_or(written);
        if !rest.chars().all(|c| c.is_ascii_digit() || SEPARATORS.contains(&c)) {
            return Err(Violation::NotPhone);
        }
        let digits = digits(rest);
        if digits.starts_with('0') {
            return Err(Violation::NationalPhone);
        }
        if digits.len() > Self::MAX_DIGITS {
            return Err(Violation::PhoneLength);
        }
        Ok(format!("+{digits}"))
    }

    /// As [`Self::parse`]; a number without `+` or `00` is read as it is dialled in a country if it is valid there.
    pub fn parse_in(text: &str, country: phonenumber::country::Id) -> Result<Self, Violation> {
        let written = text.trim_start_matches(SEPARATORS);
        let is_international = written.starts_with('+') || written.starts_with("00");
        if is_international || text.chars().count() > Self::MAX_CHARS {
            return Self::parse(text);
        }
        match phonenumber::parse(Some(country), text) {
            Ok(number) if number.is_valid() => {
                Self::parse(&number.format().mode(phonenumber::Mode::E164).to_string())
            }
            _ => Self::parse(text),
        }
    }

    /// The number without the `+`: the MSISDN.
    #[must_use]
    pub fn msisdn(&self) -> &str {
        &self.0[1..]
    }

    /// The digits as an integer: injective, since no country code begins with 0.
    #[must_use]
    pub fn as_number(&self) -> u64 {
        self.msisdn().bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The accepted spellings as a regular expression, for the schema. A `(0)` trunk prefix does not count as a
    /// digit.
    #[must_use]
    pub fn pattern() -> String {
        let one = country_code_pattern(1);
        let two = country_code_pattern(2);
        let three = country_code_pattern(3);
        let rest = |code: usize| {
            let (min, max) = (Self::MIN_DIGITS - code, Self::MAX_DIGITS - code);
            format!("([ .)-]*\\(0\\))?([ .()-]*[0-9]){{{min},{max}}}")
        };
        format!(
            "[ .()-]*(\\+|00)?[ .()-]*(({one}){}|({two}){}|({three}){})[ .()-]*",
            rest(1),
            rest(2),
            rest(3)
        )
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_country_code(digits: &str) -> bool {
    digits.parse().is_ok_and(|code| COUNTRY_CODES.binary_search(&code).is_ok()) && !digits.starts_with('0')
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The national digits without a trunk prefix, if there is one: a leading zero that is in brackets, or that the
/// country uses for domestic calls. `None` if the zero belongs to the number, as in Italy, Côte d'Ivoire and Benin.
fn without_trunk_prefix<'n>(code: &str, written: &str, digits: &'n str) -> Option<&'n str> {
    let rest = digits.strip_prefix('0')?;
    let regions = phonenumber::metadata::DATABASE.by_code(&code.parse().ok()?)?;
    if regions.iter().any(|region| region.descriptors().general().is_match(digits)) {
        return None;
    }
    let in_brackets = written.trim_start_matches([' ', '.', '-', ')']).starts_with("(0)");
    let is_dialled = regions.iter().any(|region| region.national_prefix() == Some("0"));
    (in_brackets || is_dialled).then_some(rest)
}

/// The country codes of this length, with common prefixes factored out: `2[07]`.
fn country_code_pattern(length: usize) -> String {
    let codes: Vec<String> =
        COUNTRY_CODES.iter().map(u16::to_string).filter(|code| code.len() == length).collect();
    codes
        .chunk_by(|a, b| a[..length - 1] == b[..length - 1])
        .map(|group| {
            let last: String = group.iter().map(|code| &code[length - 1..]).collect();
            format!("{}[{last}]", &group[0][..length - 1])
        })
        .collect::<Vec<_>>()
        .join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_accepted_spelling() {
        for (text, e164) in [
            ("4479000000001", "+4479000000001"),
            ("+4479000000001", "+4479000000001"),
            ("004479000000001", "+4479000000001"),
            (" +44 (20) 7946-0000 ", "+442079460000"),
            ("+44 (0)20 7946 0000", "+442079460000"),
            ("0044.20.7946.0000", "+442079460000"),
            ("(+1) 415-555-0100", "+14155550100"),
            ("+39 06 1234567", "+39061234567"),
            ("+3581234", "+3581234"),
            ("+441234(0)", "+4412340"),
            ("+44 (0)1234", "+4401234"),
            ("+33 06 12 34 56 78", "+33612345678"),
            ("0033 0612345678", "+33612345678"),
            ("+4407900000001", "+447900000001"),
            ("+49 030 123456", "+4930123456"),
            ("+81 090-1234-5678", "+819012345678"),
            ("+39 (0)6 1234567", "+39061234567"),
            ("+225 07 01 02 03 04", "+2250701020304"),
            ("+229 01 97 12 34 56", "+2290197123456"),
            ("+378 0549 123456", "+3780549123456"),
            ("+242 06 123 4567", "+242061234567"),
            ("+241 06 03 12 34", "+24106031234"),
        ] {
            assert_eq!(Phone::parse(text).map(Phone::into_string), Ok(e164.to_owned()), "{text}");
        }
    }

    #[test]
    fn rejects_every_other_spelling() {
        for (text, violation) in [
            ("", Violation::Blank),
            ("   ", Violation::Blank),
            ("+", Violation::NotPhone),
            ("john", Violation::NotPhone),
            ("+44 7900 000001 ext 5", Violation::NotPhone),
            ("4479/0000", Violation::NotPhone),
            ("\u{661}\u{662}\u{663}4567", Violation::NotPhone),
            ("++4479000000001", Violation::NotPhone),
            ("07900000001", Violation::NationalPhone),
            ("07900 000001", Violation::NationalPhone),
            ("(020) 7946 0000", Violation::NationalPhone),
            ("+07900000001", Violation::UnassignedCountryCode),
            ("0009900000001", Violation::UnassignedCountryCode),
            ("+2109000000001", Violation::UnassignedCountryCode),
            ("+447900", Violation::PhoneLength),
            ("+4479000000000012", Violation::PhoneLength),
            ("+44 7900 0000 0001                         ", Violation::TooLong { max: 40 }),
        ] {
            assert_eq!(Phone::parse(text), Err(violation), "{text}");
        }
    }

    /// For the example numbers of each country and kind in the metadata: a leading zero of the number itself stays,
    /// and a trunk zero before it is dropped where the country has one.
    #[test]
    fn a_trunk_zero_is_dropped_and_a_significant_one_stays() {
        let (mut real, mut trunk) = (0, 0);
        for region in phonenumber::metadata::DATABASE.iter() {
            let (all, code) = (region.descriptors(), region.country_code());
            let kinds =
                [all.fixed_line(), all.mobile(), all.toll_free(), all.premium_rate(), all.voip(), all.uan()];
            for example in kinds.into_iter().flatten().filter_map(|kind| kind.example()) {
                let number = format!("+{code}{example}");
                if !(Phone::MIN_DIGITS..=Phone::MAX_DIGITS).contains(&(number.len() - 1)) {
                    continue;
                }
                let read = |text: String| Phone::parse(&text).map(Phone::into_string);
                assert_eq!(read(format!("+{code} {example}")), Ok(number.clone()), "{}", region.id());
                real += usize::from(example.starts_with('0'));
                if region.national_prefix() == Some("0") && !example.starts_with('0') {
                    let with_zero = read(format!("+{code} 0{example}"));
                    // Not dropped where the result could be a number of its own.
                    let unchanged = Ok(format!("+{code}0{example}"));
                    trunk += usize::from(with_zero == Ok(number.clone()));
                    assert!(
                        with_zero == Ok(number) || with_zero == unchanged || example.len() > 13,
                        "{with_zero:?}"
                    );
                }
            }
        }
        assert!(real >= 20 && trunk > 400, "{real} {trunk}");
    }

    #[test]
    fn recognises_assigned_country_codes() {
        assert!(COUNTRY_CODES.len() > 200, "{}", COUNTRY_CODES.len());
        for code in ["1", "7", "44", "225", "998"] {
            assert!(is_country_code(code), "{code}");
        }
        for code in ["0", "00", "044", "210", "999"] {
            assert!(!is_country_code(code), "{code}");
        }
    }
}
