//! Where the API is and with which key: from the plan, the environment and `--set`.
//!
//! The key is read when it is needed and goes nowhere but into the connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::budget::{Budgets, limits};
use super::error::CliError;
use super::inputs::name_and_value;
use super::session::engine_settings;
use crate::api::budget::Budget;
use crate::api::digicert::DigicertClient;
use crate::api::http::{BaseUrl, Connection};
use crate::api::regfish::RegfishClient;
use crate::dns::Resolver;
use crate::plan::{Plan, SecretSource, find_signature};
use crate::run::RunHeader;
use crate::secrets::{SecretError, read_secret};
use crate::types::{Clock, Secret};

/// A service that plans have a connection to.
#[derive(Debug)]
pub(super) struct Service {
    /// What plans call it.
    pub(super) name: &'static str,
    /// Where it is unless somebody says something else.
    base_url: &'static str,
    /// Under which all of it lies, at any host.
    path: &'static str,
    /// Overrides the base address, below `--set` and above the plan.
    base_url_variable: &'static str,
    /// Holds the key unless the plan says something else.
    key_variable: &'static str,
}

/// The vendor's API (contract A.0).
pub(super) const REGFISH: Service = Service {
    name: "regfish",
    base_url: "https://api.regfish.com",
    path: "",
    base_url_variable: "REGFISH_BASE_URL",
    key_variable: "REGFISH_API_KEY",
};

/// The API of the CA (contract B). Accounts in Europe have `https://certcentral.digicert.eu`.
pub(super) const DIGICERT: Service = Service {
    name: "digicert",
    base_url: "https://www.digicert.com/services/v2",
    path: DIGICERT_PATH,
    base_url_variable: "DIGICERT_BASE_URL",
    key_variable: "DIGICERT_API_KEY",
};

/// Under which all of DigiCert's API lies, at any host (contract B).
pub(super) const DIGICERT_PATH: &str = "/services/v2";

/// Names the resolver, below `--set` and above the plan.
const RESOLVER_VARIABLE: &str = "CERTPLAN_RESOLVER";

/// Under what the resolver is recorded beside the addresses of APIs.
pub(super) const DNS: &str = RunHeader::DNS;

/// What `--set` changes.
#[derive(Debug, Default, Clone)]
pub(super) struct Settings {
    base_urls: BTreeMap<&'static str, String>,
    limits: BTreeMap<&'static str, String>,
    resolver: Option<String>,
}

impl Settings {
    /// Reads `--set` arguments; a key that nothing would read is a mistake. So is a value, there or
    /// in the environment, that nothing can be done with: it is refused here, where nothing has
    /// been said, made or sent.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, CliError> {
        let settings = Self::read(arguments)?;
        limits(&settings)?;
        resolver(&settings)?;
        engine_settings()?;
        Ok(settings)
    }

    fn read(arguments: &[String]) -> Result<Self, CliError> {
        let mut settings = Self::default();
        for argument in arguments {
            let (key, value) = name_and_value("--set", argument)?;
            let name = |service: &Service| service.name;
            match key {
                "connections.regfish.base_url" => {
                    settings.base_urls.insert(name(&REGFISH), value.to_owned());
                }
                "connections.digicert.base_url" => {
                    settings.base_urls.insert(name(&DIGICERT), value.to_owned());
                }
                "connections.regfish.limits" => {
                    settings.limits.insert(name(&REGFISH), value.to_owned());
                }
                "connections.digicert.limits" => {
                    settings.limits.insert(name(&DIGICERT), value.to_owned());
                }
                "dns.resolver" => settings.resolver = Some(value.to_owned()),
                _ => {
                    let shown = crate::types::printable(key);
                    return Err(CliError::usage(format!("there is no setting `{shown}`")).hint(
                        "the settings are: connections.regfish.base_url, \
                         connections.regfish.limits, connections.digicert.base_url, \
                         connections.digicert.limits, dns.resolver",
                    ));
                }
            }
        }
        Ok(settings)
    }

    /// How many requests may be sent to a service, as it was given.
    pub(super) fn limits(&self, service: &Service) -> Option<&str> {
        self.limits.get(service.name).map(String::as_str)
    }
}

/// Whether the plan has a step that needs the connection.
pub(super) fn needs(plan: &Plan, connection: &str) -> bool {
    plan.steps.values().any(|step| {
        find_signature(&step.uses).is_some_and(|signature| signature.connection == Some(connection))
    })
}

/// The address for a new run: `--set`, the environment, the plan, the vendor's.
pub(super) fn base_url(
    service: &Service,
    plan: &Plan,
    settings: &Settings,
) -> Result<BaseUrl, CliError> {
    let declared =
        plan.connections.get(service.name).and_then(|connection| connection.base_url.clone());
    let variable = service.base_url_variable;
    let (text, origin) = if let Some(text) = settings.base_urls.get(service.name) {
        (text.clone(), "`--set`".to_owned())
    } else if let Some(text) = std::env::var_os(variable) {
        // A value that cannot be read must not quietly mean the real API.
        let text = text
            .into_string()
            .map_err(|_| CliError::usage(format!("the variable `{variable}` is not text")))?;
        (text, format!("the environment variable `{variable}`"))
    } else if let Some(text) = declared {
        (text, "the plan".to_owned())
    } else {
        (service.base_url.to_owned(), "the default".to_owned())
    };
    let bare =
        text.split_once("://").is_some_and(|(_, place)| !place.trim_end_matches('/').contains('/'));
    // Who names another host, such as that for Europe, means the same API there.
    let text = if bare { format!("{}{}", text.trim_end_matches('/'), service.path) } else { text };
    parse(&text, &origin)
}

/// The address for a run that is resumed: `--set`, or the one that it was started with.
pub(super) fn recorded_base_url(
    service: &Service,
    recorded: &str,
    settings: &Settings,
) -> Result<BaseUrl, CliError> {
    match settings.base_urls.get(service.name) {
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
    let key = key(&REGFISH, plan).await?;
    let budget = budgets.open(&REGFISH, &base_url, &key, Arc::clone(&clock));
    client(base_url, key, clock, budget)
}

/// The client of the connection to DigiCert at `base_url`, with the key that the plan points to.
pub(super) async fn digicert(
    plan: &Plan,
    base_url: BaseUrl,
    clock: Arc<dyn Clock>,
    budgets: &Budgets<'_>,
) -> Result<DigicertClient, CliError> {
    let key = key(&DIGICERT, plan).await?;
    let budget = budgets.open(&DIGICERT, &base_url, &key, Arc::clone(&clock));
    digicert_client(base_url, key, clock, budget)
}

async fn key(service: &Service, plan: &Plan) -> Result<Secret, CliError> {
    let default = SecretSource::Env(service.key_variable.to_owned());
    let declared = plan.connections.get(service.name);
    api_key(declared.map_or(&default, |connection| &connection.api_key)).await
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

/// A client of DigiCert with a key that is known already.
pub(super) fn digicert_client(
    base_url: BaseUrl,
    key: Secret,
    clock: Arc<dyn Clock>,
    budget: Budget,
) -> Result<DigicertClient, CliError> {
    let gate = Arc::new(budget);
    Ok(DigicertClient::new(Connection { clock, gate, ..Connection::digicert(base_url, key) })?)
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
