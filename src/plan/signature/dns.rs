//! Signatures of the `dns.*` actions.

use serde_json::json;

use super::rule::{Rule, outside};
use super::{
    Repeat, Signature, defaulted, list_of, optional, poll_policy, required, retry_requests, words,
};
use crate::plan::policy::PollPolicy;
use crate::plan::value_type::{Field, ValueType};

/// The names under which DigiCert and its brands go in CAA records (contract B.6 names the first;
/// the brands are its own).
const ISSUERS: [&str; 6] = [
    "digicert.com",
    "www.digicert.com",
    "digicert.ne.jp",
    "geotrust.com",
    "rapidssl.com",
    "thawte.com",
];

pub(super) fn signatures() -> Vec<Signature> {
    vec![preflight(), wait_propagated()]
}

fn dns(name: &'static str, summary: &'static str) -> Signature {
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
        retry: retry_requests(),
        poll: None,
        example: "",
    }
}

fn resolver() -> Field {
    optional(
        "resolver",
        ValueType::String,
        "who is asked where a zone is kept, such as `192.0.2.53` or `127.0.0.1:5353`; by default \
         the machine's own",
    )
}

fn summary() -> Field {
    required("summary", ValueType::String, "the result in words")
}

fn preflight() -> Signature {
    Signature {
        parameters: vec![
            required("common_name", ValueType::Domain, "the certificate's first name"),
            defaulted("dns_names", list_of(ValueType::Domain), json!([]), "further names"),
            defaulted(
                "issuers",
                list_of(ValueType::String),
                json!(ISSUERS),
                "the names of the CA in CAA records; one of them must be allowed",
            ),
            resolver(),
        ],
        rules: &[Rule::Once(outside::some_issuer), Rule::Once(outside::resolver)],
        output: vec![
            summary(),
            required("zones", list_of(ValueType::String), "the zones that hold the names"),
            required(
                "existing",
                list_of(ValueType::Record(vec![
                    required("name", ValueType::String, "where it stands"),
                    required("value", ValueType::String, "what it points to"),
                ])),
                "validation records of the CA that are there already",
            ),
        ],
        example: "\
- id: preflight
  uses: dns.preflight
  with:
    common_name: www.example.com
    dns_names: [example.com]
- id: order
  uses: regfish.create_order
  needs: [preflight]            # nothing is ordered when the check fails
  with:
    sku: \"{{ steps.product.sku }}\"
    common_name: www.example.com
    dns_names: [example.com]
    csr: \"{{ steps.key.csr }}\"
",
        ..dns(
            "dns.preflight",
            "Check, for an order that needs this step, that CAA records allow the CA and that no \
             record is in the way of the validation record",
        )
    }
}

fn wait_propagated() -> Signature {
    Signature {
        parameters: vec![
            required(
                "records",
                list_of(ValueType::Record(vec![
                    required("name", ValueType::String, "the record's full name"),
                    required("type", words(&["CNAME"]), "its type"),
                    required("value", ValueType::String, "what it must point to, exactly"),
                    optional("id", ValueType::Any, "not looked at"),
                    optional("created", ValueType::Any, "not looked at"),
                ])),
                "the records that must be seen; none are needed when an earlier proof still counts",
            ),
            resolver(),
            defaulted(
                "silent_servers",
                words(&["wait", "ignore"]),
                json!("wait"),
                "whether a name server that never answers is waited for",
            ),
        ],
        rules: &[Rule::Once(outside::resolver)],
        output: vec![
            summary(),
            required("zones", list_of(ValueType::String), "the zones that hold the records"),
            required(
                "name_servers",
                list_of(ValueType::String),
                "the name servers that show every record of their zone",
            ),
            required(
                "silent",
                list_of(ValueType::String),
                "addresses and transports that did not answer, and why",
            ),
        ],
        poll: Some(PollPolicy { stretches: false, ..poll_policy(10, 30 * 60) }),
        example: "\
- id: propagated
  uses: dns.wait_propagated
  with:
    records: \"{{ steps.record.records }}\"
",
        ..dns(
            "dns.wait_propagated",
            "Wait until every authoritative server of the zone shows the records, over UDP and TCP",
        )
    }
}
