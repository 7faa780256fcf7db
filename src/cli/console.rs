//! `Console`: the one place that prints.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::CliError;
use super::exit::ExitCode;
use crate::report::Style;

/// Standard output for data, standard error for talk.
#[derive(Debug, Clone)]
pub(super) struct Console {
    out: Style,
    talk: Style,
    /// What is drawn again and again at the bottom of standard error.
    frame: Arc<Mutex<Vec<String>>>,
    /// Why data could not be written, the first time that this was so.
    unwritten: Arc<Mutex<Option<String>>>,
}

impl Console {
    /// Sets logging up too: `-v` shows requests, `-vv` more; `CERTPLAN_LOG` has the last word.
    pub(super) fn new(verbose: u8) -> Self {
        let default = match verbose {
            0 => "off",
            1 => "certplan=debug",
            2 => "certplan=trace",
            _ => "certplan=trace,hyper=debug,reqwest=debug,hickory_server=debug",
        };
        let filter = tracing_subscriber::EnvFilter::builder()
            .with_default_directive(tracing::level_filters::LevelFilter::OFF.into())
            .parse_lossy(std::env::var("CERTPLAN_LOG").unwrap_or_else(|_| default.to_owned()));
        // A second console in one process, as in tests, keeps the first one's logging.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(colours(&io::stderr()))
            .try_init();
        Self {
            out: Style::new(colours(&io::stdout())),
            talk: Style::new(colours(&io::stderr())),
            frame: Arc::default(),
            unwritten: Arc::default(),
        }
    }

    /// The style of standard output.
    pub(super) fn out_style(&self) -> Style {
        self.out
    }

    /// The style of standard error.
    pub(super) fn talk_style(&self) -> Style {
        self.talk
    }

    /// The room for a line of data, in columns. What is no terminal has room for everything.
    pub(super) fn out_width(&self) -> usize {
        width(io::stdout())
    }

    /// The same for a line of talk.
    pub(super) fn talk_width(&self) -> usize {
        width(io::stderr())
    }

    /// Whether talk can be drawn over.
    pub(super) fn can_draw(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        io::stderr().is_terminal() && !dumb
    }

    /// Writes a line of data. A reader that has gone away has seen enough; any other fault is said
    /// at the end ([`Self::conclude`]), so that it hides nothing.
    pub(super) fn data(&self, line: &str) {
        self.note(writeln!(io::stdout().lock(), "{line}"));
    }

    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            // A fault is whole after every statement.
            let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            unwritten.get_or_insert_with(|| error.to_string());
        }
    }

    /// The exit code of a command that came to this one, once its data is written: when that could
    /// not be done, nobody must take it for a success.
    pub(super) fn conclude(&self, code: ExitCode) -> ExitCode {
        self.note(io::stdout().flush());
        let unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(reason) = unwritten else { return code };
        let lost = CliError::failure(format!("cannot write to standard output: {reason}"));
        let lost = self.fail(&lost.hint("what was done stands; `certplan status` lists the runs"));
        if code == ExitCode::Success { lost } else { code }
    }

    /// Writes a line of talk, above what is drawn.
    pub(super) fn talk(&self, line: &str) {
        let frame = self.frame();
        let mut text = erasure(frame.len());
        text.push_str(line);
        text.push('\n');
        write_frame(text, &frame);
    }

    /// Draws lines at the bottom of standard error, in the place of those that were drawn before.
    /// They must fit into the width of the terminal.
    pub(super) fn draw(&self, lines: Vec<String>) {
        let mut frame = self.frame();
        let text = erasure(frame.len());
        *frame = lines;
        write_frame(text, &frame);
    }

    fn frame(&self) -> MutexGuard<'_, Vec<String>> {
        // A frame is whole after every statement.
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a value as JSON.
    pub(super) fn json(&self, value: &impl serde::Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CliError::failure(format!("the result is no JSON: {error}")))?;
        self.data(&text);
        Ok(())
    }

    /// Says what went wrong beside what was asked for.
    pub(super) fn warn(&self, error: &CliError) {
        self.talk(&format!("{} {}", self.talk.waiting("warning:"), error.message));
        for hint in &error.hints {
            self.talk(&format!("{} {hint}", self.talk.strong("hint:")));
        }
    }

    /// Says what went wrong and what may help.
    pub(super) fn fail(&self, error: &CliError) -> ExitCode {
        self.talk(&format!("{} {}", self.talk.bad("error:"), error.message));
        for hint in &error.hints {
            self.talk(&format!("{} {hint}", self.talk.strong("hint:")));
        }
        error.code
    }
}

/// Terminals that do not tell their width get this one.
const USUAL_WIDTH: usize = 80;

/// One less than a terminal has, since some wrap when the last column is written.
fn width(stream: impl IsTerminal + std::os::fd::AsFd) -> usize {
    if !stream.is_terminal() {
        return usize::MAX;
    }
    let size = terminal_size::terminal_size_of(stream);
    size.map_or(USUAL_WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns))
        .saturating_sub(1)
}

/// Up to the first of so many lines, and everything below it away.
fn erasure(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\u{1b}[{lines}F\u{1b}[J") }
}

fn write_frame(mut text: String, frame: &[String]) {
    for line in frame {
        text.push_str(line);
        text.push('\n');
    }
    // One write, so that nothing can come between. A reader that has gone away has seen enough.
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Colours are for terminals whose owner does not object (`NO_COLOR`, `CLICOLOR_FORCE`).
fn colours(stream: &(impl IsTerminal + anstream::stream::RawStream)) -> bool {
    anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never
}
