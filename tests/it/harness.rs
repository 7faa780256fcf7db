//! `Project`: a sealed folder in which the real program runs; `World`: a sandbox inside of the
//! test; `Gate`: a wire between the two that can be held.
//!
//! Nothing in here sleeps: whoever waits, waits for a line, for the end of a process or for a
//! message.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use certplan::sandbox::{
    Fault, LoggedRequest, LookPhase, OrderSnapshot, Sandbox, SandboxOptions, Timing,
};
use certplan::types::{Clock, DomainName, Secret, Timestamp, VirtualClock};
use serde_json::Value;

/// The certificate that the shipped plans order when nothing else is said.
pub const COMMON_NAME: &str = "www.example.com";

/// The key that a [`World`] accepts. Long and odd, so that it is found wherever it leaks.
pub const API_KEY: &str = "rf.integration-0123456789abcdef=";

/// Longer than any command takes; reached only when the program hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary project folder; commands see no environment but their own.
pub struct Project {
    folder: tempfile::TempDir,
}

/// What a command did.
#[must_use]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The result as JSON, for commands that were given `--output json`.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// The value of a line `NAME  VALUE` of standard output.
    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        let value =
            |line: &str| Some(line.strip_prefix(name)?.strip_prefix(' ')?.trim().to_owned());
        self.stdout
            .lines()
            .find_map(value)
            .unwrap_or_else(|| panic!("there is no `{name}` in:\n{self}"))
    }

    /// Fails unless the program ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Fails unless standard error holds this text.
    #[track_caller]
    pub fn expect_talk(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in:\n{self}");
        self
    }

    /// Fails unless standard output holds this text.
    #[track_caller]
    pub fn expect_data(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "`{text}` is not in:\n{self}");
        self
    }

    /// Fails if anything stands on standard output.
    #[track_caller]
    pub fn expect_no_data(self) -> Self {
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
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, in the folder, in an empty environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_certplan"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Like [`Project::command`], with the address and the key of an API in the environment.
    pub fn command_for(&self, base_url: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("REGFISH_BASE_URL", base_url).env("REGFISH_API_KEY", API_KEY);
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments))
    }

    /// Runs the program to its end, against an API.
    pub fn run_for(&self, base_url: &str, arguments: &[&str]) -> Finished {
        finish(self.command_for(base_url, arguments))
    }

    /// The events of a run, as they are recorded.
    pub fn events(&self, run: &str) -> Vec<Value> {
        let finished = self.run(&["events", run]).expect_code(0);
        finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// All runs, the newest first, as `status --output json` shows them.
    pub fn runs(&self) -> Vec<Value> {
        let runs = self.run(&["status", "--output", "json"]).expect_code(0).json();
        runs.as_array().unwrap().clone()
    }

    /// Every file in the folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(self.path(), &mut files);
        files
    }

    /// Fails if `text` stands in any file of the folder, or in a file's name.
    #[track_caller]
    pub fn expect_nowhere(&self, text: &str) {
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

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Finished {
    command.output().unwrap().into()
}

/// A plan that ships with the program.
pub fn shipped_plan(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name);
    path.to_str().unwrap().to_owned()
}

/// The text of a plan that ships, with the shortest pauses that a plan may have.
pub fn impatient_plan(name: &str) -> String {
    let text = std::fs::read_to_string(shipped_plan(name)).unwrap();
    let text = text.replace("every: 15s", "every: 1s").replace("every: 30s", "every: 1s");
    assert!(text.contains("every: 1s"));
    text
}

/// A process that runs on while the test goes on. Killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    readers: Vec<JoinHandle<()>>,
    stdout: Arc<Mutex<Vec<u8>>>,
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// Starts the command and reads along.
    pub fn start(mut command: Command) -> Self {
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

    /// Waits for a line that holds `text`, of either stream, and returns it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
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

    /// SIGKILL: no last words.
    pub fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let text = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &text]).status().unwrap().success());
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Finished {
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
pub struct World {
    runtime: tokio::runtime::Runtime,
    sandbox: Option<Sandbox>,
    clock: VirtualClock,
}

impl World {
    /// A world in which the CA needs no time, once there is a record.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world that is adjusted before it starts.
    pub fn with(adjust: impl FnOnce(&mut SandboxOptions)) -> Self {
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
        Self { runtime, sandbox: Some(sandbox), clock }
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    /// Where it answers.
    pub fn base_url(&self) -> String {
        self.sandbox().base_url()
    }

    /// Lets time pass: what comes due is done at the next request.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance_to(self.clock.now() + Duration::from_secs(seconds));
    }

    /// All orders.
    pub fn orders(&self) -> Vec<OrderSnapshot> {
        self.sandbox().orders()
    }

    /// The only order.
    #[track_caller]
    pub fn only_order(&self) -> OrderSnapshot {
        let [order] = self.orders().try_into().unwrap();
        order
    }

    /// The orders for a name.
    pub fn orders_for(&self, name: &str) -> Vec<OrderSnapshot> {
        self.orders().into_iter().filter(|order| order.common_name == name).collect()
    }

    /// All requests.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.sandbox().requests()
    }

    /// Makes something go wrong from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.sandbox().add_fault(fault);
    }

    /// A person completes an order in the Console.
    pub fn complete_in_console(&self, id: &str, organization: &str) {
        self.runtime.block_on(self.sandbox().complete_in_console(id, organization)).unwrap();
    }

    /// Somebody else puts a record.
    pub fn add_foreign_record(&self, name: &str, kind: &str, data: &str) {
        let name = DomainName::parse(name).unwrap();
        self.runtime.block_on(self.sandbox().add_foreign_record(&name, kind, data)).unwrap();
    }

    /// Fails if any order was made or sent.
    #[track_caller]
    pub fn expect_nothing_ordered(&self) {
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

/// A wire to a server. It passes everything on, but keeps the answer to one chosen request for
/// itself: the server has done the work, and nobody will ever hear of it.
pub struct Gate {
    base_url: String,
    held: Receiver<()>,
}

impl Gate {
    /// Holds the answer to the first request that begins with `request`, such as
    /// `POST /tls/certificate `.
    pub fn holding(server: &str, request: &str) -> Self {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, held) = channel();
        let chosen = Arc::new(Mutex::new(Some((request.to_owned(), sender))));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { return };
                let chosen = Arc::clone(&chosen);
                std::thread::spawn(move || pass_on(client, server, &chosen));
            }
        });
        Self { base_url, held }
    }

    /// Where it listens.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until the server has answered the chosen request.
    #[track_caller]
    pub fn wait_until_held(&self) {
        self.held.recv_timeout(PATIENCE).unwrap();
    }
}

type Chosen = Mutex<Option<(String, Sender<()>)>>;

fn pass_on(mut client: TcpStream, mut server: TcpStream, chosen: &Chosen) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        // One request at a time is under way on a connection, so its beginning begins a piece.
        let length = client.read(&mut buffer).unwrap_or(0);
        if length == 0 || server.write_all(&buffer[..length]).is_err() {
            let _ = server.shutdown(Shutdown::Both);
            return;
        }
        let held = {
            let mut chosen = chosen.lock().unwrap();
            let is_it = |(request, _): &mut (String, Sender<()>)| {
                buffer[..length].starts_with(request.as_bytes())
            };
            chosen.take_if(is_it)
        };
        if !is_whole(&mut client, &mut server, &mut buffer, length) {
            return;
        }
        let length = server.read(&mut buffer).unwrap_or(0);
        if let Some((_, sender)) = held {
            sender.send(()).unwrap();
            // Until the client is gone.
            let _ = client.read(&mut buffer);
            return;
        }
        if !answer(&mut client, &mut server, &mut buffer, length) {
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

/// Passes on an answer of which `length` bytes have been read.
fn answer(
    client: &mut TcpStream,
    server: &mut TcpStream,
    buffer: &mut [u8],
    length: usize,
) -> bool {
    let mut missing = missing(&buffer[..length]);
    let mut length = length;
    loop {
        if length == 0 || client.write_all(&buffer[..length]).is_err() {
            return false;
        }
        if missing == 0 {
            return true;
        }
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
