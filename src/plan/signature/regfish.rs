//! Signatures of the `regfish.*` actions (contract A.2–A.12).

mod renewal;

use serde_json::json;

use super::rule::{Rule, ordering, outside};
use super::{
    Repeat, Signature, Undoing, defaulted, installation, integer, list_of, optional, poll_policy,
    required, retry_requests, words,
};
use crate::plan::value_type::{Field, ValueType};

/// The longest term that any certificate was ever sold for under the rules of this century's second
/// decade, in days: what is longer is a slip.
const LONGEST_TERM: i64 = 825;

/// The bounds of a record's time to live, in seconds (contract A.12).
const TTL_BOUNDS: (i64, i64) = (60, 604_800);

pub(super) fn signatures() -> Vec<Signature> {
    vec![
        list_products(),
        resolve_organization(),
        renewal::find_certificate(),
        renewal::advise_renewal(),
        create_order(),
        complete_order(),
        renewal::reissue(),
        wait_dns_records(),
        put_records(),
        delete_records(),
        wait_issued(),
        download(),
    ]
}

fn regfish(name: &'static str, summary: &'static str) -> Signature {
    Signature {
        name,
        summary,
        connection: Some("regfish"),
        parameters: Vec::new(),
        one_of: &[],
        rules: &[],
        output: Vec::new(),
        moves: None,
        installs: None,
        undoes: None,
        variables: &[],
        repeat: Repeat::Safe,
        retry: retry_requests(),
        poll: None,
        example: "",
    }
}

fn certificate_id() -> Field {
    required("certificate_id", ValueType::String, "the vendor's id of the certificate")
}

fn list_products() -> Signature {
    Signature {
        parameters: vec![
            required("sku", ValueType::String, "the product, in any case"),
            optional(
                "require",
                ValueType::Record(vec![
                    optional(
                        "validation_level",
                        words(&["dv", "ov", "ev"]),
                        "the level that the product must have",
                    ),
                    optional(
                        "organization_required",
                        ValueType::Boolean,
                        "whether the product must need an organization",
                    ),
                ]),
                "what the product must be; a product that is not is an error before any order",
            ),
        ],
        rules: &[
            Rule::Once(ordering::sku),
            Rule::Once(ordering::sku_is_documented),
            Rule::Once(ordering::product_has_level),
        ],
        output: vec![
            required("sku", ValueType::String, "the product in the catalog's own spelling"),
            optional("name", ValueType::String, "its name for people"),
            optional("validation_level", ValueType::String, "`dv`, `ov` or `ev`, when known"),
            optional("organization_required", ValueType::Boolean, "when known"),
            optional("ca", ValueType::String, "who signs"),
        ],
        example: "\
- id: product
  uses: regfish.list_products
  share: batch
  with:
    sku: SecureSite
    require: { validation_level: ov, organization_required: true }
",
        ..regfish(
            "regfish.list_products",
            "Look a product up in the catalog and check that it is what the plan needs",
        )
    }
}

fn resolve_organization() -> Signature {
    Signature {
        parameters: vec![
            required(
                "match",
                ValueType::String,
                "the organization's public id (`hdl_…`) or its exact name",
            ),
            optional(
                "create",
                ValueType::Record(
                    NEW_ORGANIZATION
                        .map(|(name, description)| required(name, ValueType::String, description))
                        .into(),
                ),
                "the organization to make when there is none of this name, address and country; it \
                 is never made twice, and parks the run until the vendor lets it be used",
            ),
        ],
        rules: &[
            Rule::Once(ordering::made_as_it_is_looked_for),
            Rule::Once(ordering::country_code),
            Rule::Each(ordering::organization_is_filled_in),
        ],
        output: vec![
            required("id", ValueType::String, "the public id"),
            required("name", ValueType::String, "the name"),
            optional("status", ValueType::String, "the vendor's word for its state"),
            required("usable_for_ordering", ValueType::Boolean, "always true here"),
            required("created", ValueType::Boolean, "whether this run made it"),
        ],
        repeat: Repeat::Reconcile,
        example: "\
- id: organization
  uses: regfish.resolve_organization
  share: batch
  with: { match: Example GmbH }
",
        ..regfish(
            "regfish.resolve_organization",
            "Find one organization that can be used for ordering",
        )
    }
}

/// The fields of an organization (contract A.3).
const NEW_ORGANIZATION: [(&str, &str); 9] = [
    ("organization", "its name, as the register of companies has it; the same as `match`"),
    ("first_name", "of the person whom the CA may call"),
    ("last_name", "of the person whom the CA may call"),
    ("address", "street and number"),
    ("postal_code", "postal code"),
    ("city", "city"),
    ("country_code", "two letters, such as `DE`"),
    ("phone", "of the person whom the CA may call"),
    ("email", "of the person whom the CA may call"),
];

fn create_order() -> Signature {
    Signature {
        parameters: vec![
            required("sku", ValueType::String, "the product, as the catalog spells it"),
            required("common_name", ValueType::Domain, "the certificate's first name"),
            defaulted("dns_names", list_of(ValueType::Domain), json!([]), "further names"),
            required("csr", ValueType::String, "the certificate request, PEM"),
            defaulted(
                "dcv_method",
                words(&["dns-cname-token", "email"]),
                json!("dns-cname-token"),
                "how the names are proved",
            ),
            optional("dcv_emails", list_of(ValueType::Email), "addresses for the method `email`"),
            optional(
                "org_id",
                ValueType::String,
                "a usable organization; without one an OV order waits to be completed",
            ),
            optional(
                "validity_days",
                integer(1, LONGEST_TERM),
                "the term to buy, in days; more than the vendor sells is for `validity_policy: \
                 clamp` only",
            ),
            defaulted(
                "validity_policy",
                words(&["clamp", "fail"]),
                json!("fail"),
                "when the vendor or, on the day, the CA allows less: `clamp` orders what is allowed, \
                 `fail` nothing",
            ),
            optional(
                "validity_schedule",
                list_of(ValueType::Record(vec![
                    required("from", ValueType::String, "the first day, such as `2027-03-15`"),
                    required("days", integer(1, LONGEST_TERM), "the most days from then on"),
                ])),
                "what the CA allows from which day on, instead of the built-in schedule",
            ),
            optional(
                "renewal_of",
                ValueType::String,
                "the id of the certificate that this one follows; the new one has an id of its own",
            ),
        ],
        rules: &[
            Rule::Once(ordering::mail_has_an_address),
            Rule::Once(ordering::addresses_have_a_mail),
            Rule::Once(ordering::sku),
            Rule::Once(ordering::sku_is_documented),
            Rule::Each(ordering::names_are_public),
            Rule::Each(ordering::names_can_be_proved),
            Rule::Once(ordering::names_are_not_too_many),
            Rule::Once(ordering::product_holds_wildcards),
            Rule::Once(ordering::csr),
            Rule::Once(ordering::org_id),
            Rule::Once(ordering::renewal_of),
            Rule::Each(ordering::schedule_has_days),
            Rule::Once(ordering::validity_is_sold),
            Rule::Once(ordering::validity_fits_schedule),
        ],
        output: vec![
            certificate_id(),
            required("status", ValueType::String, "the vendor's word for its state"),
            optional("order_state", ValueType::String, "the order's state at the CA"),
            required(
                "action_required",
                ValueType::Boolean,
                "whether the order waits for an organization",
            ),
            optional("pending_reason", ValueType::String, "why it waits, as a code"),
            optional("pending_message", ValueType::String, "why it waits, in words"),
            optional("completion_url", ValueType::String, "where a person can complete it"),
            optional("organization_id", ValueType::String, "the organization bound to it"),
            optional("product", ValueType::String, "the product ordered"),
            optional(
                "validity_days",
                ValueType::Integer { minimum: None, maximum: None },
                "the term that was sent, in days",
            ),
            optional(
                "validity_clamped_from",
                ValueType::Integer { minimum: None, maximum: None },
                "the term that the plan asked for, when the CA allowed less",
            ),
            optional("renewal_of", ValueType::String, "the certificate that this one follows"),
        ],
        repeat: Repeat::Reconcile,
        example: "\
- id: order
  uses: regfish.create_order
  with:
    sku: \"{{ steps.product.sku }}\"
    common_name: www.example.com
    dns_names: [example.com]
    csr: \"{{ steps.key.csr }}\"
    validity_days: 90
",
        ..regfish("regfish.create_order", "Order a certificate; this costs money, once")
    }
}

fn complete_order() -> Signature {
    Signature {
        parameters: vec![
            certificate_id(),
            optional("org_id", ValueType::String, "the organization to bind"),
            optional(
                "fallback",
                words(&["console"]),
                "`console`: never completed by the API; parks until a person did it in the Console",
            ),
        ],
        one_of: &["org_id", "fallback"],
        rules: &[Rule::Once(ordering::certificate_id), Rule::Once(ordering::org_id)],
        output: vec![
            certificate_id(),
            required("status", ValueType::String, "the vendor's word for its state"),
            required("action_required", ValueType::Boolean, "always false here"),
            optional("organization_id", ValueType::String, "the organization bound to it"),
        ],
        repeat: Repeat::ObserveFirst,
        example: "\
- id: complete
  uses: regfish.complete_order
  when: steps.order.action_required
  with:
    certificate_id: \"{{ steps.order.certificate_id }}\"
    org_id: \"{{ steps.organization.id }}\"
",
        ..regfish(
            "regfish.complete_order",
            "Bind an organization to a waiting order, under the same certificate id",
        )
    }
}

fn wait_dns_records() -> Signature {
    Signature {
        parameters: vec![certificate_id()],
        rules: &[Rule::Once(ordering::certificate_id)],
        output: vec![
            certificate_id(),
            required("status", ValueType::String, "the vendor's word for its state"),
            optional("method", ValueType::String, "how the names are proved"),
            required(
                "dns_records",
                list_of(ValueType::Record(vec![
                    required("name", ValueType::String, "the record's full name"),
                    required("type", ValueType::String, "`CNAME`"),
                    required("value", ValueType::String, "what it points to"),
                ])),
                "the records to put; empty when an earlier proof still counts, or by e-mail",
            ),
            required(
                "email_targets",
                list_of(ValueType::String),
                "where the CA has written to, for the method `email`",
            ),
        ],
        // Tokens live 30 days, and an order can wait longer (contract B.6).
        moves: Some("dns_records"),
        poll: Some(poll_policy(15, 30 * 60)),
        example: "\
- id: validation
  uses: regfish.wait_dns_records
  with: { certificate_id: \"{{ steps.order.certificate_id }}\" }
  poll: { every: 15s, timeout: 30m }
",
        ..regfish(
            "regfish.wait_dns_records",
            "Wait until the order says which DNS records prove its names",
        )
    }
}

fn put_records() -> Signature {
    Signature {
        parameters: vec![
            required(
                "records",
                list_of(ValueType::Record(vec![
                    required("name", ValueType::String, "the record's full name"),
                    required("type", words(&["CNAME"]), "its type"),
                    required("value", ValueType::String, "what it points to"),
                ])),
                "the records that must exist",
            ),
            defaulted(
                "ttl",
                integer(TTL_BOUNDS.0, TTL_BOUNDS.1),
                json!(300),
                "time to live, in seconds",
            ),
        ],
        rules: &[
            Rule::Each(outside::record_points_somewhere),
            Rule::Each(outside::one_target_for_a_name),
        ],
        output: vec![required(
            "records",
            list_of(ValueType::Record(vec![
                required("name", ValueType::String, "the record's full name"),
                required("type", ValueType::String, "its type"),
                required("value", ValueType::String, "what it points to"),
                optional(
                    "id",
                    ValueType::Integer { minimum: None, maximum: None },
                    "the vendor's id of the record",
                ),
                required("created", ValueType::Boolean, "whether this run made it"),
            ])),
            "the records as they are now",
        )],
        example: "\
- id: record
  uses: regfish.put_records
  with:
    records: \"{{ steps.validation.dns_records }}\"
    ttl: 300
",
        ..regfish(
            "regfish.put_records",
            "Make sure that DNS records exist; records of others are never touched",
        )
    }
}

fn delete_records() -> Signature {
    Signature {
        parameters: vec![required(
            "records",
            list_of(ValueType::Record(vec![
                required("name", ValueType::String, "the record's full name"),
                required("type", ValueType::String, "its type"),
                required("value", ValueType::String, "what it points to"),
                optional(
                    "id",
                    ValueType::Integer { minimum: None, maximum: None },
                    "not needed: the record is looked up",
                ),
                optional("created", ValueType::Boolean, "not needed: the record's note says it"),
            ])),
            "the records, as `regfish.put_records` returns them",
        )],
        output: vec![
            required(
                "deleted",
                list_of(ValueType::Record(vec![
                    required("name", ValueType::String, "the record's full name"),
                    required("type", ValueType::String, "its type"),
                    required("value", ValueType::String, "what it pointed to"),
                ])),
                "the records that are gone now",
            ),
            required(
                "kept",
                list_of(ValueType::Record(vec![
                    required("name", ValueType::String, "the record's full name"),
                    required("reason", ValueType::String, "why it was left alone"),
                ])),
                "the records that were left alone",
            ),
        ],
        undoes: Some(Undoing {
            action: "regfish.put_records",
            made: Some("records"),
            gone: "deleted",
            by: &["name", "type", "value"],
            proves_names: true,
        }),
        example: "\
- id: clean_up
  uses: regfish.delete_records
  needs: [certificate]
  with: { records: \"{{ steps.record.records }}\" }
",
        ..regfish(
            "regfish.delete_records",
            "Delete the DNS records that this run made; others stay, whoever made them",
        )
    }
}

fn wait_issued() -> Signature {
    Signature {
        parameters: vec![
            certificate_id(),
            optional(
                "public_key_sha256",
                ValueType::String,
                "for a reissue: the key that the certificate must have; until then the former one \
                 is served",
            ),
            optional(
                "former_serial_number",
                ValueType::String,
                "for a reissue: the serial number that the certificate must no longer have",
            ),
        ],
        rules: &[Rule::Once(ordering::certificate_id), Rule::Once(ordering::public_key)],
        output: vec![
            certificate_id(),
            required("status", ValueType::String, "the vendor's word for its state"),
            optional("valid_from", ValueType::String, "RFC 3339"),
            optional("valid_until", ValueType::String, "RFC 3339"),
            optional("contract_valid_until", ValueType::String, "RFC 3339"),
            optional("serial_number", ValueType::String, "as the vendor writes it"),
        ],
        poll: Some(poll_policy(30, 7 * 86_400)),
        example: "\
- id: issued
  uses: regfish.wait_issued
  needs: [record]
  with: { certificate_id: \"{{ steps.order.certificate_id }}\" }
  poll: { timeout: 7d }
",
        ..regfish("regfish.wait_issued", "Wait until the certificate is issued")
    }
}

fn download() -> Signature {
    Signature {
        parameters: [
            certificate_id(),
            required("key", ValueType::Path, "the private key's file, from `x509.create_csr`"),
            optional(
                "names",
                list_of(ValueType::Domain),
                "names that the certificate must hold; by default the names of the order",
            ),
            required(
                "directory",
                ValueType::Path,
                "where the files go, below the working directory",
            ),
            defaulted(
                "formats",
                list_of(installation::format()),
                json!([]),
                "further files of the same set, in other encodings",
            ),
        ]
        .into_iter()
        .chain(installation::parameters())
        .collect(),
        rules: &[
            Rule::Once(ordering::certificate_id),
            Rule::Once(outside::key),
            Rule::Once(outside::directory),
        ],
        output: [
            certificate_id(),
            required("directory", ValueType::Path, "the folder"),
            required("certificate_file", ValueType::Path, "the certificate alone"),
            required("chain_file", ValueType::Path, "the issuers"),
            required("fullchain_file", ValueType::Path, "the certificate, then its issuers"),
            required("key_file", ValueType::Path, "the private key"),
            required("serial_number", ValueType::String, "hexadecimal"),
            required("sha256", ValueType::String, "fingerprint of the certificate"),
            required("valid_from", ValueType::String, "RFC 3339"),
            required("valid_until", ValueType::String, "RFC 3339"),
            required("names", list_of(ValueType::String), "the names in the certificate"),
        ]
        .into_iter()
        .chain(installation::outputs())
        .collect(),
        installs: Some("directory"),
        // A download can be refused (409) for a while after "issued" (contract A.10).
        poll: Some(poll_policy(15, 60 * 60)),
        example: "\
- id: certificate
  uses: regfish.download
  with:
    certificate_id: \"{{ steps.issued.certificate_id }}\"
    key: \"{{ steps.key.key_file }}\"
    directory: certs/www.example.com
",
        ..regfish(
            "regfish.download",
            "Download the certificate, prove it against key and names, and put the set on disk",
        )
    }
}
