//! What stands for programs and servers in a world that is imitated: [`CaseOutside`] says what a case
//! of a test file says, [`SandboxOutside`] lets every step succeed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::action::{ActionCall, Imitated, Outside, ProgramEnd};
use crate::api::web::WebAnswer;
use crate::pki::{Chain, Fingerprint};
use crate::sandbox::{Controls, Sandbox};
use crate::trial::{ImitatedAnswer, Imitation, Imitations, ShownCertificate};
use crate::types::StepId;

/// The certificates that servers of an imitated world can show.
struct Certificates {
    controls: Controls,
    root_pem: String,
}

impl Certificates {
    fn of(sandbox: &Sandbox) -> Self {
        Self { controls: sandbox.controls(), root_pem: sandbox.root_pem() }
    }

    /// What a server shows that has the expected certificate, when the world's CA has issued it.
    fn expected(&self, expected: &Fingerprint) -> Vec<Vec<u8>> {
        let orders = self.controls.orders().into_iter().rev();
        let mut chains = orders.filter_map(|order| {
            Chain::from_pem(order.chain_pem?.as_bytes())
                .ok()
                .filter(|chain| chain.leaf().sha256 == *expected)
        });
        chains.next().map_or_else(|| self.another(), |chain| shown(&chain))
    }

    /// What any other server shows.
    fn another(&self) -> Vec<Vec<u8>> {
        Chain::from_pem(self.root_pem.as_bytes()).as_ref().map(shown).unwrap_or_default()
    }
}

fn shown(chain: &Chain) -> Vec<Vec<u8>> {
    chain.certificates().map(|certificate| certificate.der.clone()).collect()
}

/// A program that ends as its step expects.
fn good_end(call: &ActionCall) -> ProgramEnd {
    ProgramEnd { exit_code: expected(call, "expect_exit").unwrap_or(0), ..ProgramEnd::default() }
}

/// An answer without a body that is as its step expects.
fn good_answer(call: &ActionCall) -> WebAnswer {
    WebAnswer {
        status: expected(call, "expect_status").unwrap_or(200),
        headers: BTreeMap::new(),
        body: Vec::new(),
        retry_after: None,
    }
}

/// The first number of a list of those that are a success.
fn expected<N: TryFrom<i64>>(call: &ActionCall, parameter: &str) -> Option<N> {
    let first = call.parameters.get(parameter)?.as_array()?.first()?;
    N::try_from(first.as_i64()?).ok()
}

/// What a case says. Answers are used up in the order in which they are asked for, whichever
/// program asks: a crash may take one with it, as it does in the world.
pub(super) struct CaseOutside {
    imitations: Mutex<Imitations>,
    certificates: Certificates,
    asked: Mutex<BTreeMap<StepId, usize>>,
    missing: Mutex<Option<(StepId, String)>>,
}

impl CaseOutside {
    pub(super) fn new(imitations: Imitations, sandbox: &Sandbox) -> Arc<Self> {
        Arc::new(Self {
            imitations: Mutex::new(imitations),
            certificates: Certificates::of(sandbox),
            asked: Mutex::default(),
            missing: Mutex::default(),
        })
    }

    /// From now on the steps that are named get these answers, from the first one on.
    pub(super) fn turn_to(&self, imitations: &Imitations) {
        let mut current = self.imitations.lock().unwrap_or_else(PoisonError::into_inner);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        for (step, imitation) in imitations {
            current.insert(step.clone(), imitation.clone());
            asked.remove(step);
        }
    }

    /// A step that asked, and its action, though the case says nothing about it.
    pub(super) fn missing(&self) -> Option<(StepId, String)> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next answer for a step, as `made` makes it.
    fn next<T>(
        &self,
        call: &ActionCall,
        made: impl FnOnce(&ImitatedAnswer) -> Option<T>,
    ) -> Imitated<T> {
        let imitations = self.imitations.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(imitation) = imitations.get(&call.step) else {
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            missing.get_or_insert((call.step.clone(), call.uses.clone()));
            return Imitated::Unknown("the case does not say what comes of it".to_owned());
        };
        let turn = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = asked.entry(call.step.clone()).or_default();
            *turn += 1;
            *turn - 1
        };
        match imitation.answer(turn) {
            None if *imitation == Imitation::Really => Imitated::Really,
            Some(ImitatedAnswer::Error(reason)) => Imitated::Error(reason.clone()),
            // Answers were checked against the step's action when they were read.
            answer => match answer.and_then(made) {
                Some(answer) => Imitated::Answer(answer),
                None => Imitated::Unknown(format!("the answer is none for `{}`", call.uses)),
            },
        }
    }
}

impl Outside for CaseOutside {
    fn program(&self, call: &ActionCall) -> Imitated<ProgramEnd> {
        self.next(call, |answer| match answer {
            ImitatedAnswer::Success => Some(good_end(call)),
            ImitatedAnswer::Program { exit_code, stdout, stderr } => Some(ProgramEnd {
                exit_code: exit_code.unwrap_or_else(|| good_end(call).exit_code),
                stdout: stdout.clone(),
                stderr: stderr.clone(),
            }),
            _ => None,
        })
    }

    fn server(&self, call: &ActionCall) -> Imitated<WebAnswer> {
        self.next(call, |answer| match answer {
            ImitatedAnswer::Success => Some(good_answer(call)),
            ImitatedAnswer::Server { status, headers, body } => {
                let good = good_answer(call);
                Some(WebAnswer {
                    status: status.unwrap_or(good.status),
                    headers: headers.clone(),
                    body: body.clone().into_bytes(),
                    ..good
                })
            }
            _ => None,
        })
    }

    fn certificates(&self, call: &ActionCall, expected: &Fingerprint) -> Imitated<Vec<Vec<u8>>> {
        self.next(call, |answer| match answer {
            ImitatedAnswer::Success | ImitatedAnswer::Certificate(ShownCertificate::Expected) => {
                Some(self.certificates.expected(expected))
            }
            ImitatedAnswer::Certificate(ShownCertificate::Another) => {
                Some(self.certificates.another())
            }
            _ => None,
        })
    }
}

/// Everything succeeds, as far as that can be said: for trying a plan without its surroundings.
pub struct SandboxOutside {
    certificates: Certificates,
}

impl SandboxOutside {
    /// For steps that act in the world of this sandbox.
    pub fn new(sandbox: &Sandbox) -> Self {
        Self { certificates: Certificates::of(sandbox) }
    }
}

/// Parameters of `http.request` that only a real answer can fulfil.
const NEED_AN_ANSWER: [&str; 3] = ["captures", "until", "fail_if"];

impl Outside for SandboxOutside {
    fn program(&self, call: &ActionCall) -> Imitated<ProgramEnd> {
        Imitated::Answer(good_end(call))
    }

    fn server(&self, call: &ActionCall) -> Imitated<WebAnswer> {
        let is_given = |value: &Value| match value {
            Value::Object(map) => !map.is_empty(),
            value => !value.is_null(),
        };
        let given = |name: &&str| call.parameters.get(*name).is_some_and(is_given);
        match NEED_AN_ANSWER.iter().copied().find(given) {
            None => Imitated::Answer(good_answer(call)),
            Some(name) => Imitated::Unknown(format!(
                "it was not sent, and `{name}` needs an answer that the sandbox cannot know; \
                 `--really-act` sends it, and `imitate` in a test file says what comes back"
            )),
        }
    }

    fn certificates(&self, _: &ActionCall, expected: &Fingerprint) -> Imitated<Vec<Vec<u8>>> {
        Imitated::Answer(self.certificates.expected(expected))
    }
}
