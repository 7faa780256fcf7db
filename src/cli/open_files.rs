//! How many files the program may have open: a batch holds two locks for each of its targets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::CliError;

/// What is better to have, too: the sandbox, whatever plans run and ask.
const BESIDES: u64 = 512;

/// What it cannot do without: the state file, the budget, what it was started with.
const LEAST_BESIDES: u64 = 64;

/// A request under way may hold a connection, a question to a name server and a file.
const PER_REQUEST: u64 = 3;

/// Raises the soft limit, as far as the hard one allows, so that `targets` files fit, and `jobs`
/// requests under way. Fails when the hard limit is too low for them: files would run out somewhere
/// in the middle, perhaps where the answer to an order is to be written down.
pub(super) fn allow_many(targets: usize, jobs: usize) -> Result<(), CliError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = needed(targets, jobs).saturating_add(BESIDES);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let allowed = maximum.map_or(wanted, |most| wanted.min(most));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum }).is_ok();
    let allowed = if raised { Some(allowed) } else { current };
    match allowed {
        Some(allowed) if allowed < needed(targets, jobs) => Err(too_few(targets, jobs, allowed)),
        _ => Ok(()),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A lock for each target and one for the DNS name that it is proved at, and what requests need.
fn needed(targets: usize, jobs: usize) -> u64 {
    let requests = count(jobs.min(targets)).saturating_mul(PER_REQUEST);
    count(targets).saturating_mul(2).saturating_add(requests).saturating_add(LEAST_BESIDES)
}

/// As many targets as fit into so many open files.
fn fitting(allowed: u64, jobs: usize) -> usize {
    let most = usize::try_from(allowed).unwrap_or(usize::MAX);
    let (mut fits, mut too_many) = (0, most);
    while fits + 1 < too_many {
        let middle = fits + (too_many - fits) / 2;
        match needed(middle, jobs) <= allowed {
            true => fits = middle,
            false => too_many = middle,
        }
    }
    fits
}

fn too_few(targets: usize, jobs: usize, allowed: u64) -> CliError {
    let needed = needed(targets, jobs);
    let mut error = CliError::usage(format!(
        "{targets} targets at once need {needed} open files, and this process may have {allowed}; \
         nothing was started"
    ))
    .hint(format!(
        "raise the limit where it is set: `ulimit -n {needed}`, or `LimitNOFILE=` of a systemd unit"
    ));
    let fits = fitting(allowed, jobs);
    if fits > 0 {
        error = error.hint(format!("or do them in parts of up to {fits} targets, with `--limit`"));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_targets_that_is_advised_is_the_most_that_fits() {
        for jobs in [1, 50, 2_000] {
            for allowed in [70, 256, 1_024, 65_536] {
                let fits = fitting(allowed, jobs);
                assert!(needed(fits, jobs) <= allowed || fits == 0, "{allowed} {jobs}");
                assert!(needed(fits + 1, jobs) > allowed, "{allowed} {jobs}");
            }
        }
        assert_eq!(fitting(10, 50), 0);
    }
}
