//! What a server shows to whoever connects: its certificates, whoever signed them.
//!
//! Only the handshake is done, and no byte is sent after it. The server must prove that it holds
//! the key of what it shows; whether that is to be trusted is for the caller to say, who knows what
//! to expect.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::types::{printable, shorten};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why nothing was shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No name that can be asked for.
    #[error("`{name}` is no name of a server")]
    Name {
        /// The offending text.
        name: String,
    },
    /// Nobody answers there.
    #[error("cannot connect to `{address}`: {reason}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// Somebody answers, but no TLS came about.
    #[error("no TLS with `{address}`: {reason}")]
    Handshake {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
}

/// Connects and gives the certificates that the server shows for `server_name`, the leaf first.
pub async fn served(host: &str, port: u16, server_name: &str) -> Result<Vec<Vec<u8>>, TlsError> {
    let shown = |text: &str| shorten(&printable(text), 200);
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| TlsError::Name { name: shown(server_name) })?;
    let address = shown(&format!("{host}:{port}"));
    let unreachable =
        |reason: String| TlsError::Connect { address: address.clone(), reason: shown(&reason) };
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await
    {
        Err(_) => return Err(unreachable("no answer".to_owned())),
        Ok(Err(error)) => {
            let text = error.to_string();
            return Err(unreachable(
                text.split(" (os error").next().unwrap_or_default().to_owned(),
            ));
        }
        Ok(Ok(stream)) => stream,
    };
    let failed =
        |reason: String| TlsError::Handshake { address: address.clone(), reason: shown(&reason) };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, connecting).await {
        Err(_) => return Err(failed("no answer".to_owned())),
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Ok(Ok(stream)) => stream,
    };
    let (_, connection) = stream.get_ref();
    let certificates = connection.peer_certificates().unwrap_or_default();
    if certificates.is_empty() {
        return Err(failed("the server shows no certificate".to_owned()));
    }
    Ok(certificates.iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}

/// Takes any certificate, but only from who holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
