//! `RequestCounts`: how many requests went where, and what came back.
//!
//! Counted by endpoint: ids and names in a path are left out, so that the counts stay few.

use std::collections::BTreeMap;

/// Requests by endpoint and by status; `none` when no answer came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestCounts(BTreeMap<(String, String), u64>);

impl RequestCounts {
    /// Takes one more request in.
    pub(super) fn count(&mut self, method: &str, path: &str, status: Option<u16>) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        *self.0.entry((endpoint(method, path), status)).or_default() += 1;
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Endpoint, status and how many.
    pub fn iter(&self) -> impl Iterator<Item = (&(String, String), u64)> {
        self.0.iter().map(|(key, count)| (key, *count))
    }
}

/// The words of the API in a path; everything else in it is `*`.
fn endpoint(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let is_word = |segment: &str| {
        let small = |c: char| c.is_ascii_lowercase() || c == '-' || c == '_';
        segment.chars().all(small) || segment == "v2"
    };
    let segments: Vec<&str> =
        path.split('/').map(|part| if is_word(part) { part } else { "*" }).collect();
    format!("{method} {}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_do_not_make_new_endpoints() {
        let mut counts = RequestCounts::default();
        counts.count("GET", "/tls/certificate/7K9QW3M2ZT8HJ", Some(200));
        counts.count("GET", "/tls/certificate/YZAJ8KUP4G39Q", Some(200));
        counts.count("GET", "/dns/example.com/rr?x=1", None);
        let found: Vec<(String, u64)> = counts
            .iter()
            .map(|((endpoint, status), count)| (format!("{endpoint} {status}"), count))
            .collect();
        let expected =
            [("GET /dns/*/rr none".to_owned(), 1), ("GET /tls/certificate/* 200".to_owned(), 2)];
        assert_eq!((found.as_slice(), counts.total()), (expected.as_slice(), 3));
    }
}
