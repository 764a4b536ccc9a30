//! The encoding of a text as SMS and the number of its parts (3GPP TS 23.038 and 23.040).

use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Septets: one per character of the basic alphabet, two per character of the extension table.
    Gsm,
    /// UTF-16 code units, for texts with a character outside of GSM 03.38.
    Ucs2,
}

impl Encoding {
    pub const ALL: [Self; 2] = [Self::Gsm, Self::Ucs2];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Capacity of a single message, in units.
    const fn single_capacity(self) -> usize {
        match self {
            Self::Gsm => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Capacity of one part of a concatenated message, in units: the concatenation header takes six bytes (23.040,
    /// section 9.2.3.24.1).
    const fn part_capacity(self) -> usize {
        match self {
            Self::Gsm => 153,
            Self::Ucs2 => 67,
        }
    }

    /// `None` if the encoding lacks the character.
    fn units(self, character: char) -> Option<usize> {
        match self {
            Self::Gsm => gsm_units(character),
            Self::Ucs2 => Some(character.len_utf16()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub encoding: Encoding,
    pub parts: usize,
}

pub const MAX_PARTS: usize = 10;

/// The default alphabet of GSM 03.38 (23.038, section 6.2.1) without ASCII letters and digits.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";

/// Its extension table (section 6.2.1.1): an escape precedes each character.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

fn look_up(character: char) -> Option<usize> {
    if character.is_ascii_alphanumeric() || BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// [`look_up`] for ASCII, precomputed: nearly all characters of nearly all texts.
static ASCII: LazyLock<[Option<usize>; 128]> = LazyLock::new(|| {
    std::array::from_fn(|code| u8::try_from(code).ok().and_then(|code| look_up(code.into())))
});

fn gsm_units(character: char) -> Option<usize> {
    match ASCII.get(character as usize) {
        Some(units) => *units,
        None => look_up(character),
    }
}

#[must_use]
pub fn measure(text: &str) -> Size {
    let mut total = 0;
    let fits = text.chars().all(|character| gsm_units(character).map(|units| total += units).is_some());
    let encoding = if fits { Encoding::Gsm } else { Encoding::Ucs2 };
    if !fits {
        total = text.encode_utf16().count();
    }
    Size {
        encoding,
        parts: if total <= encoding.single_capacity() { 1 } else { count_parts(text, encoding) },
    }
}

/// Greedy; a character of two units is never split between parts.
fn count_parts(text: &str, encoding: Encoding) -> usize {
    let (mut parts, mut remaining) = (1, encoding.part_capacity());
    for units in text.chars().filter_map(|character| encoding.units(character)) {
        if units > remaining {
            parts += 1;
            remaining = encoding.part_capacity();
        }
        remaining -= units;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(encoding: Encoding, parts: usize) -> Size {
        Size { encoding, parts }
    }

    #[test]
    fn chooses_ucs2_for_characters_outside_gsm() {
        assert_eq!(BASIC.chars().count() + 26 + 26 + 10, 127, "128 places, one of them the escape");
        assert_eq!(EXTENSION.chars().count(), 10);
        for (text, encoding) in [
            ("", Encoding::Gsm),
            ("Hi John, 5€ [now] @ 10:30", Encoding::Gsm),
            ("ÄÖÜäöüñÑ§¿¡ ΔΦΓΛΩ", Encoding::Gsm),
            ("ç", Encoding::Ucs2),
            ("`", Encoding::Ucs2),
            ("\t", Encoding::Ucs2),
            ("Привет", Encoding::Ucs2),
            ("\u{1f600}", Encoding::Ucs2),
        ] {
            assert_eq!(measure(text), size(encoding, 1), "{text}");
        }
    }

    #[test]
    fn counts_parts() {
        use Encoding::{Gsm, Ucs2};
        for (unit, times, expected) in [
            ("a", 160, size(Gsm, 1)),
            ("a", 161, size(Gsm, 2)),
            ("a", 306, size(Gsm, 2)),
            ("a", 307, size(Gsm, 3)),
            ("a", 1_530, size(Gsm, MAX_PARTS)),
            ("a", 1_531, size(Gsm, MAX_PARTS + 1)),
            ("€", 80, size(Gsm, 1)),
            ("€", 81, size(Gsm, 2)),
            // 153 is odd: 76 characters per part, one unit unused.
            ("€", 152, size(Gsm, 2)),
            ("€", 153, size(Gsm, 3)),
            ("я", 70, size(Ucs2, 1)),
            ("я", 71, size(Ucs2, 2)),
            ("я", 134, size(Ucs2, 2)),
            ("я", 135, size(Ucs2, 3)),
            ("\u{1f600}", 35, size(Ucs2, 1)),
            // 67 is odd: 33 characters per part, one unit unused.
            ("\u{1f600}", 66, size(Ucs2, 2)),
            ("\u{1f600}", 67, size(Ucs2, 3)),
        ] {
            assert_eq!(measure(&unit.repeat(times)), expected, "{times} of {unit}");
        }
        let split = format!("{}€{}", "a".repeat(152), "a".repeat(152));
        assert_eq!(measure(&split), size(Gsm, 3), "the escape does not stand alone at the end of a part");
    }
}
