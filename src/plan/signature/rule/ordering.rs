//! Rules of the actions that look up, order and fetch at the vendor and its CA.

use serde_json::Value;

use super::{Breach, Given, refused, shown};
use crate::document::suggest::list;
use crate::plan::issuable::{LONGEST_COMMON_NAME, MOST_NAMES, NameFault, name_fault};
use crate::plan::product::{
    PRODUCTS, documented_product, is_for_single_names, nearest_product, validation_level,
};
use crate::plan::schedule::LONGEST_SOLD_DAYS;
use crate::types::{CertificateId, DigicertOrderId, DomainName, OrganizationId};

/// What a certificate request stands between (RFC 7468, section 7; the second is what older tools
/// write).
const REQUEST_LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

pub(in crate::plan::signature) fn certificate_id(given: &Given<'_>) -> Option<Breach> {
    given.unusable("certificate_id", refused(CertificateId::parse))
}

pub(in crate::plan::signature) fn renewal_of(given: &Given<'_>) -> Option<Breach> {
    given.unusable("renewal_of", refused(CertificateId::parse))
}

pub(in crate::plan::signature) fn org_id(given: &Given<'_>) -> Option<Breach> {
    given.unusable("org_id", refused(OrganizationId::parse))
}

pub(in crate::plan::signature) fn order_id(given: &Given<'_>) -> Option<Breach> {
    given.unusable("order_id", |text| refused(DigicertOrderId::parse)(text.trim()))
}

pub(in crate::plan::signature) fn sku(given: &Given<'_>) -> Option<Breach> {
    given.unusable("sku", |text| text.trim().is_empty().then(|| "it is empty".to_owned()))
}

/// The vendor may sell more by now, so that this is a doubt.
pub(in crate::plan::signature) fn sku_is_documented(given: &Given<'_>) -> Option<Breach> {
    let sku = given.text("sku")?.trim();
    if sku.is_empty() || documented_product(sku).is_some() {
        return None;
    }
    let message = format!("no documentation has a product `{}`", shown(sku));
    let breach = Breach::at(&["sku"], message, "unknown product").code("unknown-product").doubt();
    let documented = format!("documented: {}; the vendor's catalog decides", list(PRODUCTS));
    Some(breach.instead(nearest_product(sku)).help(documented))
}

/// The names of an order that are known, each with the path of its place.
fn ordered_names(given: &Given<'_>) -> Vec<(Vec<String>, DomainName)> {
    let first = given.text("common_name").map(|name| (vec!["common_name".to_owned()], name));
    let further = given.items("dns_names").into_iter();
    let further =
        further.map(|(index, name)| (vec!["dns_names".to_owned(), index.to_string()], name));
    let names = first.into_iter().chain(further);
    names.filter_map(|(at, name)| Some((at, DomainName::parse(name).ok()?))).collect()
}

fn at_name(at: &[String], message: String, remark: impl Into<String>) -> Breach {
    let at: Vec<&str> = at.iter().map(String::as_str).collect();
    Breach::at(&at, message, remark)
}

pub(in crate::plan::signature) fn names_are_public(given: &Given<'_>) -> Vec<Breach> {
    let fault = |(at, name): (Vec<String>, DomainName)| match name_fault(&name)? {
        NameFault::Never(reason) => {
            let message = format!("no certificate can be had for `{}`", shown(name.as_str()));
            Some(at_name(&at, message, reason).code("no-public-name"))
        }
        NameFault::Hardly(_) => None,
    };
    ordered_names(given).into_iter().filter_map(fault).collect()
}

pub(in crate::plan::signature) fn names_can_be_proved(given: &Given<'_>) -> Vec<Breach> {
    let fault = |(at, name): (Vec<String>, DomainName)| match name_fault(&name)? {
        NameFault::Hardly(reason) => {
            let message = format!("is `{}` really meant?", shown(name.as_str()));
            Some(at_name(&at, message, reason).code("no-public-name").doubt())
        }
        NameFault::Never(_) => None,
    };
    ordered_names(given).into_iter().filter_map(fault).collect()
}

pub(in crate::plan::signature) fn names_are_not_too_many(given: &Given<'_>) -> Option<Breach> {
    let mut names: Vec<String> =
        ordered_names(given).into_iter().map(|(_, name)| name.as_str().to_owned()).collect();
    names.sort();
    names.dedup();
    (names.len() > MOST_NAMES).then(|| {
        let message = format!("this order is for {} names", names.len());
        let remark = format!("a certificate holds {MOST_NAMES} at most");
        let breach = Breach::at(&["dns_names"], message, remark).code("too-many-names").doubt();
        breach.help("order several certificates")
    })
}

/// What a product holds is known for none of them for certain (contract A.4, E.10).
pub(in crate::plan::signature) fn product_holds_wildcards(given: &Given<'_>) -> Option<Breach> {
    let sku = given.text("sku").filter(|sku| is_for_single_names(sku))?;
    let (at, name) = ordered_names(given).into_iter().find(|(_, name)| name.is_wildcard())?;
    let message = format!("`{}` is hardly sold for `{}`", shown(sku), shown(name.as_str()));
    let breach = at_name(&at, message, "a wildcard stands for many names");
    let breach = breach.code("wildcard-product").doubt().also("sku", "a product for single names");
    Some(breach.help("of the documented products, `RapidSSLWildcard` is made for wildcards"))
}

/// The CA has to be told where to write (contract A.4).
pub(in crate::plan::signature) fn mail_has_an_address(given: &Given<'_>) -> Option<Breach> {
    let nobody = given.lacks("dcv_emails") || given.is_empty("dcv_emails");
    (given.text("dcv_method") == Some("email") && nobody).then(|| {
        Breach::at(
            &["dcv_method"],
            "an order that is proved by e-mail needs `dcv_emails`",
            "where does the CA write to?",
        )
        .code("missing-parameter")
        .help("for example `dcv_emails: [hostmaster@example.com]`")
    })
}

pub(in crate::plan::signature) fn addresses_have_a_mail(given: &Given<'_>) -> Option<Breach> {
    let some = given.value("dcv_emails").and_then(Value::as_array).is_some_and(|to| !to.is_empty());
    (given.text("dcv_method") == Some("dns-cname-token") && some).then(|| {
        Breach::at(
            &["dcv_emails"],
            "nobody is written to: the order is proved by a DNS record",
            "has no meaning without `dcv_method: email`",
        )
        .code("parameters-exclude")
        .doubt()
    })
}

pub(in crate::plan::signature) fn csr(given: &Given<'_>) -> Option<Breach> {
    let text = given.text("csr")?;
    let breach = Breach::at(&["csr"], "`csr` is no certificate request", no_request(text)?);
    let breach = breach.help("`x509.create_csr` makes one: `csr: \"{{ steps.key.csr }}\"`");
    Some(if text.contains("PRIVATE KEY") { breach.secret() } else { breach })
}

/// Why a text is not one certificate request in PEM; what is inside shows when it is read.
fn no_request(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let label = |line: &str, word: &str| {
        let rest = line.strip_prefix("-----")?.strip_prefix(word)?.strip_prefix(' ')?;
        rest.strip_suffix("-----").map(str::to_owned)
    };
    let Some(begin) = lines.find_map(|line| label(line, "BEGIN")) else {
        return Some("it has no line `-----BEGIN CERTIFICATE REQUEST-----`".to_owned());
    };
    if !REQUEST_LABELS.contains(&begin.as_str()) {
        return Some(format!("it holds a `{}`", shown(&begin)));
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/= \t".contains(c);
    let mut characters = 0;
    for line in lines.by_ref() {
        if let Some(end) = label(line, "END") {
            let again = lines.any(|line| label(line, "BEGIN").is_some());
            return match (end == begin, characters) {
                (false, _) => Some(format!("it ends with `{}`", shown(&end))),
                (true, 0) => Some("there is nothing in it".to_owned()),
                (true, _) if again => Some("it holds more than one block".to_owned()),
                (true, _) => None,
            };
        }
        if !line.chars().all(is_base64) {
            return Some("what is inside is not base64".to_owned());
        }
        characters += line.len();
    }
    Some("it has no line `-----END CERTIFICATE REQUEST-----`; is it whole?".to_owned())
}

/// With `clamp`, what is sold is ordered.
pub(in crate::plan::signature) fn validity_is_sold(given: &Given<'_>) -> Option<Breach> {
    let days = given.value("validity_days")?.as_i64().filter(|days| *days > LONGEST_SOLD_DAYS)?;
    (given.text("validity_policy") == Some("fail")).then(|| {
        let message = format!("`validity_days` is {days}");
        let remark = format!("the vendor sells {LONGEST_SOLD_DAYS} days at most");
        Breach::at(&["validity_days"], message, remark)
            .help("ask for less, or let `validity_policy: clamp` do it")
    })
}

/// `{ from, days }` of the plan's own schedule.
pub(in crate::plan::signature) fn schedule_has_days(given: &Given<'_>) -> Vec<Breach> {
    let limits = given.value("validity_schedule").and_then(Value::as_array);
    let days = limits.into_iter().flatten().enumerate();
    let days = days.filter_map(|(at, limit)| Some((at, limit["from"].as_str()?)));
    let wrong = days.filter(|(_, text)| text.parse::<jiff::civil::Date>().is_err());
    let breach = |(at, text): (usize, &str)| {
        let message = format!("`{}` in `validity_schedule` is no day", shown(text));
        let at = ["validity_schedule", &at.to_string(), "from"];
        Breach::at(&at, message, "there is no such day").help("for example `2027-03-15`")
    };
    wrong.map(breach).collect()
}

/// Which limit counts depends on the day, and before the first there is none: a doubt.
pub(in crate::plan::signature) fn validity_fits_schedule(given: &Given<'_>) -> Option<Breach> {
    let days = given.value("validity_days")?.as_i64()?;
    let limits = given.value("validity_schedule")?.as_array()?;
    let over = limits.iter().all(|limit| limit["days"].as_i64().is_some_and(|most| days > most));
    (!limits.is_empty() && over && given.text("validity_policy") == Some("fail")).then(|| {
        let message = format!("no limit of `validity_schedule` allows {days} days");
        Breach::at(&["validity_days"], message, "more than each of them")
            .code("validity-too-long")
            .doubt()
            .also("validity_schedule", "the limits")
            .help("ask for less, or let `validity_policy: clamp` do it")
    })
}

/// The catalog decides, so that this is a doubt.
pub(in crate::plan::signature) fn product_has_level(given: &Given<'_>) -> Option<Breach> {
    let sku = given.text("sku")?.trim();
    let (wanted, level) = (given.text_in("require", "validation_level")?, validation_level(sku)?);
    (wanted != level).then(|| {
        let message = format!("`{}` is documented as a product of the level `{level}`", shown(sku));
        Breach::at(&["require", "validation_level"], message, "the step would fail")
            .doubt()
            .also("sku", "this product")
    })
}

pub(in crate::plan::signature) fn common_name_fits(given: &Given<'_>) -> Option<Breach> {
    let name = given.text("common_name").filter(|name| name.len() > LONGEST_COMMON_NAME)?;
    let remark = format!("it has {} characters, and a certificate can hold 64", name.len());
    let breach = Breach::at(&["common_name"], "this name is too long for a common name", remark);
    Some(breach.help("let a shorter name be the first one, and this one of `dns_names`"))
}

/// With `create`, both are the name: found by one and made under the other, it would be made again.
pub(in crate::plan::signature) fn made_as_it_is_looked_for(given: &Given<'_>) -> Option<Breach> {
    let (wanted, made) = (given.text("match")?, given.text_in("create", "organization")?);
    (wanted != made).then(|| {
        let message = format!(
            "`match` is `{}` and `create.organization` is `{}`",
            shown(wanted),
            shown(made)
        );
        Breach::at(&["match"], message, "with `create`, both are the name of the organization")
    })
}

pub(in crate::plan::signature) fn country_code(given: &Given<'_>) -> Option<Breach> {
    let code = given.text_in("create", "country_code")?;
    let fits = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    (!fits).then(|| {
        let message = format!("`{}` is no country code", shown(code));
        Breach::at(&["create", "country_code"], message, "two letters are needed, such as `DE`")
    })
}

pub(in crate::plan::signature) fn organization_is_filled_in(given: &Given<'_>) -> Vec<Breach> {
    let entries = given.entries("create").into_iter();
    let empty = entries
        .filter(|(name, _)| *name != "country_code")
        .filter(|(_, text)| text.is_some_and(|text| text.trim().is_empty()));
    let breach = |(name, _): (&str, _)| {
        let message = format!("`create.{}` is empty", shown(name));
        Breach::at(&["create", name], message, "the vendor needs it")
    };
    empty.map(breach).collect()
}

pub(in crate::plan::signature) fn says_what_to_find(given: &Given<'_>) -> Option<Breach> {
    let blank = given.text("certificate_id").is_some_and(|id| id.trim().is_empty());
    ((given.lacks("certificate_id") || blank) && given.lacks("common_name")).then(|| {
        Breach::at(
            &["certificate_id"],
            "it is not said which certificate is meant",
            "give `certificate_id` or `common_name`",
        )
        .code("missing-parameter")
    })
}

/// An empty id stands for none: an input may be left empty.
pub(in crate::plan::signature) fn found_by_id(given: &Given<'_>) -> Option<Breach> {
    let parse = refused(CertificateId::parse);
    given.unusable("certificate_id", |text| match text.trim() {
        "" => None,
        text => parse(text),
    })
}

pub(in crate::plan::signature) fn public_key(given: &Given<'_>) -> Option<Breach> {
    given.unusable("public_key_sha256", super::no_digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\nAAA=\n-----END CERTIFICATE \
                           REQUEST-----\n";

    #[test]
    fn a_request_is_known_by_what_it_stands_between() {
        assert_eq!(no_request(REQUEST), None);
        assert_eq!(no_request(&REQUEST.replace("CERTIFICATE R", "NEW CERTIFICATE R")), None);
        assert_eq!(no_request(&REQUEST.replace('\n', "\r\n")), None);
        assert_eq!(no_request(&format!("Certificate Request:\n  Data:\n{REQUEST}")), None);
        for (text, reason) in [
            (String::new(), "has no line `-----BEGIN"),
            ("csr.pem".to_owned(), "has no line `-----BEGIN"),
            (REQUEST.replace("CERTIFICATE REQUEST", "PRIVATE KEY"), "holds a `PRIVATE KEY`"),
            (REQUEST.replace("MIIB\nAAA=\n", ""), "nothing in it"),
            (REQUEST.replace("MIIB", "MI$B"), "not base64"),
            (REQUEST.repeat(2), "more than one block"),
            (REQUEST.replace("-----END", "----- END"), "not base64"),
            (REQUEST[..40].to_owned(), "is it whole?"),
            (REQUEST.replace("END CERTIFICATE R", "END NEW CERTIFICATE R"), "ends with"),
        ] {
            let found = no_request(&text).unwrap_or_default();
            assert!(found.contains(reason), "{text}: {found}");
        }
    }
}
