//! What the filters of this program do.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use minijinja::value::{Kwargs, Rest};
use minijinja::{Error, ErrorKind, State, Value};

use super::limits::{LARGEST_TEXT, to_json};
use crate::types::{DomainName, Timestamp};

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn text<'v>(value: &'v Value, filter: &str) -> Result<&'v str, Error> {
    value.as_str().ok_or_else(|| refuse(format!("`{filter}` needs a text, not {}", value.kind())))
}

pub(super) fn basename(value: &Value) -> Result<String, Error> {
    let path = text(value, "basename")?.trim_end_matches('/');
    Ok(path.rsplit('/').next().unwrap_or_default().to_owned())
}

pub(super) fn wildcard_base(value: &Value) -> Result<String, Error> {
    let name = text(value, "wildcard_base")?;
    Ok(name.strip_prefix("*.").unwrap_or(name).to_owned())
}

pub(super) fn punycode(value: &Value) -> Result<String, Error> {
    match DomainName::parse(text(value, "punycode")?) {
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(refuse(format!("`punycode` needs a domain name: {}", error.reason))),
    }
}

pub(super) fn registrable_domain(value: &Value) -> Result<String, Error> {
    let name = match DomainName::parse(text(value, "registrable_domain")?) {
        Ok(name) => name,
        Err(error) => {
            let reason = error.reason;
            return Err(refuse(format!("`registrable_domain` needs a domain name: {reason}")));
        }
    };
    // A suffix that the list does not know counts as one label, as the list itself says.
    psl::domain_str(name.without_wildcard())
        .map(str::to_owned)
        .ok_or_else(|| refuse("`registrable_domain`: the name is a public suffix itself"))
}

/// The name of the variable that holds the time; no template can write it.
pub(super) const NOW: &str = " now";

pub(super) fn days_until(state: &State<'_, '_>, value: &Value) -> Result<i64, Error> {
    let written = text(value, "days_until")?;
    let until = written.parse::<Timestamp>().or_else(|_| {
        let midnight = written.parse::<Date>()?.to_zoned(TimeZone::UTC)?;
        Ok::<Timestamp, jiff::Error>(midnight.timestamp())
    });
    let until = until.map_err(|_| {
        refuse("`days_until` needs a time such as `2027-01-31T12:00:00Z`, or a date")
    })?;
    let now = state.lookup(NOW).and_then(|now| now.as_i64());
    let now = now.ok_or_else(|| refuse("`days_until` is not told what time it is"))?;
    Ok((until.as_second() - now).div_euclid(86_400))
}

/// minijinja's own stands in for undefined values only; an absent field of an output is null. What
/// stands in may be null itself.
pub(super) fn default(value: &Value, others: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    named.assert_all_used()?;
    if others.len() > 1 {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    if !value.is_undefined() && !value.is_none() {
        return Ok(value.clone());
    }
    Ok(others.first().cloned().unwrap_or_else(|| Value::from("")))
}

/// Bounded, unlike minijinja's: a chain of replacements grows without limit.
pub(super) fn replace(value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let value = text(value, "replace")?;
    let count = value.matches(from).count();
    let length = count.saturating_mul(to.len()).saturating_add(value.len());
    if length > LARGEST_TEXT {
        return Err(refuse("the result of `replace` is too long"));
    }
    Ok(value.replace(from, to))
}

/// Bounded, for the same reason.
pub(super) fn join(value: &Value, separator: Option<&str>) -> Result<String, Error> {
    let mut result = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            result.push_str(separator.unwrap_or_default());
        }
        match item.as_str() {
            Some(text) => result.push_str(text),
            None if item.is_undefined() => return Err(Error::from(ErrorKind::UndefinedError)),
            None => result.push_str(&item.to_string()),
        }
        if result.len() > LARGEST_TEXT {
            return Err(refuse("the result of `join` is too long"));
        }
    }
    Ok(result)
}

/// Without minijinja's `indent`, which could be a billion spaces.
pub(super) fn tojson(value: &Value, unwanted: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    named.assert_all_used()?;
    if !unwanted.is_empty() {
        return Err(refuse("`tojson` takes no arguments"));
    }
    to_json(value).map(|value| value.to_string()).map_err(refuse)
}
