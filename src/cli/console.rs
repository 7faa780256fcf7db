//! `Console`: the one place that prints.

use std::io::{IsTerminal, Write};

use super::error::CliError;
use super::exit::ExitCode;
use crate::report::Style;

/// Standard output for data, standard error for talk.
#[derive(Debug, Clone)]
pub(super) struct Console {
    out: Style,
    talk: Style,
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
            .with_writer(std::io::stderr)
            .with_ansi(colours(&std::io::stderr()))
            .try_init();
        Self {
            out: Style::new(colours(&std::io::stdout())),
            talk: Style::new(colours(&std::io::stderr())),
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

    /// Writes a line of data. A reader that has gone away has seen enough.
    pub(super) fn data(&self, line: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// Writes a line of talk.
    pub(super) fn talk(&self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// Writes a value as JSON.
    pub(super) fn json(&self, value: &impl serde::Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CliError::failure(format!("the result is no JSON: {error}")))?;
        self.data(&text);
        Ok(())
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

/// Colours are for terminals whose owner does not object (`NO_COLOR`, `CLICOLOR_FORCE`).
fn colours(stream: &(impl IsTerminal + anstream::stream::RawStream)) -> bool {
    anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never
}
