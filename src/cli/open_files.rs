//! How many files the program may have open: a batch holds a lock and perhaps a connection for each
//! of its targets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the program needs besides: the state file, the sandbox, connections.
const BESIDES: u64 = 512;

/// Raises the soft limit, as far as the hard one allows, so that `targets` files fit. A limit that
/// cannot be raised shows up as an error of whoever opens one file too many.
pub(super) fn allow_many(targets: usize) {
    let wanted =
        u64::try_from(targets).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(BESIDES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = current.is_none_or(|current| current >= wanted);
    if !enough {
        let current = maximum.map_or(Some(wanted), |most| Some(wanted.min(most)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}
