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
