//! How a batch is driven: what `--serial` and `--max-failures` say, or what an earlier batch was begun
//! with.

use super::super::PROGRAM;
use super::super::error::CliError;
use super::usage;
use crate::driver::{BatchSettings, FailureLimit, WaveSize};
use crate::store::BatchRequest;

/// Reads the options into settings, and into `request` as they are kept with the batch.
pub(super) fn read_manner(
    serial: &[String],
    max_failures: Option<&str>,
    request: &mut BatchRequest,
) -> Result<BatchSettings, CliError> {
    let waves: Result<Vec<WaveSize>, _> = serial.iter().map(|part| part.trim().parse()).collect();
    let waves = waves.map_err(|error| usage("--serial", &error))?;
    let max_failures = max_failures.map(str::parse::<FailureLimit>).transpose();
    let max_failures = max_failures.map_err(|error| usage("--max-failures", &error))?;
    request.serial = waves.iter().map(ToString::to_string).collect();
    request.max_failures = max_failures.map(|limit| limit.to_string());
    Ok(BatchSettings { waves, max_failures, program: PROGRAM.to_owned() })
}

/// The options that a batch was begun with, as they are typed; nothing where there were none.
pub(in crate::cli) fn manner_of(request: &BatchRequest) -> String {
    let serial = (!request.serial.is_empty()).then(|| request.serial.join(","));
    let options = [("--serial", serial), ("--max-failures", request.max_failures.clone())];
    let typed = options.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    typed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_with_a_batch_reads_back_as_it_was_meant() {
        let mut request = BatchRequest::default();
        let sizes = [" 1".to_owned(), "10% ".to_owned()];
        let first = read_manner(&sizes, Some("5%"), &mut request).unwrap();
        assert_eq!(manner_of(&request), "--serial 1,10% --max-failures 5%");
        let mut again = BatchRequest::default();
        let (serial, limit) = (request.serial.clone(), request.max_failures.clone());
        let second = read_manner(&serial, limit.as_deref(), &mut again).unwrap();
        assert_eq!((second.waves, second.max_failures), (first.waves, first.max_failures));
        assert_eq!(again, request);
        assert_eq!(manner_of(&BatchRequest::default()), "");
    }
}
