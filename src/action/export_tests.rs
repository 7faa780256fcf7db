//! Exports of a set that is there: what is written, and what is refused.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::action::testing::{call, failure, output};
use crate::pki::{Chain, Encryption, Export, PrivateKey};
use crate::plan::PEM_FILES;

const PASSPHRASE: &str = "sandbox";

/// A folder with a set of files in `certs`, as a download leaves it.
async fn downloaded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = rcgen::KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &root);
    let names = vec!["www.example.com".to_owned()];
    let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let root = params.self_signed(&root).unwrap();
    let chain = Chain::from_pem(format!("{}{}", leaf.pem(), root.pem()).as_bytes()).unwrap();
    let key = PrivateKey::from_pem(&key.serialize_pem()).unwrap();
    let installation = Wanted::of(&Default::default()).unwrap().prepare(&PEM_FILES, None).await;
    let directory = folder.path().join("certs");
    let installed = installation.unwrap().install(&directory, "first", &chain, &key, true);
    assert!(installed.is_ok());
    folder
}

async fn export_in(folder: &Path, parameters: Value) -> Result<Outcome> {
    let passphrase = Secret::new(PASSPHRASE.to_owned());
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    export(Some(&passphrase), now, &call("x509.export", folder, parameters)).await
}

fn files(directory: &str) -> Value {
    json!({
        "from": "certs",
        "directory": directory,
        "formats": [
            { "format": "pkcs12", "passphrase": { "env": "NOT_READ" } },
            { "format": "pkcs12-legacy", "passphrase": { "env": "NOT_READ" }, "alias": "www" },
            { "format": "key-encrypted", "passphrase": { "env": "NOT_READ" } },
            { "format": "combined", "file": "all.pem" },
            { "format": "certificate-der" },
        ],
    })
}

#[tokio::test]
async fn every_format_is_written_and_holds_the_certificate_of_the_set() {
    let folder = downloaded().await;
    let stored = read_stored(&folder.path().join("certs"), None, Timestamp::UNIX_EPOCH);
    let stored = stored.map_err(|error| error.to_string()).unwrap();
    let found = output(export_in(folder.path(), files("exports")).await);
    let read = |name: &str| std::fs::read(folder.path().join("exports").join(name)).unwrap();
    assert_eq!(found["sha256"], json!(stored.proof.sha256.to_string()));
    assert_eq!(read("cert.der"), stored.chain.leaf().der);
    assert_eq!(found["formats"].as_array().unwrap().len(), 5);
    for (name, encryption, alias) in [
        ("keystore.p12", Encryption::Modern, "certificate"),
        ("keystore-legacy.p12", Encryption::Legacy, "www"),
    ] {
        let passphrase = Secret::new(PASSPHRASE.to_owned());
        let wanted = Export::Pkcs12 { encryption, passphrase, alias: alias.to_owned() };
        assert!(wanted.is_same(&read(name), &stored.chain, &stored.key), "{name}");
    }
    // Another folder holds what it was asked for, and no PEM files of the set.
    assert!(!folder.path().join("exports/privkey.pem").exists());
}

#[tokio::test]
async fn the_same_once_more_is_the_same_set_though_salts_are_drawn_anew() {
    let folder = downloaded().await;
    let first = output(export_in(folder.path(), files("exports")).await);
    let keystore = || std::fs::read(folder.path().join("exports/keystore.p12")).unwrap();
    let before = keystore();
    let second = output(export_in(folder.path(), files("exports")).await);
    assert_eq!((&first["set"], before), (&second["set"], keystore()));
    assert!(!second.contains_key("previous_set"));
    // Another name for the key is another keystore, and so another set.
    let mut renamed = files("exports");
    renamed["formats"][0]["alias"] = json!("other");
    let third = output(export_in(folder.path(), renamed).await);
    assert_eq!(third["previous_set"], first["set"]);
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_and_nothing_is_written() {
    let folder = downloaded().await;
    let formats = json!([{ "format": "combined" }]);
    for (parameters, reason) in [
        (json!({ "from": "certs", "directory": "certs", "formats": formats }), "never changed"),
        (
            json!({ "from": "nowhere", "directory": "exports", "formats": formats }),
            "no current set",
        ),
        (
            json!({ "from": "certs", "directory": "exports", "set": "gone", "formats": formats }),
            "no set `gone`",
        ),
        (
            json!({ "from": "certs", "directory": "exports", "formats": [{ "format": "pkcs12" }] }),
            "needs a `passphrase`",
        ),
    ] {
        let (error, _) = failure(export_in(folder.path(), parameters.clone()).await);
        assert!(error.message.contains(reason), "{parameters}: {}", error.message);
    }
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(entries.collect::<Vec<_>>(), ["certs"]);
}

#[test]
fn a_plan_refuses_the_file_names_that_a_set_refuses() {
    let long = "x".repeat(200);
    let longer = "x".repeat(201);
    for name in ["a.p12", "", ".x", "a/b", "a\nb", "sets", "current", "previous", &long, &longer] {
        assert_eq!(
            crate::plan::file_name_fault(name).is_some(),
            crate::files::CertificateSet::check_file_name(name).is_err(),
            "{name}"
        );
    }
}
