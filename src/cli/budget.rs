//! The request budget of a connection: what it is made of, and what people are told while all wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connections::{DIGICERT, DIGICERT_PATH, REGFISH, Service, Settings};
use super::console::Console;
use super::error::CliError;
use super::state_directory::StateDirectory;
use crate::api::budget::{
    Budget, BudgetSettings, DEFAULT_JOBS, Jitter, PauseFile, Standing, Usage, Windows, budget_file,
    shared_budgets,
};
use crate::api::http::BaseUrl;
use crate::types::{Clock, Secret, Timestamp, printable, shorten};

/// Shorter waits come and go while one reads of them.
const WORTH_SAYING: Duration = Duration::from_secs(3);

/// Override how many requests the services take, below `--set`.
const REGFISH_LIMITS_VARIABLE: &str = "REGFISH_LIMITS";
const DIGICERT_LIMITS_VARIABLE: &str = "DIGICERT_LIMITS";

/// What the budgets of a command are made of.
pub(super) struct Budgets<'a> {
    state: &'a StateDirectory,
    console: &'a Console,
    limits: Limits,
    jobs: usize,
    /// The budgets that were opened, for whoever watches.
    opened: Opened,
}

/// How many requests each service takes.
pub(super) struct Limits {
    pub(super) regfish: Windows,
    pub(super) digicert: Windows,
}

/// Budgets by the place that their requests go to.
pub(super) type Opened = Arc<Mutex<Vec<(String, Budget)>>>;

impl<'a> Budgets<'a> {
    /// Reads the limits: `--set`, the environment, the vendor's. They belong to an account, so no
    /// plan can set them: many plans share one account.
    pub(super) fn new(
        state: &'a StateDirectory,
        settings: &Settings,
        console: &'a Console,
    ) -> Result<Self, CliError> {
        let limits = limits(settings)?;
        Ok(Self { state, console, limits, jobs: DEFAULT_JOBS, opened: Opened::default() })
    }

    /// The same with so many requests under way at the same time.
    pub(super) fn with_jobs(self, jobs: usize) -> Self {
        Self { jobs, ..self }
    }

    /// The budgets that were or will be opened.
    pub(super) fn opened(&self) -> Opened {
        Arc::clone(&self.opened)
    }

    /// The budget of the connection to `base_url`. Whoever waits for it is told so.
    pub(super) fn open(
        &self,
        service: &Service,
        base_url: &BaseUrl,
        key: &Secret,
        clock: Arc<dyn Clock>,
    ) -> Budget {
        let windows = if service.name == DIGICERT.name {
            &self.limits.digicert
        } else {
            &self.limits.regfish
        };
        // Who only looks makes no state directory.
        let there = self.state.path().is_dir();
        let settings = BudgetSettings {
            windows: windows.clone(),
            jobs: self.jobs,
            file: there.then(|| budget_file(&self.state.budgets(), base_url, key)),
            pause: Some(self.state.pause_file()),
            ..BudgetSettings::default()
        };
        let budget = Budget::new(settings, clock, by_chance());
        tell(&budget, self.state.pause_file(), self.console.clone());
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push((base_url.to_string(), budget.clone()));
        budget
    }
}

/// The budget of the embedded sandbox: the vendor's limits, on its clock. An emergency stop does
/// not concern it, since nothing leaves this machine.
pub(super) fn embedded(windows: Windows, clock: Arc<dyn Clock>) -> Budget {
    let settings = BudgetSettings { windows, ..BudgetSettings::default() };
    // The same run tells the same story each time.
    Budget::new(settings, clock, Arc::new(|| 0.5))
}

/// How many requests the services take: `--set`, the environment, what the vendors publish.
pub(super) fn limits(settings: &Settings) -> Result<Limits, CliError> {
    Ok(Limits {
        regfish: windows(settings, &REGFISH, REGFISH_LIMITS_VARIABLE)?
            .unwrap_or_else(Windows::regfish),
        digicert: windows(settings, &DIGICERT, DIGICERT_LIMITS_VARIABLE)?
            .unwrap_or_else(Windows::digicert),
    })
}

/// How much of each budget is used that programs share in this state folder, by the place that its
/// requests go to.
pub(super) fn shared_usage(
    state: &StateDirectory,
    settings: &Settings,
) -> Result<Vec<(String, Usage)>, CliError> {
    let limits = limits(settings)?;
    // The names of the files have the address, with hyphens for what is no letter.
    let digicert = DIGICERT_PATH.replace('/', "-");
    let windows = |place: &str| match place.ends_with(&digicert) {
        true => &limits.digicert,
        false => &limits.regfish,
    };
    Ok(shared_budgets(&state.budgets(), windows, Timestamp::now()))
}

fn windows(
    settings: &Settings,
    service: &Service,
    variable: &str,
) -> Result<Option<Windows>, CliError> {
    let (text, origin) = if let Some(text) = settings.limits(service) {
        (text.to_owned(), "`--set`".to_owned())
    } else if let Some(text) = std::env::var_os(variable) {
        (text.to_string_lossy().into_owned(), format!("the environment variable `{variable}`"))
    } else {
        return Ok(None);
    };
    Windows::parse(&text).map(Some).map_err(|error| {
        CliError::usage(format!("{error} (from {origin})"))
            .hint("write `500/60s`, several with commas between them, or `none`")
    })
}

fn by_chance() -> Jitter {
    Arc::new(|| {
        let number = u32::try_from(uuid::Uuid::new_v4().as_u128() >> 96).unwrap_or_default();
        f64::from(number) / f64::from(u32::MAX)
    })
}

/// Says when all requests have to wait, and when they flow again, as long as there is the budget.
fn tell(budget: &Budget, pause: PauseFile, console: Console) {
    let mut standing = budget.standing();
    let mut told = Standing::Flowing;
    // At once: the first request may be far away.
    if let Some(pause) = pause.read() {
        told = Standing::Paused { reason: pause.reason };
        say(&console, &told);
    }
    tokio::spawn(async move {
        while standing.changed().await.is_ok() {
            let now = standing.borrow_and_update().clone();
            if now.differs_in_kind(&told) && is_worth_saying(&now) {
                say(&console, &now);
                told = now;
            }
        }
    });
}

fn is_worth_saying(standing: &Standing) -> bool {
    match standing {
        Standing::Full { until } | Standing::Held { until } => {
            let left = until.duration_since(Timestamp::now());
            Duration::try_from(left).is_ok_and(|left| left >= WORTH_SAYING)
        }
        Standing::Flowing | Standing::Down { .. } | Standing::Paused { .. } => true,
    }
}

fn say(console: &Console, standing: &Standing) {
    let style = console.talk_style();
    let (mark, what) = match standing {
        Standing::Flowing => (style.good("»"), String::new()),
        Standing::Paused { .. } => {
            (style.waiting("‖"), "; all runs wait for `certplan unpause`".to_owned())
        }
        Standing::Full { .. } | Standing::Held { .. } | Standing::Down { .. } => {
            (style.waiting("‖"), "; all runs wait".to_owned())
        }
    };
    console.talk(&format!("  {mark} {}{what}", shorten(&printable(&standing.to_string()), 300)));
}
