//! `SharedAnswers`: what one run of a batch has asked, the others need not ask again.
//!
//! Equal questions that are asked at the same time are asked once. A success stays for the whole
//! batch; a failure is the answer to those who waited for it, and the next attempt asks anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::run::Outcome;
use crate::types::Rest;

/// Answers by question.
#[derive(Debug, Default)]
pub(super) struct SharedAnswers(Mutex<HashMap<String, Answer>>);

#[derive(Debug)]
enum Answer {
    /// Somebody asks; the channel closes without a word when that came to nothing.
    Asked(watch::Receiver<Option<Outcome>>),
    Known(Outcome),
}

enum Turn {
    Ask(watch::Sender<Option<Outcome>>),
    Wait(watch::Receiver<Option<Outcome>>),
    Done(Outcome),
}

impl SharedAnswers {
    /// The answer of `action` for these parameters; `ask` is only polled when nobody else asks.
    pub(super) async fn get(
        &self,
        action: &str,
        parameters: &Map<String, Value>,
        ask: impl Future<Output = Outcome>,
    ) -> Outcome {
        let question = question(action, parameters);
        loop {
            match self.turn(&question) {
                Turn::Done(outcome) => return outcome,
                Turn::Ask(reply) => {
                    // Whatever ends this call, also a panic, lets the next one ask.
                    let asking = Asking { answers: self, question: &question, outcome: None };
                    return asking.end(reply, ask.await);
                }
                Turn::Wait(mut answer) => {
                    let (_rest, mark) = Rest::begin();
                    drop(mark);
                    let waited = answer.wait_for(Option::is_some).await;
                    if let Some(outcome) = waited.ok().and_then(|outcome| outcome.clone()) {
                        return outcome;
                    }
                }
            }
        }
    }

    fn turn(&self, question: &str) -> Turn {
        let mut answers = self.lock();
        match answers.get(question) {
            Some(Answer::Known(outcome)) => Turn::Done(outcome.clone()),
            Some(Answer::Asked(answer)) => Turn::Wait(answer.clone()),
            None => {
                let (reply, answer) = watch::channel(None);
                answers.insert(question.to_owned(), Answer::Asked(answer));
                Turn::Ask(reply)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who asks for all.
struct Asking<'a> {
    answers: &'a SharedAnswers,
    question: &'a str,
    outcome: Option<Outcome>,
}

impl Asking<'_> {
    fn end(mut self, reply: watch::Sender<Option<Outcome>>, outcome: Outcome) -> Outcome {
        if matches!(outcome, Outcome::Succeeded { .. }) {
            self.outcome = Some(outcome.clone());
        }
        drop(self);
        reply.send_replace(Some(outcome.clone()));
        outcome
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut answers = self.answers.lock();
        match self.outcome.take() {
            Some(outcome) => answers.insert(self.question.to_owned(), Answer::Known(outcome)),
            None => answers.remove(self.question),
        };
    }
}

/// A text that is equal for equal questions, whatever the order of their parameters.
fn question(action: &str, parameters: &Map<String, Value>) -> String {
    let mut text = action.to_owned();
    write(&mut text, &Value::Object(parameters.clone()));
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            text.push('{');
            for key in keys {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(text, &map[key]);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(text, item);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::run::{ErrorKind, Retry, StepError};

    fn parameters(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn success(sku: &str) -> Outcome {
        Outcome::Succeeded { output: parameters(json!({ "sku": sku })), certificate: None }
    }

    fn failure() -> Outcome {
        let error = StepError::new(ErrorKind::Server, "out of order");
        Outcome::Failed { error, retry: Retry::Later { after: None } }
    }

    #[tokio::test]
    async fn a_thousand_who_ask_at_once_send_one_request() {
        let (answers, asked) = (Arc::new(SharedAnswers::default()), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let (answers, asked, gate) = (answers.clone(), asked.clone(), gate.clone());
            tasks.spawn(async move {
                let ask = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let _ = gate.acquire().await;
                    success("X")
                };
                answers.get("list", &parameters(json!({ "sku": "X" })), ask).await
            });
        }
        tokio::task::yield_now().await;
        gate.add_permits(1);
        assert!(tasks.join_all().await.into_iter().all(|outcome| outcome == success("X")));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_a_success_is() {
        let answers = SharedAnswers::default();
        let sku = parameters(json!({ "sku": "X", "require": { "a": 1, "b": 2 } }));
        assert_eq!(answers.get("list", &sku, async { failure() }).await, failure());
        assert_eq!(answers.get("list", &sku, async { success("X") }).await, success("X"));
        let same = parameters(json!({ "require": { "b": 2, "a": 1 }, "sku": "X" }));
        assert_eq!(answers.get("list", &same, async { failure() }).await, success("X"));
        let other = parameters(json!({ "sku": "Y" }));
        assert_eq!(answers.get("list", &other, async { success("Y") }).await, success("Y"));
        assert_eq!(answers.get("find", &sku, async { failure() }).await, failure());
    }

    #[tokio::test]
    async fn when_the_one_who_asks_breaks_off_another_one_asks() {
        let answers = Arc::new(SharedAnswers::default());
        let broken = {
            let answers = answers.clone();
            tokio::spawn(async move {
                answers.get("list", &Map::new(), async { panic!("a scripted defect") }).await
            })
        };
        assert!(broken.await.is_err());
        assert_eq!(answers.get("list", &Map::new(), async { success("X") }).await, success("X"));
    }
}
