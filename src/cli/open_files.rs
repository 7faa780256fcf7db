//! How many files the program may have open: requests under way need some, targets need none.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::CliError;

/// What is better to have, too: the sandbox, whatever plans run and ask.
const BESIDES: u64 = 512;

/// What it cannot do without: the state file, the locks, the budget, what it was started with.
const LEAST_BESIDES: u64 = 64;

/// A request under way may hold a connection, a question to a name server and a file.
const PER_REQUEST: u64 = 3;

/// Raises the soft limit, as far as the hard one allows, so that `jobs` requests may be under way
/// at once. Fails when the hard limit is too low for them: files would run out somewhere in the
/// middle, perhaps where the answer to an order is to be written down.
///
/// `option` is how the user may choose another number of jobs.
pub(super) fn allow_many(jobs: usize, option: Option<&str>) -> Result<(), CliError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = needed(jobs).saturating_add(BESIDES);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let allowed = maximum.map_or(wanted, |most| wanted.min(most));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum }).is_ok();
    let allowed = if raised { Some(allowed) } else { current };
    match allowed {
        Some(allowed) if allowed < needed(jobs) => Err(too_few(jobs, allowed, option)),
        _ => Ok(()),
    }
}

fn needed(jobs: usize) -> u64 {
    let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
    jobs.saturating_mul(PER_REQUEST).saturating_add(LEAST_BESIDES)
}

/// As many jobs as fit into so many open files.
fn fitting(allowed: u64) -> u64 {
    allowed.saturating_sub(LEAST_BESIDES) / PER_REQUEST
}

fn too_few(jobs: usize, allowed: u64, option: Option<&str>) -> CliError {
    let needed = needed(jobs);
    let error = CliError::usage(format!(
        "{jobs} requests at once need {needed} open files, and this process may have {allowed}; \
         nothing was started"
    ))
    .hint(format!(
        "raise the limit where it is set: `ulimit -n {needed}`, or `LimitNOFILE=` of a systemd unit"
    ));
    match (option, fitting(allowed)) {
        (Some(option), fits @ 1..) => error.hint(format!("or do less at once: `{option} {fits}`")),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_jobs_that_is_advised_is_the_most_that_fits() {
        for allowed in [70, 256, 1_024, 65_536] {
            let fits = usize::try_from(fitting(allowed)).unwrap();
            assert!(needed(fits) <= allowed && needed(fits + 1) > allowed, "{allowed}");
        }
        assert_eq!(fitting(10), 0);
    }
}
