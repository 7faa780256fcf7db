//! Pages that list what is there: orders, organizations, zones with their records, requests.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::completion::time;
use super::html::{Html, page};
use super::{Access, Moment, Now};

/// A page with more rows helps nobody.
const MOST_ROWS: usize = 200;

/// Which rows of a list a page shows.
#[derive(Debug, Clone, Copy)]
struct Part {
    path: &'static str,
    /// The first page is 0.
    page: usize,
    total: usize,
}

impl Part {
    /// The page that is asked for, as `?page=1`; the first when none is, or one that is not there.
    fn of(path: &'static str, query: Option<&str>, total: usize) -> Self {
        let wish = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("page="));
        let page = wish.and_then(|page| page.parse().ok()).unwrap_or_default();
        let pages = total.div_ceil(MOST_ROWS);
        Self { path, page: if page < pages { page } else { 0 }, total }
    }

    fn skipped(self) -> usize {
        self.page * MOST_ROWS
    }

    /// How many there are, which of them are shown, and the ways to the others.
    fn heading(self) -> Html {
        let total = self.total;
        let end = total.min(self.skipped() + MOST_ROWS);
        let text = if total > MOST_ROWS {
            format!("{total} in all; {} to {end} shown. ", self.skipped() + 1)
        } else {
            format!("{total} in all.")
        };
        let mut line = Html::text(&text);
        let way = |page: usize, words| {
            Html::link(&format!("{}?page={page}", self.path), &Html::markup(words))
        };
        if let Some(before) = self.page.checked_sub(1) {
            line.push(&way(before, "back"));
            line.push(&Html::markup(" "));
        }
        if end < total {
            line.push(&way(self.page + 1, "further"));
        }
        Html::element("p", &line)
    }
}

/// GET `/my/certs`: the newest first.
pub(super) async fn orders(
    State(shared): Access,
    Extension(Moment(now)): Now,
    RawQuery(query): RawQuery,
) -> Response {
    shared.read_world(|world| {
        let part = Part::of("/my/certs", query.as_deref(), world.orders().len());
        let rows = world.orders().rev().skip(part.skipped()).take(MOST_ROWS).map(|order| {
            let names = order.names();
            let more = match names.len() {
                0 | 1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            let id = Html::element("code", &Html::text(&order.id));
            vec![
                Html::link(&format!("/my/certs/{}/complete", order.id), &id),
                Html::text(&format!("{}{more}", order.common_name)),
                Html::text(&order.sku),
                Html::badge(order.stage(now).status()),
                Html::badge(order.order_state(now, &world.rules.timing)),
                time(order.created_at),
            ]
        });
        let head = ["Certificate id", "Names", "Product", "Status", "Order state", "Ordered"];
        let mut content = part.heading();
        content.push(&Html::table(&head, rows));
        page(200, "Orders", &content)
    })
}

/// GET `/my/organizations`.
pub(super) async fn organizations(
    State(shared): Access,
    Extension(Moment(now)): Now,
    RawQuery(query): RawQuery,
) -> Response {
    shared.read_world(|world| {
        let total = world.organizations().count();
        let part = Part::of("/my/organizations", query.as_deref(), total);
        let rows = world.organizations().skip(part.skipped()).take(MOST_ROWS).map(|organization| {
            let details = &organization.details;
            vec![
                Html::element("code", &Html::text(&organization.id)),
                Html::text(&details.organization),
                Html::text(&format!("{} {}", details.postal_code, details.city)),
                Html::text(&details.country_code),
                Html::text(&format!("{} {}", details.first_name, details.last_name)),
                Html::badge(organization.status(now, &world.rules.timing)),
            ]
        });
        let head = ["Organization id", "Name", "City", "Country", "Contact", "Status"];
        let mut content = part.heading();
        content.push(&Html::table(&head, rows));
        page(200, "Organizations", &content)
    })
}

/// GET `/my/zones`.
pub(super) async fn zones(State(shared): Access, RawQuery(query): RawQuery) -> Response {
    shared.read_world(|world| {
        let names = world.zone_names();
        let part = Part::of("/my/zones", query.as_deref(), names.len());
        let mut content = part.heading();
        for name in names.iter().skip(part.skipped()).take(MOST_ROWS) {
            let Ok((_, zone)) = world.zone(name) else { continue };
            let rows = zone.records.iter().take(MOST_ROWS).map(|record| {
                let kept = if record.auto { "system" } else { "customer" };
                vec![
                    Html::element("code", &Html::text(&record.name)),
                    Html::text(record.kind.as_str()),
                    Html::element("code", &Html::text(&record.data)),
                    Html::text(&record.ttl.to_string()),
                    Html::text(if record.active { kept } else { "inactive" }),
                    Html::text(record.annotation.as_deref().unwrap_or_default()),
                ]
            });
            content.push(&Html::element("h2", &Html::text(name)));
            content.push(&Html::table(
                &["Name", "Type", "Data", "TTL", "Kept by", "Annotation"],
                rows,
            ));
        }
        page(200, "Zones", &content)
    })
}

/// GET `/my/requests`: the newest first.
pub(super) async fn requests(State(shared): Access, RawQuery(query): RawQuery) -> Response {
    let part = Part::of("/my/requests", query.as_deref(), shared.log_length());
    let newest = shared.latest_requests(part.skipped(), MOST_ROWS);
    let rows = newest.iter().map(|request| {
        let status = request.status.map_or_else(|| "cut".to_owned(), |status| status.to_string());
        vec![
            time(request.at),
            Html::text(&request.method),
            Html::element("code", &Html::text(&request.path)),
            Html::text(&status),
        ]
    });
    let mut content = part.heading();
    content.push(&Html::table(&["Time", "Method", "Path", "Status"], rows));
    page(200, "Requests", &content)
}
