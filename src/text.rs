//! Text of users' within messages.

use std::borrow::Cow;

/// The text on one line, as a message has it: line breaks and other control characters are
/// escaped (`\n`, `\u{1b}`), so that a name of a file's can neither break a message in two nor
/// tell a terminal anything.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match breaks(character) {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    Cow::Owned(line)
}

/// Whether a character ends a line, is a command to a terminal or turns the order of those
/// around it.
fn breaks(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped_and_nothing_else() {
        assert_eq!(one_line("IC50\r\n(nM)"), r"IC50\r\n(nM)");
        assert_eq!(
            one_line("a\tb\u{1b}[31m\u{2028}\u{202e}"),
            r"a\tb\u{1b}[31m\u{2028}\u{202e}"
        );
        for plain in ["", "µM `x` \"y\" \\n", "ångström 🧪 é"] {
            assert!(matches!(one_line(plain), Cow::Borrowed(same) if same == plain));
        }
    }
}
