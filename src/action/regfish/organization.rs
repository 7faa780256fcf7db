//! `regfish.resolve_organization`: the one usable organization that an id or a name means, made
//! when there is none and the plan says how.
//!
//! Asking the vendor twice makes two (contract A.3, A.13 row 9). So a new one is sent in phases like
//! an order: which organizations there were is recorded first, and after a lost answer the list is
//! asked. What is there, usable or not, is never made again.

use serde::{Deserialize, Serialize};

use super::{api_failure, give_up, step_error};
use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::http::Effect;
use crate::api::regfish::{Listing, NewOrganization, Organization, RegfishClient};
use crate::run::{
    Call, ErrorKind, Intent, OrganizationIntent, Outcome, ParkReason, Retry, StepError, WaitsFor,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(rename = "match")]
    wanted: String,
    create: Option<NewOrganization>,
}

#[derive(Debug, Serialize)]
struct Output {
    id: String,
    name: String,
    status: Option<String>,
    usable_for_ordering: bool,
    created: bool,
}

/// More names than this do not help in a message.
const MOST_NAMES: usize = 10;

pub(in crate::action) async fn resolve(
    client: &RegfishClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let Parameters { wanted, create } = parameters(call)?;
    let Some(create) = create else {
        return match &call.call {
            Call::Perform => find(&list(client).await?, &wanted),
            _ => fail(ErrorKind::Internal, "an organization that is looked up is not sent"),
        };
    };
    match &call.call {
        Call::Prepare { .. } => prepare(client, &wanted, &create).await,
        Call::Send(Intent::Organization(intent)) => send(client, &create, intent).await,
        Call::Reconcile(Intent::Organization(intent)) => {
            Ok(reconciled(&list(client).await?, &create, intent))
        }
        _ => fail(ErrorKind::Internal, "an organization is prepared, sent and asked after"),
    }
}

async fn list(client: &RegfishClient) -> Result<Vec<Organization>> {
    Ok(client.list_organizations().await.map_err(give_up)?.items)
}

/// The one usable organization of this id or name.
fn find(organizations: &[Organization], wanted: &str) -> Result<Outcome> {
    let matching: Vec<&Organization> = organizations
        .iter()
        .filter(|organization| {
            organization.id.as_str() == wanted || organization.name.as_deref() == Some(wanted)
        })
        .collect();
    let usable: Vec<&Organization> =
        matching.iter().copied().filter(|organization| organization.is_usable()).collect();
    match (usable.as_slice(), matching.as_slice()) {
        ([organization], _) => Ok(found(organization, false)),
        ([], []) => {
            let message = format!("there is no organization `{wanted}`; {}", all(organizations));
            fail(ErrorKind::NotFound, message)
        }
        ([], unusable) => {
            let message = format!(
                "organization `{wanted}` cannot be used for ordering yet: {}",
                shown(unusable.iter().copied())
            );
            fail(ErrorKind::Conflict, message)
        }
        (several, _) => fail(ErrorKind::Conflict, ambiguous(wanted, several)),
    }
}

/// Looks for the organization before one is made. What is there must be told from what is missing
/// for certain, so a list that cannot be read whole makes nothing.
async fn prepare(
    client: &RegfishClient,
    wanted: &str,
    create: &NewOrganization,
) -> Result<Outcome> {
    check(wanted, create)?;
    let listed = client.list_organizations().await.map_err(give_up)?;
    trustworthy(&listed)?;
    let organizations = listed.items;
    match judge(&organizations, create) {
        Judgement::Usable(organization) => Ok(found(organization, false)),
        Judgement::NotUsableYet(organizations) => Ok(not_usable_yet(&organizations)),
        Judgement::Several(organizations) => {
            fail(ErrorKind::Conflict, ambiguous(&create.organization, &organizations))
        }
        Judgement::Elsewhere(organizations) => {
            let message = format!(
                "there is an organization `{}` in {} at another address: {}; the plan says {}. \
                 Correct the plan, or name the organization by its id",
                create.organization,
                create.country_code.to_uppercase(),
                shown(organizations.iter().copied()),
                place(Some(&create.address), Some(&create.postal_code), Some(&create.city)),
            );
            fail(ErrorKind::Conflict, message)
        }
        Judgement::Missing => Ok(Outcome::Prepared {
            intent: Intent::Organization(OrganizationIntent {
                name: create.organization.clone(),
                address: create.address.clone(),
                country_code: create.country_code.clone(),
                known_organization_ids: organizations.into_iter().map(|known| known.id).collect(),
            }),
        }),
    }
}

fn check(wanted: &str, create: &NewOrganization) -> Result<()> {
    // Found by one name and made under another, it would be made again by the next run.
    if wanted != create.organization {
        let message = format!(
            "`match` is `{wanted}` and `create.organization` is `{}`; with `create`, both are the \
             name of the organization",
            create.organization
        );
        return fail(ErrorKind::Value, message);
    }
    let code = create.country_code.as_bytes();
    if code.len() != 2 || !code.iter().all(u8::is_ascii_alphabetic) {
        let message =
            format!("`create.country_code` is `{}`; two letters are needed", create.country_code);
        return fail(ErrorKind::Value, message);
    }
    let empty = [
        ("organization", &create.organization),
        ("first_name", &create.first_name),
        ("last_name", &create.last_name),
        ("address", &create.address),
        ("postal_code", &create.postal_code),
        ("city", &create.city),
        ("phone", &create.phone),
        ("email", &create.email),
    ];
    match empty.into_iter().find(|(_, text)| text.trim().is_empty()) {
        Some((name, _)) => fail(ErrorKind::Value, format!("`create.{name}` is empty")),
        None => Ok(()),
    }
}

fn trustworthy(listed: &Listing<Organization>) -> Result<()> {
    let message = match (listed.explicit, listed.unreadable.first()) {
        (true, None) => return Ok(()),
        (_, Some(first)) => format!("not every organization of the list can be read: {first}"),
        (false, None) => "the answer holds no list of organizations".to_owned(),
    };
    let error = StepError::new(ErrorKind::Unreadable, message);
    Err(Box::new(Outcome::Failed { error, retry: Retry::Later { after: None } }))
}

/// What the list says about an organization to make.
#[derive(Debug)]
enum Judgement<'a> {
    Usable(&'a Organization),
    NotUsableYet(Vec<&'a Organization>),
    Several(Vec<&'a Organization>),
    /// The same name in the same country, and another address: probably another spelling.
    Elsewhere(Vec<&'a Organization>),
    Missing,
}

/// An organization is the same when name, address and country are; a field that the list leaves out
/// speaks for it, because to make a second one is worse than to ask a person.
fn judge<'a>(organizations: &'a [Organization], create: &NewOrganization) -> Judgement<'a> {
    let same_name = organizations.iter().filter(|known| {
        known.name.as_deref().is_some_and(|name| same(name, &create.organization))
            && known.country_code.as_deref().is_none_or(|code| same(code, &create.country_code))
    });
    let (here, elsewhere): (Vec<&Organization>, Vec<&Organization>) =
        same_name.partition(|known| {
            known.address.as_deref().is_none_or(|address| same(address, &create.address))
        });
    let usable: Vec<&Organization> =
        here.iter().copied().filter(|known| known.is_usable()).collect();
    match (usable.as_slice(), here.as_slice(), elsewhere.as_slice()) {
        ([organization], ..) => Judgement::Usable(organization),
        ([], [], []) => Judgement::Missing,
        ([], [], _) => Judgement::Elsewhere(elsewhere),
        ([], ..) => Judgement::NotUsableYet(here),
        (..) => Judgement::Several(usable),
    }
}

/// Equal but for case and white space.
fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        text.split_whitespace().map(str::to_lowercase).collect::<Vec<String>>().join(" ")
    };
    words(one) == words(other)
}

async fn send(
    client: &RegfishClient,
    create: &NewOrganization,
    intent: &OrganizationIntent,
) -> Result<Outcome> {
    let country_code = create.country_code.to_uppercase();
    let new = NewOrganization { country_code, ..create.clone() };
    match client.create_organization(&new).await {
        Ok(made) if intent.known_organization_ids.contains(&made.id) => {
            let message =
                format!("the answer names organization `{}`, which was there before", made.id);
            Ok(Outcome::Unknown { error: StepError::new(ErrorKind::Unreadable, message) })
        }
        Ok(made) if made.is_usable() => Ok(found(&made, true)),
        Ok(made) => Ok(not_usable_yet(&[&made])),
        Err(error) => match error.effect() {
            Effect::None => Ok(api_failure(&error)),
            Effect::Unknown => Ok(Outcome::Unknown { error: step_error(&error) }),
        },
    }
}

/// What became of an organization whose answer was lost. Every new one of its name could be it, and
/// is enough not to make another.
fn reconciled(
    organizations: &[Organization],
    create: &NewOrganization,
    intent: &OrganizationIntent,
) -> Outcome {
    let new: Vec<&Organization> = organizations
        .iter()
        .filter(|known| {
            !intent.known_organization_ids.contains(&known.id)
                && known.name.as_deref().is_none_or(|name| same(name, &create.organization))
        })
        .collect();
    match new.as_slice() {
        [] => Outcome::NothingFound,
        [made] if made.is_usable() => found(made, true),
        [made] => not_usable_yet(&[made]),
        several => Outcome::Parked {
            reason: ParkReason {
                waits_for: WaitsFor::Person,
                code: "several_organizations".to_owned(),
                message: ambiguous(&create.organization, several),
                completion_url: None,
            },
        },
    }
}

fn found(organization: &Organization, created: bool) -> Outcome {
    success(&Output {
        id: organization.id.to_string(),
        name: organization.name.clone().unwrap_or_else(|| organization.id.to_string()),
        status: organization.status.clone(),
        usable_for_ordering: true,
        created,
    })
}

/// The vendor checks a new organization before it can be used; a resumed run looks again.
fn not_usable_yet(organizations: &[&Organization]) -> Outcome {
    let message = format!(
        "the organization cannot be used for ordering yet: {}; resume when it can",
        shown(organizations.iter().copied())
    );
    Outcome::Parked {
        reason: ParkReason {
            waits_for: WaitsFor::CertificateAuthority,
            code: "organization_not_usable".to_owned(),
            message,
            completion_url: None,
        },
    }
}

fn ambiguous(name: &str, several: &[&Organization]) -> String {
    format!(
        "{} organizations are called `{name}`; name one by its id: {}",
        several.len(),
        shown(several.iter().copied())
    )
}

fn all(organizations: &[Organization]) -> String {
    if organizations.is_empty() {
        return "the account has none".to_owned();
    }
    format!("there are {}", shown(organizations.iter()))
}

fn shown<'a>(organizations: impl Iterator<Item = &'a Organization>) -> String {
    let texts: Vec<String> = organizations
        .map(|organization| {
            let name = organization.name.as_deref().unwrap_or("without a name");
            let status = organization.status.as_deref().unwrap_or("unknown");
            let place = place(
                organization.address.as_deref(),
                organization.postal_code.as_deref(),
                organization.city.as_deref(),
            );
            let place = if place.is_empty() { place } else { format!(", {place}") };
            format!("`{}` ({name}{place}, status {status})", organization.id)
        })
        .collect();
    let more = texts.len().saturating_sub(MOST_NAMES);
    let shown = texts.into_iter().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn place(address: Option<&str>, postal_code: Option<&str>, city: Option<&str>) -> String {
    let town: Vec<&str> = postal_code.into_iter().chain(city).collect();
    let town = Some(town.join(" ")).filter(|town| !town.is_empty());
    let parts: Vec<String> = address.map(str::to_owned).into_iter().chain(town).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::OrganizationId;

    fn wish() -> NewOrganization {
        NewOrganization {
            organization: "Example GmbH".to_owned(),
            first_name: "Erika".to_owned(),
            last_name: "Mustermann".to_owned(),
            address: "Beispielweg 1".to_owned(),
            postal_code: "12345".to_owned(),
            city: "Berlin".to_owned(),
            country_code: "DE".to_owned(),
            phone: "+49 30 000000".to_owned(),
            email: "certificates@example.com".to_owned(),
        }
    }

    fn known(id: &str, usable: bool) -> Organization {
        let wish = wish();
        Organization {
            id: OrganizationId::parse(id).unwrap(),
            name: Some(wish.organization),
            status: Some(if usable { "ready" } else { "pending" }.to_owned()),
            usable_for_ordering: Some(usable),
            address: Some(wish.address),
            postal_code: Some(wish.postal_code),
            city: Some(wish.city),
            country_code: Some(wish.country_code),
        }
    }

    fn word(organizations: &[Organization]) -> &'static str {
        match judge(organizations, &wish()) {
            Judgement::Usable(_) => "usable",
            Judgement::NotUsableYet(_) => "not yet",
            Judgement::Several(_) => "several",
            Judgement::Elsewhere(_) => "elsewhere",
            Judgement::Missing => "missing",
        }
    }

    #[test]
    fn an_organization_is_made_only_when_none_could_be_it() {
        let with = |change: fn(&mut Organization)| {
            let mut one = known("A", true);
            change(&mut one);
            one
        };
        assert_eq!(word(&[]), "missing");
        assert_eq!(word(&[known("A", true)]), "usable");
        assert_eq!(word(&[known("A", false)]), "not yet");
        assert_eq!(word(&[known("A", false), known("B", true)]), "usable");
        assert_eq!(word(&[known("A", true), known("B", true)]), "several");
        for (change, expected) in [
            ((|one| one.name = Some(" EXAMPLE  gmbh".into())) as fn(&mut Organization), "usable"),
            (|one| one.name = Some("Example AG".into()), "missing"),
            (|one| one.address = Some("Beispielweg 2".into()), "elsewhere"),
            (|one| one.address = None, "usable"),
            (|one| one.country_code = Some("AT".into()), "missing"),
            (|one| one.country_code = None, "usable"),
        ] {
            assert_eq!(word(&[with(change)]), expected);
        }
    }

    #[test]
    fn after_a_lost_answer_any_new_one_of_the_name_is_enough() {
        let before = OrganizationIntent {
            name: wish().organization,
            address: wish().address,
            country_code: wish().country_code,
            known_organization_ids: [OrganizationId::parse("OLD").unwrap()].into(),
        };
        let outcome = |list: &[Organization]| reconciled(list, &wish(), &before);
        assert_eq!(outcome(&[known("OLD", true)]), Outcome::NothingFound);
        assert!(matches!(outcome(&[known("NEW", true)]), Outcome::Succeeded { .. }));
        let elsewhere = Organization { address: Some("x".into()), ..known("NEW", false) };
        assert!(matches!(outcome(&[elsewhere]), Outcome::Parked { reason }
            if reason.code == "organization_not_usable"));
        assert!(matches!(outcome(&[known("NEW", true), known("NEW2", true)]),
            Outcome::Parked { reason } if reason.code == "several_organizations"
                && reason.message.contains("`NEW2`")));
    }

    #[test]
    fn what_would_be_made_again_by_the_next_run_is_refused() {
        assert!(check("Example GmbH", &wish()).is_ok());
        assert!(check("Example", &wish()).is_err());
        let shaped = NewOrganization { country_code: "GER".to_owned(), ..wish() };
        assert!(check("Example GmbH", &shaped).is_err());
        assert!(
            check("Example GmbH", &NewOrganization { city: " ".to_owned(), ..wish() }).is_err()
        );
    }
}
