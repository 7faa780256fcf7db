//! `regfish.download`: fetches the certificate, proves it, and only then puts the set in place.
//!
//! What does not stand the proof replaces nothing: not a file that is live, not a link.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::desk::CertificateDesk;
use super::{certificate_id, give_up, watch};
use crate::action::blocking::blocking;
use crate::action::installation::{Installed, Wanted, WrittenFile};
use crate::action::{ActionCall, Result, fail, parameters, success, within_the_folder};
use crate::api::http::ErrorKind as ApiErrorKind;
use crate::api::regfish::RegfishClient;
use crate::pki::{Chain, Expectation, PrivateKey, Proof, prove};
use crate::plan::PEM_FILES;
use crate::run::{ErrorKind, Observation, Outcome};
use crate::types::{CertificateId, DomainName, Secret, Timestamp};

/// What it takes beside the parameters of [`Wanted`].
#[derive(Debug, Deserialize)]
struct Parameters {
    certificate_id: String,
    key: PathBuf,
    names: Option<Vec<DomainName>>,
    directory: String,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    certificate_id: &'a CertificateId,
    directory: PathBuf,
    certificate_file: PathBuf,
    chain_file: PathBuf,
    fullchain_file: PathBuf,
    key_file: PathBuf,
    formats: Vec<WrittenFile>,
    set: String,
    previous_set: Option<String>,
    removed_sets: Vec<String>,
    not_removed: Option<String>,
    serial_number: String,
    sha256: String,
    valid_from: Timestamp,
    valid_until: Timestamp,
    names: Vec<String>,
}

pub(in crate::action) async fn download(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    passphrase: Option<&Secret>,
    now: Timestamp,
    call: &ActionCall,
) -> Result<Outcome> {
    let wanted: Parameters = parameters(call)?;
    let id = certificate_id(&wanted.certificate_id)?;
    let installation = Wanted::of(&call.parameters)?.prepare(&PEM_FILES, passphrase).await?;
    // Where it goes is settled before anything is fetched.
    let directory = within_the_folder(call, &wanted.directory)?;
    let key = call.directory.join(&wanted.key);
    let names = match wanted.names {
        Some(names) => names,
        None => ordered_names(client, desk, &id).await?,
    };
    let pem = match client.download_pem(&id).await {
        Ok(pem) => pem,
        // This happens even after "issued" with the PEM announced (contract A.10).
        Err(error) if matches!(error.kind, ApiErrorKind::NotReady { .. }) => {
            let summary = "the download is not ready yet (409)".to_owned();
            let observation = Observation { summary, ..Observation::default() };
            return Ok(Outcome::NotYet { observation });
        }
        Err(error) => return Err(give_up(error)),
    };
    blocking("writing the certificate", move || {
        let key = load_key(&key)?;
        let chain = Chain::from_pem(&pem)
            .or_else(|error| fail(ErrorKind::Proof, format!("what was downloaded: {error}")))?;
        let expectation =
            Expectation { public_key_sha256: key.public_key_sha256(), names: &names, now };
        let proof = prove(&chain, &expectation).or_else(|failures| {
            let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
            let message =
                format!("the downloaded certificate is not the one: {}", texts.join("; "));
            fail(ErrorKind::Proof, message)
        })?;
        let installed = installation.install(&directory, &set_name(&proof), &chain, &key, true)?;
        Ok(success(&output(&id, directory, proof, installed)))
    })
    .await
}

/// The day from which a certificate is valid, and its serial number.
pub(in crate::action) fn set_name(proof: &Proof) -> String {
    let digits = proof.serial.chars().filter(char::is_ascii_hexdigit);
    format!("{}-{}", proof.not_before.strftime("%Y%m%d"), digits.take(16).collect::<String>())
}

fn output(
    id: &CertificateId,
    directory: PathBuf,
    proof: Proof,
    installed: Installed,
) -> Output<'_> {
    let [cert, chain, fullchain, privkey] = PEM_FILES.map(|file| directory.join(file));
    Output {
        certificate_id: id,
        directory,
        certificate_file: cert,
        chain_file: chain,
        fullchain_file: fullchain,
        key_file: privkey,
        formats: installed.formats,
        set: installed.set.name,
        previous_set: installed.set.previous,
        removed_sets: installed.removed.names,
        not_removed: installed.removed.fault.map(|error| error.to_string()),
        serial_number: proof.serial,
        sha256: proof.sha256.to_string(),
        valid_from: proof.not_before,
        valid_until: proof.not_after,
        names: proof.names,
    }
}

async fn ordered_names(
    client: &RegfishClient,
    desk: Option<&CertificateDesk>,
    id: &CertificateId,
) -> Result<Vec<DomainName>> {
    let certificate = match desk.and_then(|desk| desk.listed(id)) {
        Some(listed) if listed.common_name.is_some() => listed,
        _ => watch::read(client, id).await?,
    };
    let names = certificate.common_name.iter().chain(&certificate.dns_names);
    let names: Vec<DomainName> = names
        .map(|name| DomainName::parse(name))
        .collect::<std::result::Result<_, _>>()
        .or_else(|error| fail(ErrorKind::Unreadable, format!("the names of `{id}`: {error}")))?;
    if names.is_empty() {
        let message = format!("the API does not say for which names `{id}` is; give `names`");
        return fail(ErrorKind::Unreadable, message);
    }
    Ok(names)
}

pub(in crate::action) async fn read_key(path: &Path) -> Result<PrivateKey> {
    let path = path.to_owned();
    blocking("reading the key", move || load_key(&path)).await
}

fn load_key(path: &Path) -> Result<PrivateKey> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).or_else(|error| {
        fail(ErrorKind::File, format!("cannot read the key `{shown}`: {error}"))
    })?;
    PrivateKey::from_pem(&zeroize::Zeroizing::new(text))
        .or_else(|error| fail(ErrorKind::File, format!("the key in `{shown}`: {error}")))
}
