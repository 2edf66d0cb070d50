//! Bytes that somebody else chose, as text in which nothing is hidden.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Bytes as text that shows all that is there, and from which [`unescape`] has them back.
///
/// A backslash, what is not UTF-8, and each character that shows nothing or moves others is escaped: controls, ANSI sequences among
/// them, bidirectional marks, zero-width characters, tags, variation selectors, fillers, and spaces but the common one. So are the
/// characters by which Markdown and HTML make links, images, code and elements.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            let closes_link = character == ']' && matches!(characters.peek(), Some('(' | '[' | ':'));
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                _ if closes_link || !is_shown(character) => {
                    text.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
                }
                _ => text.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// The bytes of which a text is the escaped form; none where [`escape`] does not write it.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (kind, after) = escaped.split_at_checked(1)?;
        rest = after;
        match kind {
            "\\" => bytes.push(b'\\'),
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "x" => {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            "u" => {
                let (digits, after) = rest.strip_prefix('{')?.split_once('}')?;
                let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    (escape(&bytes) == text).then_some(bytes)
}

/// Whether a text holds printable ASCII alone, as everything outside of the escaped data does.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn is_shown(character: char) -> bool {
    use GeneralCategory::{
        Control, EnclosingMark, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate,
        Unassigned,
    };
    if character.is_ascii() {
        return (character.is_ascii_graphic() || character == ' ') && !['<', '`'].contains(&character);
    }
    // They show nothing, and are letters, marks or symbols by their category.
    let is_blank = matches!(
        u32::from(character),
        0x034f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xffa0 | 0xfffc
            | 0x1d159 | 0xe0100..=0xe01ef
    );
    let hidden = [
        Control,
        EnclosingMark,
        Format,
        LineSeparator,
        ParagraphSeparator,
        PrivateUse,
        SpaceSeparator,
        Surrogate,
        Unassigned,
    ];
    !is_blank && !hidden.contains(&character.general_category())
}
