//! The DNS endpoints: records and zones (contract A.12).

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::body::{Fields, domain_name};
use super::{Access, Moment, Now};
use crate::sandbox::world::{NewRecord, Record, RecordId, RecordKind, Refusal, World, Zone};

/// A record on the wire (contract A.12).
#[derive(Debug, Serialize)]
struct RecordBody {
    id: RecordId,
    /// With a trailing dot.
    name: String,
    r#type: &'static str,
    data: String,
    ttl: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation: Option<String>,
    auto: bool,
    active: bool,
    ts_created: i64,
    ts_updated: i64,
}

impl From<&Record> for RecordBody {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id,
            name: format!("{}.", record.name),
            r#type: record.kind.as_str(),
            data: record.data.clone(),
            ttl: record.ttl,
            priority: record.priority,
            annotation: record.annotation.clone(),
            auto: record.auto,
            active: record.active,
            ts_created: record.created_at,
            ts_updated: record.updated_at,
        }
    }
}

/// GET `/dns/{domain}/rr`.
pub(super) async fn records(State(shared): Access, Path(domain): Path<String>) -> Answer {
    if shared.zone_list_fails() {
        return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "internal server error");
    }
    shared.read_world(|world| answer(world, world.zone(&domain).map(|(_, zone)| bodies(&zone))))
}

/// GET `/dns/rr/{rrid}`.
pub(super) async fn record(State(shared): Access, Path(rrid): Path<String>) -> Answer {
    shared.read_world(|world| {
        let record = read_id(&rrid).and_then(|id| world.record(id));
        answer(world, record.map(|(_, record)| RecordBody::from(record)))
    })
}

/// POST `/dns/rr`: the zone is found from the name, which must be whole.
pub(super) async fn create(
    State(shared): Access,
    Extension(Moment(now)): Now,
    body: Bytes,
) -> Answer {
    let wish = read_record(&body, None);
    shared.change_world(|world, random| {
        let record = wish.and_then(|wish| world.create_record(wish, now, random));
        answer(world, record.map(|record| RecordBody::from(&record)))
    })
}

/// PATCH `/dns/rr`: the record is found by name and type; there must be one.
pub(super) async fn update_by_name(
    State(shared): Access,
    Extension(Moment(now)): Now,
    body: Bytes,
) -> Answer {
    let wish = read_record(&body, None);
    shared.change_world(|world, _| {
        let record = wish.and_then(|wish| world.update_record_by_name(wish, now));
        answer(world, record.map(|record| RecordBody::from(&record)))
    })
}

/// PATCH `/dns/rr/{rrid}`: here the name may be relative to the zone.
pub(super) async fn update(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(rrid): Path<String>,
    body: Bytes,
) -> Answer {
    shared.change_world(|world, _| {
        let record = read_id(&rrid).and_then(|id| {
            let zone = world.record(id)?.0.to_owned();
            world.update_record(id, read_record(&body, Some(&zone))?, now)
        });
        answer(world, record.map(|record| RecordBody::from(&record)))
    })
}

/// DELETE `/dns/rr/{rrid}`: the good news stands in `error` (contract A.0).
pub(super) async fn delete(
    State(shared): Access,
    Extension(Moment(now)): Now,
    Path(rrid): Path<String>,
) -> Answer {
    shared.change_world(|world, _| {
        match read_id(&rrid).and_then(|id| world.delete_record(id, now)) {
            Ok(()) => Answer::good_news("record deleted"),
            Err(refusal) => Answer::refusal(&refusal, world),
        }
    })
}

/// GET `/dns/zones`.
pub(super) async fn zones(State(shared): Access) -> Answer {
    let zones: Vec<Value> = shared.read_world(|world| {
        world
            .zone_names()
            .into_iter()
            .map(|domain| {
                json!({
                    "domain": domain,
                    "active": true,
                    "using_regfish_nameservers": true,
                    "delegation_nameservers": name_servers(world),
                })
            })
            .collect()
    });
    Answer::ok(&zones)
}

/// GET `/dns/zones/{domain}`.
pub(super) async fn zone(State(shared): Access, Path(domain): Path<String>) -> Answer {
    shared.read_world(|world| {
        answer(world, world.zone(&domain).map(|(domain, zone)| zone_body(world, &domain, &zone)))
    })
}

fn zone_body(world: &World, domain: &str, zone: &Zone) -> Value {
    let count = |of: fn(&Record) -> bool| zone.records.iter().filter(|record| of(record)).count();
    let mut by_type: BTreeMap<&str, usize> = BTreeMap::new();
    for record in &zone.records {
        *by_type.entry(record.kind.as_str()).or_default() += 1;
    }
    json!({
        "domain": domain,
        "origin": format!("{domain}."),
        "active": true,
        "signed": false,
        "using_regfish_nameservers": true,
        "delegation_nameservers": name_servers(world),
        "soa": {
            "mname": world.name_servers().next().map(|server| format!("{server}.")),
            "serial": zone.serial,
        },
        "record_count": zone.records.len(),
        "counts": {
            "records_total": zone.records.len(),
            "records_active": count(|record| record.active),
            "records_auto": count(|record| record.auto),
            "records_manual": count(|record| !record.auto),
            "by_type": by_type,
        },
        "records": bodies(zone),
    })
}

fn name_servers(world: &World) -> Vec<Value> {
    world.name_servers().map(|host| json!({ "host": host })).collect()
}

fn bodies(zone: &Zone) -> Vec<RecordBody> {
    zone.records.iter().map(Into::into).collect()
}

fn answer(world: &World, result: Result<impl Serialize, Refusal>) -> Answer {
    match result {
        Ok(body) => Answer::ok(&body),
        Err(refusal) => Answer::refusal(&refusal, world),
    }
}

fn read_id(rrid: &str) -> Result<RecordId, Refusal> {
    rrid.parse().map_err(|_| Refusal::NotFound("record not found".to_owned()))
}

/// Reads a record; with a zone, the name may also be `@` or a label of that zone.
fn read_record(body: &[u8], zone: Option<&str>) -> Result<NewRecord, Refusal> {
    let fields = Fields::read(body)?;
    let kind = RecordKind::parse(&fields.text("type")?)
        .ok_or_else(|| Refusal::invalid("type is unknown"))?;
    let name = fields.text("name")?;
    let name = match zone {
        Some(zone) if name == "@" => zone.to_owned(),
        Some(zone) if !name.contains('.') => format!("{name}.{zone}"),
        _ => name,
    };
    Ok(NewRecord {
        name: domain_name("name", &name)?,
        kind,
        data: fields.text("data")?,
        ttl: fields.integer("ttl")?,
        priority: fields.integer("priority")?,
        annotation: fields.optional_text("annotation")?,
    })
}
