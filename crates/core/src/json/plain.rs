//! Texts of others, as they may be shown.

use core::fmt::{self, Write};

/// The longest text that is shown, in characters.
pub const MAX_PLAIN_CHARS: usize = 600;

/// Shows a text, cut, with every character escaped that moves or hides others.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'t>(pub &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, character) in self.0.chars().enumerate() {
            if at == MAX_PLAIN_CHARS {
                return f.write_char('…');
            }
            if is_plain(character) {
                f.write_char(character)?;
            } else {
                write!(f, "\\u{{{:x}}}", u32::from(character))?;
            }
        }
        Ok(())
    }
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
    use alloc::string::ToString;

    use super::{MAX_PLAIN_CHARS, Plain};

    #[test]
    fn characters_that_move_or_hide_others_are_escaped_and_long_texts_cut() {
        assert_eq!(Plain("é \"x\" 漢").to_string(), "é \"x\" 漢");
        assert_eq!(Plain("a\u{202e}b\n\u{e0041}\u{7}").to_string(), "a\\u{202e}b\\u{a}\\u{e0041}\\u{7}");
        assert_eq!(Plain(&"x".repeat(MAX_PLAIN_CHARS + 1)).to_string(), "x".repeat(MAX_PLAIN_CHARS) + "…");
    }
}
