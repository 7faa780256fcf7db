//! The types of expressions, held against what the interpreter makes of them.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::plan::filter_signatures::{FILTERS, Wanted, filter_signature};
use crate::plan::filters::filter_names;
use crate::plan::render::{Context, render};
use crate::plan::{Field, Presence, Template, ValueType};

/// What the tests' expressions read: a name, a value and its type.
fn values() -> Vec<(&'static str, Json, ValueType)> {
    let record = ValueType::Record(vec![
        field("name", ValueType::String),
        field("ttl", ValueType::Integer { minimum: None, maximum: None }),
    ]);
    let integer = ValueType::Integer { minimum: None, maximum: None };
    let list = |item: ValueType| ValueType::List(Box::new(item));
    vec![
        ("text", json!("2026-11-22"), ValueType::String),
        ("domain", json!("www.example.com"), ValueType::Domain),
        ("number", json!(7), integer.clone()),
        ("flag", json!(true), ValueType::Boolean),
        ("names", json!(["a.example.com", "b.example.com"]), list(ValueType::Domain)),
        ("numbers", json!([3, 4]), list(integer)),
        ("map", json!({ "a": 1 }), ValueType::Map),
        ("records", json!([{ "name": "x", "ttl": 3 }]), list(record)),
    ]
}

fn field(name: &str, value_type: ValueType) -> Field {
    let presence = Presence::Required;
    Field { name: name.to_owned(), value_type, description: String::new(), presence }
}

fn context() -> Context {
    let values = values().into_iter().map(|(name, value, _)| (name.to_owned(), value));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    Context::of(values.collect::<Map<String, Json>>()).with_now(now)
}

/// The expression with the types of what it reads.
fn infer(code: &str) -> Inferred {
    let reads = |start: usize| {
        let rest = &code[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, _, value_type) = values().into_iter().find(|(name, ..)| *name == &rest[..end])?;
        Some((1, Shape::of(&value_type)))
    };
    infer_expression(code, &reads).unwrap()
}

fn evaluate(code: &str) -> Result<Json, String> {
    render(&Template::Expression(code.to_owned()), &context()).map_err(|error| error.to_string())
}

/// Whether a value is of a shape.
fn is_of(value: &Json, shape: &Shape) -> bool {
    match (shape, value) {
        (Shape::Null, value) => value.is_null(),
        (Shape::Float, value) => value.is_f64(),
        (Shape::Number, value) => value.is_number(),
        (Shape::List(item), Json::Array(items)) => items.iter().all(|value| is_of(value, item)),
        (Shape::List(_), _) => false,
        (Shape::Of(value_type), value) => value_type.check(value).is_ok(),
    }
}

#[test]
fn every_filter_has_a_signature_and_nothing_else_has() {
    for name in filter_names() {
        assert!(filter_signature(name).is_some(), "{name}");
    }
    for signature in FILTERS {
        assert!(filter_names().any(|name| name == signature.name), "{}", signature.name);
    }
}

/// Arguments without which a filter cannot be used, or that make its use plain.
fn arguments(name: &str) -> &'static str {
    match name {
        "replace" => "('a', 'b')",
        "map" => "('string')",
        "selectattr" | "rejectattr" => "('ttl')",
        "split" => "('-')",
        _ => "",
    }
}

#[test]
fn what_the_table_says_of_a_filter_is_what_the_filter_does() {
    for name in filter_names() {
        let signature = filter_signature(name).unwrap();
        for (variable, value, value_type) in values() {
            let code = format!("{variable} | {name}{}", arguments(name));
            let (inferred, result) = (infer(&code), evaluate(&code));
            let accepts = signature.takes.accepts(&Shape::of(&value_type));
            // Texts that are no domain and no number are refused for what they say.
            let is_word = value.is_string() && ["int", "float", "punycode"].contains(&name);
            let is_domain = name == "registrable_domain" || name == "days_until";
            if accepts && !is_word && !is_domain {
                let needs_parts = name.ends_with("attr") && variable != "records";
                assert!(result.is_ok() || needs_parts, "{code}: {result:?}");
            }
            let item = Shape::of(&value_type).item();
            let has_parts = !(item.is_text() || item.is_number() || item.is_boolean());
            let accepts = accepts && (has_parts || !name.ends_with("attr"));
            assert_eq!(accepts, inferred.faults.is_empty(), "{code}: {:?}", inferred.faults);
            if let (true, Ok(value)) = (accepts, &result) {
                assert!(is_of(value, &inferred.shape), "{code}: {value} is no {}", inferred.shape);
            }
            // Deliberately: a list printed as a text, a text taken apart.
            let is_harmless = matches!(
                signature.takes,
                Wanted::Printable | Wanted::List | Wanted::ListAlone | Wanted::Numbers
            );
            if !accepts && !is_harmless {
                assert!(result.is_err(), "{code}: {result:?}");
            }
        }
    }
}

#[test]
fn arguments_are_held_against_the_table() {
    for (code, message) in [
        ("domain | replace('a')", "`replace` needs `to`"),
        ("domain | replace('a', 'b', 'c')", "`replace` has too many arguments"),
        ("domain | replace('a', 1)", "`to` of `replace` needs a text"),
        ("names | join(1)", "`separator` of `join` needs a text"),
        ("names | join(sep=',')", "`join` has no argument `sep`"),
        ("names | sort(revers=true)", "`sort` has no argument `revers`"),
        ("names | sort(true)", "`sort` has too many arguments"),
        ("domain | upper('x')", "`upper` has too many arguments"),
        ("number | round('x')", "`precision` of `round` needs an integer"),
        ("records | map(attribute='nam')", "there is no field `nam`"),
        ("names | map(attribute='name')", "a domain has no part `name`"),
        ("names | map(attribute='0')", ""),
        ("records | map('uper')", "templates have no filter `uper`"),
        ("records | selectattr('ttl', 'greater')", "templates have no test `greater`"),
        ("records | map('replace', 'a', 'b')", "`replace` takes a text, and is given a record"),
        ("names | select", ""),
        ("names | select('startingwith', 'a')", ""),
        ("records | selectattr('ttl', 'gt', 3)", ""),
        ("names | map('replace', 'a', 'b')", ""),
        ("text | int(default=3)", ""),
        ("names | sort(reverse=true, case_sensitive=false)", ""),
        ("domain | default(number, 1)", "`default` has too many arguments"),
        ("names | join(*names)", ""),
    ] {
        let faults = infer(code).faults;
        match (faults.first(), message) {
            (None, "") => {}
            (Some(fault), message) if !message.is_empty() => {
                assert!(fault.message.starts_with(message), "{code}: {}", fault.message);
                assert!(evaluate(code).is_err() || code.contains("default("), "{code}");
            }
            (fault, _) => panic!("{code}: {fault:?}"),
        }
    }
}

#[test]
fn the_type_of_an_expression_is_told_as_far_as_it_is_certain() {
    for (code, shape) in [
        ("number + 1", "integer"),
        ("number / 2", "number with a fraction"),
        ("number // 2", "integer"),
        ("number - 0.5", "number with a fraction"),
        ("domain + '.'", "string"),
        ("names + [domain]", "list of domains"),
        ("names[0]", "domain"),
        ("names[1:]", "list of domains"),
        ("domain[1:]", "string"),
        ("records[0].ttl", "integer"),
        ("(records | first).name", "string"),
        ("records | map(attribute='name') | list", "list of strings"),
        ("records | map(attribute='name') | join(',') | length", "integer"),
        ("names | map('length')", "list of integers"),
        ("domain in names", "boolean"),
        ("not names", "boolean"),
        ("number > 3 and flag", "boolean"),
        ("flag and domain", "any value"),
        ("domain or text", "string"),
        ("domain or none", "domain"),
        ("'a' ~ number", "string"),
        ("number if flag else domain", "any value"),
        ("number if flag else 3", "integer"),
        ("map.a", "any value"),
        ("[1, 'a']", "list"),
        ("[]", "list"),
        ("{'a': 1}", "map"),
        ("range(3)", "list of integers"),
        ("number is even", "boolean"),
        ("-number", "integer"),
        ("1 < number < 9", "boolean"),
        ("domain | default(number)", "any value"),
        ("numbers | sum", "integer"),
        ("names | unknown_one", "any value"),
    ] {
        assert_eq!(infer(code).shape.to_string(), shape, "{code}");
    }
}

#[test]
fn what_cannot_be_calculated_is_told_at_its_place_with_what_was_meant() {
    for (code, place, instead) in [
        ("domain + number", "domain + number", Some("domain ~ number")),
        ("names + domain", "names + domain", Some("[domain]")),
        ("domain - 1", "domain", Some("(domain | int)")),
        ("1 + (names | join + 3)", "names | join + 3", Some("names | join ~ 3")),
        ("-domain", "domain", None),
        ("3 in number", "number", None),
        ("map[1:]", "map", None),
        (
            "(names + names) | upper",
            "(names + names) | upper",
            Some("(names + names) | map('upper')"),
        ),
        (
            "names | replace('a', 'b')",
            "names | replace('a', 'b')",
            Some("names | first | replace('a', 'b')"),
        ),
        ("names | wildcard_base", "names | wildcard_base", Some("names | map('wildcard_base')")),
    ] {
        let faults = infer(code).faults;
        let [fault] = faults.as_slice() else { panic!("{code}: {faults:?}") };
        assert_eq!(&code[fault.range.clone()], place, "{code}");
        let written = fault.instead.as_ref().map(|(_, text)| text.as_str());
        assert_eq!(written, instead, "{code}");
    }
}

#[test]
fn in_a_text_the_names_of_loops_have_their_types() {
    let reads = |text: &'static str| {
        move |start: usize| {
            text[start..].starts_with("names").then(|| (1, Shape::list(Shape::text())))
        }
    };
    for (text, faults) in [
        ("{% for n in names %}{{ n | upper }}{% endfor %}", 0),
        ("{% for n in names %}{{ n | join }}{% endfor %}", 1),
        ("{% for n in 3 %}{{ n }}{% endfor %}", 1),
        ("{% for n in names %}{{ loop.index + 1 }}{% else %}{{ 1 + 'a' }}{% endfor %}", 1),
        ("{% if names | upper %}{{ names | abs }}{% endif %}", 2),
        ("{% for k, v in names %}{{ k + v }}{% endfor %}", 0),
    ] {
        let found = infer_text(text, &reads(text));
        assert_eq!(found.len(), faults, "{text}: {found:?}");
    }
}

#[test]
fn a_deep_or_long_expression_is_not_looked_at_for_ever() {
    let long = format!("1{}", "+1".repeat(7000));
    assert!(infer(&long).faults.is_empty());
    let deep = format!("{}1{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(infer(&deep).shape.to_string(), "integer");
    let filters = format!("names{}", " | list".repeat(2000));
    assert!(infer(&filters).faults.is_empty());
}

/// An expression over the values above.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        proptest::sample::select(values()).prop_map(|(name, ..)| name.to_owned()),
        proptest::sample::select(vec!["1", "2.5", "'a'", "true", "[]", "['x']", "{'a': 1}"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators = ["+", "-", "/", "//", "%", "~", "and", "or", "==", "<", "in"];
        let filters: Vec<&str> = filter_names().filter(|name| arguments(name).is_empty()).collect();
        prop_oneof![
            (inner.clone(), proptest::sample::select(operators.to_vec()), inner.clone())
                .prop_map(|(left, op, right)| format!("({left} {op} {right})")),
            (inner.clone(), proptest::sample::select(filters))
                .prop_map(|(value, filter)| format!("({value} | {filter})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | default({b}))")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            inner.clone().prop_map(|value| format!("({value})[0]")),
            inner.clone().prop_map(|value| format!("({value})[1:]")),
            inner.prop_map(|value| format!("(not {value})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is said for certain is so: a value has the shape that was told, or null in it.
    #[test]
    fn what_is_certain_of_an_expression_is_what_comes_of_it(code in expressions()) {
        let inferred = infer(&code);
        if let Ok(value) = evaluate(&code)
            && inferred.faults.is_empty()
        {
            prop_assert!(
                value.is_null() || is_of(&value, &inferred.shape) || has_null(&value),
                "{code}: {value} is no {}", inferred.shape
            );
        }
    }
}

fn has_null(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.iter().any(has_null),
        _ => false,
    }
}
