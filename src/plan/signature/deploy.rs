//! Signatures of the actions that reach beyond the CA: programs, any server, and what is expected.

use std::time::Duration;

use serde_json::json;

use super::rule::{Rule, outside};
use super::{Repeat, Signature, Undoing, defaulted, integer, list_of, optional, required, words};
use crate::plan::policy::{OnTimeout, PollPolicy, RetryPolicy};
use crate::plan::value_type::{Field, ValueType};

/// The variables that every program gets, and those that `certificate_directory` adds.
pub(super) const VARIABLES: [(&str, &str); 9] = [
    ("PATH", "the usual folders of programs; `environment` may say others"),
    ("LANG", "`C.UTF-8`; `environment` may say another"),
    ("CERTPLAN_RUN", "the id of the run"),
    ("CERTPLAN_STEP", "the id of the step"),
    ("CERTPLAN_CERTIFICATE_DIRECTORY", "with `certificate_directory`: its absolute path"),
    ("CERTPLAN_CERTIFICATE_FILE", "with `certificate_directory`: its `cert.pem`"),
    ("CERTPLAN_CHAIN_FILE", "with `certificate_directory`: its `chain.pem`"),
    ("CERTPLAN_FULLCHAIN_FILE", "with `certificate_directory`: its `fullchain.pem`"),
    ("CERTPLAN_KEY_FILE", "with `certificate_directory`: its `privkey.pem`"),
];

/// The longest answer that can be asked for, in bytes.
const LARGEST_ANSWER: i64 = 1024 * 1024;

pub(super) fn signatures() -> Vec<Signature> {
    vec![http_request(), command_run(), check_served(), rollback(), assert()]
}

fn action(name: &'static str, summary: &'static str) -> Signature {
    Signature {
        name,
        summary,
        connection: None,
        parameters: Vec::new(),
        output: Vec::new(),
        moves: None,
        installs: None,
        undoes: None,
        variables: &[],
        one_of: &[],
        rules: &[],
        repeat: Repeat::Safe,
        retry: RetryPolicy::never(),
        poll: None,
        example: "",
    }
}

fn map_of(item: ValueType) -> ValueType {
    ValueType::MapOf(Box::new(item))
}

fn summary() -> Field {
    required("summary", ValueType::String, "the result in words")
}

fn repeat(otherwise: &str) -> Field {
    optional(
        "repeat",
        words(&["safe", "ask"]),
        &format!(
            "what to do when the program stopped in between: `safe` does it again, `ask` parks the \
             run, and the next `resume` does it again; by default {otherwise}"
        ),
    )
}

fn http_request() -> Signature {
    let answer =
        || ValueType::Expression(["status", "headers", "text", "json"].map(str::to_owned).to_vec());
    Signature {
        parameters: vec![
            defaulted(
                "method",
                words(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
                json!("GET"),
                "the method",
            ),
            required("url", ValueType::String, "the address: https, or http to this machine"),
            defaulted(
                "headers",
                map_of(ValueType::String),
                json!({}),
                "headers; `Host` and those that say how a body is sent come by themselves",
            ),
            defaulted(
                "secret_headers",
                map_of(ValueType::Secret),
                json!({}),
                "headers whose values are secrets, each with where it is found",
            ),
            optional(
                "json",
                ValueType::Any,
                "the body, sent as JSON; needs a `method` that has one",
            ),
            optional("text", ValueType::String, "the body, sent as it is"),
            defaulted(
                "expect_status",
                list_of(integer(100, 599)),
                json!([]),
                "the statuses that are a success; by default 200 to 299, or any with `until`",
            ),
            optional("until", answer(), "asked again until this expression is true"),
            optional("fail_if", answer(), "the step fails when this expression is true"),
            defaulted(
                "captures",
                map_of(answer()),
                json!({}),
                "what is kept of the answer, each as an expression over `status`, `headers`, \
                 `text` and `json`; headers have lower-case names: `headers['content-type']`",
            ),
            defaulted(
                "limit",
                integer(1, LARGEST_ANSWER),
                json!(65_536),
                "the longest answer that is read, in bytes",
            ),
            repeat("`ask` for POST and PATCH"),
        ],
        rules: &[
            Rule::Once(outside::url),
            Rule::Once(outside::one_body),
            Rule::Once(outside::method_has_a_body),
            Rule::Each(outside::headers),
        ],
        output: vec![
            summary(),
            required("status", integer(100, 999), "the status of the answer"),
            required("captures", ValueType::Map, "what was captured"),
        ],
        repeat: Repeat::Declared,
        retry: super::retry_requests(),
        poll: Some(PollPolicy { stretches: false, ..super::poll_policy(10, 10 * 60) }),
        example: "\
- id: ticket
  uses: http.request
  with:
    method: POST
    url: https://tickets.example.com/api/tickets
    secret_headers:
      authorization: { file: /run/secrets/tickets }
    json: { title: certificate ordered }
    captures: { number: json.id }
",
        ..action("http.request", "Send a request to any server, and look at its answer")
    }
}

fn command_run() -> Signature {
    Signature {
        parameters: vec![
            required(
                "argv",
                ValueType::Command,
                "the program and its arguments; there is no shell",
            ),
            optional("directory", ValueType::Path, "where it runs"),
            optional(
                "certificate_directory",
                ValueType::Path,
                "a folder that a download filled; the command finds it in its environment",
            ),
            defaulted(
                "environment",
                map_of(ValueType::String),
                json!({}),
                "variables of your own; nothing else of certplan's environment is handed on",
            ),
            defaulted(
                "secret_environment",
                map_of(ValueType::Secret),
                json!({}),
                "variables whose values are secrets, each with where it is found",
            ),
            defaulted(
                "expect_exit",
                list_of(integer(0, 255)),
                json!([0]),
                "the exit codes that are a success",
            ),
            defaulted(
                "time_limit",
                ValueType::Duration,
                json!("1m"),
                "after this it is ended, with everything that it started",
            ),
            defaulted(
                "only_when",
                words(&["always", "changed"]),
                json!("always"),
                "`changed`: only when the certificate in `certificate_directory` is another one \
                 than when the same command succeeded last",
            ),
            repeat("`ask`"),
        ],
        rules: &[
            Rule::Each(outside::program),
            Rule::Once(outside::changes_of_something),
            Rule::Once(outside::directory),
            Rule::Once(outside::certificate_directory),
            Rule::Once(outside::some_exit_is_a_success),
            Rule::Each(outside::variables),
            Rule::Once(outside::ends_before_the_attempt),
        ],
        output: vec![
            summary(),
            required("ran", ValueType::Boolean, "false when nothing had changed"),
            optional("exit_code", integer(0, 255), "how it ended"),
            required("stdout", ValueType::String, "the beginning of its output, without secrets"),
            required("stderr", ValueType::String, "the beginning of its error output"),
            required("truncated", ValueType::Boolean, "whether it said more than is kept"),
        ],
        variables: &VARIABLES,
        repeat: Repeat::Declared,
        example: "\
- id: reload
  uses: command.run
  with:
    argv: [systemctl, reload, nginx]
    certificate_directory: certs/www.example.com
    only_when: changed
    repeat: safe
",
        ..action("command.run", "Run a program, for example to reload a web server")
    }
}

fn check_served() -> Signature {
    Signature {
        parameters: vec![
            required("host", ValueType::String, "the name or the address to connect to"),
            defaulted("port", integer(1, 65_535), json!(443), "the port"),
            optional(
                "server_name",
                ValueType::String,
                "the name to ask for (SNI); by default the host",
            ),
            optional("sha256", ValueType::String, "the fingerprint that must be served"),
            optional(
                "certificate_file",
                ValueType::Path,
                "a file whose first certificate must be served",
            ),
        ],
        rules: &[
            Rule::Once(outside::host),
            Rule::Once(outside::server_name),
            Rule::Once(outside::fingerprint),
            Rule::Once(outside::certificate_file),
        ],
        output: vec![
            summary(),
            required("sha256", ValueType::String, "the fingerprint of what is served"),
            required("valid_until", ValueType::String, "until when it is valid"),
            required(
                "certificates",
                integer(1, 100),
                "how many certificates are served, the leaf included",
            ),
        ],
        one_of: &["sha256", "certificate_file"],
        poll: Some(PollPolicy {
            every: Duration::from_secs(2),
            timeout: Duration::from_secs(60),
            on_timeout: OnTimeout::Fail,
            stretches: false,
        }),
        example: "\
- id: served
  uses: tls.check_served
  with:
    host: www.example.com
    sha256: \"{{ steps.certificate.sha256 }}\"
",
        ..action("tls.check_served", "Check over TLS that a server serves the new certificate")
    }
}

fn rollback() -> Signature {
    Signature {
        parameters: vec![
            required("directory", ValueType::Path, "the folder that a download filled"),
            required("set", ValueType::String, "the set that is to be left"),
            optional(
                "to",
                ValueType::String,
                "the set to go back to; by default the one that was current before",
            ),
        ],
        rules: &[
            Rule::Once(outside::directory_of_a_download),
            Rule::Once(outside::set),
            Rule::Once(outside::set_to_go_back_to),
        ],
        output: vec![
            summary(),
            required("set", ValueType::String, "the set that is current now"),
            required(
                "left",
                list_of(ValueType::Record(vec![
                    required("directory", ValueType::Path, "the folder"),
                    required("set", ValueType::String, "the set that is not current any more"),
                ])),
                "what was left: the one set",
            ),
        ],
        undoes: Some(Undoing {
            action: "regfish.download",
            made: None,
            gone: "left",
            by: &["directory", "set"],
            proves_names: false,
        }),
        example: "\
- id: back
  uses: files.rollback
  with:
    directory: certs/www.example.com
    set: \"{{ steps.certificate.set }}\"
",
        ..action("files.rollback", "Make the former set of certificate files the current one again")
    }
}

fn assert() -> Signature {
    Signature {
        parameters: vec![required(
            "that",
            list_of(ValueType::Record(vec![
                required("check", ValueType::Boolean, "what must be true"),
                required("message", ValueType::String, "what to say when it is not"),
            ])),
            "what is expected; everything that is not so is said at once",
        )],
        output: vec![
            summary(),
            required("checked", ValueType::Integer { minimum: None, maximum: None }, "how many"),
        ],
        example: "\
- id: sane
  uses: assert
  with:
    that:
      - check: \"{{ steps.product.validation_level == 'ov' }}\"
        message: this plan is for OV products
- id: order
  uses: regfish.create_order
  needs: [sane]                 # nothing is ordered when the check fails
  with:
    sku: \"{{ steps.product.sku }}\"
    common_name: www.example.com
    dns_names: [example.com]
    csr: \"{{ steps.key.csr }}\"
",
        ..action(
            "assert",
            "Stop the steps that need this one, directly or through others, unless something is as \
             expected",
        )
    }
}
