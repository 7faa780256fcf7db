//! [`blocking`]: work that holds a thread up, on few threads of its own: keys, and the files of keys
//! and certificates.
//!
//! The runtime keeps hundreds of threads for such work and wakes another one for every job; with a
//! thousand runs the waking costs more than the jobs. Here whoever is done takes what waits. What
//! waits for the network, for a name or for another program has no place here.

use std::num::NonZero;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::spawn_blocking;

use super::{Result, fail};
use crate::run::ErrorKind;

/// So many threads more than there are cores: making keys takes all cores, and a disk that is slow
/// to confirm should not keep them from it.
const BESIDE_THE_CORES: usize = 2;

/// Does `work` on one of the threads, when its turn comes; `what` it is, for the error when it
/// breaks off. It goes on to its end even when nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let task = match threads() {
        Some(threads) => threads.spawn_blocking(work),
        None => spawn_blocking(work),
    };
    match task.await {
        Ok(result) => result,
        Err(_) => fail(ErrorKind::Internal, format!("{what} broke off")),
    }
}

/// None when the system has none to give; then the runtime's own must do.
fn threads() -> Option<&'static Runtime> {
    static THREADS: OnceLock<Option<Runtime>> = OnceLock::new();
    let start = || {
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        Builder::new_current_thread()
            .thread_name("files")
            .max_blocking_threads(cores + BESIDE_THE_CORES)
            .build()
            .ok()
    };
    THREADS.get_or_init(start).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Outcome;

    #[tokio::test]
    async fn work_that_breaks_off_is_a_failure_like_any_other_and_the_next_one_is_done() {
        let broken: Result<()> = blocking("writing", || panic!("no more ink")).await;
        let Outcome::Failed { error, .. } = *broken.unwrap_err() else { panic!("not a failure") };
        assert_eq!(error.message, "writing broke off");
        assert_eq!(blocking("writing", || Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn however_much_there_is_to_do_only_a_few_threads_do_it() {
        let jobs =
            (0..500).map(|_| tokio::spawn(blocking("working", || Ok(std::thread::current().id()))));
        let mut threads = std::collections::HashSet::new();
        for job in jobs.collect::<Vec<_>>() {
            threads.insert(job.await.unwrap().unwrap());
        }
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        assert!(threads.len() <= cores + BESIDE_THE_CORES, "{}", threads.len());
    }
}
