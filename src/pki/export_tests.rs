//! Tests of exports. What they are held to in `samples/` was opened by other programs:
//!
//! ```text
//! openssl pkcs12 -in export-modern.p12 -passin pass:changeit -info -noenc
//! openssl pkcs12 -in export-legacy.p12 -passin pass:changeit -info -noenc
//! keytool -list -v -storetype PKCS12 -keystore export-modern.p12 -storepass changeit
//! openssl pkey -in export-key-encrypted.pem -passin pass:changeit
//! ```

use super::*;
use crate::pki::KeyType;

const CHAIN: &str = include_str!("samples/export-chain.pem");
const KEY: &str = include_str!("samples/export-key.pem");

fn passphrase() -> Secret {
    Secret::new("changeit".to_owned())
}

fn pkcs12(encryption: Encryption) -> Export {
    Export::Pkcs12 { encryption, passphrase: passphrase(), alias: "www".to_owned() }
}

fn encoded(export: &Export) -> Zeroizing<Vec<u8>> {
    let chain = Chain::from_pem(CHAIN.as_bytes()).unwrap();
    export.encode(&chain, &PrivateKey::from_pem(KEY).unwrap()).unwrap()
}

/// Compares with what other programs have opened; `UPDATE_GOLDEN=1` writes it for them.
#[track_caller]
fn assert_sample(name: &str, export: &Export) {
    let path = format!("{}/src/pki/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    let found = encoded(export);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &*found).unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), *found, "{name}");
}

#[test]
fn what_is_written_is_what_other_programs_have_opened() {
    assert_sample("export-modern.p12", &pkcs12(Encryption::Modern));
    assert_sample("export-legacy.p12", &pkcs12(Encryption::Legacy));
    let encrypted = Export::EncryptedKey { passphrase: passphrase() };
    assert_sample("export-key-encrypted.pem", &encrypted);
}

#[test]
fn the_files_that_are_not_encrypted_read_back_as_they_went_in() {
    let chain = Chain::from_pem(CHAIN.as_bytes()).unwrap();
    assert_eq!(*encoded(&Export::CertificateDer), chain.leaf().der);
    assert_eq!(Chain::from_pem(&encoded(&Export::Fullchain)).unwrap(), chain);
    let key = pem::encode("PRIVATE KEY", &encoded(&Export::KeyDer));
    assert_eq!(key.as_str(), KEY);
    let combined = encoded(&Export::Combined);
    assert_eq!(String::from_utf8_lossy(&combined), format!("{}{KEY}", chain.fullchain_pem()));
}

#[test]
fn the_key_can_be_read_without_the_passphrase_only_where_it_is_said() {
    let key = PrivateKey::from_pem(KEY).unwrap();
    for (export, readable, holds) in [
        (pkcs12(Encryption::Modern), false, true),
        (pkcs12(Encryption::Legacy), false, true),
        (Export::EncryptedKey { passphrase: passphrase() }, false, true),
        (Export::KeyDer, true, true),
        (Export::CertificateDer, false, false),
    ] {
        let bytes = encoded(&export);
        let found = bytes.windows(key.der().len()).any(|window| window == key.der());
        assert_eq!((found, export.holds_key()), (readable, holds), "{export:?}");
        assert!(!bytes.windows(8).any(|window| window == b"changeit"), "{export:?}");
        assert!(!format!("{export:?}").contains("changeit"));
    }
}

#[test]
fn the_same_export_is_the_same_bytes_and_any_other_shares_no_salt_with_it() {
    let chain = Chain::from_pem(CHAIN.as_bytes()).unwrap();
    let key = PrivateKey::from_pem(KEY).unwrap();
    let other = PrivateKey::generate(KeyType::EcP256).unwrap();
    let write = |alias: &str, passphrase: &str, key: &PrivateKey| {
        let passphrase = Secret::new(passphrase.to_owned());
        let encryption = Encryption::Legacy;
        let export = Export::Pkcs12 { encryption, passphrase, alias: alias.to_owned() };
        export.encode(&chain, key).unwrap()
    };
    let first = write("www", "changeit", &key);
    assert_eq!(first, write("www", "changeit", &key));
    // The salt of the authentication stands before the number of iterations, at the end.
    let salt = |bytes: &[u8]| bytes[bytes.len() - 20..bytes.len() - 4].to_vec();
    for changed in [
        write("web", "changeit", &key),
        write("www", "changeit2", &key),
        write("www", "changeit", &other),
    ] {
        assert_ne!(salt(&changed), salt(&first));
    }
}

#[test]
fn passphrases_and_names_that_programs_read_differently_are_refused() {
    let check = |passphrase: &str, alias: &str| {
        let passphrase = Secret::new(passphrase.to_owned());
        Export::Pkcs12 { encryption: Encryption::Modern, passphrase, alias: alias.to_owned() }
            .check()
    };
    assert_eq!(check("change it!", "www"), Ok(()));
    assert_eq!(check("pässword", "www"), Err(ExportError::Passphrase));
    assert_eq!(check("a\tb", "www"), Err(ExportError::Passphrase));
    for alias in ["", "wäb", "a\nb", &"x".repeat(101)] {
        assert_eq!(check("changeit", alias), Err(ExportError::Alias), "{alias}");
    }
}
