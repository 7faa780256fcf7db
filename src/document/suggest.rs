//! "Did you mean …?": the nearest name, and lists of names as sentences show them.

/// How alike two names must be (Jaro–Winkler, 0 to 1) for one to be a slip of the other. Lower
/// values suggest nonsense; tried on the names of the language.
const ALIKE: f64 = 0.8;

/// Comparing takes time; a plan with more names than this has worse problems than a slip.
const MOST_CANDIDATES: usize = 1_000;

/// A sentence does not list more names than this.
const MOST_LISTED: usize = 40;

/// What other tools call the words of plans.
const ELSEWHERE: [(&str, &str); 14] = [
    ("if", "when"),
    ("condition", "when"),
    ("depends_on", "needs"),
    ("requires", "needs"),
    ("action", "uses"),
    ("params", "with"),
    ("parameters", "with"),
    ("args", "with"),
    ("interval", "every"),
    ("delay", "backoff"),
    ("organization", "org_id"),
    ("organization_id", "org_id"),
    ("env", "environment"),
    ("cwd", "directory"),
];

/// The candidate that is meant by a name from elsewhere, or that `name` is most likely a slip of.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == wanted).map(|(_, ours)| *ours);
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates.into_iter().take(MOST_CANDIDATES) {
        if elsewhere == Some(candidate) {
            return Some(candidate);
        }
        let mut likeness = strsim::jaro_winkler(&wanted, &candidate.to_lowercase());
        // `products` for `regfish.list_products`: a part of the name is a good hint, too.
        if wanted.len() >= 4 && candidate.to_lowercase().contains(&wanted) {
            likeness = likeness.max(ALIKE);
        }
        // One slip of the finger in a short word weighs too much for Jaro–Winkler (`kye`).
        let slips = strsim::osa_distance(&wanted, &candidate.to_lowercase());
        if wanted.len() >= 3 && slips <= 1 + usize::from(wanted.len() > 6) {
            likeness = likeness.max(ALIKE);
        }
        if likeness >= ALIKE && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Names in backticks, separated by commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter().map(|name| format!("`{name}`"));
    let mut shown: Vec<String> = names.by_ref().take(MOST_LISTED).collect();
    let last = names.next();
    match (last, names.count()) {
        (Some(_), more @ 1..) => format!("{} and {} more", shown.join(", "), more + 1),
        // The last one takes no more room than the words that would stand for it.
        (last, _) => {
            shown.extend(last);
            shown.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let keys = ["needs", "when", "with", "timeout"];
        assert_eq!(nearest("nedes", keys), Some("needs"));
        assert_eq!(nearest("With", keys), Some("with"));
        assert_eq!(nearest("kye", ["key", "order"]), Some("key"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("products", ["regfish.list_products"]), Some("regfish.list_products"));
    }

    #[test]
    fn words_of_other_tools_are_known_where_ours_is_expected() {
        assert_eq!(nearest("if", ["id", "uses", "when"]), Some("when"));
        assert_eq!(nearest("depends_on", ["needs", "when"]), Some("needs"));
        assert_eq!(nearest("depends_on", ["every", "timeout"]), None);
    }

    #[test]
    fn a_list_is_not_cut_to_save_one_name() {
        let names = |count: usize| list(std::iter::repeat_n("a", count));
        assert!(names(MOST_LISTED + 1).ends_with("`a`, `a`"));
        assert!(names(MOST_LISTED + 2).ends_with("`a`, `a` and 2 more"));
    }
}
