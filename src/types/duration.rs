//! Durations as people write them: `15s`, `30m`, `1h30m`, `7d`.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration such as `15s`, `30m`, `1h30m` or `7d`")]
pub struct DurationError {
    /// The offending text, shortened and made printable.
    pub text: String,
}

/// No plan waits longer than ten years; the bound keeps every sum of times in range.
const LONGEST_SECONDS: u64 = 3650 * 86_400;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// Reads whole numbers with the units `ms`, `s`, `m`, `h`, `d`, written one after the other.
///
/// Fails on anything else, on a bare number (its unit would be a guess) and above ten years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError { text: super::shorten(&super::printable(text), 40) };
    let mut rest = text.trim();
    let mut milliseconds: u64 = 0;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| refuse())?;
        rest = &rest[digits..];
        let (unit, scale) =
            UNITS.iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(refuse)?;
        rest = &rest[unit.len()..];
        milliseconds = number
            .checked_mul(*scale)
            .and_then(|part| milliseconds.checked_add(part))
            .filter(|sum| *sum <= LONGEST_SECONDS * 1000)
            .ok_or_else(refuse)?;
    }
    Ok(Duration::from_millis(milliseconds))
}

/// Writes a duration with its two largest units: `2d 4h`, `1m 5s`, `850ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    if milliseconds < 1000 {
        return format!("{milliseconds}ms");
    }
    if milliseconds < 10_000 && milliseconds % 1000 >= 50 {
        return format!("{}.{}s", milliseconds / 1000, (milliseconds % 1000) / 100);
    }
    let mut rest = milliseconds / 1000;
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        for (text, seconds) in
            [("15s", 15), ("30m", 1800), ("1h30m", 5400), ("7d", 604_800), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn a_bare_number_has_no_unit_and_is_refused() {
        for text in ["", "15", "s", "-1s", "1.5h", "1w", "15 s x", "99999999999999999999s", "9999d"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (milliseconds, text) in [
            (0, "0s"),
            (850, "850ms"),
            (1_300, "1.3s"),
            (65_000, "1m 5s"),
            (3_600_000, "1h"),
            (187_200_000, "2d 4h"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
