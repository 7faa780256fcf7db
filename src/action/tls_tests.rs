//! Servers that show the right certificate, another one, none, or are not there.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::action::testing::{call, failure, not_yet, output};

/// A certificate that signs itself, and its key.
fn certificate(names: &[&str]) -> (rcgen::Certificate, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    (rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap(), key)
}

/// Shows its certificate to whoever asks for this name, and nothing to others.
#[derive(Debug)]
struct Shows(&'static str, Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (hello.server_name() == Some(self.0)).then(|| Arc::clone(&self.1))
    }
}

/// A server with these certificates for the name; the leaf comes first.
async fn server(
    name: &'static str,
    chain: &[&rcgen::Certificate],
    key: &rcgen::KeyPair,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let chain = chain.iter().map(|certificate| certificate.der().clone()).collect();
    let shows = Shows(name, Arc::new(CertifiedKey::new(chain, key)));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}

fn at(address: SocketAddr, more: Value) -> Value {
    let mut parameters = json!({
        "host": address.ip().to_string(), "port": address.port(), "server_name": "www.example.com",
    });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parameters
}

async fn perform(folder: &Path, parameters: Value) -> Result<Outcome> {
    check_served(None, &call("tls.check_served", folder, parameters)).await
}

fn sha256(certificate: &rcgen::Certificate) -> String {
    Fingerprint::of(certificate.der()).to_string()
}

#[tokio::test]
async fn a_server_that_shows_the_certificate_is_as_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let ((leaf, key), (other, _)) =
        (certificate(&["www.example.com"]), certificate(&["ca.example"]));
    let address = server("www.example.com", &[&leaf, &other], &key).await;
    let found =
        output(perform(folder.path(), at(address, json!({ "sha256": sha256(&leaf) }))).await);
    assert_eq!((&found["sha256"], &found["certificates"]), (&json!(sha256(&leaf)), &json!(2)));
    assert_eq!(
        found["summary"],
        format!("www.example.com at {address} serves it, with 2 certificates in all")
    );
    // The same, with what is in a file; a download gives its whole path.
    std::fs::write(folder.path().join("a.pem"), leaf.pem()).unwrap();
    for file in ["a.pem".to_owned(), folder.path().join("a.pem").display().to_string()] {
        let by_file = at(address, json!({ "certificate_file": file }));
        assert_eq!(output(perform(folder.path(), by_file).await), found);
    }
}

#[tokio::test]
async fn another_certificate_is_named_and_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let (leaf, key) = certificate(&["www.example.com", "old.example.com"]);
    let address = server("www.example.com", &[&leaf], &key).await;
    let wanted = "00".repeat(32);
    let seen = not_yet(perform(folder.path(), at(address, json!({ "sha256": wanted }))).await);
    let found = sha256(&leaf);
    assert!(
        seen.starts_with(&format!("www.example.com at {address} serves a certificate for ")),
        "{seen}"
    );
    assert!(seen.contains("www.example.com, old.example.com") && seen.contains(&found), "{seen}");
    assert!(seen.ends_with(&format!("not the one with SHA-256 {wanted}")), "{seen}");
}

#[tokio::test]
async fn a_server_that_does_not_show_anything_yet_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let (leaf, key) = certificate(&["other.example.com"]);
    let wanted = json!({ "sha256": sha256(&leaf) });
    // It knows another name only.
    let address = server("other.example.com", &[&leaf], &key).await;
    let seen = not_yet(perform(folder.path(), at(address, wanted.clone())).await);
    assert!(seen.starts_with(&format!("no TLS with `{address}`: ")), "{seen}");
    // Nobody listens where somebody has just stopped.
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let seen = not_yet(perform(folder.path(), at(closed, wanted.clone())).await);
    assert_eq!(seen, format!("cannot connect to `{closed}`: Connection refused"));
    // It listens and hangs up.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let rude = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let seen = not_yet(perform(folder.path(), at(rude, wanted)).await);
    assert!(seen.starts_with(&format!("no TLS with `{rude}`: ")), "{seen}");
}

#[tokio::test]
async fn what_cannot_become_right_is_a_failure_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("junk.pem"), "junk").unwrap();
    let nowhere: SocketAddr = ([127, 0, 0, 1], 9).into();
    for (parameters, kind, message) in [
        (json!({ "sha256": "xyz" }), ErrorKind::Value, "`xyz`"),
        (json!({ "certificate_file": "none.pem" }), ErrorKind::File, "cannot read"),
        (json!({ "certificate_file": "junk.pem" }), ErrorKind::File, "no PEM certificate"),
        (json!({ "certificate_file": "/etc/hostname" }), ErrorKind::Value, "/etc/hostname"),
        (json!({}), ErrorKind::Value, "either `sha256` or `certificate_file`"),
        (
            json!({ "sha256": "00".repeat(32), "server_name": "not a name" }),
            ErrorKind::Value,
            "`not a name` is no name of a server",
        ),
    ] {
        let (error, _) = failure(perform(folder.path(), at(nowhere, parameters)).await);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}
