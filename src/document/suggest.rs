//! "Did you mean …?": the nearest name, and lists of names as sentences show them.

/// How alike two names must be (Jaro–Winkler, 0 to 1) for one to be a slip of the other. Lower
/// values suggest nonsense; tried on the names of the language.
const ALIKE: f64 = 0.8;

/// How alike the word of another tool and ours are, and two names that differ in one letter.
const KNOWN_ELSEWHERE: f64 = 0.98;
const ONE_SLIP: f64 = 0.99;

/// Comparing takes time; a plan with more names than this has worse problems than a slip.
const MOST_CANDIDATES: usize = 1_000;

/// A sentence does not list more names than this.
const MOST_LISTED: usize = 40;

/// What other tools call the words of plans.
const ELSEWHERE: [(&str, &str); 62] = [
    ("if", "when"),
    ("condition", "when"),
    ("depends_on", "needs"),
    ("requires", "needs"),
    ("action", "uses"),
    ("module", "uses"),
    ("params", "with"),
    ("parameters", "with"),
    ("args", "with"),
    ("arguments", "with"),
    ("variables", "inputs"),
    ("vars", "inputs"),
    ("parameters", "inputs"),
    ("jobs", "steps"),
    ("tasks", "steps"),
    ("hosts", "targets"),
    ("children", "groups"),
    ("tags", "groups"),
    ("retries", "retry"),
    ("retries", "attempts"),
    ("max_attempts", "attempts"),
    ("interval", "every"),
    ("delay", "backoff"),
    ("organization", "org_id"),
    ("organization_id", "org_id"),
    ("env", "environment"),
    ("cwd", "directory"),
    ("chdir", "directory"),
    ("cn", "common_name"),
    ("domain", "common_name"),
    ("fqdn", "common_name"),
    ("host", "common_name"),
    ("hostname", "common_name"),
    ("san", "dns_names"),
    ("sans", "dns_names"),
    ("alt_names", "dns_names"),
    ("domains", "dns_names"),
    ("subject_alternative_names", "dns_names"),
    ("validity", "validity_days"),
    ("days", "validity_days"),
    ("variable", "inputs"),
    ("var", "inputs"),
    ("params", "inputs"),
    ("options", "values"),
    ("choices", "values"),
    ("enum", "values"),
    ("allowed_values", "values"),
    ("one_of", "values"),
    ("regex", "pattern"),
    ("cmd", "argv"),
    ("command", "argv"),
    ("msg", "message"),
    ("fail_msg", "message"),
    ("error_message", "message"),
    ("that", "check"),
    ("condition", "check"),
    ("expression", "check"),
    ("keysize", "key_type"),
    ("key_size", "key_type"),
    ("keytype", "key_type"),
    ("key_algorithm", "key_type"),
    ("algorithm", "key_type"),
];

/// The candidate that is meant by a name from elsewhere, or that `name` is most likely a slip of.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let elsewhere = |ours: &str| ELSEWHERE.contains(&(wanted.as_str(), ours));
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates.into_iter().take(MOST_CANDIDATES) {
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
        if elsewhere(candidate) {
            likeness = likeness.max(KNOWN_ELSEWHERE);
        }
        // A letter too many or too few is the slip, even of a word that other tools have.
        if wanted.len() >= 3 && slips == 1 {
            likeness = likeness.max(ONE_SLIP);
        }
        if likeness >= ALIKE && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether `name` differs from a candidate in one letter, or in capitals only.
pub(crate) fn is_slip<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> bool {
    let wanted = name.to_lowercase();
    candidates.into_iter().take(MOST_CANDIDATES).any(|candidate| {
        wanted.len() >= 3 && strsim::osa_distance(&wanted, &candidate.to_lowercase()) <= 1
    })
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
        assert_eq!(nearest("sans", ["common_name", "dns_names"]), Some("dns_names"));
        assert_eq!(nearest("domain", ["common_name", "domains"]), Some("domains"));
    }

    #[test]
    fn a_word_of_another_tool_with_one_letter_changed_into_ours_is_a_slip() {
        assert!(is_slip("tmeout", ["timeout"]) && is_slip("USES", ["uses"]));
        assert!(!is_slip("timeout-minutes", ["timeout"]) && !is_slip("if", ["id"]));
    }

    #[test]
    fn a_list_is_not_cut_to_save_one_name() {
        let names = |count: usize| list(std::iter::repeat_n("a", count));
        assert!(names(MOST_LISTED + 1).ends_with("`a`, `a`"));
        assert!(names(MOST_LISTED + 2).ends_with("`a`, `a` and 2 more"));
    }
}
