//! What people want to know of a step beforehand: what is bought, for whom, and what is left behind.

use serde_json::Value;

use super::requests::{leaves_it_to_a_person, requirements};
use super::{PartlyKnown, plain, shown, text};
use crate::plan::FileFormat;

/// Something that a reviewer looks for. Texts may hold placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A product is looked up.
    Product {
        /// As the plan names it.
        sku: String,
        /// What it must be.
        requirements: Vec<String>,
    },
    /// An organization is looked up.
    Organization {
        /// Its id or its name.
        wanted: String,
        /// Whether it is made when there is none.
        may_be_made: bool,
    },
    /// A private key is made.
    Key {
        /// The kind of key.
        kind: String,
        /// The file of a former key that is used again.
        former: Option<String>,
    },
    /// A certificate is ordered; this is the one that costs money.
    Order {
        /// The product, as it is sent.
        sku: String,
        /// All names, the first one first.
        names: Vec<String>,
        /// The term, in days.
        days: Option<String>,
        /// The organization that is sent with the order.
        organization: Option<String>,
        /// How the names are proved.
        validation: String,
    },
    /// A certificate is issued anew, under its id and within its contract.
    Reissue {
        /// Its id.
        certificate: String,
    },
    /// An organization is bound to an order.
    Completion {
        /// Its id; none when a person chooses one in the Console.
        organization: Option<String>,
    },
    /// DNS records are put.
    Records {
        /// The records; none when even their number is unknown.
        records: Option<Vec<PlannedRecord>>,
        /// Where they come from, when they are unknown.
        from: String,
        /// Their time to live, in seconds.
        ttl: String,
    },
    /// Something else happens on this machine or somewhere else, in words.
    Deed(String),
    /// Certificate, issuers and key are put into a folder.
    Files {
        /// The folder.
        directory: String,
        /// Further files beside the PEM files, with their encodings.
        formats: Vec<String>,
    },
}

/// A DNS record as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRecord {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What it points to.
    pub value: String,
}

/// What there is to know of a step.
pub fn facts(uses: &str, parameters: &PartlyKnown) -> Option<Fact> {
    let word = |name: &str| text(parameters, name).unwrap_or_default();
    match uses {
        "regfish.list_products" => {
            Some(Fact::Product { sku: word("sku"), requirements: requirements(parameters) })
        }
        "regfish.resolve_organization" => Some(Fact::Organization {
            wanted: word("match"),
            may_be_made: parameters.contains_key("create"),
        }),
        "x509.create_csr" => {
            Some(Fact::Key { kind: word("key_type"), former: former_key(parameters) })
        }
        "regfish.create_order" => Some(Fact::Order {
            sku: word("sku"),
            names: names(parameters),
            days: text(parameters, "validity_days"),
            organization: text(parameters, "org_id"),
            validation: word("dcv_method"),
        }),
        "regfish.reissue" => Some(Fact::Reissue { certificate: word("certificate_id") }),
        "regfish.complete_order" => Some(Fact::Completion {
            organization: (!leaves_it_to_a_person(parameters)).then(|| word("org_id")),
        }),
        "regfish.put_records" => Some(Fact::Records {
            records: records(parameters),
            from: word("records"),
            ttl: word("ttl"),
        }),
        "dns.preflight" => Some(Fact::Deed(
            "asks for name servers, CAA records and what stands at `_dnsauth`".to_owned(),
        )),
        "dns.wait_propagated" => {
            Some(Fact::Deed("asks every name server of the zone, over UDP and TCP".to_owned()))
        }
        "http.request" => Some(Fact::Deed(sending(parameters))),
        "command.run" => Some(Fact::Deed(running(parameters))),
        "tls.check_served" => Some(Fact::Deed(format!(
            "connects to {}:{} and looks at its certificate",
            word("host"),
            word("port")
        ))),
        "files.rollback" => Some(Fact::Deed(format!(
            "makes the former set of files in {} the current one again",
            word("directory")
        ))),
        "regfish.download" => {
            Some(Fact::Files { directory: word("directory"), formats: formats(parameters) })
        }
        "x509.export" => Some(Fact::Deed(format!(
            "writes {} into {}, from the certificate in {}",
            formats(parameters).join(", "),
            word("directory"),
            word("from")
        ))),
        _ => None,
    }
}

/// A request to any server: where to, with which headers and which body.
fn sending(parameters: &PartlyKnown) -> String {
    let word = |name: &str| text(parameters, name).unwrap_or_default();
    let mut parts = vec![format!("sends {} {}", word("method"), word("url"))];
    let headers = named(parameters, "headers", "secret_headers", ": ");
    if !headers.is_empty() {
        parts.push(format!("headers {}", headers.join(", ")));
    }
    // The body as JSON shows whether a number is one.
    let body = shown(parameters, "json").map(|body| body.to_string());
    parts.extend(body.or_else(|| text(parameters, "text")).map(|body| format!("body {body}")));
    parts.extend(text(parameters, "until").map(|until| format!("until {until}")));
    parts.join("; ")
}

/// A program: where it runs, with which variables, and when at all.
fn running(parameters: &PartlyKnown) -> String {
    let mut parts = vec![format!("runs {}", words(parameters, "argv"))];
    parts.extend(text(parameters, "directory").map(|folder| format!("in {folder}")));
    let variables = named(parameters, "environment", "secret_environment", "=");
    if !variables.is_empty() {
        parts.push(format!("with {}", variables.join(", ")));
    }
    if text(parameters, "only_when").as_deref() == Some("changed") {
        let folder = text(parameters, "certificate_directory").unwrap_or_default();
        parts.push(format!("only when the certificate in {folder} has changed"));
    }
    parts.join("; ")
}

/// The entries of a map, and those of its twin whose values are secrets and are not shown.
fn named(parameters: &PartlyKnown, open: &str, secret: &str, between: &str) -> Vec<String> {
    let entries = |name: &str, value: fn(&Value) -> String| match shown(parameters, name) {
        Some(Value::Object(entries)) => entries
            .iter()
            .map(|(name, entry)| format!("{name}{between}{}", value(entry)))
            .collect::<Vec<_>>(),
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![plain(&other)],
    };
    let mut all = entries(open, plain);
    all.extend(entries(secret, |_| "‹secret›".to_owned()));
    all
}

/// The file of the key that is used again, where one is.
fn former_key(parameters: &PartlyKnown) -> Option<String> {
    shown(parameters, "reuse_key").filter(|file| !file.is_null()).map(|file| plain(&file))
}

/// The files in other encodings than PEM, each with its encoding.
fn formats(parameters: &PartlyKnown) -> Vec<String> {
    let format = |item: &Value| {
        let field = |name: &str| item.get(name).map(plain);
        match (field("format"), field("file")) {
            (Some(format), Some(file)) => format!("{file} ({format})"),
            (Some(format), None) => match FileFormat::parse(&format) {
                Some(known) => format!("{} ({format})", known.default_file()),
                None => format,
            },
            _ => plain(item),
        }
    };
    match shown(parameters, "formats") {
        Some(Value::Array(items)) => items.iter().map(format).collect(),
        Some(other) => vec![plain(&other)],
        None => Vec::new(),
    }
}

/// The words of a command, as they stand in a plan.
fn words(parameters: &PartlyKnown, name: &str) -> String {
    match shown(parameters, name) {
        Some(Value::Array(words)) => {
            format!("[{}]", words.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        Some(other) => plain(&other),
        None => String::new(),
    }
}

fn names(parameters: &PartlyKnown) -> Vec<String> {
    let mut names: Vec<String> = text(parameters, "common_name").into_iter().collect();
    let further = match shown(parameters, "dns_names") {
        Some(Value::Array(items)) => items.iter().map(plain).collect(),
        Some(other) => vec![plain(&other)],
        None => Vec::new(),
    };
    for name in further {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn records(parameters: &PartlyKnown) -> Option<Vec<PlannedRecord>> {
    let Some(Value::Array(items)) = shown(parameters, "records") else { return None };
    let record = |item: &Value| {
        let field = |name: &str| item.get(name).map(plain);
        let unknown = || plain(item);
        PlannedRecord {
            name: field("name").unwrap_or_else(unknown),
            kind: field("type").unwrap_or_default(),
            value: field("value").unwrap_or_default(),
        }
    };
    Some(items.iter().map(record).collect())
}
