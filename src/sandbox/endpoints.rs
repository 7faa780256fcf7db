//! Which calls the sandbox answers, so that a slip in a path is found before a test runs.

use super::path_pattern::PathPattern;
use crate::document::suggest::{list, nearest};
use crate::document::{Diagnostic, Span};

/// Every method and path that is served; `{…}` stands for any segment. A test holds it to the routes.
const ENDPOINTS: [(&[&str], &str); 22] = [
    (&["GET"], "/tls/products"),
    (&["GET", "POST"], "/tls/organization"),
    (&["GET", "PATCH"], "/tls/organization/{id}"),
    (&["GET", "POST"], "/tls/certificate"),
    (&["GET"], "/tls/certificate/{id}"),
    (&["POST"], "/tls/certificate/{id}/complete"),
    (&["POST"], "/tls/certificate/{id}/reissue"),
    (&["GET"], "/tls/certificate/{id}/download/{format}"),
    (&["GET"], "/dns/zones"),
    (&["GET"], "/dns/zones/{domain}"),
    (&["GET"], "/dns/{domain}/rr"),
    (&["POST", "PATCH"], "/dns/rr"),
    (&["GET", "PATCH", "DELETE"], "/dns/rr/{rrid}"),
    (&["GET"], "/services/v2/order/certificate/{order_id}"),
    (&["GET"], "/services/v2/order/certificate/{order_id}/validation"),
    (&["GET"], "/"),
    (&["GET"], "/my"),
    (&["GET"], "/my/certs"),
    (&["GET", "POST"], "/my/certs/{id}/complete"),
    (&["GET"], "/my/organizations"),
    (&["GET"], "/my/zones"),
    (&["GET"], "/my/requests"),
];

/// A call that the sandbox does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unserved {
    /// The call that was probably meant, as it is written in a scenario.
    pub(crate) nearest: Option<String>,
    /// The methods that the path does take, when it is only the method that is wrong.
    pub(crate) methods: Vec<&'static str>,
    /// Whether a slip of one or two characters leads to a call that is served.
    pub(crate) is_slip: bool,
}

impl Unserved {
    /// The mistake, where the call stands in a file.
    pub(crate) fn diagnostic(&self, method: &str, path: &PathPattern, span: Span) -> Diagnostic {
        let any = if method == "*" { "any method".to_owned() } else { format!("`{method}`") };
        let message = format!("the sandbox serves no call with {any} at `{path}`");
        let diagnostic =
            Diagnostic::error("unserved-call", message).at(span, "no request will ever match this");
        match &self.nearest {
            Some(near) => diagnostic.suggest(span, near, format!("did you mean `{near}`?")),
            None if self.methods.is_empty() => {
                let known = ENDPOINTS.iter().map(|(_, endpoint)| starred(endpoint));
                let known: Vec<String> = known.filter(|path| !path.starts_with("/my")).collect();
                diagnostic.help(format!("paths: {}", list(known.iter().map(String::as_str))))
            }
            None => {
                let methods = list(self.methods.iter().copied());
                diagnostic.help(format!("this path is called with {methods}"))
            }
        }
    }
}

/// Whether the sandbox serves a call of this method, or any for `*`, at a path of this pattern.
pub(crate) fn find(method: &str, path: &PathPattern) -> Result<(), Unserved> {
    let fits = |known: &[&str]| method == "*" || known.contains(&method);
    let mut methods = Vec::new();
    for (known, _) in ENDPOINTS.iter().filter(|(_, endpoint)| path.may_match(endpoint)) {
        if fits(known) {
            return Ok(());
        }
        methods.extend(
            known.iter().filter(|known| !methods.contains(*known)).copied().collect::<Vec<_>>(),
        );
    }
    let written = path.to_string();
    let known: Vec<String> = ENDPOINTS
        .iter()
        .filter(|(known, _)| fits(known))
        .map(|(_, endpoint)| starred(endpoint))
        .collect();
    let near = nearest(&written, known.iter().map(String::as_str)).filter(|_| methods.is_empty());
    let is_slip = near.is_some_and(|near| strsim::osa_distance(&written, near) <= 2);
    Err(Unserved { nearest: near.map(|near| format!("{method} {near}")), methods, is_slip })
}

/// An endpoint as it is written in a scenario: `/tls/certificate/*`.
fn starred(endpoint: &str) -> String {
    let segments = endpoint.split('/');
    let starred: Vec<&str> =
        segments.map(|segment| if segment.starts_with('{') { "*" } else { segment }).collect();
    starred.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_for(call: &str) -> Result<(), Unserved> {
        let (method, path) = call.split_once(' ').unwrap();
        find(method, &PathPattern::parse(path).unwrap())
    }

    #[test]
    fn the_table_is_that_of_the_routes() {
        let sources = [
            include_str!("http/mod.rs"),
            include_str!("http/console/mod.rs"),
            include_str!("http/digicert/mod.rs"),
        ];
        let mut routes: Vec<(Vec<&str>, &str)> = Vec::new();
        for line in sources.iter().flat_map(|source| source.lines()) {
            let Some((_, route)) = line.split_once(".route(\"") else { continue };
            let (path, handlers) = route.split_once("\", ").unwrap();
            let is_served =
                |method: &&str| handlers.contains(&format!("{}(", method.to_lowercase()));
            let methods = ["GET", "POST", "PATCH", "DELETE", "PUT"].into_iter().filter(is_served);
            // The rest of an address that has nothing.
            if !path.contains("{*") {
                routes.push((methods.collect(), path));
            }
        }
        let mut known: Vec<(Vec<&str>, &str)> =
            ENDPOINTS.iter().map(|(methods, path)| (methods.to_vec(), *path)).collect();
        known.sort_by_key(|(_, path)| *path);
        routes.sort_by_key(|(_, path)| *path);
        assert_eq!(known, routes);
    }

    #[test]
    fn what_is_served_is_found_under_every_pattern_of_it() {
        for call in [
            "POST /tls/certificate",
            "GET /tls/certificate/*",
            "GET /tls/certificate/ABC/download/pem",
            "* /tls/**",
            "* **",
            "GET **/download/*",
            "POST /tls/cert*/*/complete",
            "DELETE /dns/rr/17",
            "GET /dns/example.com/rr",
            "GET /services/v2/order/certificate/*/validation",
        ] {
            assert_eq!(looked_for(call), Ok(()), "{call}");
        }
    }

    #[test]
    fn what_is_not_served_is_told_with_what_was_meant() {
        let near = |call: &str| looked_for(call).unwrap_err();
        let slip = near("GET /tls/certifcate/*");
        assert_eq!((slip.nearest.as_deref(), slip.is_slip), (Some("GET /tls/certificate/*"), true));
        let slip = near("POST /tls/certificate/*/compleet");
        assert_eq!(slip.nearest.as_deref(), Some("POST /tls/certificate/*/complete"));
        let method = near("PUT /tls/certificate");
        assert_eq!((method.methods.as_slice(), &method.nearest), (&["GET", "POST"][..], &None));
        let strange = near("GET /health");
        assert_eq!((strange.nearest, strange.is_slip), (None, false));
    }
}
