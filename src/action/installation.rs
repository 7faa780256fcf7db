//! `Installation`: what actions that put files into a folder have in common: which files in which
//! encodings, to whom they belong, and how many former sets stay.
//!
//! Everything that can be wrong with it is found out before an order is placed ([`settle_in`]).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::blocking::blocking;
use super::{ActionCall, Result, fail, secret};
use crate::files::{
    Access, CertificateSet, ClaimError, FileMode, InstalledSet, Removed, SetFile, claim,
    remove_oldest, resolve_within,
};
use crate::pki::{Chain, Encryption, Export, PrivateKey};
use crate::plan::{FileFormat, PEM_FILES, SecretSource};
use crate::run::{Destination, ErrorKind};
use crate::types::{Secret, printable, shorten};

/// The parameters of an action that puts files into a folder. All may be missing: before the run
/// has come to the step, not all is known.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    formats: Vec<WantedFile>,
    owner: Option<String>,
    group: Option<String>,
    key_mode: String,
    certificate_mode: String,
    keep: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            formats: Vec::new(),
            owner: None,
            group: None,
            key_mode: "0600".to_owned(),
            certificate_mode: "0644".to_owned(),
            keep: 5,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedFile {
    format: FileFormat,
    file: Option<String>,
    passphrase: Option<SecretSource>,
    alias: Option<String>,
}

/// A file as other steps read of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct WrittenFile {
    format: &'static str,
    file: PathBuf,
}

impl WrittenFile {
    /// Its name without the folder.
    pub(super) fn name(&self) -> String {
        self.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// What is ready to be put into a folder once the certificate is there.
pub(super) struct Installation {
    exports: Vec<(FileFormat, String, Export)>,
    access: Access,
    keep: usize,
}

/// What became of it.
pub(super) struct Installed {
    pub(super) set: InstalledSet,
    pub(super) formats: Vec<WrittenFile>,
    pub(super) removed: Removed,
}

impl Wanted {
    /// Reads what the parameters say, those of other concerns left aside.
    pub(super) fn of(parameters: &serde_json::Map<String, serde_json::Value>) -> Result<Self> {
        serde_json::from_value(serde_json::Value::Object(parameters.clone())).or_else(|error| {
            fail(ErrorKind::Internal, format!("what is to be written misfits: {error}"))
        })
    }

    /// Looks everything up that is only named: users, groups, passphrases.
    ///
    /// `besides` are the files that the set has anyway; `stand_in` is the passphrase of all files in
    /// an imitated world.
    pub(super) async fn prepare(
        &self,
        besides: &[&str],
        stand_in: Option<&Secret>,
    ) -> Result<Installation> {
        let access = Access::resolve(
            self.owner.as_deref(),
            self.group.as_deref(),
            &self.key_mode,
            &self.certificate_mode,
        )
        .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
        let mut exports: Vec<(FileFormat, String, Export)> = Vec::new();
        for wanted in &self.formats {
            let name = wanted.file.as_deref().unwrap_or_else(|| wanted.format.default_file());
            let shown = shorten(&printable(name), 60);
            let taken = exports.iter().any(|(_, taken, _)| taken == name);
            if taken || besides.contains(&name) {
                let message = format!("`formats` names the file `{shown}`, which is there already");
                return fail(ErrorKind::Value, message);
            }
            CertificateSet::check_file_name(name)
                .or_else(|error| fail(ErrorKind::Value, format!("`formats`: {error}")))?;
            let export = wanted.export(stand_in).await?;
            export
                .check()
                .or_else(|error| fail(ErrorKind::Value, format!("the file `{shown}`: {error}")))?;
            exports.push((wanted.format, name.to_owned(), export));
        }
        Ok(Installation { exports, access, keep: self.keep })
    }
}

impl WantedFile {
    async fn export(&self, stand_in: Option<&Secret>) -> Result<Export> {
        let word = self.format.as_str();
        let passphrase = match (&self.passphrase, stand_in) {
            (None, _) => None,
            (Some(_), Some(stand_in)) => Some(stand_in.clone()),
            (Some(source), None) => Some(secret(source).await?),
        };
        let protected = |passphrase: Option<Secret>| match passphrase {
            Some(passphrase) => Ok(passphrase),
            None => fail(ErrorKind::Value, format!("the format `{word}` needs a `passphrase`")),
        };
        let pkcs12 = |encryption, passphrase| {
            Ok(Export::Pkcs12 {
                encryption,
                passphrase: protected(passphrase)?,
                alias: self.alias.clone().unwrap_or_else(|| "certificate".to_owned()),
            })
        };
        let export = match self.format {
            FileFormat::Pkcs12 => return pkcs12(Encryption::Modern, passphrase),
            FileFormat::Pkcs12Legacy => return pkcs12(Encryption::Legacy, passphrase),
            FileFormat::KeyEncrypted => Export::EncryptedKey { passphrase: protected(passphrase)? },
            _ if passphrase.is_some() => {
                let message = format!("the format `{word}` is not encrypted: no `passphrase` fits");
                return fail(ErrorKind::Value, message);
            }
            FileFormat::CertificateDer => Export::CertificateDer,
            FileFormat::KeyDer => Export::KeyDer,
            FileFormat::Fullchain => Export::Fullchain,
            FileFormat::Combined => Export::Combined,
        };
        match &self.alias {
            Some(_) => fail(ErrorKind::Value, format!("the format `{word}` has no `alias`")),
            None => Ok(export),
        }
    }
}

impl Installation {
    /// The names of the files that it writes.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.exports.iter().map(|(_, name, _)| name.as_str())
    }

    /// Writes a set and makes it the current one of `directory`; then the oldest go. With `pem`, the
    /// four files are in it that every download brings.
    ///
    /// Blocks on the disk, and on purpose on the derivation of keys from passphrases.
    pub(super) fn install(
        &self,
        directory: &Path,
        set_name: &str,
        chain: &Chain,
        key: &PrivateKey,
        pem: bool,
    ) -> Result<Installed> {
        let mut contents = Vec::new();
        if pem {
            contents.extend(pem_contents(chain, key));
        }
        for (_, name, export) in &self.exports {
            let bytes = export
                .encode(chain, key)
                .or_else(|error| fail(ErrorKind::Internal, format!("`{name}`: {error}")))?;
            let mode = if export.holds_key() { FileMode::Private } else { FileMode::Public };
            contents.push(Content { name, bytes, mode, export: Some(export) });
        }
        let is_same: Vec<_> = contents
            .iter()
            .map(|content| {
                content.export.map(|export| move |found: &[u8]| export.is_same(found, chain, key))
            })
            .collect();
        let files: Vec<SetFile<'_>> = contents
            .iter()
            .zip(&is_same)
            .map(|(content, is_same)| SetFile {
                name: content.name,
                bytes: &content.bytes,
                mode: content.mode,
                is_same: is_same.as_ref().map(|is_same| is_same as _),
            })
            .collect();
        let set = CertificateSet { files: &files, access: self.access }
            .install(directory, set_name)
            .or_else(|error| fail(ErrorKind::File, error.to_string()))?;
        // The new set is current whatever becomes of the old ones.
        let removed = remove_oldest(directory, self.keep)
            .or_else(|error| fail(ErrorKind::File, error.to_string()))?;
        let formats = self
            .exports
            .iter()
            .map(|(format, name, _)| WrittenFile {
                format: format.as_str(),
                file: directory.join(name),
            })
            .collect();
        Ok(Installed { set, formats, removed })
    }
}

/// A file that is ready to be written.
struct Content<'a> {
    name: &'a str,
    bytes: Zeroizing<Vec<u8>>,
    mode: FileMode,
    /// What it was made by, when it is not one of the four that every download brings.
    export: Option<&'a Export>,
}

fn pem_contents(chain: &Chain, key: &PrivateKey) -> [Content<'static>; 4] {
    let text = |text: String| Zeroizing::new(text.into_bytes());
    let key = Zeroizing::new(key.to_pem().as_bytes().to_vec());
    let [cert, issuers, fullchain, privkey] = PEM_FILES;
    let content = |name, bytes, mode| Content { name, bytes, mode, export: None };
    [
        content(cert, text(chain.leaf_pem()), FileMode::Public),
        content(issuers, text(chain.chain_pem()), FileMode::Public),
        content(fullchain, text(chain.fullchain_pem()), FileMode::Public),
        content(privkey, key, FileMode::Private),
    ]
}

/// What stands in the way of the files is found before money is spent: a folder of another target, a
/// foreign file, an unknown user, a passphrase that nobody gives.
pub(super) async fn settle_in(
    stand_in: Option<&Secret>,
    call: &ActionCall,
    destinations: &[Destination],
) -> Result<()> {
    for Destination { folder, target, parameters, brings_pem } in destinations {
        let folder = resolve_within(&call.directory, folder)
            .or_else(|error| fail(ErrorKind::Value, error.to_string()))?;
        let besides: &[&str] = if *brings_pem { &PEM_FILES } else { &[] };
        let installation = Wanted::of(parameters)?.prepare(besides, stand_in).await?;
        let target = target.clone();
        blocking("looking at the folder", move || {
            let besides: &[&str] = besides;
            let files: Vec<&str> = besides.iter().copied().chain(installation.files()).collect();
            claim(&folder, &target, &files).or_else(|error| match error {
                ClaimError::File(error) => fail(ErrorKind::File, error.to_string()),
                error => fail(ErrorKind::Conflict, format!("before the order: {error}")),
            })?;
            installation
                .access
                .check(&folder)
                .or_else(|error| fail(ErrorKind::File, format!("before the order: {error}")))
        })
        .await?;
    }
    Ok(())
}
