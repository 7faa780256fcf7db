//! `regfish.resolve_organization`: the one usable organization that an id or a name means.

use serde::{Deserialize, Serialize};

use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::regfish::{Organization, RegfishClient};
use crate::run::{ErrorKind, Outcome};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(rename = "match")]
    wanted: String,
}

#[derive(Debug, Serialize)]
struct Output {
    id: String,
    name: String,
    status: Option<String>,
    usable_for_ordering: bool,
}

/// More names than this do not help in a message.
const MOST_NAMES: usize = 10;

pub(in crate::action) async fn resolve(
    client: &RegfishClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let Parameters { wanted } = parameters(call)?;
    let organizations = client.list_organizations().await.map_err(super::give_up)?.items;
    let matching: Vec<&Organization> = organizations
        .iter()
        .filter(|organization| {
            organization.id.as_str() == wanted || organization.name.as_ref() == Some(&wanted)
        })
        .collect();
    let usable: Vec<&Organization> =
        matching.iter().copied().filter(|organization| organization.is_usable()).collect();
    match (usable.as_slice(), matching.as_slice()) {
        ([organization], _) => Ok(success(&Output {
            id: organization.id.to_string(),
            name: organization.name.clone().unwrap_or_else(|| organization.id.to_string()),
            status: organization.status.clone(),
            usable_for_ordering: true,
        })),
        ([], []) => {
            let message = format!("there is no organization `{wanted}`; {}", known(&organizations));
            fail(ErrorKind::NotFound, message)
        }
        ([], unusable) => {
            let message = format!(
                "organization `{wanted}` cannot be used for ordering yet: {}",
                list(unusable.iter().copied())
            );
            fail(ErrorKind::Conflict, message)
        }
        (several, _) => {
            let message = format!(
                "{} organizations are called `{wanted}`; name one by its id: {}",
                several.len(),
                list(several.iter().copied())
            );
            fail(ErrorKind::Conflict, message)
        }
    }
}

fn known(organizations: &[Organization]) -> String {
    if organizations.is_empty() {
        return "the account has none".to_owned();
    }
    format!("there are {}", list(organizations.iter()))
}

fn list<'a>(organizations: impl Iterator<Item = &'a Organization>) -> String {
    let texts: Vec<String> = organizations
        .map(|organization| {
            let name = organization.name.as_deref().unwrap_or("without a name");
            let status = organization.status.as_deref().unwrap_or("unknown");
            format!("`{}` ({name}, status {status})", organization.id)
        })
        .collect();
    let more = texts.len().saturating_sub(MOST_NAMES);
    let shown = texts.into_iter().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
