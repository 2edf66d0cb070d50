//! Texts of others, as they may be shown.

use std::fmt::Write;

/// The longest text, in characters.
const MAX_CHARS: usize = 600;

/// The text, cut, with every character escaped that moves or hides others.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == MAX_CHARS {
            shown.push('…');
            break;
        }
        if is_plain(character) {
            shown.push(character);
        } else {
            // Writing to a text cannot fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        }
    }
    shown
}

/// Whether a character is neither a control nor one that reorders, joins, hides or tags its neighbours.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, plain};

    #[test]
    fn characters_that_move_or_hide_others_are_escaped_and_long_texts_cut() {
        assert_eq!(plain("é \"x\" 漢"), "é \"x\" 漢");
        assert_eq!(plain("a\u{202e}b\n\u{e0041}\u{7}"), "a\\u{202e}b\\u{a}\\u{e0041}\\u{7}");
        assert_eq!(plain(&"x".repeat(MAX_CHARS + 1)), "x".repeat(MAX_CHARS) + "…");
    }
}
