//! `certplan sandbox`: serves the imitation until it is stopped.

use std::sync::Arc;

use super::connections::DIGICERT_PATH;
use super::console::Console;
use super::error::CliError;
use super::exit::ExitCode;
use super::interrupt::watch_signals;
use super::sandbox_arguments::{SandboxArguments, Speed};
use super::sandbox_scenario::ChosenScenario;
use crate::files::{FileMode, write_replace};
use crate::sandbox::{
    RandomFault, RandomFaults, RateLimits, Sandbox, SandboxOptions, Scenario, Timing,
    peek_latest_time, set_switch,
};
use crate::types::{Clock, Secret, SystemClock, Timestamp, VirtualClock, format_duration};

/// The seed of random faults when nobody names one.
const USUAL_SEED: u64 = 1;

pub(super) async fn sandbox(
    arguments: SandboxArguments,
    console: &Console,
) -> Result<ExitCode, CliError> {
    let options = options(&arguments, console)?;
    let mut stop = watch_signals(console)?;
    let random = options.random_faults.clone();
    let lags = options.name_server_lags.clone();
    let sandbox = Sandbox::start(options).await?;
    if let Some(path) = &arguments.root_file {
        write_replace(path, sandbox.root_pem().as_bytes(), FileMode::Public)
            .map_err(|error| CliError::usage(error.to_string()))?;
    }
    console.talk("certplan sandbox: NOT A REAL CA. Its certificates are worth nothing.");
    console.data(&format!("REGFISH_BASE_URL={}", sandbox.base_url()));
    console.data(&format!("REGFISH_API_KEY={}", arguments.key));
    console.data(&format!("DIGICERT_BASE_URL={}{DIGICERT_PATH}", sandbox.base_url()));
    console.data(&format!("DIGICERT_API_KEY={}", arguments.digicert_key));
    console.data(&format!("CERTPLAN_RESOLVER={}", sandbox.dns_address()));
    for (address, lag) in sandbox.name_servers().iter().zip(&lags) {
        let late = match lag.is_zero() {
            true => String::new(),
            false => format!(", {} behind", format_duration(*lag)),
        };
        console.talk(&format!("DNS server at {address} (UDP and TCP){late}"));
    }
    console.talk(&format!("console at {}/my", sandbox.base_url()));
    if let Some(url) = sandbox.control_url() {
        console.talk(&format!("control port at {url}"));
    }
    if let Some(RandomFaults { seed, share, .. }) = random {
        console.talk(&format!("{share} of all requests go wrong, by chance with seed {seed}"));
    }
    if arguments.virtual_clock {
        let hint = "time stands still until the control port lets it pass";
        console.talk(&format!("{hint}: POST /clock {{\"advance\": \"1h\"}}"));
    }
    if arguments.beyond_loopback {
        console.talk("other machines may reach it; it protects nothing");
    }
    if let Some(path) = &arguments.root_file {
        console.talk(&format!("root certificate in {}", path.display()));
    }
    console.talk("stop it with Ctrl-C");
    // An error means that nobody can ask any more, which is as good as being asked.
    let _ = stop.wait_for(|stop| *stop).await;
    sandbox.stop().await;
    Ok(ExitCode::Success)
}

/// What the scenario says, and then what the command line says.
fn options(arguments: &SandboxArguments, console: &Console) -> Result<SandboxOptions, CliError> {
    let scenario = ChosenScenario::read(arguments.scenario.as_deref(), console)?.scenario;
    let mut options = SandboxOptions {
        timing: match (arguments.speed, arguments.virtual_clock) {
            (Some(Speed::Quick), _) | (None, false) => Timing::quick(),
            (Some(Speed::Published), _) | (None, true) => Timing::published(),
        },
        ..SandboxOptions::embedded(clock(arguments, &scenario)?)
    };
    scenario.apply(&mut options);
    options.listen = arguments.listen;
    options.dns_listen = arguments.dns_listen;
    options.control_listen = Some(arguments.control_listen);
    options.beyond_loopback = arguments.beyond_loopback;
    options.state_file.clone_from(&arguments.state_file);
    options.api_key = Secret::new(arguments.key.clone());
    options.digicert_key = Secret::new(arguments.digicert_key.clone());
    if let Some(lags) = &arguments.name_servers {
        options.name_server_lags.clone_from(lags);
    }
    if arguments.limits {
        options.rate_limits = RateLimits::published();
    }
    if let Some(word) = arguments.envelope {
        options.behaviour.envelope = word.envelope();
    }
    for switch in &arguments.behaviour {
        set_switch(&mut options.behaviour, switch).map_err(|error| {
            CliError::usage(format!("`--behaviour`: {error}"))
                .hint("`docs/sandbox.md` lists the switches and what they take")
        })?;
    }
    if let Some(share) = arguments.random_faults {
        let seed = arguments.seed.or(options.seed).unwrap_or(USUAL_SEED);
        let kinds = RandomFault::usual();
        options.random_faults = Some(RandomFaults { seed, share, kinds });
        // The faults go by paths, and those hold ids.
        options.seed = Some(seed);
    }
    if let Some(seed) = arguments.seed {
        options.seed = Some(seed);
        if let Some(random) = &mut options.random_faults {
            random.seed = seed;
        }
    }
    Ok(options)
}

fn clock(arguments: &SandboxArguments, scenario: &Scenario) -> Result<Arc<dyn Clock>, CliError> {
    if !arguments.virtual_clock {
        return Ok(Arc::new(SystemClock));
    }
    let start = arguments.start.or(scenario.start).unwrap_or_else(Timestamp::now);
    let kept = arguments.state_file.as_deref().filter(|path| path.exists());
    // Time never runs backwards, not even over a restart.
    let seen = kept.map(peek_latest_time).transpose()?.flatten();
    Ok(Arc::new(VirtualClock::starting_at(seen.map_or(start, |seen| seen.max(start)))))
}
