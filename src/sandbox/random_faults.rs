//! `RandomFaults`: things that go wrong now and then, the same ones for the same seed.
//!
//! Whether a request is hit follows from the seed, its method and path and how often that was asked
//! before; not from the order in which requests of several programs happen to arrive.

use std::collections::HashMap;
use std::time::Duration;

use super::fault::{FaultAction, Hiding};
use super::random::Randomness;

/// How often what goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomFaults {
    /// The same seed gives the same faults.
    pub seed: u64,
    /// How many requests are hit.
    pub share: Share,
    /// What happens to those; every kind is as likely.
    pub kinds: Vec<RandomFault>,
}

/// A part of all requests, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

/// Why a text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share is written as `5%` or `0.25%`, from `0.01%` to `100%`")]
pub struct ShareError;

impl Share {
    const WHOLE: u32 = 10_000;

    fn from_hundredths(hundredths: u32) -> Result<Self, ShareError> {
        if (1..=Self::WHOLE).contains(&hundredths) { Ok(Self(hundredths)) } else { Err(ShareError) }
    }
}

impl std::str::FromStr for Share {
    type Err = ShareError;

    /// Reads `5%` or `0.25%`.
    fn from_str(text: &str) -> Result<Self, ShareError> {
        let number = text.trim().strip_suffix('%').ok_or(ShareError)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 || whole.len() > 3 {
            return Err(ShareError);
        }
        let whole: u32 = whole.parse().map_err(|_| ShareError)?;
        let part: u32 = format!("{part:0<2}").parse().map_err(|_| ShareError)?;
        Self::from_hundredths(whole * 100 + part)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(formatter, "{whole}%"),
            (whole, part) if part % 10 == 0 => write!(formatter, "{whole}.{}%", part / 10),
            (whole, part) => write!(formatter, "{whole}.{part:02}%"),
        }
    }
}

/// A kind of random fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RandomFault {
    /// 500.
    ServerError,
    /// 503 with `Retry-After`.
    Unavailable,
    /// 429 with `Retry-After`.
    RateLimited,
    /// The page of a proxy.
    Html,
    /// No answer, and nothing happened.
    DropBeforeCommit,
    /// No answer, although everything happened.
    DropAfterCommit,
    /// Half an answer.
    Cut,
    /// Everything happened, and no answer ever comes.
    Stall,
    /// It takes half a minute.
    Delay,
    /// The next two lists lack the order.
    Hide,
}

impl RandomFault {
    /// All kinds, their words in scenarios and what they mean: a lowercase fragment.
    pub const WORDS: [(&'static str, Self, &'static str); 10] = [
        ("server_error", Self::ServerError, "500, and nothing happened"),
        ("unavailable", Self::Unavailable, "503 with `Retry-After`, and nothing happened"),
        ("rate_limited", Self::RateLimited, "429 with `Retry-After`, and nothing happened"),
        ("html", Self::Html, "the page of a proxy in trouble"),
        ("drop_before_commit", Self::DropBeforeCommit, "no answer, and nothing happened"),
        ("drop_after_commit", Self::DropAfterCommit, "no answer, although everything happened"),
        ("cut", Self::Cut, "everything happened, and half an answer comes"),
        ("stall", Self::Stall, "everything happened, and no answer ever comes"),
        ("delay", Self::Delay, "it takes half a minute"),
        ("hide", Self::Hide, "the next two lists lack the order"),
    ];

    /// All that cost no real time: a stalled answer ends with the program's own time limit.
    pub fn usual() -> Vec<Self> {
        let all = Self::WORDS.iter().map(|(_, kind, _)| *kind);
        all.filter(|kind| *kind != Self::Stall).collect()
    }

    fn action(self) -> FaultAction {
        match self {
            Self::ServerError => FaultAction::refusal(500, "internal server error"),
            Self::Unavailable => FaultAction::later(503, 20),
            Self::RateLimited => FaultAction::later(429, 30),
            Self::Html => FaultAction::Html,
            Self::DropBeforeCommit => FaultAction::DropBeforeCommit,
            Self::DropAfterCommit => FaultAction::DropAfterCommit,
            Self::Cut => FaultAction::CutAnswer,
            Self::Stall => FaultAction::Stall,
            Self::Delay => FaultAction::Delay(Duration::from_secs(30)),
            Self::Hide => FaultAction::Hide(Hiding::Lists(2)),
        }
    }
}

/// Throws the dice.
#[derive(Debug, Default)]
pub(super) struct Dice {
    rules: Option<RandomFaults>,
    counts: HashMap<String, u32>,
}

/// A sandbox that runs for days must not count forever.
const MOST_COUNTED: usize = 100_000;

impl Dice {
    pub(super) fn new(rules: Option<RandomFaults>) -> Self {
        Self { rules, counts: HashMap::new() }
    }

    /// What happens to this request of the imitated APIs, if anything.
    pub(super) fn throw(&mut self, method: &str, path: &str) -> Option<FaultAction> {
        let rules = self.rules.as_ref()?;
        let call = format!("{method} {}", path.split('?').next().unwrap_or_default());
        if self.counts.len() >= MOST_COUNTED {
            self.counts.clear();
        }
        let number = self.counts.entry(call.clone()).or_default();
        *number = number.saturating_add(1);
        // FNV-1a over all that tells this request from others.
        let hash = call
            .bytes()
            .chain(number.to_be_bytes())
            .chain(rules.seed.to_be_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let mut random = Randomness::new(Some(hash));
        if random.next() % u128::from(Share::WHOLE) >= u128::from(rules.share.0) {
            return None;
        }
        let kinds = u128::try_from(rules.kinds.len()).ok().filter(|count| *count > 0)?;
        let place = usize::try_from(random.next() % kinds).ok()?;
        rules.kinds.get(place).map(|kind| kind.action())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(seed: u64, share: &str) -> Vec<(u32, FaultAction)> {
        let share = share.parse().unwrap();
        let mut dice = Dice::new(Some(RandomFaults { seed, share, kinds: RandomFault::usual() }));
        let throws = (0..1_000).map(|number| (number, dice.throw("GET", "/tls/certificate/A?x=1")));
        throws.filter_map(|(number, action)| Some((number, action?))).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_about_as_many_as_wanted() {
        assert_eq!(hits(7, "5%"), hits(7, "5%"));
        assert_ne!(hits(7, "5%"), hits(8, "5%"));
        assert!((30..70).contains(&hits(7, "5%").len()), "{}", hits(7, "5%").len());
        assert_eq!(hits(7, "100%").len(), 1_000);
    }

    #[test]
    fn other_requests_in_between_change_nothing() {
        let rules =
            RandomFaults { seed: 3, share: "20%".parse().unwrap(), kinds: RandomFault::usual() };
        let (mut alone, mut among) = (Dice::new(Some(rules.clone())), Dice::new(Some(rules)));
        for number in 0..200 {
            drop(among.throw("GET", &format!("/tls/certificate/{number}")));
            assert_eq!(alone.throw("POST", "/dns/rr"), among.throw("POST", "/dns/rr"));
        }
    }

    #[test]
    fn shares_are_read_and_written_as_percentages() {
        for (text, shown) in
            [("5%", "5%"), ("0.25%", "0.25%"), ("12.5 %", "12.5%"), ("100%", "100%")]
        {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), shown);
        }
        for text in ["5", "0%", "101%", "-1%", "1.234%", "%", ".5%", "1e1%", "٥%"] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text}");
        }
    }
}
