//! Reading a secret where the plan says it is kept; from here on it is a [`Secret`].
//!
//! It is read when it is needed and goes nowhere but to the caller: errors name the place, never
//! what was found there.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Component, Path};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::plan::SecretSource;
use crate::types::{Secret, format_duration, printable, shorten};

/// A command that prints a secret may ask a person to unlock something.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// No key or passphrase is longer, and a file that is was named by mistake.
const LONGEST_SECRET: usize = 4096;

/// Where systemd puts the credentials of a service (systemd.exec, `LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Why a secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable.
    #[error("the environment variable `{name}` is not set")]
    NotSet {
        /// Its name.
        name: String,
    },
    /// It cannot be read from where it should be.
    #[error("{origin} {reason}")]
    Unreadable {
        /// The place.
        origin: String,
        /// Why, as the rest of a sentence.
        reason: String,
    },
}

/// Reads a secret. Line breaks at its end are dropped; other white space is part of it.
///
/// Fails when there is none, when it is empty, longer than 4096 bytes, or no text.
pub async fn read_secret(source: &SecretSource) -> Result<Secret, SecretError> {
    let origin = origin(source);
    let fail = |reason: String| SecretError::Unreadable { origin: origin.clone(), reason };
    let bytes = match source {
        SecretSource::Env(name) => match std::env::var_os(name) {
            None => return Err(SecretError::NotSet { name: name.clone() }),
            Some(value) => Zeroizing::new(value.into_encoded_bytes()),
        },
        SecretSource::File(path) => read_file(Path::new(path)).map_err(fail)?,
        SecretSource::Credential(name) => read_credential(name).map_err(fail)?,
        SecretSource::Command(command) => run_command(command).await.map_err(fail)?,
    };
    if bytes.len() > LONGEST_SECRET {
        return Err(fail(format!("holds more than {LONGEST_SECRET} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| fail("holds no text".to_owned()))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.trim().is_empty() {
        return Err(fail("is empty".to_owned()));
    }
    Ok(Secret::new(text.to_owned()))
}

fn origin(source: &SecretSource) -> String {
    let shown = |text: &str| shorten(&printable(text), 120);
    match source {
        SecretSource::Env(name) => format!("the variable `{}`", shown(name)),
        SecretSource::File(path) => format!("the file `{}`", shown(path)),
        SecretSource::Credential(name) => format!("the credential `{}`", shown(name)),
        // Arguments may say more than messages should.
        SecretSource::Command(command) => {
            format!("the command `{}`", shown(command.first().map_or("", String::as_str)))
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_SECRET + 1));
    let limit = LONGEST_SECRET as u64 + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn read_credential(name: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut parts = Path::new(name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err("has a name that is no file name".to_owned());
    }
    let Some(folder) = std::env::var_os(CREDENTIALS_DIRECTORY) else {
        return Err(format!(
            "cannot be found: `{CREDENTIALS_DIRECTORY}` is not set; systemd sets it for services \
             with `LoadCredential=`"
        ));
    };
    read_file(&Path::new(&folder).join(OsStr::new(name)))
}

/// Runs a command without a shell. Its error output goes to the terminal and into no message: it
/// may hold the secret.
async fn run_command(command: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("has no words".to_owned());
    };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_SECRET + 1));
    let work = async {
        if let Some(stdout) = child.stdout.take() {
            // One byte more than allowed shows that there is too much.
            stdout.take(LONGEST_SECRET as u64 + 1).read_to_end(&mut bytes).await?;
        }
        child.wait().await
    };
    let status = match tokio::time::timeout(COMMAND_TIMEOUT, work).await {
        Err(_) => return Err(format!("did not end within {}", format_duration(COMMAND_TIMEOUT))),
        Ok(Err(error)) => return Err(format!("broke off: {error}")),
        Ok(Ok(status)) => status,
    };
    // Whoever prints too much is ended by a closed pipe; that is not the reason to tell.
    if status.success() || bytes.len() > LONGEST_SECRET {
        return Ok(bytes);
    }
    Err(format!("ended with {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[tokio::test]
    async fn a_secret_loses_the_line_break_at_its_end_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, " pass word \r\n").unwrap();
        let file = SecretSource::File(path.display().to_string());
        assert_eq!(read_secret(&file).await.unwrap().reveal(), " pass word ");
        let printed = command(&["printf", "%s\\n", "a  b"]);
        assert_eq!(read_secret(&printed).await.unwrap().reveal(), "a  b");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_without_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            SecretSource::File(path.display().to_string())
        };
        for (source, reason) in [
            (write("empty", b"\n"), "is empty"),
            (write("long", &[b'x'; 5000]), "holds more than 4096 bytes"),
            (write("bytes", b"hunter2\xff"), "holds no text"),
            (SecretSource::File("/nowhere/at/all".to_owned()), "cannot be read: No such file"),
            (SecretSource::Env("CERTPLAN_NO_SUCH_VARIABLE".to_owned()), "is not set"),
            (SecretSource::Credential("../hunter2".to_owned()), "is no file name"),
            (command(&["false"]), "ended with exit status: 1"),
            (command(&["yes"]), "holds more than 4096 bytes"),
            (command(&["/nowhere/program", "hunter2"]), "cannot be started"),
        ] {
            let error = read_secret(&source).await.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("hunter2") || error.contains("../hunter2"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_never_ends_is_ended() {
        let error = read_secret(&command(&["sleep", "1000"])).await.unwrap_err();
        assert!(error.to_string().ends_with("did not end within 1m"), "{error}");
    }
}
