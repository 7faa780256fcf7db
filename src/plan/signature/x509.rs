//! Signatures of the `x509.*` actions.

use serde_json::json;

use super::{Repeat, Signature, defaulted, list_of, required, words};
use crate::plan::policy::RetryPolicy;
use crate::plan::value_type::ValueType;

pub(super) fn signatures() -> Vec<Signature> {
    vec![Signature {
        name: "x509.create_csr",
        summary: "Make a private key and a certificate request, and put both on disk",
        connection: None,
        parameters: vec![
            defaulted(
                "key_type",
                words(&["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"]),
                json!("ec-p256"),
                "the kind of key",
            ),
            required("common_name", ValueType::Domain, "the certificate's first name"),
            defaulted(
                "dns_names",
                list_of(ValueType::Domain),
                json!([]),
                "further names; the common name need not be repeated",
            ),
        ],
        one_of: &[],
        output: vec![
            required("csr", ValueType::String, "the request, PEM"),
            required("key_file", ValueType::Path, "where the private key is kept"),
            required("csr_file", ValueType::Path, "where the request is kept"),
            required("key_type", ValueType::String, "the kind of key"),
            required(
                "public_key_sha256",
                ValueType::String,
                "fingerprint of the public key, hexadecimal SHA-256",
            ),
            required("names", list_of(ValueType::Domain), "all names in the request"),
        ],
        moves: None,
        installs: None,
        undoes: None,
        repeat: Repeat::Safe,
        retry: RetryPolicy::never(),
        poll: None,
        example: "\
- id: key
  uses: x509.create_csr
  with:
    key_type: ec-p256
    common_name: www.example.com
    dns_names: [example.com]
",
    }]
}
