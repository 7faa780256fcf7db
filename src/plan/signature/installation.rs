//! What the actions that put files into a folder have in common: their parameters and outputs.

use serde_json::json;

use super::{defaulted, integer, list_of, optional, required, words};
use crate::plan::file_format::FileFormat;
use crate::plan::value_type::{Field, ValueType};

/// A file and its encoding.
pub(super) fn format() -> ValueType {
    ValueType::Record(vec![
        required(
            "format",
            words(&FileFormat::ALL.map(FileFormat::as_str)),
            "`pkcs12`: key, certificate and issuers, AES-256 and SHA-256; `pkcs12-legacy`: the same \
             with Triple DES and SHA-1, for Windows before Server 2019 and Java before 8u301; \
             `certificate-der`; `key-der`: PKCS#8; `key-encrypted`: PKCS#8 PEM, AES-256; \
             `fullchain`: PEM; `combined`: certificate, issuers and key in one PEM file",
        ),
        optional(
            "file",
            ValueType::String,
            "its name; by default `keystore.p12`, `keystore-legacy.p12`, `cert.der`, `privkey.der`, \
             `privkey-encrypted.pem`, `fullchain.pem`, `combined.pem`",
        ),
        optional(
            "passphrase",
            ValueType::Secret,
            "where the passphrase is found, for the formats that have one; in the sandbox it is \
             `sandbox`",
        ),
        optional(
            "alias",
            ValueType::String,
            "under which name programs find the key in a PKCS#12 file; by default `certificate`",
        ),
    ])
}

/// To whom files belong, and how many sets of them stay.
pub(super) fn parameters() -> Vec<Field> {
    vec![
        optional(
            "owner",
            ValueType::String,
            "the user to whom the files are to belong, by name or number; by default who runs \
             certplan. Giving files away takes root, and is tried out before an order",
        ),
        optional("group", ValueType::String, "the group to which the files are to belong"),
        defaulted(
            "key_mode",
            words(&["0600", "0640", "0400", "0440"]),
            json!("0600"),
            "the mode of the files that hold the key",
        ),
        defaulted(
            "certificate_mode",
            words(&["0644", "0640", "0600", "0444", "0440", "0400"]),
            json!("0644"),
            "the mode of the other files",
        ),
        defaulted(
            "keep",
            integer(1, 1000),
            json!(5),
            "how many former sets stay to go back to; older ones are deleted, keys and all, but \
             never the one that was current before",
        ),
    ]
}

/// What was written besides, and which sets are gone.
pub(super) fn outputs() -> Vec<Field> {
    vec![
        required(
            "formats",
            list_of(ValueType::Record(vec![
                required("format", ValueType::String, "the encoding"),
                required("file", ValueType::Path, "the file"),
            ])),
            "the files of `formats`",
        ),
        required("set", ValueType::String, "the name of the set of files"),
        optional(
            "previous_set",
            ValueType::String,
            "the set that was current before, when it was another one",
        ),
        required("removed_sets", list_of(ValueType::String), "the former sets that were deleted"),
        optional(
            "not_removed",
            ValueType::String,
            "why a former set that is to be deleted is still there",
        ),
    ]
}
