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

/// The sample as it is in the repository; `UPDATE_SAMPLES=1` writes it anew, for the other programs.
fn sample(name: &str, export: &Export) -> Vec<u8> {
    let path = format!("{}/src/pki/samples/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        std::fs::write(&path, &*encoded(export)).unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn is_same(export: &Export, found: &[u8]) -> bool {
    let chain = Chain::from_pem(CHAIN.as_bytes()).unwrap();
    export.is_same(found, &chain, &PrivateKey::from_pem(KEY).unwrap())
}

/// The outlines of DER: tags and lengths, in their order, with numbers and identifiers.
fn outlines(der: &[u8], lines: &mut Vec<String>, depth: usize) {
    let mut rest = der;
    while let [tag, length, ..] = *rest {
        let digits = if length < 0x80 { 0 } else { usize::from(length & 0x7f) };
        let number = rest[2..2 + digits].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let length = if digits == 0 { usize::from(length) } else { number };
        let (content, after) = rest[2 + digits..].split_at(length);
        match tag {
            2 | 6 => lines.push(format!("{depth} {tag:02x} {content:02x?}")),
            _ => lines.push(format!("{depth} {tag:02x} {length}")),
        }
        if tag & 0x20 != 0 {
            outlines(content, lines, depth + 1);
        }
        rest = after;
    }
}

#[test]
fn what_is_written_is_laid_out_like_what_other_programs_have_opened() {
    for (name, export) in [
        ("export-modern.p12", pkcs12(Encryption::Modern)),
        ("export-legacy.p12", pkcs12(Encryption::Legacy)),
    ] {
        let (sample, again) = (sample(name, &export), encoded(&export));
        let outlines = |der: &[u8]| {
            let mut lines = Vec::new();
            outlines(der, &mut lines, 0);
            lines
        };
        assert_eq!(outlines(&sample), outlines(&again), "{name}");
        assert!(is_same(&export, &sample), "{name}");
    }
    let encrypted = Export::EncryptedKey { passphrase: passphrase() };
    assert!(is_same(&encrypted, &sample("export-key-encrypted.pem", &encrypted)));
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
fn a_file_is_as_good_as_a_new_one_only_when_all_is_the_same() {
    let chain = Chain::from_pem(CHAIN.as_bytes()).unwrap();
    let key = PrivateKey::from_pem(KEY).unwrap();
    let other = PrivateKey::generate(KeyType::EcP256).unwrap();
    let short = Chain::from_pem(chain.leaf_pem().as_bytes()).unwrap();
    let named = |encryption, passphrase: &str, alias: &str| Export::Pkcs12 {
        encryption,
        passphrase: Secret::new(passphrase.to_owned()),
        alias: alias.to_owned(),
    };
    let export = named(Encryption::Legacy, "changeit", "www");
    let written = export.encode(&chain, &key).unwrap();
    assert_ne!(written, export.encode(&chain, &key).unwrap());
    assert!(export.is_same(&written, &chain, &key));
    for (other, chain, key) in [
        (&named(Encryption::Modern, "changeit", "www"), &chain, &key),
        (&named(Encryption::Legacy, "changeit2", "www"), &chain, &key),
        (&named(Encryption::Legacy, "changeit", "web"), &chain, &key),
        (&export, &short, &key),
        (&export, &chain, &other),
    ] {
        assert!(!other.is_same(&written, chain, key), "{other:?}");
    }
    for spoilt in [&written[..written.len() - 1], b"", b"-----BEGIN ENCRYPTED PRIVATE KEY-----"] {
        assert!(!export.is_same(spoilt, &chain, &key));
    }
    let encrypted =
        |passphrase: &str| Export::EncryptedKey { passphrase: Secret::new(passphrase.to_owned()) };
    let written = encrypted("changeit").encode(&chain, &key).unwrap();
    assert!(encrypted("changeit").is_same(&written, &chain, &key));
    assert!(!encrypted("changeit2").is_same(&written, &chain, &key));
    assert!(!encrypted("changeit").is_same(&written, &chain, &other));
    for plain in [Export::KeyDer, Export::Combined, Export::CertificateDer, Export::Fullchain] {
        let written = plain.encode(&chain, &key).unwrap();
        assert!(plain.is_same(&written, &chain, &key));
        assert!(!plain.is_same(&written[1..], &chain, &key));
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
