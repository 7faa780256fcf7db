//! `WaveSize` and `FailureLimit`: how many runs of a batch begin together, and when no more begin.
//!
//! Pure decisions. Who starts and stops runs is `batch`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How many runs one wave has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveSize {
    /// So many.
    Count(usize),
    /// So many of a hundred of the whole batch, rounded up.
    Percent(u8),
}

/// How many failed runs a batch puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureLimit {
    /// So many; one more is too many.
    Count(usize),
    /// So many of a hundred of the whole batch.
    Percent(u8),
}

/// Why a text is no number of runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is neither a number of runs nor a percentage from {least}% to 100%")]
pub struct ShareError {
    text: String,
    least: u8,
}

impl FromStr for WaveSize {
    type Err = ShareError;

    /// Reads `10` or `10%`. A wave has at least one run, so neither may be 0.
    fn from_str(text: &str) -> Result<Self, ShareError> {
        match share(text, 1)? {
            (count, false) => Ok(Self::Count(count)),
            (percent, true) => Ok(Self::Percent(u8::try_from(percent).unwrap_or(100))),
        }
    }
}

impl FromStr for FailureLimit {
    type Err = ShareError;

    /// Reads `10` or `10%`; 0 puts up with none.
    fn from_str(text: &str) -> Result<Self, ShareError> {
        match share(text, 0)? {
            (count, false) => Ok(Self::Count(count)),
            (percent, true) => Ok(Self::Percent(u8::try_from(percent).unwrap_or(100))),
        }
    }
}

impl fmt::Display for WaveSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

impl fmt::Display for FailureLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

fn share(text: &str, least: u8) -> Result<(usize, bool), ShareError> {
    let wrong =
        || ShareError { text: crate::types::shorten(&crate::types::printable(text), 40), least };
    let text = text.trim();
    let (digits, percent) = text.strip_suffix('%').map_or((text, false), |digits| (digits, true));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: usize = digits.parse().map_err(|_| wrong())?;
    if number < usize::from(least) || (percent && number > 100) {
        return Err(wrong());
    }
    Ok((number, percent))
}

/// Cuts `total` runs into waves. The last size is repeated until all runs have their turn; without
/// sizes all begin together.
pub fn waves(total: usize, sizes: &[WaveSize]) -> Vec<Range<usize>> {
    let mut waves = Vec::new();
    let mut begun = 0;
    let mut sizes = sizes.iter();
    let mut size = WaveSize::Percent(100);
    while begun < total {
        size = sizes.next().copied().unwrap_or(size);
        let end = begun.saturating_add(size.of(total)).min(total);
        waves.push(begun..end);
        begun = end;
    }
    waves
}

impl WaveSize {
    fn of(self, total: usize) -> usize {
        let size = match self {
            Self::Count(count) => count,
            Self::Percent(percent) => percentage(total, percent).div_ceil(100),
        };
        // A wave without runs would never end.
        size.max(1)
    }
}

impl FailureLimit {
    /// Whether so many failed runs of a batch of `total` are too many.
    pub fn is_exceeded(self, failed: usize, total: usize) -> bool {
        match self {
            Self::Count(count) => failed > count,
            Self::Percent(percent) => failed.saturating_mul(100) > percentage(total, percent),
        }
    }
}

fn percentage(total: usize, percent: u8) -> usize {
    total.saturating_mul(usize::from(percent))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sizes(text: &str) -> Vec<WaveSize> {
        text.split(',').map(|size| size.parse().unwrap()).collect()
    }

    #[test]
    fn one_goes_first_then_a_tenth_then_the_rest() {
        assert_eq!(waves(50, &sizes("1,10%,100%")), [0..1, 1..6, 6..50]);
    }

    #[test]
    fn the_last_size_is_repeated() {
        assert_eq!(waves(5, &sizes("2")), [0..2, 2..4, 4..5]);
    }

    #[test]
    fn without_sizes_all_begin_together_and_nothing_has_no_wave() {
        assert_eq!(waves(3, &[]), vec![0..3]);
        assert!(waves(0, &sizes("1")).is_empty());
    }

    #[test]
    fn a_size_that_cannot_be_is_refused() {
        for text in
            ["0", "0%", "101%", "", "%", "-1", "+1", "1.5", "ten", "99999999999999999999999"]
        {
            assert!(text.parse::<WaveSize>().is_err(), "{text}");
        }
        assert_eq!(
            "0%".parse::<WaveSize>().unwrap_err().to_string(),
            "`0%` is neither a number of runs nor a percentage from 1% to 100%"
        );
        assert_eq!("0".parse(), Ok(FailureLimit::Count(0)));
        assert_eq!("0%".parse(), Ok(FailureLimit::Percent(0)));
    }

    #[test]
    fn a_limit_is_what_is_put_up_with() {
        let none = FailureLimit::Count(0);
        assert!(!none.is_exceeded(0, 10) && none.is_exceeded(1, 10));
        let tenth = FailureLimit::Percent(10);
        assert!(!tenth.is_exceeded(1, 10) && tenth.is_exceeded(2, 10));
        assert!(!FailureLimit::Percent(100).is_exceeded(10, 10));
    }

    fn any_size() -> impl Strategy<Value = WaveSize> {
        prop_oneof![
            (1_usize..2_000).prop_map(WaveSize::Count),
            (1_u8..=100).prop_map(WaveSize::Percent)
        ]
    }

    proptest! {
        #[test]
        fn waves_hold_every_run_once_and_in_order(
            total in 0_usize..3_000,
            sizes in proptest::collection::vec(any_size(), 0..5),
        ) {
            let waves = waves(total, &sizes);
            prop_assert!(waves.iter().all(|wave| !wave.is_empty()));
            let runs: Vec<usize> = waves.into_iter().flatten().collect();
            prop_assert_eq!(runs, (0..total).collect::<Vec<_>>());
        }

        #[test]
        fn more_failures_never_make_a_batch_more_patient(
            total in 1_usize..3_000,
            failed in 0_usize..3_000,
            percent in 0_u8..=100,
            count in 0_usize..3_000,
        ) {
            for limit in [FailureLimit::Count(count), FailureLimit::Percent(percent)] {
                if limit.is_exceeded(failed, total) {
                    prop_assert!(limit.is_exceeded(failed + 1, total));
                }
                prop_assert!(!limit.is_exceeded(0, total));
            }
        }
    }
}
