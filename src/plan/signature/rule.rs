//! [`Rule`]: what an action refuses though every parameter has its type.
//!
//! A rule looks at the parameters of one step as far as they are known and names what in them can
//! never work: the compiler asks it about what is written, the preview about what the
//! inputs make of it. Each action's rules stand in its signature, as a table; the conditions that they
//! share are in here. What an answer, a file or the day decides is no matter for a rule.

pub(super) mod ordering;
pub(super) mod outside;

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use crate::plan::partial::Partly;
use crate::types::printable;

/// One condition on the parameters of an action.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// On the parameters as a whole; gives the breach, if there is one.
    Once(fn(&Given<'_>) -> Option<Breach>),
    /// On each part of a list or a map; gives the breach of each part that breaks it.
    Each(fn(&Given<'_>) -> Vec<Breach>),
}

impl Rule {
    /// What is wrong with these parameters by this rule.
    pub(super) fn breaches(self, given: &Given<'_>) -> Vec<Breach> {
        match self {
            Self::Once(rule) => rule(given).into_iter().collect(),
            Self::Each(rule) => rule(given),
        }
    }
}

/// The parameters of a step, in their normal form, as far as they are known.
pub struct Given<'p> {
    /// The parameters, with their defaults.
    pub parameters: &'p IndexMap<String, Partly>,
    /// How long one attempt of the step may take.
    pub timeout: Duration,
}

/// Something that can never work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The code of its diagnostic.
    pub code: &'static str,
    /// Where it is: a parameter, then the names or numbers of the parts in it.
    pub at: Vec<String>,
    /// What is wrong, as a fragment.
    pub message: String,
    /// What is to be said at the place.
    pub remark: String,
    /// How to mend it.
    pub help: Option<String>,
    /// What was probably meant, to be written instead.
    pub instead: Option<&'static str>,
    /// The other place that has to do with it.
    pub also: Option<(&'static str, &'static str)>,
    /// Whether the name of the part is wrong and not its value.
    pub is_name: bool,
    /// Whether it is a secret that strayed into the plan, and must not be shown.
    pub is_secret: bool,
    /// Whether the action does it nevertheless, and it is only hardly what was meant.
    pub is_doubt: bool,
    /// The parameter that, written out, shows that a doubt was meant.
    pub unless_written: Option<&'static str>,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.message, self.remark)
    }
}

impl Breach {
    /// A breach at a parameter or a part of one.
    pub(super) fn at(at: &[&str], message: impl Into<String>, remark: impl Into<String>) -> Self {
        Self {
            code: "unusable-value",
            at: at.iter().map(|part| (*part).to_owned()).collect(),
            message: message.into(),
            remark: remark.into(),
            help: None,
            instead: None,
            also: None,
            is_name: false,
            is_secret: false,
            is_doubt: false,
            unless_written: None,
        }
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn instead(mut self, instead: Option<&'static str>) -> Self {
        self.instead = instead;
        self
    }

    pub(super) fn also(mut self, parameter: &'static str, remark: &'static str) -> Self {
        self.also = Some((parameter, remark));
        self
    }

    pub(super) fn name(mut self) -> Self {
        self.is_name = true;
        self
    }

    pub(super) fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    pub(super) fn doubt(mut self) -> Self {
        self.is_doubt = true;
        self
    }

    /// A doubt that is none when `parameter` is written out.
    pub(super) fn doubt_unless_written(self, parameter: &'static str) -> Self {
        Self { unless_written: Some(parameter), ..self.doubt() }
    }
}

impl<'p> Given<'p> {
    /// Whether a parameter is not given, for certain.
    pub(super) fn lacks(&self, name: &str) -> bool {
        matches!(self.parameters.get(name), None | Some(Partly::Known(Value::Null)))
    }

    /// Whether a parameter is given, for certain.
    pub(super) fn has(&self, name: &str) -> bool {
        !self.lacks(name) && !matches!(self.parameters.get(name), Some(Partly::Unknown(_)))
    }

    /// A parameter whose value is known.
    pub(super) fn value(&self, name: &str) -> Option<&'p Value> {
        self.parameters.get(name)?.known().filter(|value| !value.is_null())
    }

    /// A text that is known.
    pub(super) fn text(&self, name: &str) -> Option<&'p str> {
        self.value(name)?.as_str()
    }

    /// A known text inside a record.
    pub(super) fn text_in(&self, name: &str, field: &str) -> Option<&'p str> {
        match self.parameters.get(name)? {
            Partly::Known(value) => value.get(field)?.as_str(),
            Partly::Map(entries) => entries.get(field)?.known()?.as_str(),
            _ => None,
        }
    }

    /// Whether a list is empty, for certain.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.value(name).and_then(Value::as_array).is_some_and(Vec::is_empty)
    }

    /// The texts that are known in a list, each with its place.
    pub(super) fn items(&self, name: &str) -> Vec<(usize, &'p str)> {
        let known = |(index, value): (usize, Option<&'p Value>)| Some((index, value?.as_str()?));
        match self.parameters.get(name) {
            Some(Partly::Known(Value::Array(items))) => {
                items.iter().map(Some).enumerate().filter_map(known).collect()
            }
            Some(Partly::List(items)) => {
                items.iter().map(Partly::known).enumerate().filter_map(known).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The names in a map, and their values where those are texts that are known.
    pub(super) fn entries(&self, name: &str) -> Vec<(&'p str, Option<&'p str>)> {
        match self.parameters.get(name) {
            Some(Partly::Known(Value::Object(entries))) => {
                entries.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
            }
            Some(Partly::Map(entries)) => entries
                .iter()
                .map(|(name, value)| (name.as_str(), value.known().and_then(Value::as_str)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A known text of which `fault` says that it cannot be used.
    pub(super) fn unusable(
        &self,
        name: &'static str,
        fault: impl Fn(&str) -> Option<String>,
    ) -> Option<Breach> {
        let text = self.text(name)?;
        let remark = fault(text)?;
        let message = format!("`{name}` can never be used: `{}`", shown(text));
        Some(Breach::at(&[name], message, remark))
    }
}

/// A value as a message shows it.
pub(super) fn shown(text: &str) -> String {
    crate::types::shorten(&printable(text), 60)
}

/// Why a text cannot be `parse`d, by the error's reason.
pub(super) fn refused<T>(
    parse: impl Fn(&str) -> Result<T, crate::types::IdError>,
) -> impl Fn(&str) -> Option<String> {
    move |text| parse(text).err().map(|error| error.reason.to_owned())
}

/// Why a text is no SHA-256 digest of 64 hexadecimal digits.
pub(super) fn no_digest(text: &str) -> Option<String> {
    let digits = text.chars().filter(|c| *c != ':');
    let is_digest = digits.clone().count() == 64 && digits.clone().all(|c| c.is_ascii_hexdigit());
    (!is_digest).then(|| "a SHA-256 fingerprint has 64 hexadecimal digits".to_owned())
}

/// Why a text is no path that begins in the working directory.
pub(super) fn not_below(text: &str) -> Option<String> {
    if text.starts_with('/') {
        return Some("only paths below the working directory are allowed".to_owned());
    }
    no_shell(text)
}

/// Why a path is not what a shell would make of it.
pub(super) fn no_shell(text: &str) -> Option<String> {
    (text == "~" || text.starts_with("~/")).then(|| "`~` is expanded by shells only".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::signature::signatures;
    use crate::plan::{check_fields, find_signature};
    use serde_json::json;

    fn breaches(action: &str, parameters: Value) -> Vec<String> {
        let signature = find_signature(action).unwrap();
        let written = parameters.as_object().unwrap().iter();
        let written = written.map(|(name, value)| (name.clone(), Partly::Known(value.clone())));
        let parameters = check_fields(&signature.parameters, &written.collect()).unwrap();
        let given = Given { parameters: &parameters, timeout: Duration::from_secs(120) };
        signature.breaches(&given).into_iter().map(|breach| breach.at.join(".")).collect()
    }

    #[test]
    fn every_place_that_a_rule_names_is_a_parameter() {
        for (action, parameters, places) in [
            (
                "regfish.create_order",
                json!({
                    "sku": "ssl123", "common_name": "a.example", "csr": "x", "dcv_method": "email",
                    "org_id": "a b", "renewal_of": "", "validity_days": 1,
                    "validity_schedule": [{ "from": "2027-01-01", "days": 1 },
                                          { "from": "2027-02-30", "days": 1 }],
                }),
                vec!["dcv_method", "csr", "org_id", "renewal_of", "validity_schedule.1.from"],
            ),
            (
                "regfish.create_order",
                json!({
                    "sku": "x", "common_name": "a_b.example", "csr": "{{", "dns_names": ["*.co.uk"],
                }),
                vec!["sku", "common_name", "dns_names.0", "csr"],
            ),
            (
                "regfish.create_order",
                json!({
                    "sku": "ssl123", "common_name": "a.example", "csr": "{{",
                    "dns_names": ["b.example", "*.a.example"],
                }),
                vec!["dns_names.1", "csr"],
            ),
            (
                "regfish.resolve_organization",
                json!({ "match": "A", "create": {
                    "organization": "B", "first_name": " ", "last_name": "x", "address": "x",
                    "postal_code": "x", "city": "x", "country_code": "DEU", "phone": "x",
                    "email": "x",
                }}),
                vec!["match", "create.country_code", "create.first_name"],
            ),
            ("regfish.find_certificate", json!({ "certificate_id": " " }), vec!["certificate_id"]),
            (
                "http.request",
                json!({
                    "url": "https://me:word@example.com/", "json": {}, "text": "",
                    "headers": { "x y": "1" }, "secret_headers": { "": { "env": "A" } },
                }),
                vec!["url", "text", "json", "headers.x y", "secret_headers."],
            ),
            (
                "command.run",
                json!({
                    "argv": ["true"], "only_when": "changed", "directory": "/etc",
                    "expect_exit": [], "environment": { "A=B": "" }, "time_limit": "5m",
                }),
                vec!["only_when", "directory", "expect_exit", "environment.A=B", "time_limit"],
            ),
            (
                "tls.check_served",
                json!({ "host": "https://example.com", "sha256": "12" }),
                vec!["host", "sha256"],
            ),
        ] {
            assert_eq!(breaches(action, parameters), places, "{action}");
        }
    }

    #[test]
    fn nothing_is_said_against_what_is_not_known() {
        for signature in signatures() {
            let unknown = |field: &crate::plan::Field| {
                (field.name.clone(), Partly::Unknown("steps.a.b".to_owned()))
            };
            let parameters = signature.parameters.iter().map(unknown).collect();
            let given = Given { parameters: &parameters, timeout: Duration::from_secs(120) };
            assert_eq!(signature.breaches(&given), [], "{}", signature.name);
        }
    }

    #[test]
    fn a_digest_may_be_written_as_openssl_prints_it() {
        let plain = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(no_digest(plain), None);
        let pairs: Vec<&str> = (0..32).map(|at| &plain[2 * at..2 * at + 2]).collect();
        assert_eq!(no_digest(&pairs.join(":").to_uppercase()), None);
        assert!(no_digest(&plain[1..]).is_some());
    }
}
