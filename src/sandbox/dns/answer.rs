//! From the world's records to the sections of a DNS answer. Pure: a name and a type in, records
//! out.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_net::proto::op::ResponseCode;
use hickory_net::proto::rr::rdata::{A, AAAA, CAA, CNAME, MX, NS, SOA, TXT};
use hickory_net::proto::rr::{Name, RData, Record, RecordType};

use crate::sandbox::world::{self, RecordKind, ServedZone, World, split_caa};
use crate::types::Timestamp;

const HOSTMASTER: &str = "hostmaster.certplan-sandbox.test";

/// Of the records that no customer made.
const OWN_TTL: u32 = 3_600;
/// How long an absence may be remembered; short, so that a put record is seen soon.
const NEGATIVE_TTL: u32 = 60;
const REFRESH: i32 = 3_600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 86_400;

/// A longer chain of CNAMEs is cut: two of them may point at each other.
const LONGEST_CHAIN: usize = 8;

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    /// Name servers or, when there is nothing to answer, the SOA.
    pub(super) authority: Vec<Record>,
    pub(super) additional: Vec<Record>,
}

impl Answer {
    pub(super) fn error(code: ResponseCode) -> Self {
        Self {
            code,
            authoritative: false,
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
        }
    }
}

/// Who answers, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Server<'servers> {
    /// Which of the name servers it is.
    pub(super) index: usize,
    /// Where each of them can be reached.
    pub(super) addresses: &'servers [IpAddr],
    pub(super) now: Timestamp,
}

/// Answers for `name` (lower-case, without trailing dot) out of the world's records, as far as
/// this server knows them.
pub(super) fn answer(world: &World, name: &str, kind: RecordType, server: Server<'_>) -> Answer {
    let mut answer = Answer { authoritative: true, ..Answer::error(ResponseCode::NoError) };
    let own = || world.name_servers().zip(server.addresses);
    if let Some((name_server, address)) = own().find(|(name_server, _)| name_server == name) {
        let own = address_record(&name_server, *address);
        answer.answers.extend(own.filter(|own| own.record_type() == kind));
        return answer;
    }
    let mut name = name.to_owned();
    for link in 0..LONGEST_CHAIN {
        let Some((zone_name, zone)) = world.served_zone(&name, server.index, server.now) else {
            // The end of a chain may lie elsewhere; a first name elsewhere is none of ours.
            return if link == 0 { Answer::error(ResponseCode::Refused) } else { answer };
        };
        let (found, exists) = records_at(world, &name, &zone_name, zone, kind);
        let next = found.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if kind != RecordType::CNAME => Some(target.0.to_lowercase()),
            _ => None,
        });
        if found.is_empty() {
            if link == 0 && !exists {
                answer.code = ResponseCode::NXDomain;
            }
            answer.authority.extend(start_of_authority(world, &zone_name, zone));
            return answer;
        }
        answer.answers.extend(found);
        match next {
            Some(target) => name = world::normal_name(&target.to_ascii()),
            None => {
                if kind == RecordType::NS {
                    answer.additional.extend(
                        own().filter_map(|(name, address)| address_record(&name, *address)),
                    );
                }
                return answer;
            }
        }
    }
    answer
}

/// The records of a name, and whether the name exists at all.
fn records_at(
    world: &World,
    name: &str,
    zone_name: &str,
    zone: ServedZone<'_>,
    kind: RecordType,
) -> (Vec<Record>, bool) {
    let all = zone.records;
    let active = || all.iter().filter(|record| record.active);
    let exists = name == zone_name
        || active().any(|record| {
            // A name also exists when only names below it do.
            record
                .name
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
    // A name that does not exist is answered by the nearest wildcard above it (RFC 4592).
    let owner = if exists { Some(name.to_owned()) } else { wildcard_above(name, zone_name, all) };
    let Some(owner) = owner else { return (Vec::new(), false) };

    let mut found = Vec::new();
    if name == zone_name {
        match kind {
            RecordType::SOA => found.extend(start_of_authority(world, zone_name, zone)),
            RecordType::NS => found.extend(
                world.name_servers().filter_map(|server| name_server_record(zone_name, &server)),
            ),
            _ => {}
        }
    }
    let wanted = |record: &&world::Record| {
        record.name == owner
            && (served_type(record.kind) == kind || record.kind == RecordKind::CNAME)
    };
    found.extend(active().filter(wanted).filter_map(|record| served(name, record)));
    (found, true)
}

fn wildcard_above(name: &str, zone_name: &str, records: &[world::Record]) -> Option<String> {
    let mut rest = name;
    while rest != zone_name {
        let (_, parent) = rest.split_once('.')?;
        let wildcard = format!("*.{parent}");
        let below = format!(".{parent}");
        if records.iter().any(|record| record.active && record.name == wildcard) {
            return Some(wildcard);
        }
        if records.iter().any(|record| record.name == parent || record.name.ends_with(&below)) {
            // The closest name that exists has no wildcard; those further up do not count.
            return None;
        }
        rest = parent;
    }
    None
}

fn served_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::AAAA => RecordType::AAAA,
        RecordKind::ALIAS => RecordType::ANAME,
        RecordKind::CAA => RecordType::CAA,
        RecordKind::CNAME => RecordType::CNAME,
        RecordKind::MX => RecordType::MX,
        RecordKind::NS => RecordType::NS,
        RecordKind::SRV => RecordType::SRV,
        RecordKind::TXT => RecordType::TXT,
    }
}

/// The record as it is served under `name`; ALIAS and SRV records are kept but not served.
fn served(name: &str, record: &world::Record) -> Option<Record> {
    let data = match record.kind {
        RecordKind::A => RData::A(A(record.data.parse().ok()?)),
        RecordKind::AAAA => RData::AAAA(AAAA(record.data.parse().ok()?)),
        RecordKind::CAA => RData::CAA(certification_authority(&record.data)?),
        RecordKind::CNAME => RData::CNAME(CNAME(absolute(&record.data)?)),
        RecordKind::MX => {
            RData::MX(MX::new(record.priority.unwrap_or_default(), absolute(&record.data)?))
        }
        RecordKind::NS => RData::NS(NS(absolute(&record.data)?)),
        RecordKind::TXT => RData::TXT(TXT::from_bytes(
            // One string of a TXT record holds 255 bytes at most (RFC 1035 3.3.14).
            record.data.as_bytes().chunks(255).collect(),
        )),
        RecordKind::ALIAS | RecordKind::SRV => return None,
    };
    Some(Record::from_rdata(absolute(name)?, record.ttl, data))
}

fn certification_authority(data: &str) -> Option<CAA> {
    let (flags, tag, value) = split_caa(data)?;
    // Raw, because a value such as `;` (nobody) is no name.
    let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
    caa.tag = tag.to_ascii_lowercase();
    caa.value = value.as_bytes().to_vec();
    Some(caa)
}

fn start_of_authority(world: &World, zone_name: &str, zone: ServedZone<'_>) -> Option<Record> {
    // A serial of 0 reads as "unset" to some tools.
    let serial = zone.serial.wrapping_add(1);
    let soa = SOA::new(
        absolute(&world.name_servers().next()?)?,
        absolute(HOSTMASTER)?,
        serial,
        REFRESH,
        RETRY,
        EXPIRE,
        NEGATIVE_TTL,
    );
    Some(Record::from_rdata(absolute(zone_name)?, NEGATIVE_TTL, RData::SOA(soa)))
}

fn name_server_record(zone_name: &str, name_server: &str) -> Option<Record> {
    let name_server = RData::NS(NS(absolute(name_server)?));
    Some(Record::from_rdata(absolute(zone_name)?, OWN_TTL, name_server))
}

fn address_record(name_server: &str, address: IpAddr) -> Option<Record> {
    let data = match address {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    };
    Some(Record::from_rdata(absolute(name_server)?, OWN_TTL, data))
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_str(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
