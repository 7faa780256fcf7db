//! Signatures of what leads from one certificate to the next (contract A.4, A.8, A.9).

use serde_json::json;

use super::{certificate_id, regfish};
use crate::plan::signature::rule::{Rule, ordering};
use crate::plan::signature::{Repeat, Signature, defaulted, list_of, optional, required, words};
use crate::plan::value_type::{Field, ValueType};

const ANY_INTEGER: ValueType = ValueType::Integer { minimum: None, maximum: None };

fn time(name: &str) -> Field {
    optional(name, ValueType::String, "RFC 3339")
}

fn serial_number() -> Field {
    optional("serial_number", ValueType::String, "as the vendor writes it")
}

pub(super) fn find_certificate() -> Signature {
    Signature {
        parameters: vec![
            optional(
                "certificate_id",
                ValueType::String,
                "the vendor's id; when it is given and not empty, the names are not looked at",
            ),
            optional("common_name", ValueType::Domain, "the certificate's first name"),
            defaulted(
                "dns_names",
                list_of(ValueType::Domain),
                json!([]),
                "its further names; only a certificate of exactly these names is found",
            ),
            optional("product", ValueType::String, "its sku, in any case"),
        ],
        rules: &[Rule::Once(ordering::says_what_to_find), Rule::Once(ordering::found_by_id)],
        output: vec![
            certificate_id(),
            required("common_name", ValueType::Domain, "its first name"),
            required("dns_names", list_of(ValueType::Domain), "its further names"),
            optional("product", ValueType::String, "its sku"),
            required("status", ValueType::String, "the vendor's word for its state"),
            time("valid_from"),
            time("valid_until"),
            time("contract_valid_until"),
            serial_number(),
            optional("organization_id", ValueType::String, "the organization bound to it"),
            optional("renewal_supported", ValueType::Boolean, "when the vendor says it"),
            optional("reissue_supported", ValueType::Boolean, "when the vendor says it"),
        ],
        example: "\
- id: former
  uses: regfish.find_certificate
  with:
    common_name: www.example.com
    dns_names: [example.com]
",
        ..regfish(
            "regfish.find_certificate",
            "Find a certificate that is there by its id or by its names: of several, the one that \
             is valid longest",
        )
    }
}

pub(super) fn advise_renewal() -> Signature {
    let steps = ["keep", "wait", "reissue", "renewal", "order"];
    Signature {
        parameters: vec![
            certificate_id(),
            defaulted(
                "lead",
                ValueType::Duration,
                json!("30d"),
                "how long before its end a certificate is replaced",
            ),
            optional(
                "require",
                words(&steps),
                "what the plan is made for; other advice ends the step, with the reason",
            ),
        ],
        rules: &[Rule::Once(ordering::certificate_id)],
        output: vec![
            required("summary", ValueType::String, "the advice, its cost and its reason in words"),
            certificate_id(),
            required(
                "next_step",
                words(&steps),
                "`reissue`: same order, same id; `renewal`: a new order that follows this one; \
                 `order`: a new order; `keep`: too early; `wait`: something is under way",
            ),
            required(
                "cost",
                words(&["nothing", "in_contract", "paid"]),
                "`in_contract`: nothing more, the contract covers it; `paid`: a term is bought",
            ),
            required("reason", ValueType::String, "why, in one sentence"),
            time("valid_until"),
            optional("days_left", ANY_INTEGER, "whole days; negative when it has expired"),
            time("contract_valid_until"),
            serial_number(),
        ],
        example: "\
- id: advice
  uses: regfish.advise_renewal
  with:
    certificate_id: \"{{ steps.former.certificate_id }}\"
    lead: 30d
    require: reissue
",
        ..regfish(
            "regfish.advise_renewal",
            "Say whether a certificate is to be kept, reissued, renewed or ordered anew, why, and \
             what it costs",
        )
    }
}

pub(super) fn reissue() -> Signature {
    Signature {
        parameters: vec![
            certificate_id(),
            required(
                "csr",
                ValueType::String,
                "the certificate request, PEM; for exactly the names of the certificate",
            ),
            defaulted(
                "dcv_method",
                words(&["dns-cname-token", "email"]),
                json!("dns-cname-token"),
                "how the names are proved",
            ),
            optional("comments", ValueType::String, "a note that the CA keeps with the request"),
        ],
        rules: &[Rule::Once(ordering::certificate_id), Rule::Once(ordering::csr)],
        output: vec![
            certificate_id(),
            required("status", ValueType::String, "the vendor's word for the certificate's state"),
            optional("reissue_id", ValueType::String, "the vendor's number of the reissue"),
            optional("reissue_status", ValueType::String, "the vendor's word for its state"),
            time("requested_at"),
            required(
                "public_key_sha256",
                ValueType::String,
                "the key that the new certificate will have; `regfish.wait_issued` looks for it",
            ),
            optional(
                "former_serial_number",
                ValueType::String,
                "of the certificate that is served until then",
            ),
            time("contract_valid_until"),
        ],
        repeat: Repeat::Reconcile,
        example: "\
- id: reissue
  uses: regfish.reissue
  with:
    certificate_id: \"{{ steps.former.certificate_id }}\"
    csr: \"{{ steps.key.csr }}\"
",
        ..regfish(
            "regfish.reissue",
            "Have a certificate issued anew for another key, under the same id and within its \
             contract",
        )
    }
}
