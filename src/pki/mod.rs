//! Keys, certificate requests, reading and proving certificates, and writing them for other programs.
//!
//! Everything in here is a pure function of its arguments: no files, no network, no clock. What
//! arrives from outside is bounded before it is read, and nothing is called a certificate, a key or
//! a request before it was parsed as one.
//!
//! [`prove`] is the gate before a deployment: a chain passes it, or the reasons are listed.

mod certificate;
mod chain;
mod export;
mod fingerprint;
mod key;
mod pem;
mod proof;
mod request;
#[cfg(test)]
mod testing;

pub use certificate::{Certificate, CertificateError};
pub use chain::{Chain, ChainError};
pub use export::{Encryption, Export, ExportError};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use key::{KeyError, KeyType, PrivateKey, UnknownKeyType};
pub use pem::PemError;
pub use proof::{Expectation, Proof, ProofFailure, prove};
pub use request::{CertificateRequest, RequestError, create_csr};
