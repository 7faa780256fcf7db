//! The request budget of a connection: what it is made of, and what people are told while all wait.

use std::collections::BTreeMap;
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

/// A pause that the API asks for is told again when it is as long as this.
const WORTH_REPEATING: Duration = Duration::from_secs(120);

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
        self.watch(base_url, &budget);
        budget
    }

    /// The budget of the embedded sandbox at `base_url`: the vendor's limits, on its clock. An
    /// emergency stop does not concern it, since nothing leaves this machine.
    pub(super) fn embedded(
        &self,
        windows: Windows,
        base_url: &BaseUrl,
        clock: Arc<dyn Clock>,
    ) -> Budget {
        let settings = BudgetSettings { windows, ..BudgetSettings::default() };
        // The same run tells the same story each time.
        let budget = Budget::new(settings, clock, Arc::new(|| 0.5));
        self.watch(base_url, &budget);
        budget
    }

    /// Where the command says what it has to say.
    pub(super) fn console(&self) -> &'a Console {
        self.console
    }

    fn watch(&self, base_url: &BaseUrl, budget: &Budget) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push((base_url.to_string(), budget.clone()));
    }
}

/// The requests that were sent so far, by endpoint and status.
pub(super) fn sent(opened: &Opened) -> BTreeMap<(String, String), u64> {
    let opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sent = BTreeMap::new();
    for (_, budget) in opened.iter() {
        for (key, count) in budget.counts().iter() {
            *sent.entry(key.clone()).or_default() += count;
        }
    }
    sent
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
    let mut told = Told::default();
    // At once: the first request may be far away.
    if let Some(pause) = pause.read() {
        let paused = Standing::Paused { reason: pause.reason };
        told.is_news(&paused, Timestamp::now());
        say(&console, &paused);
    }
    tokio::spawn(async move {
        while standing.changed().await.is_ok() {
            let now = standing.borrow_and_update().clone();
            if told.is_news(&now, Timestamp::now()) {
                say(&console, &now);
            }
        }
    });
}

/// What people have been told of a budget.
struct Told {
    last: Standing,
    /// A large batch uses its budget up every minute, and that is how it should be.
    full: bool,
    /// An API that is asked a lot asks for a short pause again and again.
    held: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self { last: Standing::Flowing, full: false, held: false }
    }
}

impl Told {
    /// Whether `standing` is to be told at `now`; it counts as told then.
    fn is_news(&mut self, standing: &Standing, now: Timestamp) -> bool {
        if !standing.differs_in_kind(&self.last) || !lasts(standing, now, WORTH_SAYING) {
            return false;
        }
        let said = match standing {
            Standing::Full { .. } => std::mem::replace(&mut self.full, true),
            Standing::Held { .. } => {
                std::mem::replace(&mut self.held, true) && !lasts(standing, now, WORTH_REPEATING)
            }
            Standing::Flowing | Standing::Down { .. } | Standing::Paused { .. } => false,
        };
        if said {
            return false;
        }
        let former = std::mem::replace(&mut self.last, standing.clone());
        // That requests flow again is no news where they wait for each window to begin.
        !(matches!(former, Standing::Full { .. }) && *standing == Standing::Flowing)
    }
}

/// Whether it lasts so long yet, or nobody knows how long.
fn lasts(standing: &Standing, now: Timestamp, length: Duration) -> bool {
    match standing {
        Standing::Full { until } | Standing::Held { until } => {
            let left = until.duration_since(now);
            Duration::try_from(left).is_ok_and(|left| left >= length)
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
        Standing::Full { .. } => {
            (style.waiting("‖"), "; all runs wait, now and whenever it is (said once)".to_owned())
        }
        Standing::Held { .. } => {
            (style.waiting("‖"), "; all runs wait, now and whenever it asks (said once)".to_owned())
        }
        Standing::Down { .. } => (style.waiting("‖"), "; all runs wait".to_owned()),
    };
    let sentence = printable(&standing.sentence(Timestamp::now()));
    console.talk(&format!("  {mark} {}{what}", shorten(&sentence, 300)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn that_the_budget_is_full_and_short_pauses_are_said_once_and_everything_else_each_time() {
        let mut told = Told::default();
        let full = |second| Standing::Full { until: at(second) };
        let held = |second| Standing::Held { until: at(second) };
        let mut news = |standing: &Standing, now| told.is_news(standing, at(now));
        assert!(!news(&full(2), 0), "shorter than one reads");
        assert!(news(&full(60), 10) && !news(&full(61), 11));
        assert!(!news(&Standing::Flowing, 62) && !news(&full(120), 70));
        assert!(news(&held(150), 120) && !news(&full(160), 151));
        assert!(news(&Standing::Flowing, 161), "after the pause");
        assert!(!news(&held(200), 170) && !news(&Standing::Flowing, 201));
        assert!(news(&held(500), 210) && news(&Standing::Flowing, 501), "minutes are worth it");
        let down = Standing::Down { since: at(510), next: at(520) };
        assert!(news(&down, 510) && news(&Standing::Flowing, 520) && news(&down, 530));
    }

    #[test]
    fn those_who_watch_are_told_how_long_it_lasts() {
        let sentence = |standing: Standing| standing.sentence(at(100));
        assert_eq!(
            sentence(Standing::Full { until: at(142) }),
            "the request limit is reached; the next one goes in 42s"
        );
        assert_eq!(
            sentence(Standing::Down { since: at(10), next: at(99) }),
            "the API has not answered for 1m 30s; asked again in 1s"
        );
        assert_eq!(sentence(Standing::Held { until: at(130) }), "the API asked for a pause of 30s");
    }
}
