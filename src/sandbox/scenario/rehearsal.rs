//! Whether a world can begin as a scenario says: two things of one id, a wildcard name that the
//! product cannot hold, an organization that nobody knows.
//!
//! The world itself is asked, in a copy that is thrown away: its rules stand nowhere twice.

use std::sync::Arc;

use super::Scenario;
use super::reading::{at_top, items};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::sandbox::ca::Ca;
use crate::sandbox::initial::{InitialError, InitialPlace};
use crate::sandbox::random::Randomness;
use crate::sandbox::world::World;
use crate::types::{Clock, SystemClock, VirtualClock, printable};

/// Each order of earlier days has a key and a certificate made for it; beyond so many, the first
/// ones are looked at and the rest when the sandbox starts.
const MOST_ORDERS: usize = 500;

/// Reports everything that the world would refuse at its beginning.
pub(super) fn rehearse(scenario: &Scenario, fields: &Fields<'_>, decoder: &mut Decoder<'_>) {
    for error in refused(scenario) {
        let (list, number) = match error.place {
            InitialPlace::Organization(number) => ("organizations", number),
            InitialPlace::Record(number) => ("records", number),
            InitialPlace::Order(number) => ("orders", number),
        };
        let item = items(fields, list, decoder).and_then(|items| items.get(number));
        let title = format!("the world cannot begin with {}", printable(&error.subject));
        let diagnostic = Diagnostic::error("impossible-start", title);
        decoder.push(match item {
            Some(item) => diagnostic.at(at_top(item), printable(&error.reason)),
            None => diagnostic.help(printable(&error.reason)),
        });
    }
}

fn refused(scenario: &Scenario) -> Vec<InitialError> {
    // Without a CA of its own the sandbox will say so itself.
    let Ok(ca) = Ca::generate() else { return Vec::new() };
    let clock: Arc<dyn Clock> = match scenario.start {
        Some(start) => Arc::new(VirtualClock::starting_at(start)),
        None => Arc::new(SystemClock),
    };
    let start = clock.now();
    let mut options = scenario.options(clock);
    options.orders.truncate(MOST_ORDERS);
    let mut random = Randomness::new(options.seed);
    let mut world = World::empty(options.rules());
    options.initial().furnish_all(&mut world, &ca, start, &mut || random.next())
}
