//! What blocks, in which words, and what becomes of a step that waits for it.

use super::*;
use crate::api::digicert::{DnsNameValidation, OrganizationValidation, VerifiedContact};

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn domain(status: &str, base: &str) -> DnsNameValidation {
    DnsNameValidation {
        status: text(status),
        base_domain: text(base),
        dns_names: vec![base.to_owned()],
        ..DnsNameValidation::default()
    }
}

fn check(status: &str, details: &[(&str, &str)]) -> OrganizationValidation {
    OrganizationValidation {
        name: text("OV"),
        status: text(status),
        verification_details: details
            .iter()
            .map(|(member, state)| ((*member).to_owned(), (*state).to_owned()))
            .collect(),
        ..OrganizationValidation::default()
    }
}

/// An OV order whose checks are all done, and that is not issued yet.
fn green() -> OrderValidation {
    OrderValidation {
        order_id: DigicertOrderId::parse("123").unwrap(),
        order_status: text("pending"),
        order_name_scope: text("base_domain"),
        order_dcv_method: text("dns-cname-token"),
        organization_id: text("7"),
        organization_name: text("Example GmbH"),
        organization_validations: vec![check("active", &[("address_verification", "complete")])],
        dns_name_validations: vec![domain("approved", "example.com")],
    }
}

fn words(validation: &OrderValidation) -> Vec<String> {
    blocking(validation).into_iter().map(|one| one.words).collect()
}

fn waits(validation: &OrderValidation) -> Outcome {
    outcome(validation, Until::Approved).unwrap_or_else(|outcome| *outcome)
}

#[test]
fn an_order_whose_checks_are_done_is_approved_before_it_is_issued() {
    for status in ["pending", "processing", "reissue_pending", "some_new_word"] {
        let validation = OrderValidation { order_status: text(status), ..green() };
        let Outcome::Succeeded { output, .. } = waits(&validation) else { panic!("{status}") };
        assert_eq!(
            (&output["approved"], &output["blocking"]),
            (&true.into(), &Vec::<i32>::new().into())
        );
    }
}

#[test]
fn an_open_organization_check_names_its_parts_and_its_contacts() {
    let mut open = check(
        "pending",
        &[
            ("address_verification", "pending"),
            ("organization_type", "complete"),
            ("new_member", "pending"),
            ("request_authenticity", "odd"),
        ],
    );
    open.verified_contacts = vec![VerifiedContact {
        name: text("Erika"),
        status: text("pending"),
        ..Default::default()
    }];
    let validation = OrderValidation { organization_validations: vec![open], ..green() };
    assert_eq!(
        words(&validation),
        ["organization Example GmbH, check OV is pending: address (`address_verification`), \
          `new_member` is pending, call to confirm the request (`request_authenticity`) is odd, \
          contact Erika"]
    );
}

#[test]
fn an_open_domain_names_its_method_and_where_it_is_proved() {
    let own = DnsNameValidation {
        method: text("email"),
        name_scope: text("shop.example.org"),
        dns_names: vec!["shop.example.org".to_owned()],
        ..domain("unapproved", "example.org")
    };
    let validation = OrderValidation {
        dns_name_validations: vec![domain("unapproved", "example.com"), own],
        ..green()
    };
    assert_eq!(
        words(&validation),
        [
            "domain example.com is unapproved, to be proved by dns-cname-token at example.com",
            "domain example.org (for shop.example.org) is unapproved, to be proved by email at \
             shop.example.org",
        ]
    );
    let by_name = OrderValidation { order_name_scope: text("fqdn"), ..validation };
    assert!(words(&by_name)[0].ends_with("by dns-cname-token at each of its names"));
}

#[test]
fn what_is_missing_or_unknown_never_counts_as_done() {
    let none = OrderValidation { dns_name_validations: vec![], ..green() };
    assert_eq!(words(&none), ["no domain of the order is shown"]);
    let none = OrderValidation { organization_validations: vec![], ..green() };
    assert_eq!(words(&none), ["organization Example GmbH: no check of it is shown"]);
    let odd = OrderValidation {
        dns_name_validations: vec![DnsNameValidation::default(), domain("new_word", "a.example")],
        organization_validations: vec![OrganizationValidation::default()],
        ..green()
    };
    assert_eq!(words(&odd).len(), 3, "{odd:?}");
    let risky =
        DnsNameValidation { risk_status: text("strange"), ..domain("approved", "example.com") };
    let risky = OrderValidation { dns_name_validations: vec![risky], ..green() };
    assert_eq!(words(&risky), ["risk check of example.com is strange"]);
}

#[test]
fn a_wait_goes_on_parks_for_a_person_or_ends() {
    let risk = |status: &str| {
        let entry =
            DnsNameValidation { risk_status: text(status), ..domain("approved", "example.com") };
        OrderValidation { dns_name_validations: vec![entry], ..green() }
    };
    let Outcome::NotYet { observation } = waits(&risk("under_review")) else { panic!() };
    assert_eq!(
        observation.summary,
        "order 123 (pending): risk check of example.com is under review at DigiCert"
    );
    let Outcome::Parked { reason } = waits(&risk("failed")) else { panic!() };
    assert_eq!(reason.waits_for, WaitsFor::Person);
    assert!(reason.message.contains("risk check of example.com failed"), "{}", reason.message);
    for status in ["needs_approval", "needs_csr"] {
        let validation = OrderValidation { order_status: text(status), ..green() };
        assert!(matches!(waits(&validation), Outcome::Parked { .. }), "{status}");
    }
    for status in ["rejected", "canceled", "revoked", "expired"] {
        let validation = OrderValidation { order_status: text(status), ..green() };
        let Outcome::Failed { error, .. } = waits(&validation) else { panic!("{status}") };
        assert_eq!(error.kind, ErrorKind::CertificateEnded);
        assert!(
            error.message.contains(&format!("order 123 ({status}): the order has come to its end")),
            "{error}"
        );
    }
}

#[test]
fn a_report_tells_what_blocks_and_is_done() {
    let validation = OrderValidation {
        order_status: text("rejected"),
        dns_name_validations: vec![domain("unapproved", "example.com")],
        ..green()
    };
    let Ok(Outcome::Succeeded { output, .. }) = outcome(&validation, Until::Answered) else {
        panic!()
    };
    assert_eq!(output["approved"], false);
    assert_eq!(output["blocking"].as_array().unwrap().len(), 2);
    assert_eq!(output["dns_name_validations"][0]["base_domain"], "example.com");
}

#[test]
fn an_issued_order_is_blocked_by_nothing_whatever_its_lists_say() {
    let validation =
        OrderValidation { order_status: text("issued"), dns_name_validations: vec![], ..green() };
    assert_eq!(words(&validation), [""; 0]);
}

#[test]
fn the_output_has_exactly_the_documented_fields() {
    let signature = crate::plan::find_signature("digicert.order_validation").unwrap();
    let Ok(Outcome::Succeeded { output, .. }) = outcome(&green(), Until::Answered) else {
        panic!()
    };
    let documented: Vec<&str> = signature.output.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(output.len(), documented.len());
    for field in &signature.output {
        assert!(field.value_type.check(&output[&field.name]).is_ok(), "{}", field.name);
    }
}
