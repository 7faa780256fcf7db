//! Tests of `prove` with chains that a CA in the test signed.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, date_time_ymd};

use super::*;
use crate::pki::testing::{Issuing, certificate_pem};
use crate::pki::{KeyType, PrivateKey};

/// A time at which everything is valid that a test does not change.
const NOW: &str = "2026-03-01T00:00:00Z";

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn chain(ders: &[&[u8]]) -> Chain {
    let pem: String = ders.iter().map(|der| certificate_pem(der)).collect();
    Chain::from_pem(pem.as_bytes()).unwrap()
}

fn prove_at(
    now: &str,
    key: &PrivateKey,
    names: &[&str],
    ders: &[&[u8]],
) -> Result<Proof, Vec<ProofFailure>> {
    let names: Vec<DomainName> = names.iter().map(|text| name(text)).collect();
    let expectation = Expectation {
        public_key_sha256: key.public_key_sha256(),
        names: &names,
        now: now.parse().unwrap(),
    };
    prove(&chain(ders), &expectation)
}

fn messages(result: Result<Proof, Vec<ProofFailure>>) -> Vec<String> {
    result.unwrap_err().iter().map(ToString::to_string).collect()
}

/// A root, an intermediate, a leaf for `www.example.com` and its key.
struct World {
    key: PrivateKey,
    root: Issuing,
    intermediate: Issuing,
    leaf: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let root = Issuing::root("Root");
        let intermediate = root.intermediate("Intermediate");
        let key = PrivateKey::generate(KeyType::EcP256).unwrap();
        let leaf = intermediate.leaf(key.pair(), &["www.example.com", "example.com"]);
        Self { key, root, intermediate, leaf }
    }

    fn prove(&self, ders: &[&[u8]]) -> Result<Proof, Vec<ProofFailure>> {
        prove_at(NOW, &self.key, &["www.example.com"], ders)
    }
}

#[test]
fn a_chain_is_proved_with_and_without_its_root_and_added_names_are_a_note() {
    let world = World::new();
    let short = world.prove(&[&world.leaf, &world.intermediate.der]).unwrap();
    let long = world.prove(&[&world.leaf, &world.intermediate.der, &world.root.der]).unwrap();
    assert_eq!(short, long);
    assert_eq!(short.names, ["www.example.com", "example.com"]);
    assert_eq!(short.extra_names, ["example.com"]);
    assert_eq!(short.public_key_sha256, world.key.public_key_sha256());
    assert_eq!(short.sha256, Fingerprint::of(&world.leaf));
}

#[test]
fn rsa_and_elliptic_keys_prove_in_any_mixture() {
    let rsa = || KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let p384 = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    for (root, intermediate, leaf) in [
        (rsa(), rsa(), KeyType::EcP256),
        (rsa(), p384(), KeyType::Rsa2048),
        (p384(), rsa(), KeyType::EcP384),
    ] {
        let root = Issuing::root_with("Root", root);
        let intermediate = root.issuer("Intermediate", intermediate, |_| {});
        let key = PrivateKey::generate(leaf).unwrap();
        let leaf = intermediate.leaf(key.pair(), &["*.example.com"]);
        prove_at(NOW, &key, &["*.example.com"], &[&leaf, &intermediate.der, &root.der]).unwrap();
    }
}

#[test]
fn a_certificate_for_another_key_is_refused_with_both_fingerprints() {
    let world = World::new();
    let other = PrivateKey::generate(KeyType::EcP256).unwrap();
    let chain = [world.leaf.as_slice(), &world.intermediate.der];
    assert_eq!(
        prove_at(NOW, &other, &["www.example.com"], &chain),
        Err(vec![ProofFailure::WrongKey {
            expected: other.public_key_sha256(),
            found: world.key.public_key_sha256(),
        }])
    );
}

#[test]
fn every_name_that_was_ordered_must_be_there_as_it_is_written() {
    let world = World::new();
    let ordered = ["www.example.com", "*.example.com", "mail.example.com"];
    let chain = [world.leaf.as_slice(), &world.intermediate.der];
    assert_eq!(
        messages(prove_at(NOW, &world.key, &ordered, &chain)),
        [
            "the certificate lacks the name `*.example.com`; it has `www.example.com`, `example.com`",
            "the certificate lacks the name `mail.example.com`; it has `www.example.com`, \
             `example.com`",
        ]
    );
    let wildcard = world.intermediate.leaf(world.key.pair(), &["*.example.com"]);
    assert_eq!(
        messages(world.prove(&[&wildcard, &world.intermediate.der])),
        ["the certificate lacks the name `www.example.com`; it has `*.example.com`"]
    );
}

#[test]
fn a_common_name_alone_is_no_name() {
    let world = World::new();
    let old = world.intermediate.leaf_with(world.key.pair(), &["www.example.com"], |params| {
        params.subject_alt_names.clear();
    });
    assert_eq!(
        messages(world.prove(&[&old, &world.intermediate.der])),
        ["the certificate lacks the name `www.example.com`; it has none"]
    );
}

#[test]
fn leaf_and_issuers_must_be_valid_now_to_the_second() {
    let world = World::new();
    let chain = [world.leaf.as_slice(), &world.intermediate.der];
    for (now, good) in [
        ("2025-12-31T23:59:59Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2026-07-01T00:00:00Z", true),
        ("2026-07-01T00:00:01Z", false),
    ] {
        let result = prove_at(now, &world.key, &["www.example.com"], &chain);
        assert_eq!(result.is_ok(), good, "{now}");
    }
    assert_eq!(
        messages(prove_at("2027-01-01T00:00:00Z", &world.key, &["www.example.com"], &chain)),
        [
            "certificate 1 (`CN=www.example.com`) was valid until 2026-07-01T00:00:00Z, and now it \
             is 2027-01-01T00:00:00Z",
            "certificate 2 (`CN=Intermediate`) was valid until 2026-07-01T00:00:00Z, and now it is \
             2027-01-01T00:00:00Z",
        ]
    );
    let late = world.root.issuer("Late", KeyPair::generate().unwrap(), |params| {
        params.not_before = date_time_ymd(2026, 6, 1);
    });
    let leaf = late.leaf(world.key.pair(), &["www.example.com"]);
    assert_eq!(
        messages(world.prove(&[&leaf, &late.der])),
        ["certificate 2 (`CN=Late`) is valid from 2026-06-01T00:00:00Z, and now it is \
          2026-03-01T00:00:00Z"]
    );
}

#[test]
fn a_leaf_without_its_issuer_is_refused() {
    let world = World::new();
    assert_eq!(
        messages(world.prove(&[&world.leaf])),
        ["the chain ends with the leaf; its issuer `CN=Intermediate` is missing"]
    );
    assert_eq!(
        messages(world.prove(&[&world.leaf, &world.root.der])),
        [
            "certificate 1 (`CN=www.example.com`) was issued by `CN=Intermediate`, and certificate 2 \
          is `CN=Root`"
        ]
    );
}

#[test]
fn shuffled_issuers_are_refused_with_their_positions() {
    let world = World::new();
    assert_eq!(
        messages(world.prove(&[&world.leaf, &world.root.der, &world.intermediate.der])),
        [
            "certificate 1 (`CN=www.example.com`) was issued by `CN=Intermediate`, and certificate 2 \
             is `CN=Root`; the issuer stands at 3",
            "certificate 2 (`CN=Root`) was issued by `CN=Root`, and certificate 3 is \
             `CN=Intermediate`; the issuer stands at 2",
        ]
    );
}

#[test]
fn a_chain_that_begins_with_the_issuer_tells_everything_that_is_wrong() {
    let world = World::new();
    let failures = world.prove(&[&world.intermediate.der, &world.leaf]).unwrap_err();
    assert!(matches!(
        failures.as_slice(),
        [
            ProofFailure::WrongKey { .. },
            ProofFailure::MissingName { .. },
            ProofFailure::LeafIsCa { .. },
            ProofFailure::WrongIssuer { position: 1, stands_at: None, .. },
            ProofFailure::IssuerNotCa { position: 2, .. },
        ]
    ));
}

#[test]
fn a_changed_certificate_and_an_issuer_of_the_same_name_do_not_verify() {
    let world = World::new();
    let message = "the signature of certificate 1 (`CN=www.example.com`) does not verify with the \
                   key of certificate 2 (`CN=Intermediate`)";
    let impostor = world.root.intermediate("Intermediate");
    assert_eq!(messages(world.prove(&[&world.leaf, &impostor.der])), [message]);
    let mut changed = world.leaf.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(messages(world.prove(&[&changed, &world.intermediate.der])), [message]);
}

#[test]
fn an_issuer_that_is_no_ca_is_refused() {
    let world = World::new();
    let server = world.root.issuer("Server", KeyPair::generate().unwrap(), |params| {
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
    });
    let leaf = server.leaf(world.key.pair(), &["www.example.com"]);
    assert_eq!(
        messages(world.prove(&[&leaf, &server.der])),
        ["certificate 2 (`CN=Server`) stands as an issuer, and is not a CA certificate"]
    );
}

#[test]
fn an_ed25519_issuer_verifies_too() {
    let world = World::new();
    let root = Issuing::root_with("Root", KeyPair::generate_for(&PKCS_ED25519).unwrap());
    let leaf = root.leaf(world.key.pair(), &["www.example.com"]);
    world.prove(&[&leaf, &root.der]).unwrap();
}

#[test]
fn a_long_list_of_names_is_cut_in_a_message() {
    let names: Vec<String> = (0..10).map(|index| format!("{index}.example")).collect();
    assert!(list(&names).ends_with("`7.example` and 2 more"));
}
