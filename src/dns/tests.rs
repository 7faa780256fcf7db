//! Name servers that agree, lag, lie, cut their answers short, or say nothing.

use hickory_net::proto::op::ResponseCode;
use hickory_net::proto::rr::rdata::CAA;
use hickory_net::proto::rr::{RData, RecordType};

use super::testing::{Asked, FakeDns, Reply, Said, cname, record, txt};
use super::{LookupError, Resolver, Zone, caa, conflict, propagation};
use crate::types::DomainName;

const NAME: &str = "_dnsauth.example.com";
const TARGET: &str = "token.dcv.digicert.com";

fn nothing() -> Said {
    Reply::of(Vec::new())
}

fn right() -> Said {
    Reply::of(vec![cname(NAME, TARGET)])
}

/// What is said of three servers, when the third one answers the question for the record like this.
async fn told(third: impl Fn(Asked) -> Said + Send + Sync + 'static) -> Vec<String> {
    let dns = FakeDns::start(3, move |name, kind, asked| match (name, kind) {
        (NAME, RecordType::CNAME) if asked.server == 2 => third(asked),
        (NAME, RecordType::CNAME) => right(),
        _ => nothing(),
    })
    .await;
    let found = propagation::look(NAME, &format!("{TARGET}."), &dns.resolver()).await.unwrap();
    assert_eq!(found.zone, "example.com");
    assert_eq!(found.name_servers.len(), 3);
    let lagging = found.lagging().map(ToString::to_string);
    lagging.map(|text| text.replace(&dns.port(), "PORT")).collect()
}

#[tokio::test]
async fn a_record_that_every_server_shows_is_everywhere() {
    assert_eq!(told(|_| right()).await, Vec::<String>::new());
    // Names are compared as DNS does it.
    let shouted = |_| Reply::of(vec![cname("_DNSAUTH.example.com", "Token.DCV.DigiCert.com")]);
    assert_eq!(told(shouted).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_lagging_name_server_is_named_with_what_it_answers_instead() {
    let no_name = told(|_| Reply::code(ResponseCode::NXDomain)).await;
    assert_eq!(no_name, ["ns3.test (127.0.0.3:PORT over UDP) has no such name"]);
    let no_data = told(|_| nothing()).await;
    assert_eq!(no_data, ["ns3.test (127.0.0.3:PORT over UDP) has no CNAME there"]);
    let old = told(|_| Reply::of(vec![cname(NAME, "old.dcv.digicert.com")])).await;
    assert_eq!(old, ["ns3.test (127.0.0.3:PORT over UDP) says old.dcv.digicert.com"]);
    let two = |_| Reply::of(vec![cname(NAME, TARGET), cname(NAME, "old.dcv.digicert.com")]);
    let two = told(two).await;
    assert_eq!(
        two,
        [format!("ns3.test (127.0.0.3:PORT over UDP) says {TARGET}, old.dcv.digicert.com")]
    );
}

#[tokio::test]
async fn a_server_that_shows_it_over_one_transport_only_lags() {
    let over_tcp = told(|asked| if asked.over_tcp { nothing() } else { right() }).await;
    assert_eq!(over_tcp, ["ns3.test (127.0.0.3:PORT over TCP) has no CNAME there"]);
}

#[tokio::test]
async fn an_answer_that_is_not_the_servers_own_does_not_count() {
    let cached = |_| right().map(|reply| Reply { authoritative: false, ..reply });
    let lame = told(cached).await;
    assert_eq!(lame, ["ns3.test (127.0.0.3:PORT over UDP): its answer is not authoritative"]);
    let refused = told(|_| Reply::code(ResponseCode::Refused)).await;
    assert_eq!(refused, ["ns3.test (127.0.0.3:PORT over UDP): it refuses to answer (REFUSED)"]);
    // A record of another name proves nothing, whoever sends it.
    let other = told(|_| Reply::of(vec![cname("other.example.com", TARGET)])).await;
    assert_eq!(other, ["ns3.test (127.0.0.3:PORT over UDP) has no CNAME there"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_named_and_one_dead_transport_is_forgiven() {
    let dead = told(|_| None).await;
    let [dead] = dead.as_slice() else { panic!("{dead:?}") };
    assert!(
        dead.starts_with("ns3.test: no answer (127.0.0.3:PORT over UDP: no answer; "),
        "{dead}"
    );
    let half = told(|asked| if asked.over_tcp { right() } else { None }).await;
    assert_eq!(half, Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_asked_for_again_over_tcp() {
    let dns = FakeDns::start(1, |name, kind, asked| match (name, kind) {
        (NAME, RecordType::TXT) if asked.over_tcp => Reply::of(vec![txt(NAME, "whole")]),
        (NAME, RecordType::TXT) => nothing().map(|reply| Reply { truncated: true, ..reply }),
        _ => nothing(),
    })
    .await;
    let standing = conflict::look(NAME, &dns.resolver()).await.unwrap();
    let value = "\"whole\"".to_owned();
    let expected = conflict::Standing::Other { kind: "TXT".to_owned(), value: value.clone() };
    let unquoted =
        conflict::Standing::Other { kind: "TXT".to_owned(), value: value.replace('"', "") };
    assert!(standing == expected || standing == unquoted, "{standing:?}");
}

#[tokio::test]
async fn a_name_without_any_zone_is_an_error_and_a_failing_resolver_another() {
    let dns = FakeDns::start(1, |name, _, _| match name {
        "broken.test" => Reply::code(ResponseCode::ServFail),
        _ => Reply::code(ResponseCode::NXDomain),
    })
    .await;
    let error = Zone::of("_dnsauth.nowhere.test", &dns.resolver()).await.unwrap_err();
    assert_eq!(error, LookupError::NoZone { name: "_dnsauth.nowhere.test".to_owned() });
    let error = Zone::of("a.broken.test", &dns.resolver()).await.unwrap_err();
    assert!(error.to_string().ends_with("it failed (SERVFAIL)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_where_nobody_listens_is_named() {
    let nobody = Resolver::parse("127.0.0.1:1").unwrap();
    let error = Zone::of("a.test", &nobody).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn a_zone_that_is_cut_out_below_is_found_and_a_cname_on_the_way_is_none() {
    use hickory_net::proto::rr::rdata::NS;
    let dns = FakeDns::start(2, |name, kind, _| match (name, kind) {
        ("shop.example.com", RecordType::NS) => {
            let server = super::exchange::absolute("ns2.test").unwrap();
            Reply::of(vec![record("shop.example.com", RData::NS(NS(server)))])
        }
        // The name servers of where a CNAME leads are none of this name.
        ("www.example.com", RecordType::NS) => {
            let server = super::exchange::absolute("ns9.test").unwrap();
            let elsewhere = record("elsewhere.test", RData::NS(NS(server)));
            Reply::of(vec![cname("www.example.com", "elsewhere.test"), elsewhere])
        }
        _ => nothing(),
    })
    .await;
    let zone = Zone::of("_dnsauth.shop.example.com", &dns.resolver()).await.unwrap();
    assert_eq!((zone.name.as_str(), zone.name_servers.len()), ("shop.example.com", 1));
    let zone = Zone::of("www.example.com", &dns.resolver()).await.unwrap();
    assert_eq!((zone.name.as_str(), zone.name_servers.len()), ("example.com", 2));
}

#[tokio::test]
async fn the_closest_caa_records_decide_and_a_resolver_that_fails_forbids() {
    let caa = |name: &str, tag: &str, value: &str| {
        let mut caa = CAA::new_issue(false, None, Vec::new());
        caa.tag = tag.to_owned();
        caa.value = value.as_bytes().to_vec();
        record(name, RData::CAA(caa))
    };
    let dns = FakeDns::start(1, move |name, kind, _| match (name, kind) {
        ("example.com", RecordType::CAA) => Reply::of(vec![caa(name, "issue", "digicert.com")]),
        ("shop.example.com", RecordType::CAA) => Reply::of(vec![caa(name, "issue", "pki.test")]),
        // The target's records count for the alias (RFC 8659, 3).
        ("alias.example.com", RecordType::CAA) => {
            Reply::of(vec![cname(name, "far.test"), caa("far.test", "issue", ";")])
        }
        ("broken.example.com", RecordType::CAA) => Reply::code(ResponseCode::ServFail),
        _ => nothing(),
    })
    .await;
    let look = async |name: &str| {
        let name = DomainName::parse(name).unwrap();
        caa::look(&name, &["digicert.com"], &dns.resolver()).await
    };
    let allowed = look("www.example.com").await.unwrap();
    assert!(allowed.allowed);
    assert_eq!(allowed.decided_at.as_deref(), Some("example.com"));
    for name in ["www.shop.example.com", "*.shop.example.com", "alias.example.com"] {
        assert!(!look(name).await.unwrap().allowed, "{name}");
    }
    assert_eq!(look("shop.example.com").await.unwrap().records, ["0 issue \"pki.test\""]);
    assert_eq!(look("free.test").await.unwrap().decided_at, None);
    assert!(look("broken.example.com").await.is_err());
}

#[tokio::test]
async fn what_a_wildcard_makes_up_is_in_nobodys_way() {
    let dns = FakeDns::start(1, |name, kind, _| match (name, kind) {
        ("_dnsauth.example.com", RecordType::TXT) => Reply::of(vec![txt(name, "spf")]),
        ("_dnsauth.shop.example.com", RecordType::CNAME) => Reply::of(vec![cname(name, TARGET)]),
        (name, RecordType::CNAME) if name.ends_with(".wild.example.com") => {
            Reply::of(vec![cname(name, "shop.test")])
        }
        _ => nothing(),
    })
    .await;
    let look = async |name: &str| conflict::look(name, &dns.resolver()).await.unwrap();
    assert!(matches!(look("_dnsauth.example.com").await, conflict::Standing::Other { .. }));
    let cname = conflict::Standing::Cname { target: TARGET.to_owned() };
    assert_eq!(look("_dnsauth.shop.example.com").await, cname);
    assert_eq!(look("_dnsauth.wild.example.com").await, conflict::Standing::Free);
    assert_eq!(look("_dnsauth.free.example.com").await, conflict::Standing::Free);
}
