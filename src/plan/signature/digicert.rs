//! Signatures of the `digicert.*` actions (contract B).

use serde_json::json;

use super::rule::{Rule, ordering};
use super::{
    Repeat, Signature, defaulted, list_of, optional, poll_policy, required, retry_requests, words,
};
use crate::plan::value_type::{Field, ValueType};

pub(super) fn signatures() -> Vec<Signature> {
    vec![order_validation()]
}

fn order_validation() -> Signature {
    Signature {
        name: "digicert.order_validation",
        summary: "Ask DigiCert what of its validation still blocks an order, and wait for it",
        connection: Some("digicert"),
        parameters: vec![
            required(
                "order_id",
                ValueType::String,
                "DigiCert's number of the order; the regfish API does not show it, its support can \
                 tell",
            ),
            defaulted(
                "include_risk_check",
                ValueType::Boolean,
                json!(true),
                "whether the risk check of each domain is shown; for DV it always is",
            ),
            defaulted(
                "until",
                words(&["answered", "approved"]),
                json!("answered"),
                "`answered` reports how things stand; `approved` waits until nothing blocks, and \
                 parks the run for a person where waiting does not help",
            ),
        ],
        one_of: &[],
        rules: &[Rule::Once(ordering::order_id)],
        output: output(),
        moves: None,
        installs: None,
        undoes: None,
        variables: &[],
        repeat: Repeat::Safe,
        retry: retry_requests(),
        poll: Some(poll_policy(15 * 60, 7 * 86_400)),
        example: "\
- id: report
  uses: digicert.order_validation
  with: { order_id: \"123456789\", until: approved }
  poll: { every: 15m, timeout: 7d }
",
    }
}

fn output() -> Vec<Field> {
    let text = |name: &str, description: &str| optional(name, ValueType::String, description);
    vec![
        required("approved", ValueType::Boolean, "whether nothing of the validation blocks"),
        required("summary", ValueType::String, "all of it in one sentence"),
        required(
            "blocking",
            list_of(ValueType::String),
            "what still blocks, in words, one by one; empty when approved",
        ),
        required("order_id", ValueType::String, "DigiCert's number of the order"),
        text("order_status", "such as `pending`, `issued`, `needs_approval`; an open set"),
        text("order_name_scope", "`base_domain` or `fqdn`: at which name domains are proved"),
        text("order_dcv_method", "how domains are proved that have no method of their own"),
        text("organization_id", "DigiCert's number of the organization"),
        text("organization_name", "its name"),
        required(
            "organization_validations",
            list_of(ValueType::Record(organization_validation())),
            "the checks of the organization; empty for DV",
        ),
        required(
            "dns_name_validations",
            list_of(ValueType::Record(vec![
                text("domain_id", "DigiCert's number of the domain; not for DV"),
                text("status", "`approved` or `unapproved`"),
                text("risk_status", "`pass`, `under_review` or `failed`"),
                text("method", "how it is to be proved, where the order does not say it"),
                text("name_scope", "the name at which it is to be proved, where it is its own"),
                required("dns_names", list_of(ValueType::String), "the names that it is about"),
                text("base_domain", "the domain below which they lie"),
            ])),
            "the checks of the domains",
        ),
    ]
}

fn organization_validation() -> Vec<Field> {
    let text = |name: &str, description: &str| optional(name, ValueType::String, description);
    let contact = vec![
        text("user_id", "`0` for somebody without an account"),
        text("name", "full name"),
        text("first_name", "first name"),
        text("last_name", "last name"),
        text("job_title", "job title"),
        text("telephone", "phone number"),
        text("email", "mail address"),
        text("status", "`pending` or `active`"),
    ];
    let details = VERIFICATION_DETAILS.map(|(name, description)| text(name, description));
    vec![
        text("type", "such as `ov` or `ev`"),
        text("name", "its name, such as `OV`"),
        text("description", "what it is"),
        text("date_created", "when it was completed, RFC 3339; pending ones can have it, too"),
        text("validated_until", "how long it counts, RFC 3339"),
        text("status", "`pending` or `active`"),
        required(
            "verified_contacts",
            list_of(ValueType::Record(contact)),
            "the persons who are checked with it",
        ),
        required(
            "verification_details",
            ValueType::Record(details.into()),
            "its parts, `pending` or `complete` each; which there are depends on the product",
        ),
    ]
}

/// The parts of a check, by product (contract B.1).
const VERIFICATION_DETAILS: [(&str, &str); 12] = [
    ("organization_type", "the kind of organization (OV)"),
    ("organization_status", "its registration (OV, code and document signing)"),
    ("address_verification", "its address (OV, code and document signing)"),
    ("blacklist_fraud", "fraud lists (OV, EV, document signing, VMC)"),
    ("request_authenticity", "whether the organization wants it (OV)"),
    ("blacklist_fraud_malware", "fraud and malware lists (code signing)"),
    ("operational_existence", "whether it does business (EV, VMC)"),
    ("place_of_business_verification", "where it does business (EV, VMC)"),
    ("phone_number_verification", "its phone number (EV, code signing, VMC)"),
    ("approver_verification", "who approves (EV, code signing, VMC)"),
    ("approver_blacklist", "fraud lists for the approver (EV, code signing, VMC)"),
    ("logo_trademark", "the trademark of a logo (VMC)"),
];
