//! What name servers may say before an order is placed, and what becomes of the order then.

use hickory_net::proto::op::ResponseCode;
use hickory_net::proto::rr::rdata::CAA;
use hickory_net::proto::rr::{RData, RecordType};
use serde_json::{Value, json};

use super::*;
use crate::action::testing::{call, failure, output};
use crate::dns::testing::{FakeDns, Reply, Said, cname, record, txt};

/// A name server for `example.com` that says this of single names, and nothing of others.
async fn zone(says: impl Fn(&str, RecordType) -> Option<Said> + Send + Sync + 'static) -> FakeDns {
    FakeDns::start(1, move |name, kind, _| {
        says(name, kind).unwrap_or_else(|| Reply::of(Vec::new()))
    })
    .await
}

async fn look(dns: &FakeDns, parameters: Value) -> Result<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    preflight(Some(&dns.resolver()), &call("dns.preflight", folder.path(), parameters)).await
}

fn names(common_name: &str, more: &[&str]) -> Value {
    json!({ "common_name": common_name, "dns_names": more })
}

fn caa(name: &str, tag: &str, value: &str) -> Said {
    let mut caa = CAA::new_issue(false, None, Vec::new());
    caa.tag = tag.to_owned();
    caa.value = value.as_bytes().to_vec();
    Reply::of(vec![record(name, RData::CAA(caa))])
}

#[tokio::test]
async fn a_zone_with_nothing_in_the_way_lets_the_order_go_on() {
    let dns = zone(|_, _| None).await;
    let found = output(look(&dns, names("www.example.com", &["example.com"])).await);
    assert_eq!(found["summary"], "nothing in DNS is in the way of a certificate for these 2 names");
    assert_eq!((&found["zones"], &found["existing"]), (&json!(["example.com"]), &json!([])));
}

#[tokio::test]
async fn an_earlier_validation_record_of_the_ca_is_told_and_is_not_in_the_way() {
    let dns = zone(|name, kind| {
        let here = (name, kind) == ("_dnsauth.example.com", RecordType::CNAME);
        here.then(|| Reply::of(vec![cname(name, "abc.dcv.digicert.com")]))
    })
    .await;
    let found = output(look(&dns, names("*.example.com", &[])).await);
    assert_eq!(
        found["existing"],
        json!([{ "name": "_dnsauth.example.com", "value": "abc.dcv.digicert.com" }])
    );
}

#[tokio::test]
async fn everything_that_is_in_the_way_is_said_at_once() {
    let dns = zone(|name, kind| match (name, kind) {
        ("_dnsauth.example.com", RecordType::CNAME) => {
            Some(Reply::of(vec![cname(name, "elsewhere.example.net")]))
        }
        ("shop.example.com", RecordType::CAA) => Some(caa(name, "issue", "other-ca.example")),
        _ => None,
    })
    .await;
    let found = look(&dns, names("www.example.com", &["a.shop.example.com"])).await;
    let (error, retry) = failure(found);
    assert_eq!((error.kind, retry), (ErrorKind::Conflict, Retry::Never));
    assert_eq!(
        error.message,
        "CAA records at `shop.example.com` do not let the CA issue for `a.shop.example.com` (0 issue \
         \"other-ca.example\"); `_dnsauth.example.com` is a CNAME to `elsewhere.example.net` already"
    );
}

#[tokio::test]
async fn a_text_where_the_validation_record_has_to_stand_is_in_the_way() {
    let dns = zone(|name, kind| {
        let here = (name, kind) == ("_dnsauth.example.com", RecordType::TXT);
        here.then(|| Reply::of(vec![txt(name, "something")]))
    })
    .await;
    let (error, _) = failure(look(&dns, names("www.example.com", &[])).await);
    assert!(
        error.message.starts_with("`_dnsauth.example.com` has a record of type TXT"),
        "{error}"
    );
    assert!(error.message.contains("something"), "{error}");
}

#[tokio::test]
async fn a_wildcard_rule_decides_for_wildcards_only() {
    let dns = zone(|name, kind| {
        let here = (name, kind) == ("example.com", RecordType::CAA);
        here.then(|| caa(name, "issuewild", ";"))
    })
    .await;
    let _ = output(look(&dns, names("www.example.com", &[])).await);
    let (error, _) = failure(look(&dns, names("*.example.com", &[])).await);
    assert!(error.message.contains("for `*.example.com`"), "{error}");
}

#[tokio::test]
async fn the_ca_can_go_by_a_name_that_the_plan_gives() {
    let dns = zone(|name, kind| {
        let here = (name, kind) == ("example.com", RecordType::CAA);
        here.then(|| caa(name, "issue", "Private-CA.example"))
    })
    .await;
    let mut parameters = names("www.example.com", &[]);
    assert!(look(&dns, parameters.clone()).await.is_err());
    parameters["issuers"] = json!([" private-ca.EXAMPLE "]);
    let _ = output(look(&dns, parameters).await);
}

#[tokio::test]
async fn a_zone_that_cannot_be_looked_at_is_tried_again_and_never_taken_for_free() {
    let dns = FakeDns::start(1, |_, _, _| Reply::code(ResponseCode::ServFail)).await;
    let (error, retry) = failure(look(&dns, names("www.example.com", &[])).await);
    assert_eq!(retry, Retry::Later { after: None }, "{error}");
    assert!(error.message.contains("example.com"), "{error}");
}
