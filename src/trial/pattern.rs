//! `Pattern`: a text in which `*` stands for anything.

use std::fmt;

/// A pattern for paths and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Takes the pattern as it is written.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether `text` as a whole matches.
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
        for part in middle {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_everything_else_for_itself() {
        for (pattern, fits, misfits) in [
            (
                "/tls/*/complete",
                vec!["/tls/A/complete", "/tls/a/b/complete"],
                vec!["/tls/complete"],
            ),
            ("certs/*", vec!["certs/", "certs/x"], vec!["cert", "xcerts/a"]),
            ("a*a", vec!["aa", "aba"], vec!["a", "ab"]),
            ("*b*c*", vec!["abcd", "bc"], vec!["cb"]),
            ("plain", vec!["plain"], vec!["plain2", "xplain"]),
        ] {
            let matcher = Pattern::new(pattern);
            assert!(fits.iter().all(|text| matcher.matches(text)), "{pattern}");
            assert!(misfits.iter().all(|text| !matcher.matches(text)), "{pattern}");
        }
    }
}
