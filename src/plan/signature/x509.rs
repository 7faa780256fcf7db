//! Signatures of the `x509.*` actions.

use serde_json::json;

use super::rule::{Rule, ordering, outside};
use super::{Repeat, Signature, defaulted, installation, list_of, optional, required, words};
use crate::plan::policy::RetryPolicy;
use crate::plan::value_type::ValueType;

pub(super) fn signatures() -> Vec<Signature> {
    vec![create_csr(), export()]
}

fn create_csr() -> Signature {
    Signature {
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
            optional(
                "reuse_key",
                ValueType::Path,
                "the private key of a former certificate, to be used again instead of a new one; it \
                 must be of the kind `key_type`. `certplan show RUN` prints its absolute path; in the \
                 sandbox relative paths begin in `.certplan/sandbox/files`",
            ),
        ],
        one_of: &[],
        rules: &[Rule::Once(ordering::common_name_fits), Rule::Once(outside::reuse_key)],
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
            required(
                "reused_key",
                ValueType::Boolean,
                "whether it is the key of a former certificate",
            ),
            required("names", list_of(ValueType::Domain), "all names in the request"),
        ],
        moves: None,
        installs: None,
        undoes: None,
        variables: &[],
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
    }
}

fn export() -> Signature {
    let own = [
        required("from", ValueType::Path, "the folder that a download filled"),
        optional("set", ValueType::String, "the set to be read; by default the current one"),
        required(
            "directory",
            ValueType::Path,
            "another folder, below the working directory, which flips by itself; what is to flip together with \
             the PEM files belongs into the `formats` of the download",
        ),
        required("formats", list_of(installation::format()), "the files"),
    ];
    let output = [
        required("summary", ValueType::String, "the result in words"),
        required("directory", ValueType::Path, "the folder"),
        required("sha256", ValueType::String, "fingerprint of the certificate"),
    ];
    Signature {
        name: "x509.export",
        summary: "Write the certificate and key of a set for other programs: PKCS#12, DER, encrypted \
                  PKCS#8, PEM in one file",
        connection: None,
        parameters: own.into_iter().chain(installation::parameters()).collect(),
        one_of: &[],
        rules: &[],
        output: output.into_iter().chain(installation::outputs()).collect(),
        moves: None,
        installs: Some("directory"),
        undoes: None,
        variables: &[],
        repeat: Repeat::Safe,
        retry: RetryPolicy::never(),
        poll: None,
        example: "\
- id: keystore
  uses: x509.export
  with:
    from: certs/www.example.com
    directory: keystores/www.example.com
    formats:
      - format: pkcs12-legacy
        passphrase: { file: /run/secrets/keystore }
    owner: tomcat
",
    }
}
