//! `Html`: text that is safe to put into a page, and the frame of all pages.

use std::fmt;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use axum::response::Response;

use crate::sandbox::http::answer::{self, HTML};

/// A piece of a page. Text from outside becomes one only by being escaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Html(String);

const STYLE: &str = include_str!("style.css");

/// Nothing from elsewhere, no script, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The pages that stand in the navigation.
const PAGES: [(&str, &str); 4] = [
    ("/my/certs", "Orders"),
    ("/my/organizations", "Organizations"),
    ("/my/zones", "Zones"),
    ("/my/requests", "Requests"),
];

impl Html {
    /// Escapes a text.
    pub(super) fn text(text: &str) -> Self {
        Self(
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
        )
    }

    /// Markup that stands in this program.
    pub(super) fn markup(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// An element with one attribute-free tag.
    pub(super) fn element(tag: &'static str, content: &Self) -> Self {
        Self(format!("<{tag}>{content}</{tag}>\n"))
    }

    /// A word on a coloured ground; its colour follows from the word.
    pub(super) fn badge(word: &str) -> Self {
        let kind = match word {
            "issued" | "ready" | "validated" => "good",
            "pending" | "ACTION_REQUIRED" | "replaced" => "waiting",
            "cancelled" | "order_cancelled" | "rejected" | "revoked" | "expired" | "unknown" => {
                "bad"
            }
            _ => "plain",
        };
        Self(format!("<span class=\"badge {kind}\">{}</span>", Self::text(word)))
    }

    /// A link within the sandbox.
    pub(super) fn link(path: &str, content: &Self) -> Self {
        Self(format!("<a href=\"{}\">{content}</a>", Self::text(path)))
    }

    /// A table; each row has as many cells as the head.
    pub(super) fn table(head: &[&'static str], rows: impl Iterator<Item = Vec<Self>>) -> Self {
        let mut table = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
        for title in head {
            table.push_str(&format!("<th>{title}</th>"));
        }
        table.push_str("</tr></thead>\n<tbody>\n");
        let mut empty = true;
        for row in rows {
            empty = false;
            table.push_str("<tr>");
            for cell in row {
                table.push_str(&format!("<td>{cell}</td>"));
            }
            table.push_str("</tr>\n");
        }
        if empty {
            let width = head.len();
            table.push_str(&format!("<tr><td colspan=\"{width}\">Nothing yet.</td></tr>\n"));
        }
        table.push_str("</tbody></table></div>\n");
        Self(table)
    }

    /// A list of what is called what.
    pub(super) fn facts(facts: &[(&'static str, Self)]) -> Self {
        let rows = facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n"));
        Self(format!("<dl>\n{}</dl>\n", rows.collect::<String>()))
    }

    /// A field of a form.
    pub(super) fn field(name: &'static str, label: &'static str, more: &'static str) -> Self {
        Self(format!("<label>{label}<input name=\"{name}\" {more}></label>\n"))
    }

    /// A choice of a form: value, what is shown, and whether it can be chosen.
    pub(super) fn choice(name: &'static str, options: &[(String, String, bool)]) -> Self {
        let mut choice = format!("<select name=\"{name}\" required>\n");
        for (value, shown, enabled) in options {
            let disabled = if *enabled { "" } else { " disabled" };
            let (value, shown) = (Self::text(value), Self::text(shown));
            choice.push_str(&format!("<option value=\"{value}\"{disabled}>{shown}</option>\n"));
        }
        choice.push_str("</select>\n");
        Self(choice)
    }

    /// One after the other.
    pub(super) fn join(pieces: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let pieces: Vec<String> = pieces.into_iter().map(|piece| piece.0).collect();
        Self(pieces.join(between))
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, piece: &Self) {
        self.0.push_str(&piece.0);
    }
}

impl fmt::Display for Html {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A whole page.
pub(super) fn page(status: u16, title: &str, content: &Html) -> Response {
    let title = Html::text(title);
    let mut navigation = String::new();
    for (path, name) in PAGES {
        navigation.push_str(&format!("<a href=\"{path}\">{name}</a>\n"));
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - certplan sandbox, not a real CA</title>\n\
         <style>\n{STYLE}</style></head><body>\n\
         <header><strong>certplan sandbox: this is not regfish, and NOT A REAL CA.</strong>\n\
         <span>Nothing here costs money, and its certificates are worth nothing.</span></header>\n\
         <nav>{navigation}</nav>\n<main>\n<h1>{title}</h1>\n{content}</main>\n</body></html>\n"
    );
    let mut response = answer::raw(status, HTML, page);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
