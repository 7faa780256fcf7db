//! `Project`: a sealed folder in which the real program runs; `World`: a sandbox inside of the
//! test; `Gate`: a wire between the two that can be held.
//!
//! Nothing in here sleeps: whoever waits, waits for a line, for the end of a process or for a
//! message.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use certplan::api::http::{BaseUrl, Connection};
use certplan::api::regfish::{DcvMethod, OrderRequest, RegfishClient};
use certplan::pki::{KeyType, PrivateKey, create_csr};
use certplan::sandbox::{
    Fault, LoggedRequest, LookPhase, OrderSnapshot, Sandbox, SandboxOptions, Timing,
};
use certplan::types::{Clock, DomainName, Secret, SystemClock, Timestamp, VirtualClock};
use serde_json::Value;

use crate::event_schema;

/// The certificate that the shipped plans order when nothing else is said.
pub(crate) const COMMON_NAME: &str = "www.example.com";

/// The key that a [`World`] accepts. Long and odd, so that it is found wherever it leaks.
pub(crate) const API_KEY: &str = "rf.integration-0123456789abcdef=";

/// Longer than any command takes; reached only when the program hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a process is looked at while something else is waited for.
const GLANCE: Duration = Duration::from_millis(20);

/// The DNS server of the world behind each base URL.
static RESOLVERS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// The base URL of a sandbox in a process of its own; commands for it find its DNS server, too.
pub(crate) fn address_of(sandbox: &mut Running) -> String {
    let mut value = |name: &str| {
        let line = sandbox.wait_for(name);
        line.trim_start_matches(name).to_owned()
    };
    let (base_url, resolver) = (value("REGFISH_BASE_URL="), value("CERTPLAN_RESOLVER="));
    RESOLVERS.lock().unwrap().insert(base_url.clone(), resolver);
    base_url
}

/// The address of the DNS server of the world behind a base URL.
pub(crate) fn resolver_of(base_url: &str) -> String {
    RESOLVERS.lock().unwrap()[base_url].clone()
}

/// A temporary project folder; commands see no environment but their own.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// What a command did.
#[must_use]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// The result as JSON, for commands that were given `--output json`.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// The value of a line `NAME  VALUE` of standard output.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> String {
        let value =
            |line: &str| Some(line.strip_prefix(name)?.strip_prefix(' ')?.trim().to_owned());
        self.stdout
            .lines()
            .find_map(value)
            .unwrap_or_else(|| panic!("there is no `{name}` in:\n{self}"))
    }

    /// Fails unless the program ended with this code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Fails unless standard error holds this text.
    #[track_caller]
    pub(crate) fn expect_talk(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in:\n{self}");
        self
    }

    /// Fails unless standard output holds this text.
    #[track_caller]
    pub(crate) fn expect_data(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "`{text}` is not in:\n{self}");
        self
    }

    /// Fails if anything stands on standard output.
    #[track_caller]
    pub(crate) fn expect_no_data(self) -> Self {
        assert_eq!(self.stdout, "", "{self}");
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(formatter, "code: {code}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Project {
    /// An empty project.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, in the folder, in an empty environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_certplan"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            // A bare machine: it trusts no CA, and so nobody on the network either.
            .env("SSL_CERT_FILE", "/dev/null")
            .env("SSL_CERT_DIR", "/dev/null")
            // Nobody listens there: no test asks the machine's own resolver.
            .env("CERTPLAN_RESOLVER", "127.0.0.1:1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Like [`Project::command`], with the address and the key of an API in the environment.
    pub(crate) fn command_for(&self, base_url: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("REGFISH_BASE_URL", base_url).env("REGFISH_API_KEY", API_KEY);
        if let Some(resolver) = RESOLVERS.lock().unwrap().get(base_url) {
            command.env("CERTPLAN_RESOLVER", resolver);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments))
    }

    /// Runs the program to its end, against an API.
    pub(crate) fn run_for(&self, base_url: &str, arguments: &[&str]) -> Finished {
        finish(self.command_for(base_url, arguments))
    }

    /// The events of a run, as they are recorded.
    pub(crate) fn events(&self, run: &str) -> Vec<Value> {
        let finished = self.run(&["events", run]).expect_code(0);
        let events: Vec<Value> =
            finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        events.iter().for_each(event_schema::check_value);
        events
    }

    /// All runs, the newest first, as `status --output json` shows them.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let runs = self.run(&["status", "--output", "json"]).expect_code(0).json();
        runs.as_array().unwrap().clone()
    }

    /// The ids of the orders that the project's embedded sandbox holds, as its file tells.
    pub(crate) fn embedded_orders(&self) -> BTreeSet<String> {
        let path = self.path().join(".certplan/sandbox/world.json");
        let text = std::fs::read_to_string(path).unwrap();
        let mut ids = BTreeSet::new();
        for line in text.lines().skip(1) {
            // What was cut off in the middle of a line was never answered.
            let Ok(commit) = serde_json::from_str::<Value>(line) else { continue };
            collect_orders(&commit, &mut ids);
        }
        ids
    }

    /// Every file in the folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(self.path(), &mut files);
        files
    }

    /// Fails if `text` stands in any file of the folder, or in a file's name.
    #[track_caller]
    pub(crate) fn expect_nowhere(&self, text: &str) {
        for path in self.files() {
            assert!(!path.display().to_string().contains(text), "`{text}` is in {path:?}");
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "`{text}` is in {}", path.display());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() || path.is_file() {
            if path.is_file() {
                files.push(path);
            }
        } else {
            collect(&path, files);
        }
    }
}

/// An order in the sandbox's file is what has a CSR.
fn collect_orders(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if map.contains_key("csr") {
                ids.insert(map["id"].as_str().unwrap().to_owned());
            }
            map.values().for_each(|value| collect_orders(value, ids));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_orders(value, ids)),
        _ => {}
    }
}

/// The ids of all certificates, asked for as any program would.
pub(crate) fn listed_certificates(base_url: &str) -> Vec<String> {
    let address = base_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /tls/certificate HTTP/1.1\r\nhost: {address}\r\nx-api-key: {API_KEY}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let certificates = body["response"].as_array().unwrap();
    certificates.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Finished {
    command.output().unwrap().into()
}

/// A plan that ships with the program.
pub(crate) fn shipped_plan(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name);
    path.to_str().unwrap().to_owned()
}

/// The text of a plan that ships, with the shortest pauses that a plan may have.
pub(crate) fn impatient_plan(name: &str) -> String {
    let text = std::fs::read_to_string(shipped_plan(name)).unwrap();
    let text = text
        .replace("every: 15s", "every: 1s")
        .replace("every: 10s", "every: 1s")
        .replace("every: 30s", "every: 1s")
        .replace("{ timeout:", "{ every: 1s, timeout:");
    assert!(text.contains("every: 1s"));
    // What names a folder is the download.
    let folder = text.find("      directory:").unwrap();
    let place = text[..folder].rfind("    with:").unwrap();
    format!("{}    poll: {{ every: 1s, timeout: 1m }}\n{}", &text[..place], &text[place..])
}

/// A process that runs on while the test goes on. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    readers: Vec<JoinHandle<()>>,
    stdout: Arc<Mutex<Vec<u8>>>,
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// Starts the command and reads along.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = Arc::new(Mutex::new(Vec::new()));
        let readers = vec![
            read_lines(child.stderr.take().unwrap(), sender.clone(), None),
            read_lines(child.stdout.take().unwrap(), sender, Some(Arc::clone(&stdout))),
        ];
        let _stdin = child.stdin.take();
        Self { child, lines, seen: Vec::new(), readers, stdout, _stdin }
    }

    /// Waits until there has been a line that holds `text`, on either stream, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("`{text}` never came:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Waits until `condition` holds and looks at it now and then; false when it ended before.
    pub(crate) fn wait_until(&mut self, condition: impl Fn() -> bool) -> bool {
        while !condition() {
            if self.is_over() {
                return false;
            }
            self.seen.extend(self.lines.recv_timeout(GLANCE));
        }
        true
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL: no last words.
    pub(crate) fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let text = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &text]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Finished {
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.seen.extend(self.lines.try_iter());
        let stdout = String::from_utf8(self.stdout.lock().unwrap().clone()).unwrap();
        let talk = self.seen.iter().filter(|line| !stdout.contains(line.as_str()));
        Finished {
            code: status.code().unwrap_or(-1),
            stderr: talk.map(|line| format!("{line}\n")).collect(),
            stdout,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(
    stream: impl Read + Send + 'static,
    sender: Sender<String>,
    copy: Option<Arc<Mutex<Vec<u8>>>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some(copy) = &copy {
                let mut copy = copy.lock().unwrap();
                copy.extend_from_slice(line.as_bytes());
                copy.push(b'\n');
            }
            // The test may have seen enough.
            let _ = sender.send(line);
        }
    })
}

/// A sandbox in the test's own process, with a clock that stands still until it is moved, for real
/// programs outside. The CA looks every second of that clock, and every name that was proved
/// before is issued at the next request.
pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    sandbox: Option<Sandbox>,
    clock: VirtualClock,
}

impl World {
    /// A world in which the CA needs no time, once there is a record.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world whose clock runs, and in which the CA looks all the time.
    pub(crate) fn live() -> Self {
        Self::with(|options| {
            options.clock = Arc::new(SystemClock);
            options.timing.looks[0].every = Duration::from_millis(5);
        })
    }

    /// A world that is adjusted before it starts.
    pub(crate) fn with(adjust: impl FnOnce(&mut SandboxOptions)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = VirtualClock::starting_at(Timestamp::now());
        let mut options = SandboxOptions::embedded(Arc::new(clock.clone()));
        options.api_key = Secret::new(API_KEY.to_owned());
        options.downloads_refused = 0;
        options.timing = Timing {
            looks: vec![LookPhase {
                every: Duration::from_secs(1),
                lasting: Duration::from_secs(86_400),
            }],
            validation_after: Duration::ZERO,
            vetting: Duration::ZERO,
            ..Timing::published()
        };
        adjust(&mut options);
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let resolver = sandbox.dns_address().to_string();
        RESOLVERS.lock().unwrap().insert(sandbox.base_url(), resolver);
        Self { runtime, sandbox: Some(sandbox), clock }
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    /// Where it answers.
    pub(crate) fn base_url(&self) -> String {
        self.sandbox().base_url()
    }

    /// Lets time pass: what comes due is done at the next request.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance_to(self.clock.now() + Duration::from_secs(seconds));
    }

    /// All orders.
    pub(crate) fn orders(&self) -> Vec<OrderSnapshot> {
        self.sandbox().controls().orders()
    }

    /// The only order.
    #[track_caller]
    pub(crate) fn only_order(&self) -> OrderSnapshot {
        let [order] = self.orders().try_into().unwrap();
        order
    }

    /// All requests.
    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.sandbox().controls().requests()
    }

    /// Makes something go wrong from now on.
    pub(crate) fn add_fault(&self, fault: Fault) {
        self.sandbox().controls().add_fault(fault);
    }

    /// A person completes an order in the Console.
    pub(crate) fn complete_in_console(&self, id: &str, organization: &str) {
        self.runtime
            .block_on(self.sandbox().controls().complete_in_console(id, organization))
            .unwrap();
    }

    /// The CA rejects an order.
    pub(crate) fn reject(&self, id: &str) {
        self.runtime.block_on(self.sandbox().controls().reject(id)).unwrap();
    }

    /// Somebody else puts a record.
    pub(crate) fn add_foreign_record(&self, name: &str, kind: &str, data: &str) {
        let name = DomainName::parse(name).unwrap();
        self.runtime
            .block_on(self.sandbox().controls().add_foreign_record(&name, kind, data))
            .unwrap();
    }

    /// Orders as another program would, with a key of its own, and returns the id.
    pub(crate) fn order_elsewhere(&self, sku: &str, name: &str) -> String {
        let name = DomainName::parse(name).unwrap();
        let key = PrivateKey::generate(KeyType::EcP256).unwrap();
        let order = OrderRequest {
            sku: sku.to_owned(),
            csr: create_csr(&key, &name, &[]).unwrap().pem().to_owned(),
            common_name: name,
            dns_names: Vec::new(),
            dcv_method: DcvMethod::DnsCnameToken,
            dcv_emails: Vec::new(),
            org_id: None,
            renewal_of: None,
            validity_days: None,
        };
        let base_url = BaseUrl::parse(&self.base_url()).unwrap();
        let key = Secret::new(API_KEY.to_owned());
        let client = RegfishClient::new(Connection::regfish(base_url, key)).unwrap();
        self.runtime.block_on(client.create_certificate(&order)).unwrap().id.to_string()
    }

    /// Fails if any order was made or sent.
    #[track_caller]
    pub(crate) fn expect_nothing_ordered(&self) {
        assert_eq!(self.orders(), []);
        let posted = |request: &&LoggedRequest| request.method == "POST";
        let posts: Vec<LoggedRequest> = self.requests().iter().filter(posted).cloned().collect();
        assert_eq!(posts, []);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

/// A wire to a server. It passes everything on, but keeps one chosen request back, at a moment of
/// its choice.
pub(crate) struct Gate {
    base_url: String,
    held: Receiver<()>,
    release: Sender<()>,
}

/// Where on its way a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It was sent, and the server has not heard of it.
    BeforeItArrives,
    /// The server has done the work, and nobody has heard of it yet.
    BeforeTheAnswer,
    /// Half of the first piece of the answer was passed on.
    AmidTheAnswer,
}

impl Gate {
    /// Holds the answer to the first request whose first line contains `request`, such as
    /// `POST /tls/certificate `.
    pub(crate) fn holding(server: &str, request: &str) -> Self {
        Self::holding_at(Moment::BeforeTheAnswer, server, request)
    }

    /// Holds the first request whose first line contains `request` at a moment.
    pub(crate) fn holding_at(moment: Moment, server: &str, request: &str) -> Self {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let mut resolvers = RESOLVERS.lock().unwrap();
        if let Some(resolver) = resolvers.get(&format!("http://{server}")).cloned() {
            resolvers.insert(base_url.clone(), resolver);
        }
        drop(resolvers);
        let (say_held, held) = channel();
        let (release, released) = channel();
        let hold = Hold { moment, request: request.to_owned(), say_held, released };
        let hold = Arc::new(Mutex::new(Some(hold)));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { return };
                let hold = Arc::clone(&hold);
                std::thread::spawn(move || pass_on(client, server, &hold));
            }
        });
        Self { base_url, held, release }
    }

    /// Where it listens.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until the chosen request is held.
    #[track_caller]
    pub(crate) fn wait_until_held(&self) {
        self.held.recv_timeout(PATIENCE).unwrap();
    }

    /// Waits until the chosen request is held, or until whoever was to send it has ended without;
    /// returns whether it is held.
    pub(crate) fn wait_until_held_or_over(&self, running: &mut Running) -> bool {
        while self.held.recv_timeout(GLANCE).is_err() {
            if running.is_over() {
                return false;
            }
        }
        true
    }

    /// Passes it on after all.
    pub(crate) fn release(&self) {
        self.release.send(()).unwrap();
    }
}

struct Hold {
    moment: Moment,
    request: String,
    say_held: Sender<()>,
    released: Receiver<()>,
}

impl Hold {
    /// Says that the request is held and waits; false when the test is over.
    fn wait(&self) -> bool {
        self.say_held.send(()).is_ok() && self.released.recv().is_ok()
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, hold: &Mutex<Option<Hold>>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        // One request at a time is under way on a connection, so its beginning begins a piece.
        let length = client.read(&mut buffer).unwrap_or(0);
        let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let first_line = head.lines().next().unwrap_or_default();
        let held = hold.lock().unwrap().take_if(|hold| first_line.contains(&hold.request));
        let at = |moment: Moment| held.as_ref().filter(|hold| hold.moment == moment);
        if at(Moment::BeforeItArrives).is_some_and(|hold| !hold.wait()) {
            return;
        }
        if length == 0 || server.write_all(&buffer[..length]).is_err() {
            let _ = server.shutdown(Shutdown::Both);
            return;
        }
        if !is_whole(&mut client, &mut server, &mut buffer, length) {
            return;
        }
        let length = server.read(&mut buffer).unwrap_or(0);
        if at(Moment::BeforeTheAnswer).is_some_and(|hold| !hold.wait()) {
            return;
        }
        let mut passed = 0;
        if let Some(hold) = at(Moment::AmidTheAnswer) {
            passed = length / 2;
            if client.write_all(&buffer[..passed]).is_err() || !hold.wait() {
                return;
            }
        }
        if !answer(&mut client, &mut server, &mut buffer, passed, length) {
            return;
        }
    }
}

/// Passes on the rest of a request of which `length` bytes have been passed on.
fn is_whole(
    client: &mut TcpStream,
    server: &mut TcpStream,
    buffer: &mut [u8],
    length: usize,
) -> bool {
    let mut missing = missing(&buffer[..length]);
    while missing > 0 {
        let length = client.read(buffer).unwrap_or(0);
        if length == 0 || server.write_all(&buffer[..length]).is_err() {
            return false;
        }
        missing = missing.saturating_sub(length);
    }
    true
}

/// Passes on an answer of which `length` bytes have been read and `passed` of these passed on.
fn answer(
    client: &mut TcpStream,
    server: &mut TcpStream,
    buffer: &mut [u8],
    passed: usize,
    length: usize,
) -> bool {
    let mut missing = missing(&buffer[..length]);
    let (mut passed, mut length) = (passed, length);
    loop {
        if length == 0 || client.write_all(&buffer[passed..length]).is_err() {
            return false;
        }
        if missing == 0 {
            return true;
        }
        passed = 0;
        length = server.read(buffer).unwrap_or(0);
        missing = missing.saturating_sub(length);
    }
}

/// How much of a message's body is still to come.
fn missing(message: &[u8]) -> usize {
    let text = String::from_utf8_lossy(message).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return 0 };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |text| text.trim().parse::<usize>().unwrap()).saturating_sub(body.len())
}
