//! The world on its own: orders through their stages, records and their rules.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::types::DomainName;

const USABLE: &str = "hdl_7K9QW3M2ZT8HJ";
const PENDING: &str = "hdl_4NXR6VP2CD9WB";

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

/// Different numbers, the same in every run.
fn numbers() -> impl FnMut() -> u128 {
    let mut last = 0_u128;
    move || {
        last = last.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        last
    }
}

fn rules() -> Rules {
    Rules {
        offered: None,
        timing: Timing::published(),
        zones: ZoneRules {
            any_zone: true,
            managed: vec![name("example.co.uk")],
            unmanaged: vec![name("foreign.example")],
            unmanaged_answer: UnmanagedAnswer::NotFound,
        },
        downloads_refused: 1,
        behaviour: Behaviour::default(),
    }
}

fn wish(sku: &str, names: &[&str], org_id: Option<&str>) -> NewOrder {
    NewOrder {
        id: None,
        sku: sku.to_owned(),
        common_name: name(names[0]),
        dns_names: names[1..].iter().map(|text| name(text)).collect(),
        csr: String::new(),
        csr_names: names.iter().map(|text| (*text).to_owned()).collect(),
        dcv: Dcv::DnsCnameToken,
        validity_days: None,
        org_id: org_id.map(str::to_owned),
        renewal_of: None,
    }
}

fn record(at: &str, kind: RecordKind, data: &str) -> NewRecord {
    NewRecord {
        name: name(at),
        kind,
        data: data.to_owned(),
        ttl: None,
        priority: None,
        annotation: None,
    }
}

fn issued(at: Timestamp) -> Issued {
    Issued {
        at,
        chain_pem: "CHAIN".to_owned(),
        serial_number: "01".to_owned(),
        valid_from: at,
        valid_until: at + Duration::from_secs(86_400),
    }
}

/// The work that is due, without looking at the DNS: the caller says what the CA sees.
fn settle(world: &mut World, now: Timestamp, sees: bool) {
    loop {
        let due = world.due(now);
        if due.is_empty() {
            return;
        }
        for due in due {
            match &due.work {
                DueWork::Look(tokens) => {
                    let all = tokens.iter().map(|token| token.base_domain.clone());
                    world.record_look(&due, Some(&all.filter(|_| sees).collect()));
                }
                DueWork::AnswerMail => world.record_mail(&due.order_id, due.at),
                DueWork::Rotate => world.rotate_due(&due, &mut numbers()),
                DueWork::Issue => world.record_issued(&due, issued(due.at)),
            }
        }
    }
}

fn state(world: &World, id: &str, now: Timestamp) -> (&'static str, &'static str) {
    let order = world.order(id).unwrap();
    (order.stage(now).status(), order.order_state(now, &world.rules.timing))
}

#[test]
fn a_dv_order_shows_its_records_at_once_and_is_issued_at_the_cas_first_look() {
    let mut world = World::new(rules());
    let order = world
        .create_order(
            wish("rapidssl", &["www.example.com", "api.example.com", "a.example.co.uk"], None),
            second(0),
            &mut numbers(),
        )
        .unwrap()
        .clone();
    assert_eq!(order.sku, "RapidSSL");
    assert_eq!(order.stage(second(0)), Stage::Validating);
    let bases: Vec<&str> = order
        .submission
        .as_ref()
        .unwrap()
        .tokens
        .iter()
        .map(|token| token.base_domain.as_str())
        .collect();
    assert_eq!(bases, ["example.co.uk", "example.com"]);

    assert_eq!(world.due(second(59)), []);
    settle(&mut world, second(60), true);
    assert_eq!(state(&world, &order.id, second(60)), ("issued", "ISSUED"));
    assert_eq!(state(&world, &order.id, second(60 + 86_401)), ("expired", "EXPIRED"));
}

#[test]
fn an_ov_order_without_a_usable_organization_is_staged_and_completed_once() {
    for (org_id, kept) in [(None, None), (Some(PENDING), Some(PENDING.to_owned()))] {
        let mut world = World::new(rules());
        let order = world
            .create_order(wish("SecureSite", &["example.com"], org_id), second(0), &mut numbers())
            .unwrap()
            .clone();
        assert_eq!(order.organization_id, kept);
        assert_eq!(state(&world, &order.id, second(0)), ("pending", "ACTION_REQUIRED"));

        for (id, organization, text) in [
            ("NOPE", USABLE, "certificate not found"),
            (&order.id, "hdl_NOPE", "organization not found"),
            (&order.id, PENDING, "organization is not usable for ordering"),
        ] {
            let refusal =
                world.complete_order(id, organization, second(5), &mut numbers()).unwrap_err();
            assert_eq!(refusal.to_string(), text);
        }
        world.complete_order(&order.id, USABLE, second(10), &mut numbers()).unwrap();
        assert_eq!(state(&world, &order.id, second(10)), ("pending", "PENDING"));
        assert_eq!(world.order(&order.id).unwrap().stage(second(29)), Stage::Submitted);
        assert_eq!(state(&world, &order.id, second(30)), ("pending", "PENDING_APPROVAL"));
        let again = world.complete_order(&order.id, USABLE, second(30), &mut numbers());
        assert_eq!(again.unwrap_err().to_string(), "the order requires no completion");

        // Proved at 90 seconds, but the organization is checked until 310.
        settle(&mut world, second(200), true);
        assert_eq!(world.order(&order.id).unwrap().stage(second(200)), Stage::Vetting);
        settle(&mut world, second(400), true);
        let issued = world.order(&order.id).unwrap().issued.clone().unwrap();
        assert_eq!(issued.at, second(310));
    }
}

#[test]
fn an_ov_order_with_a_usable_organization_skips_the_staging() {
    let mut world = World::new(rules());
    let order = world
        .create_order(
            wish("TrueBusinessID", &["example.com"], Some(USABLE)),
            second(0),
            &mut numbers(),
        )
        .unwrap();
    assert_eq!(order.stage(second(0)), Stage::Validating);
}

#[test]
fn orders_with_wrong_wishes_are_refused() {
    let days =
        |days| NewOrder { validity_days: Some(days), ..wish("RapidSSL", &["example.com"], None) };
    let csr = |names: &[&str]| NewOrder {
        csr_names: names.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>(),
        ..wish("RapidSSL", &["example.com", "www.example.com"], None)
    };
    let renewal = NewOrder {
        renewal_of: Some("NOPE".to_owned()),
        ..wish("RapidSSL", &["example.com"], None)
    };
    let mut world = World::new(rules());
    for (wish, text) in [
        (wish("GoldSSL", &["example.com"], None), "unknown sku"),
        (days(0), "validity_days must be 1 to 199"),
        (days(200), "validity_days must be 1 to 199"),
        (wish("RapidSSL", &["*.example.com"], None), "RapidSSL cannot hold wildcard names"),
        (csr(&["example.com"]), "csr does not hold the ordered name www.example.com"),
        (
            csr(&["example.com", "www.example.com", "x.example.com"]),
            "csr holds x.example.com, which is not ordered",
        ),
        (wish("SecureSite", &["example.com"], Some("hdl_NOPE")), "organization not found"),
        (renewal, "renewal_of_certificate_id: certificate not found"),
    ] {
        let refusal = world.create_order(wish, second(0), &mut numbers()).unwrap_err();
        assert_eq!(refusal.to_string(), text);
    }
    assert_eq!(world.orders().count(), 0);
    let wildcard = wish("RapidSSLWildcard", &["*.example.com"], None);
    assert!(world.create_order(wildcard, second(0), &mut numbers()).is_ok());
}

#[test]
fn the_ca_does_not_look_again_before_a_record_changes() {
    let mut world = World::new(rules());
    let id = world
        .create_order(wish("RapidSSL", &["example.com"], None), second(0), &mut numbers())
        .unwrap()
        .id
        .clone();
    settle(&mut world, second(90), false);
    assert_eq!(world.due(second(10_000)), []);
    let mut put = |at: &str, now| {
        let wish = record(at, RecordKind::A, "192.0.2.1");
        world.create_record(wish, second(now), &mut numbers()).unwrap();
        world.due(second(200)).first().map(|due| due.at)
    };
    assert_eq!(put("a.example.org", 125), None);
    assert_eq!(put("a.example.com", 130), Some(second(180)));
    settle(&mut world, second(200), true);
    assert_eq!(world.order(&id).unwrap().issued.as_ref().unwrap().at, second(180));
}

#[test]
fn tokens_rotate_after_thirty_days_and_the_ca_looks_again() {
    let mut world = World::new(rules());
    let before = world
        .create_order(wish("RapidSSL", &["example.com"], None), second(0), &mut numbers())
        .unwrap()
        .clone();
    let month = second(30 * 86_400);
    settle(&mut world, month, false);
    let after = world.order(&before.id).unwrap().submission.clone().unwrap();
    assert_eq!(after.validation_since, month);
    assert_eq!(world.next_due(), Some(second(30 * 86_400 + 60)));
}

#[test]
fn the_first_download_is_refused_although_the_order_says_issued() {
    let mut world = World::new(rules());
    let id = world
        .create_order(wish("RapidSSL", &["example.com"], None), second(0), &mut numbers())
        .unwrap()
        .id
        .clone();
    let early = world.download(&id, second(1)).unwrap_err();
    assert!(matches!(early, Refusal::NotReady(_)));
    settle(&mut world, second(60), true);
    assert!(matches!(world.download(&id, second(60)).unwrap_err(), Refusal::NotReady(_)));
    assert_eq!(world.download(&id, second(60)).unwrap(), "CHAIN");
}

#[test]
fn ended_orders_stay_ended() {
    let mut world = World::new(rules());
    let mut order = |sku| {
        let wish = wish(sku, &["example.com"], None);
        world.create_order(wish, second(0), &mut numbers()).map(|order| order.id.clone())
    };
    let id = order("RapidSSL").unwrap();
    world.cancel_order(&id, second(1)).unwrap();
    settle(&mut world, second(600), true);
    assert_eq!(state(&world, &id, second(600)), ("cancelled", "CANCELLED"));
}

#[test]
fn records_of_one_name_obey_the_rules() {
    use RecordKind::{A, CNAME, TXT};
    let exists = || Refusal::RecordExists.to_string();
    let beside = || "a CNAME cannot stand beside other records".to_owned();
    let mut world = World::new(rules());
    let mut random = numbers();
    for (at, kind, data, refusal) in [
        ("x.example.com", CNAME, "a.test.", None),
        ("x.example.com", CNAME, "A.test", Some(exists())),
        ("x.example.com", CNAME, "b.test.", Some(exists())),
        ("x.example.com", TXT, "text", Some(beside())),
        ("y.example.com", TXT, "one", None),
        ("y.example.com", TXT, "two", None),
        ("y.example.com", TXT, "one", Some(exists())),
        ("y.example.com", CNAME, "a.test.", Some(beside())),
        (
            "example.com",
            CNAME,
            "a.test.",
            Some("a CNAME cannot stand at the apex; use ALIAS".to_owned()),
        ),
        ("z.example.com", A, "not an address", Some("data must be an IPv4 address".to_owned())),
        ("www.foreign.example", A, "192.0.2.1", Some("record not found".to_owned())),
    ] {
        let result = world.create_record(record(at, kind, data), second(0), &mut random);
        assert_eq!(result.err().map(|refusal| refusal.to_string()), refusal, "{at} {data}");
    }
    let ttl = NewRecord { ttl: Some(59), ..record("z.example.com", A, "192.0.2.1") };
    let refusal = world.create_record(ttl, second(0), &mut random).unwrap_err();
    assert_eq!(refusal.to_string(), "ttl must be 60 to 604800");
}

#[test]
fn a_patch_by_name_finds_a_record_or_says_there_is_none() {
    let mut world = World::new(rules());
    let txt = |data| record("x.example.com", RecordKind::TXT, data);
    let missing = world.update_record_by_name(txt("one"), second(0)).unwrap_err();
    assert!(matches!(missing, Refusal::NotFound(_)));
    let made = world.create_record(txt("one"), second(0), &mut numbers()).unwrap();
    let changed = world.update_record_by_name(txt("two"), second(9)).unwrap();
    assert_eq!((changed.id, changed.data.as_str()), (made.id, "two"));
    assert_eq!((changed.created_at, changed.updated_at), (0, 9));
    world.delete_record(made.id, second(9)).unwrap();
    assert!(matches!(world.delete_record(made.id, second(9)).unwrap_err(), Refusal::NotFound(_)));
}

#[test]
fn zones_are_found_from_names() {
    let world = World::new(rules());
    for (text, zone) in [
        ("_dnsauth.www.example.com", Some("example.com")),
        ("a.b.example.co.uk", Some("example.co.uk")),
        ("foreign.example", None),
        ("a.foreign.example", None),
        ("com", None),
    ] {
        assert_eq!(world.rules.zones.zone_of(text), zone, "{text}");
    }
    assert_eq!(world.rules.zones.base_domain("a.foreign.example"), "foreign.example");
}

#[test]
fn what_was_stored_comes_back_whole() {
    let mut world = World::new(rules());
    world
        .create_order(wish("SecureSite", &["example.com"], None), second(0), &mut numbers())
        .unwrap();
    world
        .create_record(record("x.example.com", RecordKind::TXT, "one"), second(0), &mut numbers())
        .unwrap();
    let touched = world.take_touched();
    assert_eq!(touched.len(), 4);
    let text = serde_json::to_string(&world.changes(touched.iter())).unwrap();
    let mut copy = World::empty(rules());
    copy.apply(Some(second(7)), serde_json::from_str(&text).unwrap());
    assert_eq!(copy.seen(), Some(second(7)));
    assert_eq!(copy.orders, world.orders);
    let zones = |world: &World| serde_json::to_value(&world.zones).unwrap();
    assert_eq!(zones(&copy), zones(&world));
    assert_eq!(copy.organizations, world.organizations);
}
