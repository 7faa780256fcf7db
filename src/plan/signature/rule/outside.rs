//! Rules of the actions that reach beyond the CA: servers, programs, name servers, files.

use core::net::IpAddr;
use std::collections::HashMap;

use serde_json::Value;

use super::{Breach, Given, no_digest, no_shell, not_below, shown};
use crate::plan::address::{is_resolver, is_url, unusable_port};
use crate::plan::signature::deploy::VARIABLES;
use crate::types::{format_duration, parse_duration};

/// Signs that may stand in the name of a header beside letters and digits (RFC 9110, 5.6.2).
const HEADER_SIGNS: &str = "!#$%&'*+-.^_`|~";

/// Headers that say where a request ends, how it is sent, or to whom: they follow from the address and
/// the body, and another value would cut the body off or send it elsewhere (RFC 9110, 7.2, 7.6.1, 8.6).
const OWN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(in crate::plan::signature) fn url(given: &Given<'_>) -> Option<Breach> {
    let url = given.text("url").filter(|url| !is_url(url))?;
    let host = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
    if host.is_some_and(|host| host.contains('@')) {
        let message = "`url` holds a user name or password";
        let breach = Breach::at(&["url"], message, "it does not belong into an address");
        return Some(breach.code("bad-url").help("send it under `secret_headers`").secret());
    }
    if unusable_port(url).is_some() {
        let remark = "a port is a number up to 65535";
        return Some(Breach::at(&["url"], "`url` is no address", remark).code("bad-url"));
    }
    let breach = Breach::at(&["url"], "`url` is no address", "expected `https://…`");
    Some(breach.code("bad-url").help("plain `http://` works for this machine only (`127.0.0.1`)"))
}

pub(in crate::plan::signature) fn one_body(given: &Given<'_>) -> Option<Breach> {
    (given.has("json") && given.has("text")).then(|| {
        Breach::at(&["text"], "a request has one body, `json` or `text`", "this is the second")
            .code("parameters-exclude")
            .also("json", "this is the first")
    })
}

/// Most servers do not look at the body of a request that only asks (RFC 9110, 9.3.1). Some want one
/// with GET, such as Elasticsearch: who writes `method: GET` means it. HEAD has no use for it.
pub(in crate::plan::signature) fn method_has_a_body(given: &Given<'_>) -> Option<Breach> {
    let method = given.text("method").filter(|method| matches!(*method, "GET" | "HEAD"))?;
    let body = ["json", "text"].into_iter().find(|body| given.has(body))?;
    let message = format!("a body is sent with the method {method}");
    let breach = Breach::at(&[body], message, "most servers ignore this");
    let breach = breach.code("body-without-method");
    Some(match method {
        "GET" => breach
            .help("no `method` is written: say `method: POST`, or `method: GET` if that is meant")
            .doubt_unless_written("method"),
        _ => breach.help("was `method: POST` meant?").doubt(),
    })
}

pub(in crate::plan::signature) fn headers(given: &Given<'_>) -> Vec<Breach> {
    let of = |parameter| given.entries(parameter).into_iter().map(move |entry| (parameter, entry));
    let mut names: Vec<String> = Vec::new();
    let mut breaches = Vec::new();
    for (parameter, (name, value)) in of("headers").chain(of("secret_headers")) {
        let is_again = names.contains(&name.to_ascii_lowercase());
        names.push(name.to_ascii_lowercase());
        // The values of secret headers are not in the plan.
        let value = value.filter(|_| parameter == "headers");
        breaches.extend(header(&[parameter, name], is_again, value));
    }
    breaches
}

/// What is wrong with the header at this place.
fn header(at: &[&str; 2], is_again: bool, value: Option<&str>) -> Option<Breach> {
    let (name, shown) = (at[1], shown(at[1]));
    let breach = |message: String, remark: &str| Some(Breach::at(at, message, remark));
    let sign = |c: char| c.is_ascii_alphanumeric() || HEADER_SIGNS.contains(c);
    if name.is_empty() || !name.chars().all(sign) {
        let message = format!("`{shown}` is no name of a header");
        return breach(message, "letters, digits and `-` are usual in it").map(Breach::name);
    }
    if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        let message = format!("the header `{shown}` cannot be set");
        let found = breach(message, "it follows from the address and the body");
        return found.map(|breach| breach.name().help("leave it out"));
    }
    if is_again {
        let message = format!("the header `{shown}` is given twice");
        return breach(message, "only one of them would be sent").map(Breach::name);
    }
    let fits = |c: char| c == '\t' || c == ' ' || c.is_ascii_graphic();
    if value.is_some_and(|value| !value.chars().all(fits)) {
        let message = format!("the value of the header `{shown}` cannot be sent");
        return breach(message, "only ASCII on one line can stand in a header");
    }
    None
}

pub(in crate::plan::signature) fn changes_of_something(given: &Given<'_>) -> Option<Breach> {
    (given.text("only_when") == Some("changed") && given.lacks("certificate_directory")).then(
        || {
            Breach::at(
                &["only_when"],
                "`only_when: changed` needs `certificate_directory`",
                "what has to change?",
            )
            .code("missing-parameter")
            .help("name the folder of the download, such as `certs/www.example.com`")
        },
    )
}

/// How the names of the variables begin that a plan cannot set itself.
const OWN_VARIABLES: &str = "CERTPLAN_";

pub(in crate::plan::signature) fn variables(given: &Given<'_>) -> Vec<Breach> {
    let of = |parameter| given.entries(parameter).into_iter().map(move |entry| (parameter, entry));
    let mut names: Vec<&str> = Vec::new();
    let mut breaches = Vec::new();
    for (parameter, (name, value)) in of("environment").chain(of("secret_environment")) {
        breaches.extend(variable(&[parameter, name], names.contains(&name), value));
        names.push(name);
    }
    breaches
}

/// What is wrong with the variable at this place.
fn variable(at: &[&str; 2], is_again: bool, value: Option<&str>) -> Option<Breach> {
    let name = at[1];
    let breach = |message: String, remark: &str| Some(Breach::at(at, message, remark));
    if name.is_empty() || name.contains(['=', '\0']) {
        let message = format!("`{}` is no name of a variable", shown(name));
        return breach(message, "it is empty, or holds `=`").map(Breach::name);
    }
    if name.starts_with(OWN_VARIABLES) && VARIABLES.iter().any(|(own, _)| *own == name) {
        let message = format!("the variable `{name}` is set by certplan");
        let help = "take another name; `certplan actions command.run` lists what is set";
        let found = breach(message, "this would hide its value");
        return found.map(|breach| breach.name().help(help));
    }
    if is_again {
        let message = format!("the variable `{}` is given twice", shown(name));
        return breach(message, "only one of them would be set").map(Breach::name);
    }
    if value.is_some_and(|value| value.contains('\0')) {
        let message = format!("the variable `{}` cannot be set", shown(name));
        return breach(message, "it holds a null character");
    }
    None
}

/// What the operating system takes no program with (`execve` ends each word at a null character).
pub(in crate::plan::signature) fn program(given: &Given<'_>) -> Vec<Breach> {
    let fault = |(at, word): (usize, &str)| {
        let (message, remark) = match (at, word) {
            (0, "") => ("the command has no program", "this is empty"),
            (_, word) if word.contains('\0') => {
                ("the command cannot be run", "a null character ends every word of a command")
            }
            _ => return None,
        };
        Some(Breach::at(&["argv", &at.to_string()], message, remark))
    };
    given.items("argv").into_iter().filter_map(fault).collect()
}

pub(in crate::plan::signature) fn some_exit_is_a_success(given: &Given<'_>) -> Option<Breach> {
    given.is_empty("expect_exit").then(|| {
        let remark = "no exit code would be a success";
        Breach::at(&["expect_exit"], "the command could only fail", remark)
            .help("leave it out to expect 0")
    })
}

/// The time limit of the step ends the attempt, and then the program is ended without a word.
pub(in crate::plan::signature) fn ends_before_the_attempt(given: &Given<'_>) -> Option<Breach> {
    let limit = parse_duration(given.text("time_limit")?).ok()?;
    (limit >= given.timeout).then(|| {
        let timeout = format_duration(given.timeout);
        let message = format!("the program gets {timeout}, not {}", format_duration(limit));
        let remark = format!("an attempt of the step ends after {timeout}");
        Breach::at(&["time_limit"], message, remark)
            .code("limit-beyond-attempt")
            .help("give the step a longer `timeout`, beside `uses`")
            .doubt()
    })
}

pub(in crate::plan::signature) fn host(given: &Given<'_>) -> Option<Breach> {
    given.unusable("host", no_host)
}

pub(in crate::plan::signature) fn server_name(given: &Given<'_>) -> Option<Breach> {
    given.unusable("server_name", no_host)
}

/// Why a text is neither the name nor the address of a server.
fn no_host(text: &str) -> Option<String> {
    if text.parse::<IpAddr>().is_ok() {
        return None;
    }
    let fault = if text.is_empty() {
        "it is empty"
    } else if text.contains("://") {
        "write the name alone, without `https://`"
    } else if text.starts_with("*.") {
        "a server has a name without `*`"
    } else if text.contains(':') {
        "write the name alone; the port is the parameter `port`"
    } else if !text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
        "this is no name of a server"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

pub(in crate::plan::signature) fn fingerprint(given: &Given<'_>) -> Option<Breach> {
    given.unusable("sha256", no_digest)
}

pub(in crate::plan::signature) fn resolver(given: &Given<'_>) -> Option<Breach> {
    given.text("resolver").filter(|text| !is_resolver(text))?;
    let remark = "expected an IP address, with a port if need be";
    let breach = Breach::at(&["resolver"], "`resolver` is no address", remark);
    Some(breach.code("bad-address").help("for example `192.0.2.53` or `127.0.0.1:5353`"))
}

pub(in crate::plan::signature) fn some_issuer(given: &Given<'_>) -> Option<Breach> {
    given.is_empty("issuers").then(|| {
        let remark = "then no CAA record could allow it";
        Breach::at(&["issuers"], "the CA has no name", remark).help("leave it out for DigiCert's")
    })
}

/// Neither the name nor the target of a CNAME has blanks in it.
pub(in crate::plan::signature) fn record_points_somewhere(given: &Given<'_>) -> Vec<Breach> {
    let no_name = |text: &str| {
        text.trim_matches('.').is_empty()
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    let fields = records(given).iter().enumerate().flat_map(|(at, record)| {
        ["name", "value"].map(|field| Some((at, field, record[field].as_str()?)))
    });
    let wrong = fields.flatten().filter(|(_, _, text)| no_name(text));
    let breach = |(at, field, text): (usize, &str, &str)| {
        let message = format!("`{}` is no name in the DNS", shown(text));
        let remark = "a name has no blanks in it, and is not empty";
        Breach::at(&["records", &at.to_string(), field], message, remark)
    };
    wrong.map(breach).collect()
}

/// The records of a step when all of them are known.
fn records<'p>(given: &Given<'p>) -> &'p [Value] {
    given.value("records").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A name bears one CNAME: two would take each other's place for ever.
pub(in crate::plan::signature) fn one_target_for_a_name(given: &Given<'_>) -> Vec<Breach> {
    let plain = |record: &Value, field: &str| {
        Some(record[field].as_str()?.trim_end_matches('.').to_ascii_lowercase())
    };
    let mut targets: HashMap<String, String> = HashMap::new();
    let mut breaches = Vec::new();
    for (at, record) in records(given).iter().enumerate() {
        let (Some(name), Some(value)) = (plain(record, "name"), plain(record, "value")) else {
            continue;
        };
        let first = targets.entry(name.clone()).or_insert_with(|| value.clone());
        if *first != value {
            let message = format!("`{}` cannot point to two names at once", shown(&name));
            let place = at.to_string();
            breaches.push(Breach::at(&["records", &place, "value"], message, "this is another"));
        }
    }
    breaches
}

pub(in crate::plan::signature) fn directory(given: &Given<'_>) -> Option<Breach> {
    given.unusable("directory", not_below)
}

pub(in crate::plan::signature) fn directory_of_a_download(given: &Given<'_>) -> Option<Breach> {
    given.unusable("directory", no_shell)
}

pub(in crate::plan::signature) fn certificate_directory(given: &Given<'_>) -> Option<Breach> {
    given.unusable("certificate_directory", not_below)
}

pub(in crate::plan::signature) fn certificate_file(given: &Given<'_>) -> Option<Breach> {
    given.unusable("certificate_file", no_shell)
}

pub(in crate::plan::signature) fn key(given: &Given<'_>) -> Option<Breach> {
    given.unusable("key", no_shell)
}

pub(in crate::plan::signature) fn reuse_key(given: &Given<'_>) -> Option<Breach> {
    given.unusable("reuse_key", no_shell)
}

pub(in crate::plan::signature) fn set(given: &Given<'_>) -> Option<Breach> {
    given.unusable("set", no_set)
}

pub(in crate::plan::signature) fn set_to_go_back_to(given: &Given<'_>) -> Option<Breach> {
    given.unusable("to", no_set)
}

/// Why a text is no name of a set of files.
fn no_set(text: &str) -> Option<String> {
    let is_name = !text.is_empty()
        && !text.starts_with('.')
        && !text.chars().any(|c| c == '/' || c.is_control());
    (!is_name).then(|| "a set is named by one word, such as `20260301-0a1b2c3d`".to_owned())
}
