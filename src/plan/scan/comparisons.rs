//! Comparisons of a path with something that is written out: `inputs.env == 'production'`.
//!
//! Only what is beyond doubt is reported: both sides must end where the comparison does, so that no
//! filter and no sum stands between them.

use std::ops::Range;

use super::{Kind, Scan, Token, chain};

/// A path and what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct Comparison {
    /// Where the path stands.
    pub(in crate::plan) path: Range<usize>,
    /// The operator, such as `==` or `<=`; `in` for each item of a list.
    pub(in crate::plan) operator: String,
    /// What is written.
    pub(in crate::plan) constant: Constant,
    /// Where that stands.
    pub(in crate::plan) range: Range<usize>,
}

/// Something that is written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) enum Constant {
    /// A text without escapes.
    Text(String),
    /// A number without a sign or a point.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// The words and signs between which a comparison stands for itself.
const BEFORE: [&str; 9] = ["and", "or", "not", "if", "elif", "(", ",", "[", "else"];
const BEHIND: [&str; 7] = ["and", "or", "else", "if", ")", ",", "]"];

/// Finds the comparisons among the tokens of one expression or block.
pub(super) fn collect(tokens: &[Token<'_>], scan: &mut Scan) {
    let mut at = 0;
    while at < tokens.len() {
        let begins = at == 0 || is_one_of(tokens.get(at - 1), &BEFORE);
        at += match tokens[at].kind {
            Kind::Ident if begins => from_path(tokens, at, scan),
            _ if begins => from_constant(tokens, at, scan),
            _ => 1,
        };
    }
}

/// `PATH == CONSTANT` and `PATH in [CONSTANT, …]`; how many tokens were read.
fn from_path(tokens: &[Token<'_>], at: usize, scan: &mut Scan) -> usize {
    let (path, next) = chain(tokens, at);
    let read = (next - at).max(1);
    if let Some((operator, behind)) = operator(tokens, next)
        && let Some((constant, range)) = constant(tokens.get(behind))
        && ends(tokens, behind + 1)
    {
        scan.comparisons.push(Comparison { path: path.range, operator, constant, range });
        return read;
    }
    let negated = usize::from(tokens.get(next).is_some_and(|token| token.is("not")));
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is(text));
    if is(next + negated, "in") && is(next + negated + 1, "[") {
        let mut item = next + negated + 2;
        while let Some((constant, range)) = constant(tokens.get(item)) {
            let further = is(item + 1, ",");
            if !further && !is(item + 1, "]") {
                break;
            }
            let (path, operator) = (path.range.clone(), "in".to_owned());
            scan.comparisons.push(Comparison { path, operator, constant, range });
            if !further {
                break;
            }
            item += 2;
        }
    }
    read
}

/// `CONSTANT == PATH`; how many tokens were read.
fn from_constant(tokens: &[Token<'_>], at: usize, scan: &mut Scan) -> usize {
    if let Some((constant, range)) = constant(tokens.get(at))
        && let Some((operator, behind)) = operator(tokens, at + 1)
        && tokens.get(behind).is_some_and(|token| token.kind == Kind::Ident)
    {
        let (path, next) = chain(tokens, behind);
        if ends(tokens, next) {
            scan.comparisons.push(Comparison { path: path.range, operator, constant, range });
        }
    }
    1
}

/// The comparing operator at `at`, and the index of what stands behind it.
fn operator(tokens: &[Token<'_>], at: usize) -> Option<(String, usize)> {
    let first = tokens.get(at)?;
    if first.is("==") {
        return Some(("==".to_owned(), at + 1));
    }
    let equal = tokens.get(at + 1).is_some_and(|next| next.is("=") && next.start == first.end());
    match (first.kind, first.text, equal) {
        (Kind::Sign, "!" | "<" | ">", true) => Some((format!("{}=", first.text), at + 2)),
        (Kind::Sign, "<" | ">", false) => Some((first.text.to_owned(), at + 1)),
        _ => None,
    }
}

fn constant(token: Option<&Token<'_>>) -> Option<(Constant, Range<usize>)> {
    let token = token?;
    let constant = match (token.kind, token.text) {
        (Kind::Text, text) => {
            let inside = text.get(1..text.len().checked_sub(1)?)?;
            // What an escape stands for is not read here.
            (!inside.contains('\\')).then(|| Constant::Text(inside.to_owned()))?
        }
        (Kind::Number, _) => Constant::Number,
        (Kind::Ident, "true" | "false" | "True" | "False") => Constant::Boolean,
        _ => return None,
    };
    Some((constant, token.start..token.end()))
}

fn ends(tokens: &[Token<'_>], at: usize) -> bool {
    at >= tokens.len() || is_one_of(tokens.get(at), &BEHIND)
}

fn is_one_of(token: Option<&Token<'_>>, words: &[&str]) -> bool {
    token.is_some_and(|token| words.iter().any(|word| token.is(word)))
}

#[cfg(test)]
mod tests {
    use super::super::scan_expression;

    fn found(text: &str) -> Vec<String> {
        let comparisons = scan_expression(text).comparisons.into_iter();
        comparisons
            .map(|it| format!("{} {} {}", &text[it.path], it.operator, &text[it.range]))
            .collect()
    }

    #[test]
    fn a_path_beside_something_written_out_is_a_comparison() {
        for (text, expected) in [
            ("inputs.a == 'x'", vec!["inputs.a == 'x'"]),
            ("'x' != inputs.a and not inputs.b >= 4", vec!["inputs.a != 'x'", "inputs.b >= 4"]),
            ("inputs.a in ['x', 'y']", vec!["inputs.a in 'x'", "inputs.a in 'y'"]),
            ("1 if (inputs.a == true) else 2", vec!["inputs.a == true"]),
            ("steps.a.list[0] == 'x'", vec!["steps.a.list[0] == 'x'"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_computed_is_no_comparison() {
        for text in [
            "inputs.a | string == 'x'",
            "inputs.a == 'x' ~ 'y'",
            "inputs.a == 'x' | upper",
            "inputs.a ~ inputs.b == 'x'",
            "'x' == inputs.a | upper",
            "1 + inputs.a == 4",
            "inputs.a == 1.5",
            "inputs.a == -1",
            "inputs.a == 'it\\'s'",
            "inputs.a < ",
            "inputs.a == '",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
