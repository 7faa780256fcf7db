//! The template environment: which filters, tests, functions and statements a plan may use.
//!
//! Tables first: the compiler checks names against them and documentation lists them. What is not
//! in them is taken out of the environment, because it could make much out of little (`indent`,
//! `batch`) or show what nobody asked for (`debug`, `pprint`).

use std::sync::LazyLock;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};

pub(super) use super::filter_functions::NOW;
use super::filter_functions::{
    basename, days_until, default, join, punycode, registrable_domain, replace, tojson,
    wildcard_base,
};
use super::filter_signatures::filter_signature;

/// Instructions that one evaluation may take; some 0.5 ms.
const FUEL: u64 = 50_000;

/// Why a text has no value in which null would stand.
pub(super) const NULL_IN_TEXT: &str =
    "a value in this text is null; `| default('…')` puts another in its place";

/// A filter of this program; the others are minijinja's own.
struct Filter {
    name: &'static str,
    summary: &'static str,
    /// As it stands in a plan.
    example: &'static str,
    add: fn(&mut Environment<'static>, &'static str),
}

/// A filter of this program, for documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterDoc {
    /// The name behind the `|`.
    pub name: &'static str,
    /// What it gives.
    pub summary: &'static str,
    /// As it stands in a plan.
    pub example: &'static str,
}

/// What a filter takes and gives, for documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterTypes {
    /// How it is written, with its arguments and their types; what may be left out is in brackets.
    pub usage: String,
    /// What stands before the `|`.
    pub takes: String,
    /// What comes out.
    pub gives: String,
}

/// What the filter called `name` takes and gives.
pub fn filter_types(name: &str) -> Option<FilterTypes> {
    let signature = filter_signature(name)?;
    Some(FilterTypes {
        usage: signature.typed_usage(),
        takes: signature.takes.to_string(),
        gives: signature.gives.to_string(),
    })
}

const OWN_FILTERS: &[Filter] = &[
    Filter {
        name: "basename",
        summary: "the last part of a path",
        example: "{{ steps.key.key_file | basename }}",
        add: |env, name| env.add_filter(name, basename),
    },
    Filter {
        name: "d",
        summary: "short for `default`",
        example: "{{ steps.complete.status | d('none') }}",
        add: |env, name| env.add_filter(name, default),
    },
    Filter {
        name: "days_until",
        summary: "the whole days from now until a time or date; negative when it is over",
        example: "{{ steps.issued.valid_until | days_until }}",
        add: |env, name| env.add_filter(name, days_until),
    },
    Filter {
        name: "default",
        summary: "stands in for a value that is missing or null",
        example: "{{ steps.complete.status | default('none') }}",
        add: |env, name| env.add_filter(name, default),
    },
    Filter {
        name: "join",
        summary: "the items of a list as one text",
        example: "{{ inputs.dns_names | join(', ') }}",
        add: |env, name| env.add_filter(name, join),
    },
    Filter {
        name: "punycode",
        summary: "a domain name in its ASCII form",
        example: "{{ 'münchen.example' | punycode }}",
        add: |env, name| env.add_filter(name, punycode),
    },
    Filter {
        name: "registrable_domain",
        summary: "the part of a domain name that can be registered, by the public suffix list",
        example: "{{ inputs.common_name | registrable_domain }}",
        add: |env, name| env.add_filter(name, registrable_domain),
    },
    Filter {
        name: "replace",
        summary: "one part of a text replaced by another, everywhere",
        example: "{{ inputs.common_name | replace('.', '_') }}",
        add: |env, name| env.add_filter(name, replace),
    },
    Filter {
        name: "tojson",
        summary: "a value as JSON",
        example: "{{ inputs.dns_names | tojson }}",
        add: |env, name| env.add_filter(name, tojson),
    },
    Filter {
        name: "wildcard_base",
        summary: "a domain name without a leading `*.`",
        example: "certs/{{ inputs.common_name | wildcard_base }}",
        add: |env, name| env.add_filter(name, wildcard_base),
    },
];

const BUILTIN_FILTERS: &[&str] = &[
    "abs",
    "bool",
    "capitalize",
    "count",
    "dictsort",
    "first",
    "float",
    "int",
    "items",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
];

const REMOVED_FILTERS: &[&str] = &[
    "attr", "batch", "chain", "e", "escape", "format", "groupby", "indent", "pprint", "safe",
    "slice", "zip",
];

const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Functions; `loop` comes with `for`.
pub(super) const FUNCTIONS: &[&str] = &["range"];

/// Statements. No `set`: with it a few lines could double a text forty times.
pub(super) const STATEMENTS: &[&str] =
    &["if", "elif", "else", "endif", "for", "endfor", "raw", "endraw"];

/// The names of all filters.
pub(super) fn filter_names() -> impl Iterator<Item = &'static str> + Clone {
    OWN_FILTERS.iter().map(|filter| filter.name).chain(BUILTIN_FILTERS.iter().copied())
}

/// The filters of this program and what they do, for documentation.
pub fn own_filters() -> impl Iterator<Item = FilterDoc> {
    OWN_FILTERS.iter().map(|filter| FilterDoc {
        name: filter.name,
        summary: filter.summary,
        example: filter.example,
    })
}

/// The filters that come with the template language.
pub fn builtin_filters() -> impl Iterator<Item = &'static str> {
    BUILTIN_FILTERS.iter().copied()
}

/// The names of all tests.
pub(super) fn test_names() -> impl Iterator<Item = &'static str> + Clone {
    TESTS.iter().copied()
}

/// The environment in which every template and condition is evaluated.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        // The default depends on the build; places of errors are wanted in every build.
        env.set_debug(true);
        // Nothing here is HTML: text stays as it is, whatever a template is called.
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.set_formatter(|out, state, value| {
            // The word `none` in the middle of a path or an address is never meant.
            if value.is_none() {
                return Err(Error::new(ErrorKind::InvalidOperation, NULL_IN_TEXT));
            }
            escape_formatter(out, state, value)
        });
        for name in REMOVED_FILTERS {
            env.remove_filter(name);
        }
        for name in ["debug", "dict", "namespace"] {
            env.remove_global(name);
        }
        for filter in OWN_FILTERS {
            (filter.add)(&mut env, filter.name);
        }
        env
    });
    &ENVIRONMENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Timestamp;
    use minijinja::Value;

    fn evaluate(expression: &str) -> Result<Value, Error> {
        environment().compile_expression(expression)?.eval(())
    }

    #[test]
    fn every_filter_and_test_in_the_tables_exists_and_the_removed_ones_do_not() {
        for name in filter_names() {
            assert!(evaluate(&format!("'{name}' is filter")).unwrap().is_true(), "{name}");
        }
        for name in test_names() {
            assert!(evaluate(&format!("'{name}' is test")).unwrap().is_true(), "{name}");
        }
        for name in REMOVED_FILTERS {
            assert!(!evaluate(&format!("'{name}' is filter")).unwrap().is_true(), "{name}");
        }
    }

    #[test]
    fn the_functions_in_the_table_are_all_there_are() {
        let names: Vec<&str> = environment().globals().map(|(name, _)| name).collect();
        assert_eq!(names, FUNCTIONS);
    }

    #[test]
    fn own_filters_do_what_they_say() {
        for (expression, result) in [
            ("'*.example.com' | wildcard_base", "example.com"),
            ("'example.com' | wildcard_base", "example.com"),
            ("'münchen.example' | punycode", "xn--mnchen-3ya.example"),
            ("'a/b/key.pem' | basename", "key.pem"),
            ("none | default('x')", "x"),
            ("[1, 'b'] | join(', ')", "1, b"),
            ("'aXbX' | replace('X', '-')", "a-b-"),
            ("{'a': [1]} | tojson", "{\"a\":[1]}"),
            ("'a.www.example.co.uk' | registrable_domain", "example.co.uk"),
            ("'*.Shop.Example.com' | registrable_domain", "example.com"),
            ("'www.münchen.de' | registrable_domain", "xn--mnchen-3ya.de"),
            ("'host.pages.example' | registrable_domain", "pages.example"),
        ] {
            assert_eq!(evaluate(expression).unwrap().as_str(), Some(result), "{expression}");
        }
    }

    #[test]
    fn null_can_stand_in_for_what_is_missing() {
        assert!(evaluate("none | default(none)").unwrap().is_none());
        assert_eq!(evaluate("none | default").unwrap().as_str(), Some(""));
        assert!(evaluate("none | default(1, 2)").is_err());
        assert!(evaluate("none | default(other=1)").is_err());
    }

    #[test]
    fn a_public_suffix_has_no_registrable_domain() {
        let error = evaluate("'co.uk' | registrable_domain").unwrap_err();
        assert!(error.to_string().contains("is a public suffix itself"), "{error}");
        assert!(evaluate("'a b' | registrable_domain").is_err());
    }

    #[test]
    fn days_are_counted_from_a_time_that_is_given() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let days = |until: &str| {
            let expression = format!("'{until}' | days_until");
            let context = std::collections::BTreeMap::from([(NOW, now.as_second())]);
            environment().compile_expression(&expression)?.eval(minijinja::value::Serde(context))
        };
        for (until, expected) in [
            ("2026-12-01T12:00:00Z", 10),
            ("2026-12-01T11:59:59Z", 9),
            ("2026-11-21T12:00:00Z", 0),
            ("2026-11-20T13:00:00+00:00", -1),
            ("2026-11-23", 1),
        ] {
            assert_eq!(days(until).unwrap().as_i64(), Some(expected), "{until}");
        }
        assert!(days("soon").unwrap_err().to_string().contains("needs a time such as"));
        let error = evaluate("'2026-11-23' | days_until").unwrap_err();
        assert!(error.to_string().contains("not told what time it is"), "{error}");
    }

    #[test]
    fn filters_cannot_make_much_out_of_little() {
        let ten = "aaaaaaaaaa";
        let chain = format!(" | replace('a', '{ten}')").repeat(12);
        let error = evaluate(&format!("'a'{chain}")).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
}
