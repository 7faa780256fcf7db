//! Names that several steps have to agree about: those of a request, of an order, of a download.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use crate::plan::partial::Partly;

/// Why an order is refused for the names in its certificate request, as far as both are known: each
/// step is its action and its parameters in their normal form.
pub fn names_differ(
    (order, ordered): (&str, &IndexMap<String, Partly>),
    (request, asked): (&str, &IndexMap<String, Partly>),
) -> Option<String> {
    let (ordered, asked) = match (order, request) {
        ("regfish.create_order", "x509.create_csr") => (names(ordered)?, names(asked)?),
        _ => return None,
    };
    let list = |names: &BTreeSet<&str>| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    (ordered != asked).then(|| {
        format!("the certificate request is for {}, the order for {}", list(&asked), list(&ordered))
    })
}

/// The names of an order or a request, when all of them are known.
fn names(parameters: &IndexMap<String, Partly>) -> Option<BTreeSet<&str>> {
    let text = |name: &str| parameters.get(name)?.known();
    let further = text("dns_names")?.as_array()?.iter().map(Value::as_str);
    further.chain([text("common_name")?.as_str()]).collect()
}

/// The first of the names that a download expects and that were not ordered, with its place in the
/// list; both steps by their parameters in their normal form, as far as they are known.
pub fn missing_name<'e>(
    ordered: &IndexMap<String, Partly>,
    expected: &'e IndexMap<String, Partly>,
) -> Option<(usize, &'e str)> {
    let ordered = names(ordered)?;
    let items: Vec<Option<&Value>> = match expected.get("names")? {
        Partly::Known(Value::Array(items)) => items.iter().map(Some).collect(),
        Partly::List(items) => items.iter().map(Partly::known).collect(),
        _ => return None,
    };
    let known = items.into_iter().enumerate();
    let known = known.filter_map(|(index, item)| Some((index, item?.as_str()?)));
    known.into_iter().find(|(_, name)| !ordered.iter().any(|other| brings(other, name)))
}

/// Whether a certificate for `ordered` may hold `name`: CAs add the name without `www.` or `*.`, and
/// that with `www.`, of their own accord.
fn brings(ordered: &str, name: &str) -> bool {
    let bare = |name: &str| {
        let bare = name.strip_prefix("www.").or_else(|| name.strip_prefix("*."));
        bare.unwrap_or(name).to_owned()
    };
    ordered == name || (!name.starts_with("*.") && bare(ordered) == bare(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn missing(ordered: &[&str], expected: Partly) -> Option<String> {
        let ordered = IndexMap::from([
            ("common_name".to_owned(), Partly::Known(json!(ordered[0]))),
            ("dns_names".to_owned(), Partly::Known(json!(ordered[1..]))),
        ]);
        let expected = IndexMap::from([("names".to_owned(), expected)]);
        missing_name(&ordered, &expected).map(|(index, name)| format!("{index} {name}"))
    }

    #[test]
    fn a_name_that_was_not_ordered_is_found_and_one_that_comes_along_is_not() {
        let known = |names: &[&str]| Partly::Known(json!(names));
        let ordered = ["www.a.com", "*.b.com"];
        assert_eq!(missing(&ordered, known(&["a.com", "b.com", "www.a.com", "*.b.com"])), None);
        assert_eq!(missing(&ordered, known(&["a.com", "c.com"])), Some("1 c.com".to_owned()));
        assert_eq!(missing(&ordered, known(&["*.a.com"])), Some("0 *.a.com".to_owned()));
        let some = vec![Partly::Unknown("x".to_owned()), Partly::Known(json!("d.com"))];
        assert_eq!(missing(&ordered, Partly::List(some)), Some("1 d.com".to_owned()));
        assert_eq!(missing(&ordered, Partly::Unknown("x".to_owned())), None);
    }
}
