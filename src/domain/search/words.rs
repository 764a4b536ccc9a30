//! Where words begin.

/// Whether a word can begin at this character, after the one before it: at the beginning of a run of letters and digits,
/// and at every character of a script that is written without spaces.
pub(crate) fn begins_word(before: Option<char>, character: char) -> bool {
    character.is_alphanumeric()
        && (before.is_none_or(|before| !before.is_alphanumeric()) || is_unspaced(character))
}

/// Thai, Lao, Khmer and Burmese, Japanese and Chinese.
fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}
