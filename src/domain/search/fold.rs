//! Folding: what looks alike to someone who types a name is made equal.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Appends a text without case, marks and compatibility forms (NFKD), and with plain letters for those that do not
/// decompose.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|character| character.to_ascii_lowercase()));
        return;
    }
    // Lower case decomposes once more: İ becomes i and a dot.
    for character in
        text.nfkd().flat_map(char::to_lowercase).filter(|character| !is_combining_mark(*character))
    {
        match plain(character) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(character),
        }
    }
}

pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// What is typed for a letter that has no decomposition.
fn plain(character: char) -> Option<&'static str> {
    Some(match character {
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ŋ' => "n",
        'ı' => "i",
        'ȷ' => "j",
        'ĸ' => "k",
        'ə' => "e",
        'ƒ' => "f",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        // At the end of a word.
        'ς' => "σ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_marks_and_compatibility_forms_are_folded() {
        let cases = [
            ("José", "jose"),
            ("ŁUKASZ", "lukasz"),
            ("Øyvind Ærø", "oyvind aero"),
            ("Straße STRASSE", "strasse strasse"),
            ("İstanbul ISPARTA ıspanak", "istanbul isparta ispanak"),
            ("Đorđe Þór Guðrún", "dorde thor gudrun"),
            ("ﬁne ① Ｆｕｌｌ", "fine 1 full"),
            ("Σίσυφος ΣΊΣΥΦΟΣ", "σισυφοσ σισυφοσ"),
            ("Nguyễn", "nguyen"),
            ("Ёлка", "елка"),
            ("東京", "東京"),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
        ];
        for (text, folded) in cases {
            assert_eq!(fold(text), folded, "{text}");
        }
    }
}
