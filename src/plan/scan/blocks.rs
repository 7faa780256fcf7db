//! Taking templates and conditions apart on the outside, for who evaluates them in parts.

use std::ops::Range;

use super::{Kind, block, tokens};

/// The insides of each `{{ … }}` of a text, in order; not of those in a comment or in `raw`.
pub(in crate::plan) fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let rest = &text[open..];
        let statement = rest.starts_with("{%");
        if rest.starts_with("{#") && !raw {
            at = rest.find("#}").map_or(text.len(), |end| open + end + 2);
        } else if statement || (rest.starts_with("{{") && !raw) {
            let (inside, end) = block(text, open + 2, if statement { "%}" } else { "}}" });
            let first = inside.iter().find(|token| token.kind == Kind::Ident);
            match first.map(|token| token.text).filter(|_| statement) {
                Some("raw") => raw = true,
                Some("endraw") => raw = false,
                _ if !statement => found.push(open + 2..end),
                _ => {}
            }
            at = if raw && statement { open + 2 } else { (end + 2).min(text.len()) };
        } else {
            at = open + 1;
        }
    }
    found
}

/// A condition as alternatives (`or`) of things that must all hold (`and`), as far as it is built
/// from these on the outside; nothing when it is built in another way.
pub(in crate::plan) fn alternatives(text: &str) -> Option<Vec<Vec<&str>>> {
    let tokens = tokens(text);
    let mut alternatives: Vec<Vec<&str>> = vec![Vec::new()];
    let (mut depth, mut start) = (0_usize, 0);
    for (index, token) in tokens.iter().enumerate() {
        let behind = index.checked_sub(1).and_then(|before| tokens.get(before));
        let is_word = token.kind == Kind::Ident
            && !behind.is_some_and(|before| before.is(".") || before.is("|"));
        match token.text {
            "(" | "[" | "{" if token.kind == Kind::Sign => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Sign => depth = depth.checked_sub(1)?,
            "if" | "else" if is_word && depth == 0 => return None,
            word @ ("and" | "or") if is_word && depth == 0 => {
                alternatives.last_mut()?.push(text[start..token.start].trim());
                start = token.end();
                if word == "or" {
                    alternatives.push(Vec::new());
                }
            }
            _ => {}
        }
    }
    alternatives.last_mut()?.push(text[start..].trim());
    Some(alternatives)
}
