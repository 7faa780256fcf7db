//! `plans/issue-and-deploy.yaml` against a web server in the test, which may read its certificate
//! again or not; and every byte that actions with secrets leave behind.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::{COMMON_NAME, Finished, Project, shipped_plan};

/// A TLS server that reads its certificate anew for each connection.
struct WebServer {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
}

impl WebServer {
    fn start(certificate: PathBuf, key: PathBuf) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Before the first certificate there is none to show.
                let Some(acceptor) = acceptor(&certificate, &key) else { continue };
                let _ = acceptor.accept(stream).await;
            }
        });
        Self { runtime, address }
    }

    fn inputs(&self) -> [String; 2] {
        let (host, port) = (self.address.ip(), self.address.port());
        [format!("host={host}"), format!("port={port}")]
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Option<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificate).ok()?.collect::<Result<_, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_file(key).ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()?;
    Some(TlsAcceptor::from(Arc::new(config)))
}

fn deploy(project: &Project, server: &WebServer, more: &[&str]) -> Finished {
    let plan = shipped_plan("issue-and-deploy.yaml");
    let [host, port] = server.inputs();
    let mut arguments =
        vec!["run", &plan, "--sandbox", "--really-act", "--input", &host, "--input", &port];
    arguments.extend(["--input", "reload=[touch, reloaded]"]);
    arguments.extend(more);
    project.run(&arguments)
}

fn set_of(project: &Project, link: &str) -> Option<PathBuf> {
    std::fs::read_link(live(project).join(link)).ok()
}

fn live(project: &Project) -> PathBuf {
    project.path().join(".certplan/sandbox/files/certs").join(COMMON_NAME)
}

#[test]
fn a_server_that_serves_the_new_certificate_ends_the_run_well() {
    let project = Project::new();
    let folder = live(&project);
    let server = WebServer::start(folder.join("fullchain.pem"), folder.join("privkey.pem"));
    let run = deploy(&project, &server, &[]).expect_code(0);
    let run = run.expect_talk("serves it, with 2 certificates in all").expect_talk("as expected");
    assert!(project.path().join(".certplan/sandbox/files/reloaded").exists(), "{run}");
    drop(server.runtime);
}

#[test]
fn a_server_that_serves_another_certificate_gets_the_former_one_back() {
    let project = Project::new();
    let folder = live(&project);
    // This one never reads again what it read: its files are copies of the first set.
    let copies = tempfile::tempdir().unwrap();
    let (certificate, key) = (copies.path().join("a.pem"), copies.path().join("b.pem"));
    let server = WebServer::start(folder.join("fullchain.pem"), folder.join("privkey.pem"));
    // It ends sooner than the one that comes after it.
    let _ = deploy(&project, &server, &["--input", "validity_days=90"]).expect_code(0);
    let first = set_of(&project, "current").unwrap();
    std::fs::copy(folder.join("fullchain.pem"), &certificate).unwrap();
    std::fs::copy(folder.join("privkey.pem"), &key).unwrap();
    let stubborn = WebServer::start(certificate.clone(), key.clone());
    let run = deploy(&project, &stubborn, &["--again"]).expect_code(1);
    let run = run.expect_talk("serves a certificate for www.example.com");
    let run = run.expect_talk("is current again, in place of");
    let run = run.expect_talk("the web server does not serve the new certificate");
    assert_eq!(set_of(&project, "current"), Some(first.clone()));
    // What stands at the end is what is there: the paths lead to the former certificate.
    assert!(run.stdout.contains("not this certificate but the former one"), "{run}");
    let runs = project.runs();
    let failed = runs.iter().find(|run| run["phase"] == "failed").unwrap().clone();
    let id = failed["id"].as_str().unwrap();
    let explained = project.run(&["explain", id]).expect_code(0);
    assert!(explained.stdout.contains("puts the new certificate in place first"), "{explained}");
    // Mended, it reads what is there.
    for (copy, live) in [(&certificate, "fullchain.pem"), (&key, "privkey.pem")] {
        std::fs::remove_file(copy).unwrap();
        std::os::unix::fs::symlink(folder.join(live), copy).unwrap();
    }
    let resumed = project.run(&["resume", id, "--really-act"]).expect_code(0);
    let resumed = resumed.expect_talk("done again: `back` has taken it back");
    let resumed = resumed.expect_talk("serves it, with 2 certificates in all");
    assert!(!resumed.stdout.contains("the former one"), "{resumed}");
    let new = set_of(&project, "current").unwrap();
    assert_ne!(new, first);
    assert_eq!(set_of(&project, "previous"), Some(first));
    // Under the same id, and nothing was ordered.
    assert_eq!(project.runs().len(), runs.len());
    let events = project.events(id);
    let bound = events.iter().filter(|event| event["kind"]["type"] == "certificate_bound").count();
    assert_eq!(bound, 1, "{events:?}");
    // By hand it goes the other way, too.
    let path = folder.display().to_string();
    let rolled = project.run(&["rollback", &path]).expect_code(0);
    assert_ne!(set_of(&project, "current"), Some(new), "{rolled}");
    // From then on everything tells of what is in place, and how the newer one comes back.
    let forward = format!("certplan rollback {} --to", folder.display());
    let listed = project.run(&["list", "--sandbox"]).expect_code(0);
    let _ = listed.expect_data("an older one is in place").expect_data(&forward);
    let _ = project.run(&["explain", id]).expect_code(0).expect_data(&forward);
    let _ = project.run(&["doctor"]).expect_code(0).expect_data(&forward);
    let _ = project.run(&["rollback", "."]).expect_code(2).expect_talk("no set is current");
    drop((server.runtime, stubborn.runtime));
}

#[test]
fn in_the_sandbox_nothing_outside_of_it_is_touched_unless_it_is_wanted() {
    let project = Project::new();
    let plan = shipped_plan("issue-and-deploy.yaml");
    let arguments = ["run", &plan, "--sandbox", "--input", "reload=[touch, reloaded]"];
    let run = project.run(&arguments).expect_code(0);
    let run = run.expect_talk("imitated: `touch` ended with exit status: 0");
    let run = run.expect_talk("imitated: www.example.com at 127.0.0.1:443 serves it");
    assert!(!project.path().join(".certplan/sandbox/files/reloaded").exists(), "{run}");
    // Nobody knows what this server would say.
    project.write(
        "ask.yaml",
        "certplan: 1\nname: ask\nsteps:\n  - id: ask\n    uses: http.request\n    with: { url: \
         \"https://tickets.invalid/\", secret_headers: { a: { env: NOBODY_SETS_THIS } }, captures: { \
         id: json.id } }\n  - id: told\n    uses: http.request\n    with: { url: \
         \"https://tickets.invalid/\", method: PUT, expect_status: [204] }\n",
    );
    let run = project.run(&["run", "ask.yaml", "--sandbox"]).expect_code(1);
    let run = run.expect_talk("`captures` needs an answer that the sandbox cannot know");
    let _ = run.expect_talk("imitated: https://tickets.invalid answered 204");
    let usage = project.run(&["run", "ask.yaml", "--really-act"]).expect_code(2);
    let _ = usage.expect_talk("--sandbox");
}

const SECRET: &str = "s3cret-4711-0815-that-stands-nowhere";

#[test]
fn no_action_with_a_secret_leaves_it_anywhere() {
    // A server that answers with everything that it was sent.
    let echo = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/", echo.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = echo.accept().unwrap();
        let mut buffer = vec![0; 8192];
        let length = stream.read(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let token = text.lines().find_map(|line| line.strip_prefix("x-token: ")).unwrap();
        write!(
            stream,
            "HTTP/1.1 200 {token}\r\nx-echo: {token}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{token}",
            token.len()
        )
        .unwrap();
        token.to_owned()
    });
    let plan = format!(
        "certplan: 1
name: secrets
steps:
  - id: ask
    uses: http.request
    with:
      url: {url}
      secret_headers:
        x-token: {{ command: [printenv, HOLDER] }}
      captures: {{ text: text, headers: headers }}
  - id: say
    uses: command.run
    with:
      argv: [sh, -c, \"echo $TOKEN; echo $OTHER >&2\"]
      secret_environment:
        TOKEN: {{ env: HOLDER }}
        OTHER: {{ credential: other }}
  - id: fail
    uses: command.run
    needs: [say]
    with:
      argv: [sh, -c, \"echo $TOKEN >&2; exit 1\"]
      secret_environment: {{ TOKEN: {{ env: HOLDER }} }}
    on_failure: continue
"
    );
    let (project, credentials) = (Project::new(), tempfile::tempdir().unwrap());
    std::fs::write(credentials.path().join("other"), format!("{SECRET}\n")).unwrap();
    project.write("plan.yaml", plan);
    for (arguments, code) in [
        (&["check", "plan.yaml", "-vvv"][..], 0),
        (&["preview", "plan.yaml", "-vvv", "--output", "json"], 0),
        (&["run", "plan.yaml", "-vvv", "--output", "json"], 0),
        (&["show", "-vvv", "--output", "json"], -1),
        (&["status", "-vvv", "--output", "json"], 0),
    ] {
        let mut command = project.command(arguments);
        command
            .env("HOLDER", SECRET)
            .env("PATH", "/usr/bin:/bin")
            .env("CREDENTIALS_DIRECTORY", credentials.path());
        let finished = crate::harness::finish(command);
        for text in [&finished.stdout, &finished.stderr] {
            assert!(!text.contains(SECRET), "{arguments:?}:\n{finished}");
        }
        if arguments[0] == "run" {
            assert!(finished.stderr.contains("ask"), "{finished}");
        }
        assert!(code < 0 || arguments[0] == "run" || finished.code == code, "{finished}");
    }
    assert_eq!(server.join().unwrap(), SECRET);
    let run = project.runs()[0]["id"].as_str().unwrap().to_owned();
    let events = project.events(&run);
    let said = serde_json::to_string(&events).unwrap();
    assert!(said.contains("\"stdout\":\"***\"") && said.contains("\"stderr\":\"***\""), "{said}");
    assert!(said.contains("\"text\":\"***\""), "{said}");
    project.expect_nowhere(SECRET);
}
