//! `Signature`: what an action takes and returns, and what may be done with it after a crash.
//!
//! The compiler checks plans against these tables and the engine takes its rules from them. What an
//! action does lives in `crate::action`; a test there holds both to the same fields.

mod deploy;
mod digicert;
mod dns;
mod installation;
mod names;
mod regfish;
mod rule;
mod x509;

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value};

use super::policy::{PollPolicy, RetryPolicy};
use super::value_type::{Field, Presence, ValueType};
pub use names::{missing_name, names_differ};
pub use rule::{Breach, Given, Rule};

/// An action as plans see it.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The name that plans write after `uses:`.
    pub name: &'static str,
    /// What it does, in one sentence without a full stop.
    pub summary: &'static str,
    /// The connection that it needs, by name.
    pub connection: Option<&'static str>,
    /// What stands under `with:`.
    pub parameters: Vec<Field>,
    /// Optional parameters of which exactly one must be given; empty when there is no such choice.
    pub one_of: &'static [&'static str],
    /// What it refuses though every parameter has its type.
    pub rules: &'static [Rule],
    /// What other steps read as `steps.ID.FIELD`.
    pub output: Vec<Field>,
    /// The output field that the world can change after the step succeeded; a later step that sees
    /// another value has it done again.
    pub moves: Option<&'static str>,
    /// The parameter that names the folder whose files the action exchanges. Whether it may is looked
    /// at before an order is placed.
    pub installs: Option<&'static str>,
    /// What it takes back of what another action has done: a step that goes on without that would
    /// wait for ever.
    pub undoes: Option<Undoing>,
    /// What a started step without a finish means after a crash.
    pub repeat: Repeat,
    /// How an attempt that failed for a passing reason is tried again.
    pub retry: RetryPolicy,
    /// For an action that waits: how often it looks, and for how long.
    pub poll: Option<PollPolicy>,
    /// The environment variables that a program gets from it, each with what it holds.
    pub variables: &'static [(&'static str, &'static str)],
    /// A step as it stands in a plan, with what it reads from other steps.
    pub example: &'static str,
}

/// Which action's work is taken back, and how one tells what is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undoing {
    /// The action whose work it is.
    pub action: &'static str,
    /// The output field in which that action lists what it has made sure of; none when its output
    /// as a whole is that one thing.
    pub made: Option<&'static str>,
    /// The output field in which this one lists what is gone; items are compared by `by`.
    pub gone: &'static str,
    /// The fields that tell one item from another.
    pub by: &'static [&'static str],
    /// Whether it is not needed any more once the names are proved.
    pub proves_names: bool,
}

/// What a started step without a finish means after a crash (design, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Run it again.
    Safe,
    /// Run it again: it looks at the resource before it changes anything.
    ObserveFirst,
    /// The plan says: run it again, or ask a person first.
    Declared,
    /// Never send it blindly: what it was about to do is recorded first, and after an unknown
    /// outcome the server is asked what exists.
    Reconcile,
}

impl Repeat {
    /// The word that documentation uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::ObserveFirst => "observe first",
            Self::Declared => "declared",
            Self::Reconcile => "reconcile",
        }
    }
}

/// All actions, in the order in which documentation lists them.
pub fn signatures() -> &'static [Signature] {
    static TABLE: LazyLock<Vec<Signature>> = LazyLock::new(|| {
        [
            regfish::signatures(),
            digicert::signatures(),
            dns::signatures(),
            x509::signatures(),
            deploy::signatures(),
        ]
        .into_iter()
        .flatten()
        .collect()
    });
    &TABLE
}

/// The action called `name`.
pub fn find(name: &str) -> Option<&'static Signature> {
    signatures().iter().find(|signature| signature.name == name)
}

/// The action that was probably meant by `name`, if any.
pub fn nearest_action(name: &str) -> Option<&'static str> {
    crate::document::suggest::nearest(name, signatures().iter().map(|signature| signature.name))
}

impl Signature {
    /// The parameter called `name`.
    pub fn parameter(&self, name: &str) -> Option<&Field> {
        self.parameters.iter().find(|field| field.name == name)
    }

    /// Everything that its rules say against these parameters.
    pub fn breaches(&self, given: &Given<'_>) -> Vec<Breach> {
        self.rules.iter().flat_map(|rule| rule.breaches(given)).collect()
    }

    /// Whether a step with these parameters is sent in phases: what is only looked up is not.
    pub fn is_sent_in_phases(&self, parameters: &Map<String, Value>) -> bool {
        let only_looks_up =
            self.name == "regfish.resolve_organization" && !parameters.contains_key("create");
        self.repeat == Repeat::Reconcile && !only_looks_up
    }

    /// Whether it buys something.
    pub fn costs_money(&self) -> bool {
        self.name == "regfish.create_order"
    }

    /// Whether a certificate comes of it, which the run owns from then on.
    pub fn obtains_certificate(&self) -> bool {
        matches!(self.name, "regfish.create_order" | "regfish.reissue")
    }

    /// Whether it is there to stop what comes after it, and does nothing else.
    pub fn only_checks(&self) -> bool {
        matches!(self.name, "assert" | "dns.preflight")
    }

    /// Whether the certificate's own PEM files are in every set that it puts into its folder.
    pub fn brings_pem(&self) -> bool {
        self.name == "regfish.download"
    }

    /// Whether the proof of the names has done its work once a step of this action has succeeded.
    pub fn ends_validation(&self) -> bool {
        matches!(self.name, "regfish.wait_issued" | "regfish.download")
    }

    /// Whether it waits for something that serves the order and does not show its fate: when the order
    /// has ended, that is waited for in vain.
    pub fn waits_beside_order(&self) -> bool {
        matches!(self.name, "dns.wait_propagated" | "digicert.order_validation")
    }

    /// Whether one answer can serve a whole batch: a look-up that changes nothing and does not
    /// depend on the order.
    pub fn can_be_shared(&self) -> bool {
        matches!(self.name, "regfish.list_products" | "regfish.resolve_organization")
    }

    /// Whether a step with these parameters may simply be done again when nobody knows whether it
    /// was done. Without it, a person has to say so.
    pub fn repeats_safely(&self, parameters: &Map<String, Value>) -> bool {
        let text = |name: &str| parameters.get(name).and_then(Value::as_str);
        match (self.repeat, text("repeat"), text("method")) {
            (Repeat::Declared, Some(declared), _) => declared == "safe",
            // The methods that mean the same when they arrive twice (RFC 9110, 9.2.2).
            (Repeat::Declared, None, Some(method)) => !matches!(method, "POST" | "PATCH"),
            (Repeat::Declared, None, None) => false,
            (Repeat::Safe | Repeat::ObserveFirst | Repeat::Reconcile, ..) => true,
        }
    }

    /// The output field called `name`.
    pub fn output_field(&self, name: &str) -> Option<&Field> {
        self.output.iter().find(|field| field.name == name)
    }
}

fn field(name: &str, value_type: ValueType, presence: Presence, description: &str) -> Field {
    Field { name: name.to_owned(), value_type, description: description.to_owned(), presence }
}

fn required(name: &str, value_type: ValueType, description: &str) -> Field {
    field(name, value_type, Presence::Required, description)
}

fn optional(name: &str, value_type: ValueType, description: &str) -> Field {
    field(name, value_type, Presence::Optional, description)
}

fn defaulted(name: &str, value_type: ValueType, default: Value, description: &str) -> Field {
    field(name, value_type, Presence::Default(default), description)
}

fn list_of(item: ValueType) -> ValueType {
    ValueType::List(Box::new(item))
}

fn integer(minimum: i64, maximum: i64) -> ValueType {
    ValueType::Integer { minimum: Some(minimum), maximum: Some(maximum) }
}

fn words(words: &[&str]) -> ValueType {
    ValueType::Enum(words.iter().map(|word| (*word).to_owned()).collect())
}

/// A read or a change that is safe to send again: a few quick tries, then it is somebody's turn.
fn retry_requests() -> RetryPolicy {
    RetryPolicy {
        attempts: 6,
        backoff: Duration::from_secs(2),
        max_delay: Duration::from_secs(60),
        on: None,
    }
}

fn poll_policy(every_seconds: u64, timeout_seconds: u64) -> PollPolicy {
    PollPolicy {
        every: Duration::from_secs(every_seconds),
        timeout: Duration::from_secs(timeout_seconds),
        on_timeout: super::policy::OnTimeout::Park,
        stretches: true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn action_names_and_their_fields_are_unique() {
        let names: BTreeSet<&str> = signatures().iter().map(|signature| signature.name).collect();
        assert_eq!(names.len(), signatures().len());
        for signature in signatures() {
            for fields in [&signature.parameters, &signature.output] {
                let names: BTreeSet<&str> =
                    fields.iter().map(|field| field.name.as_str()).collect();
                assert_eq!(names.len(), fields.len(), "{}", signature.name);
            }
        }
    }

    #[test]
    fn what_undoes_something_names_an_action_and_fields_that_there_are() {
        let undoings: Vec<_> =
            signatures().iter().filter_map(|action| Some((action, action.undoes?))).collect();
        assert!(!undoings.is_empty());
        for (action, undoing) in undoings {
            let undone = find(undoing.action).unwrap();
            let items = |field: &Field| {
                let ValueType::List(item) = &field.value_type else { panic!("{}", field.name) };
                let ValueType::Record(fields) = item.as_ref() else { panic!("{}", field.name) };
                fields.clone()
            };
            let made = match undoing.made {
                Some(made) => items(undone.output_field(made).unwrap()),
                None => undone.output.clone(),
            };
            let gone = items(action.output_field(undoing.gone).unwrap());
            for fields in [made, gone] {
                for name in undoing.by {
                    assert!(fields.iter().any(|field| field.name == *name), "{name}");
                }
            }
        }
    }

    #[test]
    fn defaults_have_the_type_that_they_stand_in_for() {
        for field in signatures().iter().flat_map(|signature| &signature.parameters) {
            if let Presence::Default(value) = &field.presence {
                assert!(field.value_type.check(value).is_ok(), "{}", field.name);
            }
        }
    }
}
