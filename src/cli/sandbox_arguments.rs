//! What can be typed after `certplan sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::sandbox::{Envelope, Share};
use crate::types::{Timestamp, parse_duration};

#[derive(Debug, Args)]
pub(super) struct SandboxArguments {
    /// The address to listen on; loopback only, port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8484")]
    pub(super) listen: SocketAddr,

    /// The address of the DNS server, UDP and TCP; loopback only
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(super) dns_listen: SocketAddr,

    /// The address of the control port; loopback only [default: a free port of loopback]
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:0",
        hide_default_value = true
    )]
    pub(super) control_listen: SocketAddr,

    /// Let other machines reach it. It protects nothing: whoever reaches it may do everything
    #[arg(long)]
    pub(super) beyond_loopback: bool,

    /// What is there at first, what goes wrong and what happens: a scenario file
    #[arg(long, value_name = "FILE")]
    pub(super) scenario: Option<PathBuf>,

    /// Keep the orders in this file, so that they are there again after a restart
    #[arg(long, value_name = "FILE")]
    pub(super) state_file: Option<PathBuf>,

    /// Write the root certificate of the sandbox's CA to this file
    #[arg(long, value_name = "FILE")]
    pub(super) root_file: Option<PathBuf>,

    /// The API key to accept; it protects nothing
    #[arg(long, value_name = "TEXT", default_value = "sandbox.key")]
    pub(super) key: String,

    /// The key that the imitated DigiCert accepts; it protects nothing
    #[arg(long, value_name = "TEXT", default_value = "sandbox.digicert.key")]
    pub(super) digicert_key: String,

    /// How fast the CA works [default: quick; with `--virtual-clock`: published]
    #[arg(long, value_enum)]
    pub(super) speed: Option<Speed>,

    /// Time passes only when the control port is told to let it pass
    #[arg(long)]
    pub(super) virtual_clock: bool,

    /// When the virtual clock begins [default: now, or what the scenario says]
    #[arg(long, value_name = "TIME", requires = "virtual_clock")]
    pub(super) start: Option<Timestamp>,

    /// Make ids and tokens, and random faults, the same in every run
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,

    /// Let so many requests go wrong, such as `5%`; the seed is printed
    #[arg(long, value_name = "SHARE")]
    pub(super) random_faults: Option<Share>,

    /// Lags of the name servers, one for each, such as `0s,5m`
    #[arg(long, value_name = "DURATION", value_delimiter = ',', value_parser = duration)]
    pub(super) name_servers: Option<Vec<Duration>>,

    /// Refuse what exceeds the published rate limits
    #[arg(long)]
    pub(super) limits: bool,

    /// Which of the seen envelopes answers come in
    #[arg(long, value_enum)]
    pub(super) envelope: Option<EnvelopeWord>,

    /// How the vendor behaves where nothing is published, such as `zip=not_found`; the manual of the
    /// sandbox lists the switches
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) behaviour: Vec<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Speed {
    /// Everything takes seconds
    Quick,
    /// As the CA publishes it: minutes, then longer
    Published,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EnvelopeWord {
    /// Each as it was seen
    AsSeen,
    /// A code always, a message never
    Coded,
    /// A message with every refusal, a code never
    Worded,
}

impl EnvelopeWord {
    pub(super) fn envelope(self) -> Envelope {
        match self {
            Self::AsSeen => Envelope::AsSeen,
            Self::Coded => Envelope::Coded,
            Self::Worded => Envelope::Worded,
        }
    }
}
