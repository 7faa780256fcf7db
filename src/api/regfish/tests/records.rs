//! The DNS calls: zones that are not ours, records that exist already or are gone.

use serde_json::json;

use super::*;

fn new_record() -> NewRecord {
    NewRecord {
        name: "_dnsauth.example.com".to_owned(),
        kind: "CNAME".to_owned(),
        data: "0123456789abcdef.dcv.digicert.com".to_owned(),
        ttl: Some(300),
        annotation: None,
    }
}

fn not_found() -> Reply {
    Reply::json(404, sample!("error_documented"))
}

fn not_ours() -> Reply {
    Reply::json(200, sample!("error_zone_not_found"))
}

#[tokio::test]
async fn records_are_listed_without_dots_and_in_lower_case() {
    let (client, script) = client_of(vec![Reply::json(200, sample!("records"))]).await;
    let records = client.list_records("Example.com.").await.unwrap().unwrap();
    assert_eq!(script.lines(), ["GET /dns/example.com/rr"]);
    assert_eq!(records.len(), 2);
    assert!(records[0].auto);
    assert_eq!(
        records[1],
        DnsRecord {
            id: 100_002,
            name: "_dnsauth.example.com".to_owned(),
            kind: "CNAME".to_owned(),
            data: "0123456789abcdef.dcv.digicert.com".to_owned(),
            ttl: Some(300),
            annotation: Some("a note".to_owned()),
            auto: false,
            active: true,
        }
    );
}

#[tokio::test]
async fn a_zone_that_is_not_managed_is_no_error() {
    let (client, _script) = client_of(vec![not_found(), not_ours()]).await;
    assert_eq!(client.list_records("example.com").await.unwrap(), None);
    assert_eq!(client.list_records("example.com").await.unwrap(), None);
}

#[tokio::test]
async fn the_zone_of_a_name_is_searched_from_long_to_short() {
    let found = Reply::json(200, sample!("records"));
    let (client, script) = client_of(vec![not_found(), not_ours(), found]).await;
    let zone = client.find_zone("_dnsauth.a.b.Example.com.").await.unwrap().unwrap();
    assert_eq!((zone.name.as_str(), zone.records.len()), ("example.com", 2));
    assert_eq!(
        script.lines(),
        ["GET /dns/a.b.example.com/rr", "GET /dns/b.example.com/rr", "GET /dns/example.com/rr"]
    );
}

#[tokio::test]
async fn a_name_without_a_managed_zone_never_asks_for_the_top_level() {
    let (client, script) = client_of(vec![not_found(), not_found()]).await;
    assert_eq!(client.find_zone("_dnsauth.example.co.uk").await.unwrap(), None);
    assert_eq!(script.lines(), ["GET /dns/example.co.uk/rr", "GET /dns/co.uk/rr"]);
}

#[tokio::test]
async fn a_failing_look_up_does_not_guess_a_zone() {
    let page = Reply::answer(404, "Content-Type: text/html\r\n", "<h1>404</h1>");
    let broken = Reply::json(500, sample!("error_documented"));
    let (client, script) = client_of(vec![broken, page]).await;
    let error = client.find_zone("_dnsauth.a.example.com").await.unwrap_err();
    assert_eq!(error.kind.name(), "server_error");
    let error = client.find_zone("_dnsauth.a.example.com").await.unwrap_err();
    assert_eq!(error.kind.name(), "unreadable");
    assert_eq!(script.lines(), ["GET /dns/a.example.com/rr"; 2]);
}

#[tokio::test]
async fn names_and_targets_are_sent_with_their_dot() {
    let created = || Reply::json(200, sample!("record_created"));
    let (client, script) = client_of(vec![created(), created(), created()]).await;
    let dotted = NewRecord {
        name: "_dnsauth.example.com.".to_owned(),
        data: "0123456789abcdef.dcv.digicert.com.".to_owned(),
        ..new_record()
    };
    for record in [new_record(), dotted] {
        let CreateRecord::Created(made) = client.create_record(&record).await.unwrap() else {
            panic!("not created");
        };
        assert_eq!((made.id, made.name.as_str()), (100_003, "_dnsauth.example.com"));
    }
    let sent = json!({
        "type": "CNAME",
        "name": "_dnsauth.example.com.",
        "data": "0123456789abcdef.dcv.digicert.com.",
        "ttl": 300,
    });
    assert_eq!((script.body(0), script.body(1)), (sent.clone(), sent));
    assert_eq!(script.lines()[0], "POST /dns/rr");

    let text = NewRecord {
        kind: "TXT".to_owned(),
        data: "token".to_owned(),
        ttl: None,
        annotation: Some("ours".to_owned()),
        ..new_record()
    };
    client.create_record(&text).await.unwrap();
    assert_eq!(
        script.body(2),
        json!({
            "type": "TXT",
            "name": "_dnsauth.example.com.",
            "data": "token",
            "annotation": "ours",
        })
    );
}

#[tokio::test]
async fn a_record_that_exists_already_is_no_error() {
    let replies = vec![
        Reply::json(417, sample!("error_record_exists")),
        Reply::json(200, sample!("error_record_exists")),
        Reply::json(417, r#"{"success":false,"error":"exists"}"#),
        Reply::json(417, r#"{"success":false,"error":"other","code":15009}"#),
        Reply::json(400, r#"{"success":false,"error":"ttl","code":15002}"#),
    ];
    let (client, _script) = client_of(replies).await;
    for _ in 0..3 {
        assert_eq!(client.create_record(&new_record()).await.unwrap(), CreateRecord::Exists);
    }
    for _ in 0..2 {
        assert_eq!(client.create_record(&new_record()).await.unwrap_err().kind.name(), "refused");
    }
}

#[tokio::test]
async fn deleting_succeeds_with_a_text_in_the_error_field_and_when_the_record_is_gone() {
    let deleted = Reply::json(200, sample!("record_deleted"));
    let (client, script) = client_of(vec![deleted, not_found(), not_ours()]).await;
    for _ in 0..3 {
        client.delete_record(100_003).await.unwrap();
    }
    assert_eq!(script.lines(), ["DELETE /dns/rr/100003"; 3]);
}

#[tokio::test]
async fn deleting_with_a_key_that_may_not_is_an_error() {
    let (client, _script) = client_of(vec![Reply::json(403, sample!("error_documented"))]).await;
    let error = client.delete_record(1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DELETE /dns/rr/1: the API key may not do this (403): `invalid csr`"
    );
}

#[tokio::test]
async fn one_record_is_read_by_its_id_and_its_absence_is_no_error() {
    let found = Reply::json(200, sample!("record_created"));
    let (client, script) = client_of(vec![found, not_found(), not_ours()]).await;
    let record = client.get_record(100_003).await.unwrap().unwrap();
    assert_eq!((record.id, record.name.as_str()), (100_003, "_dnsauth.example.com"));
    for _ in 0..2 {
        assert_eq!(client.get_record(100_003).await.unwrap(), None);
    }
    assert_eq!(script.lines(), ["GET /dns/rr/100003"; 3]);
}
