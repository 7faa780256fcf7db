//! `Session`: the world that one run acts in: the real one, or an embedded sandbox.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::budget::Budgets;
use super::connections::{self, DIGICERT_PATH, Settings};
use super::console::Console;
use super::endpoints::Endpoints;
use super::error::CliError;
use super::exit::ExitCode;
use super::sandbox_scenario::ChosenScenario;
use super::state_directory::StateDirectory;
use crate::action::Actions;
use crate::api::budget::Windows;
use crate::api::http::BaseUrl;
use crate::api::regfish::RegfishClient;
use crate::dns::Resolver;
use crate::driver::{Allowance, Driver, NameLocks, Observer, Shared};
use crate::engine::{Engine, EngineSettings};
use crate::files::{FileMode, create_private_directory, write_replace};
use crate::plan::Plan;
use crate::rehearsal::SandboxOutside;
use crate::report::Progress;
use crate::sandbox::{PASSPHRASE, Sandbox, peek_latest_time};
use crate::store::{LockError, SqliteStore, TargetKey, TargetLock};
use crate::types::{
    Clock, RunId, Secret, StepId, SystemClock, Timestamp, VirtualClock, parse_duration,
};

/// What a run acts on and how it is driven.
pub(super) struct Session {
    pub(super) driver: Driver,
    pub(super) endpoints: Endpoints,
    actions: Actions,
    sandbox: Option<Sandbox>,
    sandbox_root: Option<String>,
    _world_lock: Option<TargetLock>,
}

impl Session {
    /// The real world, at `endpoints`; without any when the plan talks to nobody.
    pub(super) async fn real(
        state: &StateDirectory,
        store: &Arc<SqliteStore>,
        plan: &Plan,
        endpoints: Endpoints,
        resolver: Option<Resolver>,
        observer: Observer,
        budgets: &Budgets<'_>,
    ) -> Result<Self, CliError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let regfish = match &endpoints.regfish {
            Some(url) => {
                let url = url.clone();
                Some(connections::regfish(plan, url, Arc::clone(&clock), budgets).await?)
            }
            None => None,
        };
        let digicert = match &endpoints.digicert {
            Some(url) => {
                let url = url.clone();
                Some(connections::digicert(plan, url, Arc::clone(&clock), budgets).await?)
            }
            None => None,
        };
        let actions = Actions {
            regfish,
            digicert,
            resolver,
            outside: None,
            clock: Arc::clone(&clock),
            key_directory: state.keys(),
            passphrase: None,
            desk: None,
        };
        Ok(Self {
            driver: driver(state, store, clock, actions.clone(), observer)?,
            actions,
            endpoints,
            sandbox: None,
            sandbox_root: None,
            _world_lock: None,
        })
    }

    /// An embedded sandbox on a virtual clock that starts no earlier than `not_before`, as its
    /// scenario wants it.
    pub(super) async fn embedded(
        state: &StateDirectory,
        store: &Arc<SqliteStore>,
        not_before: Option<Timestamp>,
        chosen: &ChosenScenario,
        observer: Observer,
        budgets: &Budgets<'_>,
    ) -> Result<Self, CliError> {
        let console = budgets.console();
        let key = TargetKey {
            plan: "embedded sandbox".to_owned(),
            target: state.path().display().to_string(),
            sandbox: true,
        };
        let lock = match state.locks().lock(&key, &holder("runs in the sandbox")) {
            Err(LockError::Held { holder, .. }) => {
                let message = format!("the embedded sandbox is in use by {holder}");
                return Err(CliError { code: ExitCode::Locked, ..CliError::usage(message) }
                    .hint("wait for it, or give this run a folder of its own with `--state-dir`"));
            }
            other => other?,
        };
        let scenario = &chosen.scenario;
        let world = state.sandbox_world();
        let in_world = if world.exists() { peek_latest_time(&world)? } else { None };
        let begin = scenario.start.unwrap_or_else(Timestamp::now);
        let start = [Some(begin), not_before, in_world].into_iter().flatten().max();
        let clock: Arc<dyn Clock> =
            Arc::new(VirtualClock::starting_at(start.unwrap_or_else(Timestamp::now)));
        let mut options = scenario.options(Arc::clone(&clock));
        let (api_key, digicert_key) = (options.api_key.clone(), options.digicert_key.clone());
        if let Some(folder) = world.parent() {
            create_private_directory(folder).map_err(|error| CliError::usage(error.to_string()))?;
        }
        options.state_file = Some(world);
        let kept = chosen.keep(state)?;
        let sandbox = Sandbox::start(options).await?;
        let root = state.sandbox_root();
        write_replace(&root, sandbox.root_pem().as_bytes(), FileMode::Public)
            .map_err(|error| CliError::usage(error.to_string()))?;
        let url = sandbox.base_url();
        console.talk(&format!(
            "sandbox at {url}: no real CA, no money; waits are skipped on a virtual clock"
        ));
        let parse =
            |url: &str| BaseUrl::parse(url).map_err(|error| CliError::failure(error.to_string()));
        let base_url = parse(&url)?;
        let budget = budgets.embedded(Windows::regfish(), &base_url, Arc::clone(&clock));
        let regfish = connections::client(base_url.clone(), api_key, Arc::clone(&clock), budget)?;
        let digicert_url = parse(&format!("{url}{DIGICERT_PATH}"))?;
        let time = Arc::clone(&clock);
        let budget = budgets.embedded(Windows::digicert(), &digicert_url, Arc::clone(&clock));
        let digicert =
            connections::digicert_client(digicert_url.clone(), digicert_key, time, budget)?;
        let actions = Actions {
            regfish: Some(regfish),
            digicert: Some(digicert),
            resolver: Some(Resolver::at(sandbox.dns_address())),
            outside: Some(Arc::new(SandboxOutside::new(&sandbox))),
            clock: Arc::clone(&clock),
            key_directory: state.keys(),
            passphrase: Some(Secret::new(PASSPHRASE.to_owned())),
            desk: None,
        };
        Ok(Self {
            driver: driver(state, store, clock, actions.clone(), observer)?,
            actions,
            endpoints: Endpoints {
                regfish: Some(base_url),
                digicert: Some(digicert_url),
                scenario: kept,
            },
            sandbox: Some(sandbox),
            sandbox_root: Some(root.display().to_string()),
            _world_lock: Some(lock),
        })
    }

    /// The world that a stored run began in.
    pub(super) async fn of_run(
        state: &StateDirectory,
        store: &Arc<SqliteStore>,
        engine: &Engine,
        settings: &Settings,
        console: &Console,
    ) -> Result<Self, CliError> {
        let observer = progress(console, engine.state().steps.keys());
        let budgets = Budgets::new(state, settings, console)?;
        Self::of_world(state, store, engine, settings, observer, &budgets).await
    }

    /// The same, with another observer: for many runs in one world.
    pub(super) async fn of_world(
        state: &StateDirectory,
        store: &Arc<SqliteStore>,
        engine: &Engine,
        settings: &Settings,
        observer: Observer,
        budgets: &Budgets<'_>,
    ) -> Result<Self, CliError> {
        let recorded = engine.state();
        if recorded.header.sandbox {
            let latest = Some(recorded.updated_at);
            let chosen = ChosenScenario::of_run(&recorded.header, state, budgets.console())?;
            return Self::embedded(state, store, latest, &chosen, observer, budgets).await;
        }
        let endpoints = Endpoints::of_run(&recorded.header, engine.plan(), settings)?;
        let recorded_resolver = recorded.header.endpoints.get(connections::DNS);
        let resolver = connections::recorded_resolver(recorded_resolver, settings)?;
        Self::real(state, store, engine.plan(), endpoints, resolver, observer, budgets).await
    }

    /// The same world for many runs at the same time: they share what they ask, and need not ask
    /// one by one. So many actions are performed at once, and no more orders sent than allowed.
    pub(super) fn in_batch(
        mut self,
        state: &StateDirectory,
        jobs: usize,
        orders: Option<Arc<Allowance>>,
    ) -> Self {
        let shared = Shared::in_batch(jobs, orders);
        self.driver.shared = Arc::new(shared.with_names(NameLocks::new(state.locks())));
        self.driver.performer = Arc::new(self.actions.clone().in_batch());
        self
    }

    /// The same world, in which steps act on what no sandbox imitates when `really` says so.
    pub(super) fn acting(mut self, really: bool) -> Self {
        if really {
            self.actions.outside = None;
            self.driver.performer = Arc::new(self.actions.clone());
        }
        self
    }

    /// The client that the actions use.
    pub(super) fn regfish(&self) -> Option<RegfishClient> {
        self.actions.regfish.clone()
    }

    /// Where the sandbox's root certificate is, when there is a sandbox.
    pub(super) fn sandbox_root(&self) -> Option<String> {
        self.sandbox_root.clone()
    }

    /// Lets the sandbox end in peace.
    pub(super) async fn end(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
}

fn driver(
    state: &StateDirectory,
    store: &Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    actions: Actions,
    observer: Observer,
) -> Result<Driver, CliError> {
    let store: Arc<SqliteStore> = Arc::clone(store);
    Ok(Driver {
        store,
        clock,
        performer: Arc::new(actions),
        observer,
        settings: engine_settings()?,
        shared: Arc::new(Shared::default().with_names(NameLocks::new(state.locks()))),
    })
}

/// Says how long "no such order" must hold before a lost order is sent again.
const SETTLING_DELAY_VARIABLE: &str = "CERTPLAN_SETTLING_DELAY";

/// Below this, a list that lags at all behind an order shows nothing of it.
const SHORTEST_SETTLING_DELAY: Duration = Duration::from_secs(1);

/// The rules of the engine, as the environment changes them.
pub(super) fn engine_settings() -> Result<EngineSettings, CliError> {
    let defaults = EngineSettings::default();
    let Some(text) = std::env::var_os(SETTLING_DELAY_VARIABLE) else { return Ok(defaults) };
    let text = text.to_string_lossy();
    match parse_duration(&text) {
        Ok(settling_delay) if settling_delay < SHORTEST_SETTLING_DELAY => {
            let message =
                format!("`{SETTLING_DELAY_VARIABLE}` is `{text}`; it must be at least `1s`");
            Err(CliError::usage(message)
                .hint("an order that the list does not show yet would be sent a second time"))
        }
        Ok(settling_delay) => Ok(EngineSettings { settling_delay, ..defaults }),
        Err(error) => {
            let message = format!("`{SETTLING_DELAY_VARIABLE}` is no duration: {error}");
            Err(CliError::usage(message).hint("write it as `60s` or `5m`"))
        }
    }
}

/// Prints what happens in a run, while it happens.
pub(super) fn progress<'a>(console: &Console, steps: impl Iterator<Item = &'a StepId>) -> Observer {
    let widths = steps.map(|step| step.as_str().len());
    let progress = Mutex::new(Progress::new(console.talk_style(), widths));
    let console = console.clone();
    Arc::new(move |_: &RunId, event: &_| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        for line in progress.lines(event) {
            console.talk(&line);
        }
    })
}

/// Who we are, for those who find a target locked.
pub(super) fn holder(what: &str) -> String {
    format!("process {} ({what})", std::process::id())
}

/// How often a target that is locked is tried again.
const LOCK_INTERVAL: Duration = Duration::from_millis(500);

/// Locks a target; with `wait`, as soon as whoever holds it is done.
pub(super) async fn lock(
    state: &StateDirectory,
    key: &TargetKey,
    holder: &str,
    wait: bool,
    console: &Console,
) -> Result<TargetLock, CliError> {
    let mut said = false;
    loop {
        match state.locks().lock(key, holder) {
            Ok(lock) => return Ok(lock),
            Err(error) if error.is_held() && wait => {
                if !said {
                    console.talk(&format!("{error}; waiting for it"));
                    said = true;
                }
                // The operating system can wait for a lock, but not so that Ctrl-C still works.
                tokio::time::sleep(LOCK_INTERVAL).await;
            }
            Err(error) if error.is_held() => {
                return Err(CliError::from(error).hint("`--wait` waits until it is done"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What is locked while a run is worked on.
pub(super) fn target_key(engine: &Engine) -> TargetKey {
    let header = &engine.state().header;
    TargetKey {
        plan: header.plan.name.clone(),
        target: header.target.clone(),
        sandbox: header.sandbox,
    }
}
