//! `http.request`: one request to any address, and what its answer means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::outside::{imitated, marked};
use super::{ActionCall, Outside, Result, fail, parameters, secret, success};
use crate::api::web::{WebAnswer, WebError, WebRequest, send};
use crate::plan::{Context, Template, evaluate_condition, render};
use crate::run::{ErrorKind, Observation, Outcome, Retry, StepError};
use crate::types::{Timestamp, printable};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    secret_headers: BTreeMap<String, crate::plan::SecretSource>,
    json: Option<Value>,
    text: Option<String>,
    expect_status: Vec<u16>,
    until: Option<String>,
    fail_if: Option<String>,
    captures: BTreeMap<String, String>,
    limit: usize,
    #[serde(rename = "repeat")]
    _repeat: Option<String>,
}

#[derive(Debug, Serialize)]
struct Output {
    summary: String,
    status: u16,
    captures: Map<String, Value>,
}

pub(super) async fn request(
    outside: Option<&dyn Outside>,
    now: Timestamp,
    call: &ActionCall,
) -> Result<Outcome> {
    let repeatable = super::repeats_safely(call);
    let wanted: Parameters = parameters(call)?;
    if let Some(answer) = imitated(outside, |outside| outside.server(call))? {
        let host = host(&wanted.url);
        let answer = match answer {
            Ok(answer) if answer.body.len() > wanted.limit => {
                Err(WebError::TooLarge { host, limit: wanted.limit })
            }
            Ok(answer) => Ok(answer),
            Err(reason) => Err(WebError::Unreachable { host, reason }),
        };
        let outcome = judged(&wanted, repeatable, answer);
        return outcome.map(marked).map_err(|outcome| Box::new(marked(*outcome)));
    }
    let request = prepared(&wanted).await?;
    judged(&wanted, repeatable, send(&request, now).await)
}

/// What an answer means, or that there is none.
fn judged(
    wanted: &Parameters,
    repeatable: bool,
    answer: std::result::Result<WebAnswer, WebError>,
) -> Result<Outcome> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Ok(no_answer(&error, repeatable)),
    };
    let context = context(&answer);
    let status = answer.status;
    if let Some(condition) = &wanted.fail_if
        && holds("fail_if", condition, &context)?
    {
        let message = format!("`fail_if: {}` holds; status {status}", printable(condition));
        return fail(ErrorKind::Refused, message);
    }
    if wanted.until.is_none() || !wanted.expect_status.is_empty() {
        expected(wanted, &answer, repeatable)?;
    }
    if let Some(condition) = &wanted.until {
        let summary = match holds("until", condition, &context) {
            Ok(true) => None,
            Ok(false) => Some(format!("not yet `{}`; status {status}", printable(condition))),
            // A field that is not there yet may come.
            Err(outcome) => Some(reason(*outcome, status)),
        };
        if let Some(summary) = summary {
            return Ok(Outcome::NotYet { observation: Observation { summary, seen: Map::new() } });
        }
    }
    let mut captures = Map::new();
    for (name, expression) in &wanted.captures {
        let value = render(&Template::Expression(expression.clone()), &context)
            .or_else(|error| fail(ErrorKind::Unreadable, format!("capture `{name}`: {error}")))?;
        captures.insert(name.clone(), value);
    }
    let summary = format!("{} answered {status}", host(&wanted.url));
    Ok(success(&Output { summary, status, captures }))
}

async fn prepared(wanted: &Parameters) -> Result<WebRequest> {
    let body = match (&wanted.json, &wanted.text) {
        (Some(_), Some(_)) => return fail(ErrorKind::Value, "give `json` or `text`, not both"),
        (Some(json), None) => Some((json.to_string().into_bytes(), "application/json")),
        (None, Some(text)) => Some((text.clone().into_bytes(), "text/plain; charset=utf-8")),
        (None, None) => None,
    };
    let mut secret_headers = BTreeMap::new();
    for (name, source) in &wanted.secret_headers {
        secret_headers.insert(name.clone(), secret(source).await?);
    }
    Ok(WebRequest {
        method: wanted.method.clone(),
        url: wanted.url.clone(),
        headers: wanted.headers.clone(),
        secret_headers,
        body,
        limit: wanted.limit,
    })
}

/// Without an answer it may have arrived all the same; then only what may be repeated is.
fn no_answer(error: &WebError, repeatable: bool) -> Outcome {
    let later = Retry::Later { after: None };
    let (kind, retry) = match error {
        WebError::NotSent { .. } => (ErrorKind::Value, Retry::Never),
        WebError::Unreachable { .. } => (ErrorKind::Unreachable, later),
        WebError::NoAnswer { .. } if repeatable => (ErrorKind::Unreachable, later),
        WebError::NoAnswer { .. } => (ErrorKind::Interrupted, Retry::Never),
        WebError::TooLarge { .. } => (ErrorKind::Unreadable, Retry::Never),
    };
    let mut message = error.to_string();
    if !repeatable && kind == ErrorKind::Interrupted {
        message.push_str("; whether the request was carried out is not known");
    }
    Outcome::Failed { error: StepError::new(kind, message), retry }
}

fn expected(wanted: &Parameters, answer: &WebAnswer, repeatable: bool) -> Result<()> {
    let status = answer.status;
    let fits = match wanted.expect_status.as_slice() {
        [] => (200..300).contains(&status),
        some => some.contains(&status),
    };
    if fits {
        return Ok(());
    }
    let (kind, passes) = match status {
        401 | 403 => (ErrorKind::Unauthorized, false),
        404 => (ErrorKind::NotFound, false),
        // It was refused for being too much, not carried out.
        429 => (ErrorKind::RateLimited, true),
        500.. => (ErrorKind::Server, repeatable),
        _ => (ErrorKind::Refused, false),
    };
    let retry = if passes { Retry::Later { after: answer.retry_after } } else { Retry::Never };
    let error = StepError::new(kind, format!("{} answered {status}", host(&wanted.url)));
    Err(Box::new(Outcome::Failed { error, retry }))
}

fn holds(name: &str, condition: &str, context: &Context) -> Result<bool> {
    evaluate_condition(condition, context)
        .or_else(|error| fail(ErrorKind::Unreadable, format!("`{name}`: {error}")))
}

fn reason(outcome: Outcome, status: u16) -> String {
    match outcome {
        Outcome::Failed { error, .. } => format!("{error}; status {status}"),
        _ => format!("status {status}"),
    }
}

/// What expressions see of an answer.
fn context(answer: &WebAnswer) -> Context {
    let text = String::from_utf8_lossy(&answer.body);
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let values = json!({
        "status": answer.status,
        "headers": answer.headers,
        "text": text,
        "json": json,
    });
    match values {
        Value::Object(values) => Context::of(values),
        _ => Context::of(Map::new()),
    }
}

/// The address without path and query, which may hold more than messages should.
fn host(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    printable(&format!("{scheme}://{host}"))
}

#[cfg(test)]
#[path = "web_tests.rs"]
mod tests;
