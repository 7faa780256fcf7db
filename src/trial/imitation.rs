//! `Imitation`: what stands for the programs and servers that a step reaches beyond the imitated
//! API, CA and DNS.

use std::collections::BTreeMap;

use crate::types::StepId;

/// For each step, what stands for the world's answers.
pub type Imitations = BTreeMap<StepId, Imitation>;

/// What becomes of a step that acts on what is not imitated otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imitation {
    /// It really acts.
    Really,
    /// It gets these answers, one after the other; the last one from then on. There is one at least.
    Answers(Vec<ImitatedAnswer>),
}

/// An answer of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImitatedAnswer {
    /// The one with which the step succeeds, as far as its parameters tell.
    Success,
    /// A program ends.
    Program {
        /// Its exit code; one that the step expects when it is not given.
        exit_code: Option<i32>,
        /// Its output.
        stdout: String,
        /// Its error output.
        stderr: String,
    },
    /// A server answers.
    Server {
        /// The status; one that the step expects when it is not given.
        status: Option<u16>,
        /// Headers by their lower-case names.
        headers: BTreeMap<String, String>,
        /// The body.
        body: String,
    },
    /// A server shows a certificate.
    Certificate(ShownCertificate),
    /// There is no answer, for this reason.
    Error(String),
}

/// Which certificate a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownCertificate {
    /// The one that the step expects.
    Expected,
    /// Another one.
    Another,
}

impl ShownCertificate {
    /// The words of the language.
    pub const WORDS: [(&'static str, Self); 2] =
        [("expected", Self::Expected), ("another", Self::Another)];
}

impl Imitation {
    /// The words of the language.
    pub const WORDS: [&'static str; 2] = ["succeeds", "really"];

    /// The answer of the given turn, counted from 0; none when the step really acts.
    pub fn answer(&self, turn: usize) -> Option<&ImitatedAnswer> {
        match self {
            Self::Really => None,
            Self::Answers(answers) => answers.get(turn).or_else(|| answers.last()),
        }
    }
}
