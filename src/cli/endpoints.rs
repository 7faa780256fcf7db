//! `Endpoints`: where the services are that a run talks to.
//!
//! Decided once, when the run starts, and recorded with it: a resumed run goes on at the same place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::connections::{DIGICERT, REGFISH, Settings, base_url, needs, recorded_base_url};
use super::error::CliError;
use crate::api::http::BaseUrl;
use crate::engine::{Prospect, preview};
use crate::plan::{Plan, find_signature};
use crate::run::RunHeader;
use crate::types::Timestamp;

/// The address of each service that is needed.
#[derive(Debug, Clone, Default)]
pub(super) struct Endpoints {
    pub(super) regfish: Option<BaseUrl>,
    pub(super) digicert: Option<BaseUrl>,
    /// What the copy of the embedded sandbox's scenario is called, under the name that it has here.
    pub(super) scenario: Option<(String, String)>,
}

impl Endpoints {
    /// For a new run.
    pub(super) fn new(
        plan: &Plan,
        inputs: &Map<String, Value>,
        target: &str,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        Self::of_batch(plan, std::iter::once((plan, inputs, target)), settings)
    }

    /// For the new runs of a batch; `plan` has the connections of all of them.
    pub(super) fn of_batch<'a>(
        plan: &Plan,
        mut targets: impl Iterator<Item = (&'a Plan, &'a Map<String, Value>, &'a str)>,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let regfish = needs(plan, REGFISH.name).then(|| base_url(&REGFISH, plan, settings));
        let digicert = targets
            .any(|(plan, inputs, target)| may_ask_digicert(plan, inputs, target))
            .then(|| base_url(&DIGICERT, plan, settings));
        Ok(Self { regfish: regfish.transpose()?, digicert: digicert.transpose()?, scenario: None })
    }

    /// For a run that is resumed.
    pub(super) fn of_run(
        header: &RunHeader,
        plan: &Plan,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let recorded = |name: &str| header.endpoints.get(name);
        let regfish = recorded(REGFISH.name).map(|url| recorded_base_url(&REGFISH, url, settings));
        let digicert = match recorded(DIGICERT.name) {
            Some(url) => Some(recorded_base_url(&DIGICERT, url, settings)),
            // Nothing is ordered there, so the place may be chosen later than the run began.
            None => may_ask_digicert(plan, &header.inputs, &header.target)
                .then(|| base_url(&DIGICERT, plan, settings)),
        };
        Ok(Self { regfish: regfish.transpose()?, digicert: digicert.transpose()?, scenario: None })
    }

    /// Notes the addresses for whoever resumes the run.
    pub(super) fn record(&self, plan: &Plan, endpoints: &mut BTreeMap<String, String>) {
        // A sandbox has everything, and most plans do not know DigiCert.
        let digicert = if needs(plan, DIGICERT.name) { &self.digicert } else { &None };
        let all = [(REGFISH.name, &self.regfish), (DIGICERT.name, digicert)];
        endpoints.extend(
            all.into_iter()
                .filter_map(|(name, url)| Some((name.to_owned(), url.as_ref()?.to_string()))),
        );
        endpoints.extend(self.scenario.clone());
    }
}

/// Whether a step may ask DigiCert. Few people have a key there; a plan that does without one when
/// it is told no order number must not ask for it.
fn may_ask_digicert(plan: &Plan, inputs: &Map<String, Value>, target: &str) -> bool {
    if !needs(plan, DIGICERT.name) {
        return false;
    }
    let Ok(foreseen) = preview(plan, inputs, target, &BTreeMap::new(), Timestamp::now()) else {
        return true;
    };
    let asks = |uses: &str| {
        find_signature(uses).is_some_and(|action| action.connection == Some(DIGICERT.name))
    };
    foreseen
        .iter()
        .filter(|step| step.prospect != Prospect::Skipped)
        .any(|step| plan.steps.get(&step.id).is_some_and(|step| asks(&step.uses)))
}
