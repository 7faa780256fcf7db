//! `regfish.put_records` and `regfish.delete_records`: validation records, there and gone again.
//!
//! A record that is there already is left alone, whoever made it. One of ours that points elsewhere
//! is replaced: it proved an earlier order. One of somebody else is never touched; then the step
//! fails and shows both. Only what this run made is deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::give_up;
use crate::action::{ActionCall, Result, fail, parameters, success};
use crate::api::http::Retry as ApiRetry;
use crate::api::regfish::{CreateRecord, DnsRecord, NewRecord, RegfishClient, Zone, normal_host};
use crate::run::{ErrorKind, Outcome, Retry, StepError};
use crate::types::RunId;

/// Every record that certplan makes carries a note that begins like this.
pub(in crate::action) const OWNERSHIP_MARK: &str = "managed by certplan";

/// How soon a name is tried again that another run holds.
const NAME_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    records: Vec<Record>,
    ttl: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteParameters {
    records: Vec<KnownRecord>,
}

/// A record as `regfish.put_records` returns it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownRecord {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
    /// What it was when it was put; what it is now is looked up.
    #[serde(rename = "id")]
    _id: Option<i64>,
    #[serde(rename = "created")]
    _created: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Output {
    records: Vec<PutRecord>,
}

#[derive(Debug, Serialize)]
struct DeleteOutput {
    deleted: Vec<NamedRecord>,
    kept: Vec<KeptRecord>,
}

#[derive(Debug, Serialize)]
struct NamedRecord {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct KeptRecord {
    name: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct PutRecord {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    created: bool,
}

/// With `at_once` a record is first made without a look at its zone: for a thousand runs that is a
/// thousand requests less. A CNAME bears nothing beside it, so the server refuses when something is
/// there (contract A.12), and then the zone is read after all.
pub(in crate::action) async fn put(
    client: &RegfishClient,
    at_once: bool,
    call: &ActionCall,
) -> Result<Outcome> {
    let Parameters { records, ttl } = parameters(call)?;
    let annotation = annotation(&call.run);
    let mut wanted: Vec<Record> = Vec::new();
    for record in records {
        let record =
            Record { name: normal_host(&record.name), value: normal_host(&record.value), ..record };
        // A name bears one CNAME: what puts two would take each other's place for ever.
        if let Some(other) = wanted.iter().find(|other| {
            other.name == record.name && other.kind == record.kind && other.value != record.value
        }) {
            let message = format!(
                "`{}` cannot point to `{}` and to `{}` at once",
                record.name, other.value, record.value
            );
            return fail(ErrorKind::Conflict, message);
        }
        if !wanted.contains(&record) {
            wanted.push(record);
        }
    }
    if let (true, [record]) = (at_once, wanted.as_slice())
        && record.kind == "CNAME"
        && let Some(put) = make_at_once(client, record, ttl, &annotation).await?
    {
        return Ok(success(&Output { records: vec![put] }));
    }
    // Several names often share a zone; each zone is read once, before anything is changed.
    let mut zones: Vec<Zone> = Vec::new();
    let mut plans = Vec::new();
    for record in &wanted {
        let zone = zone_of(client, &mut zones, &record.name).await?;
        plans.push(decide(zone, record, &call.run, &call.unfinished_runs)?);
    }
    let mut put = Vec::new();
    for (record, decision) in wanted.iter().zip(plans) {
        put.push(carry_out(client, record, decision, ttl, &annotation).await?);
    }
    Ok(success(&Output { records: put }))
}

/// Makes a record where nothing stands; none when the server says that something does, or says no.
async fn make_at_once(
    client: &RegfishClient,
    record: &Record,
    ttl: u32,
    annotation: &str,
) -> Result<Option<PutRecord>> {
    match client.create_record(&new_record(record, ttl, annotation)).await {
        Ok(CreateRecord::Created(made)) => Ok(Some(PutRecord {
            name: record.name.clone(),
            kind: record.kind.clone(),
            value: record.value.clone(),
            id: Some(made.id),
            created: true,
        })),
        Ok(CreateRecord::Exists) => Ok(None),
        Err(error) if error.retry() == ApiRetry::Never => Ok(None),
        Err(error) => Err(give_up(error)),
    }
}

fn new_record(record: &Record, ttl: u32, annotation: &str) -> NewRecord {
    NewRecord {
        name: record.name.clone(),
        kind: record.kind.clone(),
        data: record.value.clone(),
        ttl: Some(ttl),
        annotation: Some(annotation.to_owned()),
    }
}

/// What is to be done for one record.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// It is there.
    Keep(i64),
    /// It is to be made, after these records of ours are gone.
    Create { instead_of: Vec<i64> },
}

async fn zone_of<'a>(
    client: &RegfishClient,
    zones: &'a mut Vec<Zone>,
    name: &str,
) -> Result<&'a Zone> {
    let holds = |zone: &Zone| name.strip_suffix(&zone.name).is_some_and(|rest| rest.ends_with('.'));
    if let Some(index) = zones.iter().position(holds) {
        return Ok(&zones[index]);
    }
    match client.find_zone(name).await.map_err(give_up)? {
        Some(zone) => {
            zones.push(zone);
            Ok(&zones[zones.len() - 1])
        }
        None => {
            let message = format!("no zone for `{name}` is managed with this API key");
            fail(ErrorKind::NotFound, message)
        }
    }
}

/// Decides from what stands at the record's name. A CNAME bears nothing beside it (contract A.12).
fn decide(
    zone: &Zone,
    wanted: &Record,
    own: &RunId,
    unfinished: &BTreeSet<RunId>,
) -> Result<Decision> {
    let mut replaced = Vec::new();
    for found in zone.records.iter().filter(|found| found.name == wanted.name && found.active) {
        if found.kind == wanted.kind && found.data == wanted.value {
            return Ok(Decision::Keep(found.id));
        }
        if !is_ours(found) {
            let message = format!(
                "`{}` already has a {} record that is not ours: it points to `{}`, the order \
                 needs {} `{}`",
                found.name, found.kind, found.data, wanted.kind, wanted.value
            );
            return fail(ErrorKind::Conflict, message);
        }
        // Two open orders can want one name; who takes it from the other starves it.
        if let Some(run) = run_of(found).filter(|run| run != own && unfinished.contains(run)) {
            let message = format!(
                "`{}` still proves an order of run `{run}`; this one waits until it is done",
                found.name
            );
            let error = StepError::new(ErrorKind::Conflict, message);
            let retry = Retry::Later { after: Some(NAME_PAUSE) };
            return Err(Box::new(Outcome::Failed { error, retry }));
        }
        replaced.push(found.id);
    }
    Ok(Decision::Create { instead_of: replaced })
}

/// Deletes what this run made; what is gone already is as good, and what is of others stays.
pub(in crate::action) async fn delete(
    client: &RegfishClient,
    call: &ActionCall,
) -> Result<Outcome> {
    let DeleteParameters { records } = parameters(call)?;
    let mut zones: Vec<Zone> = Vec::new();
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    for record in records {
        let wanted = Record {
            name: normal_host(&record.name),
            kind: record.kind,
            value: normal_host(&record.value),
        };
        match deletable(zone_of(client, &mut zones, &wanted.name).await?, &wanted, &call.run) {
            Ok(id) => {
                client.delete_record(id).await.map_err(give_up)?;
                let Record { name, kind, value } = wanted;
                deleted.push(NamedRecord { name, kind, value });
            }
            Err(reason) => {
                kept.push(KeptRecord { name: wanted.name, reason: reason.to_owned() });
            }
        }
    }
    Ok(success(&DeleteOutput { deleted, kept }))
}

/// The record's id, or why it is left alone.
fn deletable(zone: &Zone, wanted: &Record, run: &RunId) -> std::result::Result<i64, &'static str> {
    let found = zone.records.iter().find(|found| {
        found.name == wanted.name && found.kind == wanted.kind && found.data == wanted.value
    });
    match found {
        None => Err("it is not there"),
        Some(found) if !is_ours(found) => Err("it is not ours"),
        Some(found) if run_of(found).as_ref() != Some(run) => Err("another run made it"),
        Some(found) => Ok(found.id),
    }
}

/// Whether the record carries our mark, and is none that the vendor keeps itself.
fn is_ours(record: &DnsRecord) -> bool {
    !record.auto && record.annotation.as_ref().is_some_and(|note| note.starts_with(OWNERSHIP_MARK))
}

fn run_of(record: &DnsRecord) -> Option<RunId> {
    let run = record.annotation.as_ref()?.strip_prefix(OWNERSHIP_MARK)?.strip_prefix("; run ")?;
    RunId::parse(run).ok()
}

/// Whose a record is, as the note says that travels with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// This run made it.
    Run(RunId),
    /// It carries our mark, and no run can be told from it: somebody has changed the note.
    Unclear,
    /// Somebody else made it, or the vendor keeps it itself.
    Foreign,
}

/// Reads a record's note. Only the exact note that `regfish.put_records` writes names a run.
pub fn ownership(record: &DnsRecord) -> Ownership {
    if !is_ours(record) {
        return Ownership::Foreign;
    }
    match run_of(record) {
        // Validation records are the only ones that certplan makes.
        Some(run) if record.kind == "CNAME" => Ownership::Run(run),
        _ => Ownership::Unclear,
    }
}

fn annotation(run: &RunId) -> String {
    format!("{OWNERSHIP_MARK}; run {run}")
}

async fn carry_out(
    client: &RegfishClient,
    record: &Record,
    decision: Decision,
    ttl: u32,
    annotation: &str,
) -> Result<PutRecord> {
    let (id, created) = match decision {
        Decision::Keep(id) => (Some(id), false),
        Decision::Create { instead_of } => {
            for id in instead_of {
                client.delete_record(id).await.map_err(give_up)?;
            }
            let new = new_record(record, ttl, annotation);
            match client.create_record(&new).await.map_err(give_up)? {
                CreateRecord::Created(created) => (Some(created.id), true),
                CreateRecord::Exists => (None, false),
            }
        }
    };
    Ok(PutRecord {
        name: record.name.clone(),
        kind: record.kind.clone(),
        value: record.value.clone(),
        id,
        created,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Record {
        Record {
            name: "_dnsauth.example.com".to_owned(),
            kind: "CNAME".to_owned(),
            value: "new.dcv.digicert.com".to_owned(),
        }
    }

    fn zone(kind: &str, data: &str, annotation: Option<&str>, auto: bool) -> Zone {
        Zone {
            name: "example.com".to_owned(),
            records: vec![DnsRecord {
                id: 7,
                name: "_dnsauth.example.com".to_owned(),
                kind: kind.to_owned(),
                data: data.to_owned(),
                ttl: Some(300),
                annotation: annotation.map(str::to_owned),
                auto,
                active: true,
            }],
        }
    }

    #[test]
    fn a_record_that_is_there_is_kept_whoever_made_it() {
        let zone = zone("CNAME", "new.dcv.digicert.com", None, false);
        assert_eq!(
            decide(&zone, &wanted(), &RunId::from_random(1), &BTreeSet::new()),
            Ok(Decision::Keep(7))
        );
    }

    #[test]
    fn only_what_this_run_made_is_deleted() {
        let (run, other) = (RunId::from_random(7), RunId::from_random(8));
        let note = annotation(&run);
        let there = |data: &str, note: Option<&str>, auto| zone("CNAME", data, note, auto);
        let new = "new.dcv.digicert.com";
        assert_eq!(deletable(&there(new, Some(&note), false), &wanted(), &run), Ok(7));
        for (zone, reason) in [
            (there("old.dcv.digicert.com", Some(&note), false), "it is not there"),
            (there(new, None, false), "it is not ours"),
            (there(new, Some("managed by certbro"), false), "it is not ours"),
            (there(new, Some(&note), true), "it is not ours"),
            (there(new, Some(&annotation(&other)), false), "another run made it"),
        ] {
            assert_eq!(deletable(&zone, &wanted(), &run), Err(reason));
        }
    }

    #[test]
    fn only_the_exact_note_of_a_run_names_it() {
        let run = RunId::from_random(7);
        let whose = |kind: &str, note: Option<&str>, auto| {
            ownership(&zone(kind, "x.dcv.digicert.com", note, auto).records[0])
        };
        let note = annotation(&run);
        assert_eq!(whose("CNAME", Some(&note), false), Ownership::Run(run));
        for unclear in
            ["managed by certplan", "managed by certplan; run", "managed by certplan; run x y"]
        {
            assert_eq!(whose("CNAME", Some(unclear), false), Ownership::Unclear, "{unclear}");
        }
        let longer = format!("{note}; keep this, please");
        assert_eq!(whose("CNAME", Some(&longer), false), Ownership::Unclear);
        assert_eq!(whose("TXT", Some(&note), false), Ownership::Unclear);
        for (foreign, auto) in
            [(None, false), (Some("managed by certbro; run 7"), false), (Some(note.as_str()), true)]
        {
            assert_eq!(whose("CNAME", foreign, auto), Ownership::Foreign);
        }
    }

    #[test]
    fn our_own_stale_record_is_replaced() {
        let zone = zone("CNAME", "old.dcv.digicert.com", Some("managed by certplan; run x"), false);
        assert_eq!(
            decide(&zone, &wanted(), &RunId::from_random(1), &BTreeSet::new()),
            Ok(Decision::Create { instead_of: vec![7] })
        );
    }

    #[test]
    fn a_record_that_still_proves_another_order_is_waited_for() {
        let run = RunId::from_random(7);
        let zone = zone("CNAME", "old.dcv.digicert.com", Some(&annotation(&run)), false);
        let outcome =
            *decide(&zone, &wanted(), &RunId::from_random(1), &BTreeSet::from([run])).unwrap_err();
        let retry = Retry::Later { after: Some(NAME_PAUSE) };
        assert!(matches!(&outcome, Outcome::Failed { retry: found, .. } if *found == retry));
    }

    #[test]
    fn a_foreign_record_is_never_touched_and_both_are_shown() {
        for (annotation, auto) in [
            (None, false),
            (Some("managed by certbro"), false),
            (Some("managed by certplan"), true),
        ] {
            let zone = zone("CNAME", "old.dcv.digicert.com", annotation, auto);
            let outcome =
                *decide(&zone, &wanted(), &RunId::from_random(1), &BTreeSet::new()).unwrap_err();
            let Outcome::Failed { error, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!(error.kind, ErrorKind::Conflict);
            assert!(error.message.contains("old.dcv.digicert.com"), "{error}");
            assert!(error.message.contains("new.dcv.digicert.com"), "{error}");
        }
    }
}
