//! Making text from outside fit to show: no control characters, no endless lines.

/// Replaces control characters (and the bidirectional overrides that can reorder a line) by `�`.
///
/// Terminals obey escape sequences; text from the network or from a file must not get to use them.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || is_direction_control(c) { '\u{fffd}' } else { c })
        .collect()
}

fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Cuts `text` to at most `limit` characters; what was cut is marked by `…`.
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => {
            let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
            short.push('…');
            short
        }
    }
}

/// A word for people as programs read it: `in doubt` is `in_doubt` there.
pub fn machine_word(word: &str) -> String {
    word.replace([' ', '-'], "_")
}

/// Writes a word for people as programs read it.
pub fn serialize_machine_word<S: serde::Serializer>(
    word: impl AsRef<str>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&machine_word(word.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_power() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}"), "a\u{fffd}[31mb\u{fffd}");
    }

    #[test]
    fn a_cut_text_says_so_and_keeps_the_limit() {
        assert_eq!(shorten("äöüß", 4), "äöüß");
        assert_eq!(shorten("äöüßx", 4), "äöü…");
    }
}
