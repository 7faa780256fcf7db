//! Pages that list what is there: orders, organizations, zones with their records, requests.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::completion::time;
use super::html::{Html, page};
use super::{Access, Moment, Now};

/// A page with more rows helps nobody.
const MOST_ROWS: usize = 200;

/// GET `/my/certs`: the newest first.
pub(super) async fn orders(State(shared): Access, Extension(Moment(now)): Now) -> Response {
    shared.read_world(|world| {
        let rows = world.orders().rev().take(MOST_ROWS).map(|order| {
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
        let mut content = count(world.orders().len());
        content.push(&Html::table(&head, rows));
        page(200, "Orders", &content)
    })
}

/// GET `/my/organizations`.
pub(super) async fn organizations(State(shared): Access, Extension(Moment(now)): Now) -> Response {
    shared.read_world(|world| {
        let rows = world.organizations().take(MOST_ROWS).map(|organization| {
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
        let mut content = count(world.organizations().count());
        content.push(&Html::table(&head, rows));
        page(200, "Organizations", &content)
    })
}

/// GET `/my/zones`.
pub(super) async fn zones(State(shared): Access) -> Response {
    shared.read_world(|world| {
        let names = world.zone_names();
        let mut content = count(names.len());
        for name in names.iter().take(MOST_ROWS) {
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
pub(super) async fn requests(State(shared): Access) -> Response {
    let (total, newest) = shared.latest_requests(MOST_ROWS);
    let rows = newest.iter().map(|request| {
        let status = request.status.map_or_else(|| "cut".to_owned(), |status| status.to_string());
        vec![
            time(request.at),
            Html::text(&request.method),
            Html::element("code", &Html::text(&request.path)),
            Html::text(&status),
        ]
    });
    let mut content = count(total);
    content.push(&Html::table(&["Time", "Method", "Path", "Status"], rows));
    page(200, "Requests", &content)
}

fn count(total: usize) -> Html {
    let text = if total > MOST_ROWS {
        format!("{total} in all, {MOST_ROWS} of them shown.")
    } else {
        format!("{total} in all.")
    };
    Html::element("p", &Html::text(&text))
}
