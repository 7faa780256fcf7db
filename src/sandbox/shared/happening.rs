//! What happens without a request of the API: whom it befalls, and the note that it happened.

use std::collections::VecDeque;

use super::Shared;
use crate::sandbox::fault::Hiding;
use crate::sandbox::happening::{Happening, HappeningKind};
use crate::sandbox::observed::LoggedHappening;
use crate::sandbox::script::Next;
use crate::sandbox::subject::order_of;
use crate::sandbox::world::{Refusal, Stage, World};
use crate::types::Timestamp;

/// The notes of a sandbox that runs for days must not grow forever.
const LONGEST_NOTES: usize = 10_000;

impl Shared {
    /// When the next planned thing happens, if that is not after `now`.
    pub(super) fn next_happening(&self, now: Timestamp) -> Option<Timestamp> {
        self.lock().script.next_by(now)
    }

    /// Lets the next planned thing happen.
    pub(super) fn happen_next(&self, at: Timestamp) {
        let next = self.lock().script.take_next();
        if let Some(Next { mut happening, order, expected }) = next {
            // The script has chosen the order already.
            happening.target = happening.target.filter(|_| order.is_none());
            self.happen(&happening, order.as_deref(), at);
            self.change_world(|world, _| world.expect_no_more(expected));
        }
    }

    /// Lets something happen on the occasion of a request.
    pub(crate) fn happen_at(&self, happening: &Happening, path: &str, now: Timestamp) {
        self.happen(happening, self.subject(path).as_deref(), now);
    }

    /// From now on the list lacks the order that a request is about.
    pub(crate) fn hide_subject(&self, hiding: Hiding, path: &str, now: Timestamp) {
        if let Some(id) = self.subject(path) {
            self.hide(&id, hiding, now);
        }
    }

    /// The order that the present request is about, or that it made.
    fn subject(&self, path: &str) -> Option<String> {
        self.latest_made().or_else(|| self.read_world(|world| order_of(world, path)))
    }

    /// Lets something happen, to the order of the `occasion` if there is one.
    pub(crate) fn happen(
        &self,
        happening: &Happening,
        occasion: Option<&str>,
        at: Timestamp,
    ) -> Vec<LoggedHappening> {
        let kind = &happening.kind;
        let befallen = self.read_world(|world| befallen(world, happening, occasion, at));
        let results: Vec<(Option<String>, Result<(), Refusal>)> =
            self.change_world(|world, random| {
                if !kind.befalls_an_order() {
                    return vec![(None, kind.come_true(world, at, random))];
                }
                let one = |id: String| {
                    let result = kind.befall(world, &id, at, random);
                    (Some(id), result)
                };
                befallen.into_iter().map(one).collect()
            });
        let mut notes: Vec<LoggedHappening> = results
            .into_iter()
            .map(|(certificate_id, result)| LoggedHappening {
                what: kind.word().to_owned(),
                certificate_id,
                refused: result.err().map(|refusal| refusal.to_string()),
                at,
            })
            .collect();
        if notes.is_empty() {
            notes.push(LoggedHappening {
                what: kind.word().to_owned(),
                certificate_id: None,
                refused: Some("there is no such order".to_owned()),
                at,
            });
        }
        let mut inner = self.lock();
        for note in &notes {
            tracing::debug!(?note, "something happened in the sandbox");
            push_bounded(&mut inner.happened, note.clone());
        }
        notes
    }

    /// What happened by itself, oldest first.
    pub(crate) fn happened(&self) -> Vec<LoggedHappening> {
        self.lock().happened.iter().cloned().collect()
    }
}

fn push_bounded(notes: &mut VecDeque<LoggedHappening>, note: LoggedHappening) {
    if notes.len() >= LONGEST_NOTES {
        notes.pop_front();
    }
    notes.push_back(note);
}

/// The orders that it happens to.
fn befallen(
    world: &World,
    happening: &Happening,
    occasion: Option<&str>,
    at: Timestamp,
) -> Vec<String> {
    if let (None, Some(id)) = (&happening.target, occasion) {
        return vec![id.to_owned()];
    }
    let revives = happening.kind == HappeningKind::Revive;
    let ids = world.orders().filter(|order| match &happening.target {
        Some(target) => order.common_name == *target,
        None => revives || !matches!(order.stage(at), Stage::Ended(_) | Stage::Revoked(_)),
    });
    ids.map(|order| order.id.clone()).collect()
}
