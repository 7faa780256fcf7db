//! `x509.create_csr`: a private key and a certificate request, on disk before anything is ordered.
//!
//! A run's key is made once. Whoever runs the step again gets the same key: a second one would
//! leave the first order without.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::blocking::blocking;
use super::{ActionCall, Result, fail, success};
use crate::files::{
    FileErrorKind, FileMode, create_private_directory, remove_interrupted, write_new,
};
use crate::pki::{CertificateRequest, KeyType, PrivateKey, create_csr as make_request};
use crate::run::{ErrorKind, Outcome};
use crate::types::{DomainName, Rest, printable};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    key_type: String,
    common_name: DomainName,
    dns_names: Vec<DomainName>,
    reuse_key: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Output {
    csr: String,
    key_file: PathBuf,
    csr_file: PathBuf,
    key_type: String,
    public_key_sha256: String,
    reused_key: bool,
    names: Vec<DomainName>,
}

pub(super) async fn create_csr(key_directory: &Path, call: &ActionCall) -> Result<Outcome> {
    let mut parameters: Parameters = super::parameters(call)?;
    parameters.reuse_key = parameters.reuse_key.map(|path| call.directory.join(path));
    let folder = key_directory.join(call.run.as_str());
    let step = call.step.clone();
    // No more keys at a time than there are cores: more would only make each other wait.
    let _core = a_core().await;
    // An RSA key takes long enough to hold the other runs up.
    blocking("making the key", move || create(&folder, step.as_str(), &parameters)).await
}

/// Waits for a core, and rests meanwhile.
async fn a_core() -> Option<SemaphorePermit<'static>> {
    static CORES: OnceLock<Semaphore> = OnceLock::new();
    let cores = CORES.get_or_init(|| {
        Semaphore::new(std::thread::available_parallelism().map_or(2, NonZero::get))
    });
    if let Ok(core) = cores.try_acquire() {
        return Some(core);
    }
    let (_rest, mark) = Rest::begin();
    drop(mark);
    // The semaphore is never closed, so there is no other error to tell of.
    cores.acquire().await.ok()
}

fn create(folder: &Path, step: &str, parameters: &Parameters) -> Result<Outcome> {
    let key_file = folder.join(format!("{step}.key.pem"));
    let csr_file = folder.join(format!("{step}.csr.pem"));
    let key_type = KeyType::parse(&parameters.key_type)
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
    create_private_directory(folder).or_else(file_fault)?;
    // Half a step before a crash may have left a key that is nobody's.
    remove_interrupted(folder).or_else(file_fault)?;
    let former = parameters.reuse_key.as_deref();
    let former = former.map(|path| former_key(path, key_type)).transpose()?;
    let reused_key = former.is_some();
    let key = key(&key_file, key_type, former)?;
    let request = request(&csr_file, &key, parameters)?;
    Ok(success(&Output {
        csr: request.pem().to_owned(),
        key_file,
        csr_file,
        key_type: key.key_type().as_str().to_owned(),
        public_key_sha256: key.public_key_sha256().to_string(),
        reused_key,
        names: request.names().to_vec(),
    }))
}

/// The key that is to be used again, if it is of the kind that is wanted.
fn former_key(path: &Path, key_type: KeyType) -> Result<PrivateKey> {
    let shown = printable(&path.display().to_string());
    let Some(key) = stored_key(path)? else {
        return fail(ErrorKind::File, format!("there is no key in `{shown}` to be used again"));
    };
    if key.key_type() != key_type {
        let message = format!(
            "the key in `{shown}` is `{}`, and `key_type` wants `{key_type}`",
            key.key_type()
        );
        return fail(ErrorKind::Value, message);
    }
    Ok(key)
}

/// The run's key: the one on disk, or the former one or a new one, on disk when this returns.
fn key(path: &Path, key_type: KeyType, former: Option<PrivateKey>) -> Result<PrivateKey> {
    if let Some(key) = stored_key(path)? {
        let differs = |former: &PrivateKey| former.public_key_sha256() != key.public_key_sha256();
        if former.as_ref().is_some_and(differs) {
            let message = format!(
                "the run has another key already, in `{}`; a new run can use the former one",
                path.display()
            );
            return fail(ErrorKind::Conflict, message);
        }
        return Ok(key);
    }
    let key = former
        .map_or_else(|| PrivateKey::generate(key_type), Ok)
        .or_else(|error| fail(ErrorKind::Internal, error.to_string()))?;
    match write_new(path, key.to_pem().as_bytes(), FileMode::Private) {
        Ok(()) => Ok(key),
        Err(error) if error.kind == FileErrorKind::AlreadyExists => match stored_key(path)? {
            Some(key) => Ok(key),
            None => file_fault(error),
        },
        Err(error) => file_fault(error),
    }
}

fn stored_key(path: &Path) -> Result<Option<PrivateKey>> {
    match read(path)? {
        None => Ok(None),
        Some(text) => match PrivateKey::from_pem(&zeroize::Zeroizing::new(text)) {
            Ok(key) => Ok(Some(key)),
            Err(error) => {
                fail(ErrorKind::File, format!("the key in `{}`: {error}", path.display()))
            }
        },
    }
}

/// The run's request: the one on disk, or a new one that is on disk when this returns.
fn request(path: &Path, key: &PrivateKey, parameters: &Parameters) -> Result<CertificateRequest> {
    if let Some(request) = stored_request(path, key)? {
        return Ok(request);
    }
    let request = make_request(key, &parameters.common_name, &parameters.dns_names)
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
    match write_new(path, request.pem().as_bytes(), FileMode::Private) {
        Ok(()) => Ok(request),
        Err(error) if error.kind == FileErrorKind::AlreadyExists => {
            match stored_request(path, key)? {
                Some(request) => Ok(request),
                None => file_fault(error),
            }
        }
        Err(error) => file_fault(error),
    }
}

fn stored_request(path: &Path, key: &PrivateKey) -> Result<Option<CertificateRequest>> {
    let Some(text) = read(path)? else { return Ok(None) };
    let request = CertificateRequest::from_pem(&text).or_else(|error| {
        fail(ErrorKind::File, format!("the request in `{}`: {error}", path.display()))
    })?;
    if request.public_key_sha256() != key.public_key_sha256() {
        let message = format!("the request in `{}` is of another key", path.display());
        return fail(ErrorKind::Conflict, message);
    }
    Ok(Some(request))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => fail(ErrorKind::File, format!("cannot read `{}`: {error}", path.display())),
    }
}

fn file_fault<T>(error: crate::files::FileError) -> Result<T> {
    fail(ErrorKind::File, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Call;
    use crate::types::{RunId, StepId};
    use serde_json::json;
    use std::collections::BTreeSet;

    fn call(run: u64) -> ActionCall {
        let parameters = json!({
            "key_type": "ec-p256", "common_name": "www.example.com", "dns_names": ["example.com"],
        });
        ActionCall {
            run: RunId::from_random(run),
            step: StepId::parse("key").unwrap(),
            uses: "x509.create_csr".to_owned(),
            call: Call::Perform,
            parameters: parameters.as_object().unwrap().clone().into(),
            directory: PathBuf::new(),
            owned_by_others: BTreeSet::new(),
            unfinished_runs: std::sync::Arc::default(),
            keys: Vec::new(),
            order: None,
        }
    }

    #[tokio::test]
    async fn a_step_that_runs_again_returns_the_same_key_and_request() {
        let directory = tempfile::tempdir().unwrap();
        let first = create_csr(directory.path(), &call(1)).await.unwrap();
        let second = create_csr(directory.path(), &call(1)).await.unwrap();
        assert!(matches!(first, Outcome::Succeeded { .. }), "{first:?}");
        assert_eq!(first, second);
        let other = create_csr(directory.path(), &call(2)).await.unwrap();
        assert_ne!(first, other);
    }

    #[test]
    fn attempts_that_overlap_end_with_the_same_key_and_request() {
        let directory = tempfile::tempdir().unwrap();
        let call = call(1);
        let parameters: Parameters = super::super::parameters(&call).unwrap();
        let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
            let attempt = || create(directory.path(), "key", &parameters).unwrap();
            let attempts: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    }

    fn reusing(run: u64, path: &Path, key_type: &str) -> ActionCall {
        let mut call = call(run);
        std::sync::Arc::make_mut(&mut call.parameters).insert("reuse_key".to_owned(), json!(path));
        std::sync::Arc::make_mut(&mut call.parameters)
            .insert("key_type".to_owned(), json!(key_type));
        call
    }

    fn output(outcome: Result<Outcome>) -> serde_json::Map<String, serde_json::Value> {
        super::super::testing::output(outcome)
    }

    #[tokio::test]
    async fn a_former_key_is_used_again_only_when_it_is_asked_for_and_is_kept_with_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let first = output(create_csr(directory.path(), &call(1)).await);
        assert_eq!(first["reused_key"], json!(false));
        let key = PathBuf::from(first["key_file"].as_str().unwrap());
        let again = reusing(2, &key, "ec-p256");
        let second = output(create_csr(directory.path(), &again).await);
        assert_eq!(second["public_key_sha256"], first["public_key_sha256"]);
        assert_eq!(second["reused_key"], json!(true));
        assert_ne!(second["key_file"], first["key_file"]);
        assert_eq!(second, output(create_csr(directory.path(), &again).await));
    }

    #[tokio::test]
    async fn a_former_key_that_does_not_fit_is_refused_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let first = output(create_csr(directory.path(), &call(1)).await);
        let key = PathBuf::from(first["key_file"].as_str().unwrap());
        let missing = directory.path().join("missing.pem");
        let csr = PathBuf::from(first["csr_file"].as_str().unwrap());
        for (path, key_type, reason) in [
            (&key, "rsa-2048", "is `ec-p256`, and `key_type` wants `rsa-2048`"),
            (&missing, "ec-p256", "missing.pem` to be used again"),
            (&csr, "ec-p256", "CERTIFICATE REQUEST"),
        ] {
            let call = reusing(2, path, key_type);
            let outcome = create_csr(directory.path(), &call).await;
            let (error, _) = super::super::testing::failure(outcome);
            assert!(error.message.contains(reason), "{}", error.message);
            let folder = directory.path().join(RunId::from_random(2).as_str());
            assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
        }
        // A run that has made a key of its own keeps it.
        let _ = output(create_csr(directory.path(), &call(3)).await);
        let outcome = create_csr(directory.path(), &reusing(3, &key, "ec-p256")).await;
        let (error, _) = super::super::testing::failure(outcome);
        assert!(error.message.starts_with("the run has another key already"), "{}", error.message);
    }

    #[tokio::test]
    async fn a_key_file_that_holds_rubbish_is_an_error_and_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join(RunId::from_random(1).as_str());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("key.key.pem"), "rubbish").unwrap();
        let outcome = create_csr(directory.path(), &call(1)).await.unwrap_err();
        assert!(matches!(*outcome, Outcome::Failed { .. }), "{outcome:?}");
        assert_eq!(std::fs::read_to_string(folder.join("key.key.pem")).unwrap(), "rubbish");
    }
}
