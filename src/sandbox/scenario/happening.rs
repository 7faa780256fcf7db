//! `happenings:` of a scenario, and what can happen: also on the occasion of a call.

use std::time::Duration;

use super::reading::{at_top, domain, duration, duration_of, items};
use crate::document::decode::{Decoder, Fields};
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::sandbox::happening::{Happening, HappeningKind, PlannedHappening, Since};
use crate::sandbox::world::{Check, RecordKind, ReissueOutcome, RevocationScope, Risk};

pub(super) const KEYS: [&str; 4] = ["after", "since", "target", "do"];

/// The words of `since`, and what they mean.
pub(super) const SINCES: [(&str, Since, &str); 2] = [
    ("start", Since::Start, "the start of the sandbox"),
    ("order", Since::Order, "each order of the target, when it is placed"),
];

/// What can happen: its name, the keys that it takes and what it means.
pub(super) const WORDS: [(&str, &[&str], &str); 21] = [
    ("complete", &["organization"], "a person chooses an organization in the Console"),
    ("cancel", &[], "a person cancels the order"),
    ("reject", &[], "the CA rejects the order"),
    ("lose", &[], "the vendor cannot say any more what became of the order: status `unknown`"),
    ("revive", &[], "an end of the order is taken back"),
    ("forget", &[], "the order vanishes: 404"),
    ("stage_again", &[], "the order waits for an organization again"),
    ("expire", &[], "the certificate has expired"),
    ("ask_revocation", &["scope"], "somebody asks the CA to revoke the certificate"),
    ("revoke", &["scope"], "the CA revokes the certificate"),
    ("rotate_tokens", &[], "the CA replaces the DNS tokens before their time"),
    ("answer_mail", &[], "somebody answers the validation mail"),
    ("hold_checks", &["checks"], "checks of the organization take until they are finished"),
    ("finish_checks", &["checks"], "checks of the organization are done"),
    ("assess_risk", &["risk"], "the CA's risk check says something else"),
    ("end_reissue", &["outcome"], "a reissue ends without a certificate"),
    ("accept_organization", &["organization"], "an organization can be used from now on"),
    ("withdraw_organization", &["organization"], "an organization cannot be used any more"),
    ("put_record", &["name", "type", "data"], "somebody else puts a DNS record"),
    ("remove_records", &["name"], "somebody else removes all records of a name"),
    ("lag", &["name_servers"], "the name servers lag this far behind from now on"),
];

pub(super) const SCOPES: [(&str, RevocationScope, &str); 2] = [
    ("certificate", RevocationScope::Certificate, "the certificate; the order lives"),
    ("order", RevocationScope::Order, "the whole order"),
];

pub(super) const CHECKS: [(&str, Check); 5] = [
    ("organization_type", Check::OrganizationType),
    ("organization_status", Check::OrganizationStatus),
    ("address_verification", Check::AddressVerification),
    ("blacklist_fraud", Check::BlacklistFraud),
    ("request_authenticity", Check::RequestAuthenticity),
];

pub(super) const RISKS: [(&str, Risk); 3] =
    [("pass", Risk::Pass), ("under_review", Risk::UnderReview), ("failed", Risk::Failed)];

pub(super) const OUTCOMES: [(&str, ReissueOutcome); 3] = [
    ("cancelled", ReissueOutcome::Cancelled),
    ("rejected", ReissueOutcome::Rejected),
    ("failed", ReissueOutcome::Failed),
];

/// Happenings that befall the world as a whole take no `target`.
pub(super) const OF_THE_WORLD: [&str; 5] =
    ["accept_organization", "withdraw_organization", "put_record", "remove_records", "lag"];

pub(super) fn happenings(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<PlannedHappening> {
    let items = items(fields, "happenings", decoder).unwrap_or_default();
    items.iter().filter_map(|item| planned(item, decoder)).collect()
}

fn planned(node: &Node, decoder: &mut Decoder<'_>) -> Option<PlannedHappening> {
    let what = "a happening";
    let fields = decoder.fields(node, at_top(node), what, &KEYS)?;
    decoder.require(&fields, "do", "what happens, for example `do: complete`");
    let words = SINCES.map(|(word, since, _)| (word, since));
    let since = decoder.word(&fields, "since", &words).unwrap_or_default();
    let after = duration(&fields, "after", decoder);
    let happening = targeted(&fields, decoder)?;
    Some(PlannedHappening { after: after.unwrap_or(Duration::ZERO), since, happening })
}

/// What happens at once.
pub(super) fn immediate(node: &Node, decoder: &mut Decoder<'_>) -> Option<Happening> {
    let fields = decoder.fields(node, at_top(node), "a happening", &["target", "do"])?;
    decoder.require(&fields, "do", "what happens, for example `do: complete`");
    targeted(&fields, decoder)
}

/// What happens, and the `target` beside it.
fn targeted(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<Happening> {
    let target = domain(fields, "target", decoder);
    let (_, node) = fields.get("do")?;
    let names: Vec<&str> = WORDS.iter().map(|(name, _, _)| *name).collect();
    let (name, parameters) = deed(node, &names, decoder)?;
    let mut happening = happening(name, parameters, node, decoder)?;
    if let Some((key, _)) = fields.get("target") {
        if !happening.kind.befalls_an_order() {
            decoder.push(
                Diagnostic::error("stray-key", format!("`{name}` happens to no order"))
                    .at(key.span, "so there is no target"),
            );
        } else if happening.target.is_some() {
            decoder.push(
                Diagnostic::error("excluding-keys", "the target is given twice")
                    .at(key.span, "leave this out, or the one inside of `do`"),
            );
        }
        happening.target = target;
    }
    Some(happening)
}

/// Takes `do: NAME` or `do: { NAME: parameters }` apart; `names` are those that are possible.
pub(super) fn deed<'n>(
    node: &'n Node,
    names: &[&'static str],
    decoder: &mut Decoder<'_>,
) -> Option<(&'static str, Option<&'n Node>)> {
    use crate::document::node::Kind;
    let words: Vec<(&str, &'static str)> = names.iter().map(|name| (*name, *name)).collect();
    match &node.kind {
        Kind::String(_) => Some((decoder.word_of(node, "`do`", &words)?, None)),
        Kind::Map(entries) => {
            if let [(key, parameters)] = entries.as_slice() {
                let name = Node { kind: Kind::String(key.name.clone()), span: key.span };
                return Some((decoder.word_of(&name, "`do`", &words)?, Some(parameters)));
            }
            let diagnostic = Diagnostic::error("one-deed", "`do` must say one thing");
            let diagnostic = match entries.get(1) {
                Some((key, _)) => diagnostic.at(key.span, "this is another one"),
                None => diagnostic.at(node.span, "this says nothing"),
            };
            decoder
                .push(diagnostic.help("write an entry of its own for each, one after the other"));
            None
        }
        _ => {
            let help = "for example `do: cancel`, or `do: { complete: { organization: … } }`";
            decoder.wrong_kind_because(node, "`do`", "a name, or a map with one", Some(help));
            None
        }
    }
}

/// Reads what happens.
pub(super) fn happening(
    name: &str,
    parameters: Option<&Node>,
    at: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<Happening> {
    let (_, keys, _) = WORDS.iter().find(|(word, _, _)| *word == name)?;
    let mut known = keys.to_vec();
    if !OF_THE_WORLD.contains(&name) {
        known.push("target");
    }
    let empty = Node { kind: crate::document::node::Kind::Map(Vec::new()), span: at.span };
    let node = parameters.unwrap_or(&empty);
    let what = format!("`{name}`");
    let fields = decoder.fields(node, at.span, &what, &known)?;
    let target = domain(&fields, "target", decoder);
    let kind = kind(name, &fields, decoder)?;
    Some(Happening { kind, target })
}

fn kind(name: &str, fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Option<HappeningKind> {
    let mut text = |name| decoder.text(fields, name).map(|text| text.value);
    Some(match name {
        "complete" => HappeningKind::Complete(text("organization")),
        "cancel" => HappeningKind::Cancel,
        "reject" => HappeningKind::Reject,
        "lose" => HappeningKind::Lose,
        "revive" => HappeningKind::Revive,
        "forget" => HappeningKind::Forget,
        "stage_again" => HappeningKind::StageAgain,
        "expire" => HappeningKind::Expire,
        "ask_revocation" => HappeningKind::AskRevocation(scope(fields, decoder)),
        "revoke" => HappeningKind::Revoke(scope(fields, decoder)),
        "rotate_tokens" => HappeningKind::RotateTokens,
        "answer_mail" => HappeningKind::AnswerMail,
        "hold_checks" => HappeningKind::HoldChecks(checks(fields, decoder)),
        "finish_checks" => HappeningKind::FinishChecks(checks(fields, decoder)),
        "assess_risk" => {
            decoder.require(fields, "risk", "for example `risk: under_review`");
            HappeningKind::AssessRisk(decoder.word(fields, "risk", &RISKS)?)
        }
        "end_reissue" => {
            let outcome = decoder.word(fields, "outcome", &OUTCOMES);
            HappeningKind::EndReissue(outcome.unwrap_or(ReissueOutcome::Cancelled))
        }
        "accept_organization" => {
            HappeningKind::JudgeOrganization { organization: text("organization"), usable: true }
        }
        "withdraw_organization" => {
            HappeningKind::JudgeOrganization { organization: text("organization"), usable: false }
        }
        "put_record" => {
            decoder.require(fields, "name", "for example `name: _dnsauth.example.com`");
            decoder.require(fields, "type", "for example `type: CNAME`");
            decoder.require(fields, "data", "what the record says");
            let kind = decoder.word(fields, "type", &RecordKind::ALL);
            let data = decoder.text(fields, "data");
            let name = domain(fields, "name", decoder)?;
            HappeningKind::PutRecord { name, kind: kind?.as_str().to_owned(), data: data?.value }
        }
        "remove_records" => {
            decoder.require(fields, "name", "for example `name: _dnsauth.example.com`");
            HappeningKind::RemoveRecords(domain(fields, "name", decoder)?)
        }
        "lag" => {
            decoder.require(fields, "name_servers", "one lag for each, such as `[0s, 5m]`");
            let items = items(fields, "name_servers", decoder)?;
            let what = "the lag of a name server";
            let lags = items.iter().filter_map(|item| duration_of(item, what, decoder)).collect();
            HappeningKind::Lag(lags)
        }
        _ => return None,
    })
}

fn scope(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> RevocationScope {
    let words = SCOPES.map(|(word, scope, _)| (word, scope));
    decoder.word(fields, "scope", &words).unwrap_or(RevocationScope::Certificate)
}

/// All of them, unless some are named.
fn checks(fields: &Fields<'_>, decoder: &mut Decoder<'_>) -> Vec<Check> {
    let Some(items) = items(fields, "checks", decoder) else { return Check::ALL.to_vec() };
    let what = "an item of `checks`";
    items.iter().filter_map(|item| decoder.word_of(item, what, &CHECKS)).collect()
}
