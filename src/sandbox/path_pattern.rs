//! `PathPattern`: which paths a fault is about, for example `/tls/certificate/*`.

use std::fmt;

/// A path in which `*` stands for anything within one segment and `**` for anything at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(String);

/// Why a text is no pattern of paths: the rule that it breaks, a lowercase fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathPatternError(&'static str);

/// The longest path of the imitated API is far below.
const LONGEST: usize = 400;

impl PathPattern {
    /// Reads a pattern; it begins with `/` or a star and has no query.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        if !text.starts_with(['/', '*']) {
            return Err(PathPatternError("a path begins with `/`"));
        }
        if text.len() > LONGEST {
            return Err(PathPatternError("no path is that long"));
        }
        if text.contains(['?', '#']) {
            return Err(PathPatternError("the query is not looked at; leave it out"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PathPatternError("a path has neither spaces nor special characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// All paths that begin with `prefix`, which has no stars.
    pub fn beginning_with(prefix: &str) -> Self {
        Self(format!("{prefix}**"))
    }

    /// Whether `path` is meant; its query does not count.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default().as_bytes();
        // Which ends of the path the pattern read so far can reach: takes no longer for many stars.
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        let mut rest = self.0.as_bytes();
        while let Some((first, behind)) = rest.split_first() {
            let crosses = *first == b'*' && behind.first() == Some(&b'*');
            rest = if crosses { &behind[1..] } else { behind };
            let mut next = vec![false; path.len() + 1];
            if *first == b'*' {
                let mut open = false;
                for at in 0..=path.len() {
                    open |= reached[at];
                    next[at] = open;
                    open &= crosses || path.get(at) != Some(&b'/');
                }
            } else {
                for at in 0..path.len() {
                    next[at + 1] = reached[at] && path[at] == *first;
                }
            }
            reached = next;
        }
        reached[path.len()]
    }

    /// Whether a path of this pattern can be one of `endpoint`, in which `{…}` is any segment.
    pub(crate) fn may_match(&self, endpoint: &str) -> bool {
        let (ours, theirs) = (tokens(&self.0), endpoint_tokens(endpoint));
        // For each two rests, from their ends to their beginnings: whether a path has both. This
        // holds the row of the rest of ours that was looked at last.
        let mut below: Vec<bool> = Vec::new();
        for at in (0..=ours.len()).rev() {
            let mut row = vec![false; theirs.len() + 1];
            for other in (0..=theirs.len()).rev() {
                let without_ours = below.get(other).copied().unwrap_or(false);
                let without_theirs = row.get(other + 1).copied().unwrap_or(false);
                row[other] = match (ours.get(at), theirs.get(other)) {
                    (None, None) => true,
                    (Some(Token::Byte(_)), None) | (None, Some(Token::Byte(_))) => false,
                    (Some(Token::Byte(one)), Some(Token::Byte(two))) => {
                        one == two && below.get(other + 1).copied().unwrap_or(false)
                    }
                    (Some(Token::Byte(byte)), Some(wild)) => {
                        without_theirs || (wild.takes(*byte) && without_ours)
                    }
                    (Some(wild), Some(Token::Byte(byte))) => {
                        without_ours || (wild.takes(*byte) && without_theirs)
                    }
                    (Some(_), None) => without_ours,
                    (None, Some(_)) => without_theirs,
                    (Some(_), Some(_)) => without_ours || without_theirs,
                };
            }
            below = row;
        }
        below.first().copied().unwrap_or(false)
    }
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// Anything within one segment.
    Star,
    /// Anything at all.
    Stars,
}

impl Token {
    /// Whether this wildcard may stand for `byte`.
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => own == byte,
            Self::Star => byte != b'/',
            Self::Stars => true,
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.bytes().peekable();
    while let Some(byte) = bytes.next() {
        tokens.push(match byte {
            b'*' if bytes.next_if_eq(&b'*').is_some() => Token::Stars,
            b'*' => Token::Star,
            byte => Token::Byte(byte),
        });
    }
    tokens
}

fn endpoint_tokens(endpoint: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(endpoint.len());
    for (index, segment) in endpoint.split('/').enumerate() {
        if index > 0 {
            tokens.push(Token::Byte(b'/'));
        }
        match segment.starts_with('{') {
            true => tokens.push(Token::Star),
            false => tokens.extend(segment.bytes().map(Token::Byte)),
        }
    }
    tokens
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(path)
    }

    #[test]
    fn a_star_stays_within_its_segment_and_two_stars_do_not() {
        assert!(matches("/tls/certificate", "/tls/certificate"));
        assert!(matches("/tls/certificate", "/tls/certificate?x=1"));
        assert!(!matches("/tls/certificate", "/tls/certificate/A"));
        assert!(matches("/tls/certificate/*", "/tls/certificate/A"));
        assert!(!matches("/tls/certificate/*", "/tls/certificate/A/complete"));
        assert!(matches("/tls/certificate/*/complete", "/tls/certificate/A/complete"));
        assert!(matches("/tls/**", "/tls/certificate/A/complete"));
        assert!(matches("**/complete", "/tls/certificate/A/complete"));
        assert!(matches("/dns/*.example/rr", "/dns/a.b.example/rr"));
        assert!(!matches("/dns/*.example/rr", "/dns/a.test/rr"));
        assert!(matches("**", "/"));
        assert!(PathPattern::beginning_with("/tls").matches("/tls/products?all=1"));
    }

    #[test]
    fn a_pattern_may_match_an_endpoint_when_they_have_a_path_in_common() {
        let may_match = |pattern: &str, endpoint: &str| {
            PathPattern::parse(pattern).unwrap().may_match(endpoint)
        };
        for (pattern, endpoint, expected) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/c", false),
            ("/a/x1", "/a/{id}", true),
            ("/a/x/y", "/a/{id}", false),
            ("/a/*", "/a/{id}", true),
            ("/a/x*y", "/a/{id}", true),
            ("/a/*", "/a/{id}/b", false),
            ("/a/**", "/a/{id}/b", true),
            ("**/b", "/a/{id}/b", true),
            ("**/c", "/a/{id}/b", false),
            ("/*/b", "/a/{id}", true),
            ("**", "/", true),
            ("/a", "/a/{id}", false),
        ] {
            assert_eq!(may_match(pattern, endpoint), expected, "{pattern} {endpoint}");
        }
        let many = format!("/{}x", "**a".repeat(100));
        assert!(may_match(&many, "/a/{id}") && !may_match(&many, "/a/b"));
    }

    #[test]
    fn many_stars_take_no_longer() {
        let pattern = format!("/{}x", "**a".repeat(100));
        assert!(!matches(&pattern, &format!("/{}", "a".repeat(390))));
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_rule() {
        for (text, rule) in [
            ("tls/products", "a path begins with `/`"),
            ("/tls?x", "the query is not looked at; leave it out"),
            ("/a b", "a path has neither spaces nor special characters"),
        ] {
            assert_eq!(PathPattern::parse(text).unwrap_err().to_string(), rule);
        }
    }
}
