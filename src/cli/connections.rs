//! Where the API is and with which key: from the plan, the environment and `--set`.
//!
//! The key is read when it is needed and goes nowhere but into the connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::budget::Budgets;
use super::error::CliError;
use super::inputs::name_and_value;
use crate::api::budget::Budget;
use crate::api::http::{BaseUrl, Connection};
use crate::api::regfish::RegfishClient;
use crate::dns::Resolver;
use crate::plan::{Plan, SecretSource, find_signature};
use crate::run::RunHeader;
use crate::secrets::{SecretError, read_secret};
use crate::types::{Clock, Secret};

/// The vendor's API (contract A.0).
const REGFISH_BASE_URL: &str = "https://api.regfish.com";

/// Overrides the base address, below `--set` and above the plan.
const REGFISH_BASE_URL_VARIABLE: &str = "REGFISH_BASE_URL";

/// Names the resolver, below `--set` and above the plan.
const RESOLVER_VARIABLE: &str = "CERTPLAN_RESOLVER";

/// Under what the resolver is recorded beside the addresses of APIs.
pub(super) const DNS: &str = RunHeader::DNS;

/// What `--set` changes.
#[derive(Debug, Default)]
pub(super) struct Settings {
    base_urls: BTreeMap<String, String>,
    limits: Option<String>,
    resolver: Option<String>,
}

impl Settings {
    /// Reads `--set` arguments; a key that nothing would read is a mistake.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, CliError> {
        let mut settings = Self::default();
        for argument in arguments {
            let (key, value) = name_and_value("--set", argument)?;
            match key {
                "connections.regfish.base_url" => {
                    settings.base_urls.insert("regfish".to_owned(), value.to_owned());
                }
                "connections.regfish.limits" => settings.limits = Some(value.to_owned()),
                "dns.resolver" => settings.resolver = Some(value.to_owned()),
                _ => {
                    let shown = crate::types::printable(key);
                    return Err(CliError::usage(format!("there is no setting `{shown}`")).hint(
                        "the settings are: connections.regfish.base_url, \
                         connections.regfish.limits, dns.resolver",
                    ));
                }
            }
        }
        Ok(settings)
    }

    /// How many requests may be sent, as it was given.
    pub(super) fn limits(&self) -> Option<&str> {
        self.limits.as_deref()
    }
}

/// Whether the plan has a step that needs the connection.
pub(super) fn needs(plan: &Plan, connection: &str) -> bool {
    plan.steps.values().any(|step| {
        find_signature(&step.uses).is_some_and(|signature| signature.connection == Some(connection))
    })
}

/// The address for a new run: `--set`, the environment, the plan, the vendor's.
pub(super) fn base_url(plan: &Plan, settings: &Settings) -> Result<BaseUrl, CliError> {
    let declared =
        plan.connections.get("regfish").and_then(|connection| connection.base_url.clone());
    let (text, origin) = if let Some(text) = settings.base_urls.get("regfish") {
        (text.clone(), "`--set`")
    } else if let Some(text) = std::env::var_os(REGFISH_BASE_URL_VARIABLE) {
        // A value that cannot be read must not quietly mean the real API.
        let text = text.into_string().map_err(|_| {
            CliError::usage(format!("the variable `{REGFISH_BASE_URL_VARIABLE}` is not text"))
        })?;
        (text, "the environment variable `REGFISH_BASE_URL`")
    } else if let Some(text) = declared {
        (text, "the plan")
    } else {
        (REGFISH_BASE_URL.to_owned(), "the default")
    };
    parse(&text, origin)
}

/// The address for a run that is resumed: `--set`, or the one that it was started with.
pub(super) fn recorded_base_url(recorded: &str, settings: &Settings) -> Result<BaseUrl, CliError> {
    match settings.base_urls.get("regfish") {
        Some(text) => parse(text, "`--set`"),
        None => parse(recorded, "the run"),
    }
}

/// The resolver for a new run, and its address: `--set` or the environment; without them the plan
/// decides.
pub(super) fn resolver(settings: &Settings) -> Result<Option<(Resolver, String)>, CliError> {
    let (text, origin) = match (&settings.resolver, std::env::var_os(RESOLVER_VARIABLE)) {
        (Some(text), _) => (text.clone(), "`--set`"),
        (None, Some(text)) => {
            let text = text.into_string().map_err(|_| {
                CliError::usage(format!("the variable `{RESOLVER_VARIABLE}` is not text"))
            })?;
            (text, "the environment variable `CERTPLAN_RESOLVER`")
        }
        (None, None) => return Ok(None),
    };
    let resolver = parse_resolver(&text, origin)?;
    Ok(Some((resolver, text)))
}

/// The resolver for a run that is resumed: `--set`, or the one that it was started with.
pub(super) fn recorded_resolver(
    recorded: Option<&String>,
    settings: &Settings,
) -> Result<Option<Resolver>, CliError> {
    match (&settings.resolver, recorded) {
        (Some(text), _) => parse_resolver(text, "`--set`").map(Some),
        (None, Some(text)) => parse_resolver(text, "the run").map(Some),
        (None, None) => Ok(None),
    }
}

fn parse_resolver(text: &str, origin: &str) -> Result<Resolver, CliError> {
    Resolver::parse(text).map_err(|error| CliError::usage(format!("{error} (from {origin})")))
}

fn parse(text: &str, origin: &str) -> Result<BaseUrl, CliError> {
    BaseUrl::parse(text).map_err(|error| CliError::usage(format!("{error} (from {origin})")))
}

/// The client of a connection to `base_url` with the key that the plan points to.
pub(super) async fn regfish(
    plan: &Plan,
    base_url: BaseUrl,
    clock: Arc<dyn Clock>,
    budgets: &Budgets<'_>,
) -> Result<RegfishClient, CliError> {
    let default = SecretSource::Env("REGFISH_API_KEY".to_owned());
    let source = plan.connections.get("regfish").map_or(&default, |connection| &connection.api_key);
    let key = api_key(source).await?;
    let budget = budgets.open(&base_url, &key, Arc::clone(&clock));
    client(base_url, key, clock, budget)
}

/// A client with a key that is known already.
pub(super) fn client(
    base_url: BaseUrl,
    key: Secret,
    clock: Arc<dyn Clock>,
    budget: Budget,
) -> Result<RegfishClient, CliError> {
    let gate = Arc::new(budget);
    Ok(RegfishClient::new(Connection { clock, gate, ..Connection::regfish(base_url, key) })?)
}

async fn api_key(source: &SecretSource) -> Result<Secret, CliError> {
    let key = read_secret(source).await.map_err(|error| {
        let missing = matches!(error, SecretError::NotSet { .. });
        let error = CliError::usage(format!("no API key: {error}"));
        if missing {
            error.hint("export it, or try the plan without a key: `--sandbox`")
        } else {
            error
        }
    })?;
    // White space around a key is never part of it.
    Ok(Secret::new(key.reveal().trim().to_owned()))
}
