//! `prove`: is this chain the certificate that was ordered, and will a server be able to use it?
//!
//! All failures are found, not only the first, so that one look tells what went wrong. Trust is not
//! decided here: the proof holds for a chain up to any root, public, private or a sandbox's, and
//! which roots a client trusts differs from client to client.

use super::certificate::{Certificate, Signature};
use super::chain::Chain;
use super::fingerprint::Fingerprint;
use crate::types::{DomainName, Timestamp};

/// Names of a certificate that a message lists.
const LISTED: usize = 8;

/// What the certificate has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The digest of the public key in the request.
    pub public_key_sha256: Fingerprint,
    /// The names that were ordered; each must be in the certificate as it is written, `*.` too.
    pub names: &'a [DomainName],
    /// The time at which it has to be valid.
    pub now: Timestamp,
}

/// What was proved: the facts of a leaf that may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The digest of the leaf.
    pub sha256: Fingerprint,
    /// The digest of its public key, equal to the request's.
    pub public_key_sha256: Fingerprint,
    /// Its serial number.
    pub serial: String,
    /// Who issued it.
    pub issuer: String,
    /// All names in it.
    pub names: Vec<String>,
    /// Those that nobody asked for: CAs add `example.com` to `www.example.com`. A note, no fault.
    pub extra_names: Vec<String>,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

/// One reason not to deploy a chain. Positions count from 1, the leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFailure {
    /// It was issued for another key.
    #[error("the certificate is for the key `{found}`, and the request was made with `{expected}`")]
    WrongKey {
        /// The digest of the key in the request.
        expected: Fingerprint,
        /// The digest of the key in the certificate.
        found: Fingerprint,
    },
    /// A name that was ordered is not in it.
    #[error("the certificate lacks the name `{name}`; it has {}", list(found))]
    MissingName {
        /// The name that was ordered.
        name: DomainName,
        /// The names in the certificate.
        found: Vec<String>,
    },
    /// Its time has not come, or the clock here is slow.
    #[error("certificate {position} (`{subject}`) is valid from {not_before}, and now it is {now}")]
    NotYetValid {
        /// Where it stands.
        position: usize,
        /// Whom it is for.
        subject: String,
        /// From when it is valid.
        not_before: Timestamp,
        /// The time it was held against.
        now: Timestamp,
    },
    /// Its time is over, or the clock here is fast.
    #[error(
        "certificate {position} (`{subject}`) was valid until {not_after}, and now it is {now}"
    )]
    Expired {
        /// Where it stands.
        position: usize,
        /// Whom it is for.
        subject: String,
        /// Until when it was valid.
        not_after: Timestamp,
        /// The time it was held against.
        now: Timestamp,
    },
    /// The leaf stands alone.
    #[error("the chain ends with the leaf; its issuer `{issuer}` is missing")]
    NoIssuer {
        /// Who issued the leaf.
        issuer: String,
    },
    /// The next certificate is not the issuer.
    #[error(
        "certificate {position} (`{subject}`) was issued by `{issuer}`, and certificate {} is \
         `{found}`{}",
        position + 1,
        elsewhere(*stands_at)
    )]
    WrongIssuer {
        /// Where the certificate stands.
        position: usize,
        /// Whom it is for.
        subject: String,
        /// Who issued it.
        issuer: String,
        /// Whom the next one is for.
        found: String,
        /// Where the issuer stands instead, if anywhere.
        stands_at: Option<usize>,
    },
    /// The next certificate bears the issuer's name, but its key did not sign.
    #[error(
        "the signature of certificate {position} (`{subject}`) does not verify with the key of \
         certificate {} (`{issuer}`)",
        position + 1
    )]
    BadSignature {
        /// Where the certificate stands.
        position: usize,
        /// Whom it is for.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// The signature is of a kind that cannot be checked.
    #[error(
        "the signature of certificate {position} (`{subject}`) was made by an algorithm that cannot \
         be checked here; RSA and ECDSA on P-256 and P-384 can"
    )]
    UnknownSignature {
        /// Where the certificate stands.
        position: usize,
        /// Whom it is for.
        subject: String,
    },
    /// A certificate behind the leaf may not sign others.
    #[error(
        "certificate {position} (`{subject}`) stands as an issuer, and is not a CA certificate"
    )]
    IssuerNotCa {
        /// Where it stands.
        position: usize,
        /// Whom it is for.
        subject: String,
    },
    /// The first certificate is not a server's.
    #[error("the first certificate (`{subject}`) is a CA certificate, and a leaf is wanted there")]
    LeafIsCa {
        /// Whom it is for.
        subject: String,
    },
}

/// Holds a chain against what was ordered; answers with the proof or with everything that is wrong.
///
/// A root at the end is fine, and so is its absence: clients bring their own.
pub fn prove(chain: &Chain, expectation: &Expectation<'_>) -> Result<Proof, Vec<ProofFailure>> {
    let leaf = chain.leaf();
    let mut failures = Vec::new();
    if leaf.public_key_sha256 != expectation.public_key_sha256 {
        failures.push(ProofFailure::WrongKey {
            expected: expectation.public_key_sha256,
            found: leaf.public_key_sha256,
        });
    }
    check_names(leaf, expectation.names, &mut failures);
    if leaf.is_ca {
        failures.push(ProofFailure::LeafIsCa { subject: leaf.subject.clone() });
    }
    let certificates: Vec<&Certificate> = chain.certificates().collect();
    check_times(&certificates, expectation.now, &mut failures);
    check_path(&certificates, &mut failures);
    if !failures.is_empty() {
        return Err(failures);
    }
    let ordered = |found: &&String| expectation.names.iter().any(|name| name.as_str() == *found);
    Ok(Proof {
        sha256: leaf.sha256,
        public_key_sha256: leaf.public_key_sha256,
        serial: leaf.serial.clone(),
        issuer: leaf.issuer.clone(),
        names: leaf.names.clone(),
        extra_names: leaf.names.iter().filter(|found| !ordered(found)).cloned().collect(),
        not_before: leaf.not_before,
        not_after: leaf.not_after,
    })
}

fn check_names(leaf: &Certificate, names: &[DomainName], failures: &mut Vec<ProofFailure>) {
    for name in names {
        if !leaf.names.iter().any(|found| found == name.as_str()) {
            failures
                .push(ProofFailure::MissingName { name: name.clone(), found: leaf.names.clone() });
        }
    }
}

fn check_times(certificates: &[&Certificate], now: Timestamp, failures: &mut Vec<ProofFailure>) {
    for (index, certificate) in certificates.iter().enumerate() {
        let (position, subject) = (index + 1, certificate.subject.clone());
        if now < certificate.not_before {
            let not_before = certificate.not_before;
            failures.push(ProofFailure::NotYetValid { position, subject, not_before, now });
        } else if now > certificate.not_after {
            let not_after = certificate.not_after;
            failures.push(ProofFailure::Expired { position, subject, not_after, now });
        }
    }
}

fn check_path(certificates: &[&Certificate], failures: &mut Vec<ProofFailure>) {
    if let [leaf] = certificates {
        failures.push(ProofFailure::NoIssuer { issuer: leaf.issuer.clone() });
    }
    for (index, pair) in certificates.windows(2).enumerate() {
        let [certificate, next] = pair else { continue };
        let position = index + 1;
        let subject = certificate.subject.clone();
        let issuer = certificate.issuer.clone();
        if certificate.names_as_issuer(next) {
            match certificate.signature_by(next) {
                Signature::Good => {}
                Signature::Bad => {
                    failures.push(ProofFailure::BadSignature { position, subject, issuer });
                }
                Signature::Unknown => {
                    failures.push(ProofFailure::UnknownSignature { position, subject });
                }
            }
        } else {
            let stands_at = certificates
                .iter()
                .position(|other| certificate.names_as_issuer(other))
                .map(|index| index + 1);
            let found = next.subject.clone();
            failures.push(ProofFailure::WrongIssuer {
                position,
                subject,
                issuer,
                found,
                stands_at,
            });
        }
        if !next.is_ca {
            let subject = next.subject.clone();
            failures.push(ProofFailure::IssuerNotCa { position: position + 1, subject });
        }
    }
}

fn elsewhere(stands_at: Option<usize>) -> String {
    stands_at.map_or_else(String::new, |position| format!("; the issuer stands at {position}"))
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(LISTED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
