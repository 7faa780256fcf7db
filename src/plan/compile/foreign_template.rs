//! Templates as other tools write them: `${{ … }}` of workflows, `${…}` of shells and Terraform,
//! `{{ .Values.x }}` of Go, `{ … }` of format strings, and names that only those tools know.

use super::reference::Checker;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::plan::elsewhere::reads_ours;
use crate::plan::template::{Parsed, parse};

/// The actions whose texts may be for a shell or for a server that knows such templates itself.
const PASSES_ON: [&str; 2] = ["command.run", "http.request"];

/// A template of another tool.
struct Piece<'t> {
    /// All of it, as it is written.
    written: &'t str,
    inside: &'t str,
    dialect: Dialect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Workflow,
    Dollar,
    Go,
    Single,
}

impl Dialect {
    /// What it is, and what is wrong with it here.
    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Workflow => (
                "`${{ … }}` is a template of GitHub Actions",
                "plans have no `$` before the braces: it would become a part of the value",
            ),
            Self::Dollar => {
                ("`${…}` is a template of shells and Terraform", "this would stay as it is written")
            }
            Self::Go => {
                ("`{{ .… }}` is a template of Go", "what is read has no dot before its name")
            }
            Self::Single => (
                "`{ … }` with one brace is no template",
                "this would stay as it is written, for every target",
            ),
        }
    }
}

impl Checker<'_, '_, '_> {
    /// Whether `text` holds a template of another tool, which is reported. What it reads is checked
    /// as well, where that can be told.
    pub(super) fn foreign_template(&mut self, node: &Node, text: &str) -> bool {
        let passes_on =
            self.own.signature.is_some_and(|signature| PASSES_ON.contains(&signature.name));
        let Some(piece) = pieces(text).into_iter().find(|piece| !passes_on || piece.is_certain())
        else {
            return false;
        };
        let start = piece.written.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        let span = node.inside(start..start + piece.written.len(), self.decoder.file);
        let (title, remark) = piece.dialect.described();
        let diagnostic = Diagnostic::error("foreign-template", title).at(span, remark);
        let diagnostic = match self.in_our_words(node) {
            Some(better) => diagnostic.suggest(node.span, better, "in a plan it is written"),
            None => match root_of(piece.inside).and_then(meaning) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }
            .help("a value is read as `\"{{ inputs.NAME }}\"` or `\"{{ steps.ID.FIELD }}\"`, in quotes"),
        };
        self.decoder.push(diagnostic);
        if piece.dialect == Dialect::Workflow
            && pieces(text).iter().all(|piece| reads_ours(piece.inside))
            && let Ok(Parsed::Text { code }) = parse(text)
        {
            self.code(node, &code, 0);
        }
        true
    }

    /// The scalar with templates of ours, if everything in it is known.
    fn in_our_words(&self, node: &Node) -> Option<String> {
        let written = self.decoder.file.slice(node.span);
        let is_quoted = written.starts_with(['"', '\'']);
        if written.contains('\n') || written.starts_with(['|', '>']) {
            return None;
        }
        if !is_quoted && written.contains(['"', '\\']) {
            return None;
        }
        let mut better = String::new();
        let mut rest = written;
        for piece in pieces(written) {
            let expression = self.expression(&piece)?;
            let (before, after) = rest.split_once(piece.written)?;
            better.push_str(&format!("{before}{{{{ {expression} }}}}"));
            rest = after;
        }
        better.push_str(rest);
        Some(if is_quoted { better } else { format!("\"{better}\"") })
    }

    /// What is read: something that we call the same, or an input of the last part's name.
    fn expression(&self, piece: &Piece<'_>) -> Option<String> {
        let inside = piece.inside.trim();
        if piece.dialect != Dialect::Go && reads_ours(inside) {
            return Some(inside.to_owned());
        }
        let is_path =
            inside.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        let last =
            inside.rsplit('.').next().filter(|_| is_path && root_of(inside) != Some("secrets"))?;
        let names = [last.to_owned(), last.to_lowercase(), last.replace('-', "_")];
        let name = names.into_iter().find(|name| self.known.inputs.contains_key(name))?;
        Some(format!("inputs.{name}"))
    }
}

impl Piece<'_> {
    /// Whether no shell would know it either.
    fn is_certain(&self) -> bool {
        self.dialect != Dialect::Dollar
            || matches!(root_of(self.inside), Some("var" | "local" | "data" | "module"))
                && self.inside.contains('.')
    }
}

/// The templates of other tools in a text. Each part of it is looked at once: it may be long.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let last_end = text.rfind("}}").unwrap_or(0);
    let mut at = 0;
    while let Some(next) = text[at..].find(['$', '{']) {
        let start = at + next;
        let rest = &text[start..];
        let piece = piece(rest, start < last_end);
        // A template of ours may hold braces; nothing inside it is looked at.
        let is_ours = start < last_end && rest.starts_with("{{");
        let ours = is_ours.then(|| rest.find("}}").map(|end| end + 2)).flatten();
        let other = if rest.starts_with("{{") { 2 } else { 1 };
        at = start
            + piece.as_ref().map_or_else(|| ours.unwrap_or(other), |piece| piece.written.len());
        found.extend(piece);
    }
    found
}

/// The template that `rest` begins with, if another tool would take it for one.
fn piece(rest: &str, ends_in_braces: bool) -> Option<Piece<'_>> {
    let in_braces = |begin: &str, dialect| {
        let inside = rest.strip_prefix(begin).filter(|_| ends_in_braces)?;
        let inside = &inside[..inside.find("}}")?];
        let written = &rest[..begin.len() + inside.len() + 2];
        Some(Piece { written, inside: inside.trim(), dialect })
    };
    if rest.starts_with("${{") {
        return in_braces("${{", Dialect::Workflow);
    }
    if let Some(inside) = rest.strip_prefix("${") {
        let is_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
        let end = inside.find(|c| !is_name(c)).filter(|end| inside[*end..].starts_with('}'))?;
        let inside = &inside[..end];
        let begins = inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let written = &rest[..end + 3];
        return begins.then_some(Piece { written, inside, dialect: Dialect::Dollar });
    }
    if !rest.starts_with("{{") {
        return single(rest);
    }
    let go = in_braces("{{", Dialect::Go)?;
    let path = go.inside.trim_start_matches('-').trim_start().strip_prefix('.')?;
    let inside = path.trim_end_matches('-').trim_end();
    inside.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(Piece { inside, ..go })
}

/// `{inputs.x}`, as in format strings: only what reads our names can be meant for us.
fn single(rest: &str) -> Option<Piece<'_>> {
    let inside = rest.strip_prefix('{')?;
    let begins = ["inputs.", "steps."].iter().any(|root| inside.trim_start().starts_with(root));
    let end = inside.find(['{', '}', '\n']).filter(|_| begins)?;
    let is_closed = inside[end..].starts_with('}');
    let piece =
        Piece { written: &rest[..end + 2], inside: inside[..end].trim(), dialect: Dialect::Single };
    is_closed.then_some(piece)
}

fn root_of(inside: &str) -> Option<&str> {
    inside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

/// What stands in a plan for a name that templates of other tools see.
pub(super) fn meaning(root: &str) -> Option<&'static str> {
    Some(match root {
        "secrets" => {
            "templates see no secrets: these are named where they are used, for example `{ env: \
             REGFISH_API_KEY }`"
        }
        "env" | "lookup" => {
            "templates see no environment: make it an input and give it with `--input NAME=VALUE`"
        }
        "github" | "gitlab" | "runner" | "needs" | "job" => {
            "templates know nothing of CI: make it an input and give it with `--input NAME=VALUE`"
        }
        "hostvars" | "groups" | "group_names" | "inventory_hostname" | "ansible_facts"
        | "ansible_host" | "ansible_hostname" => {
            "what differs from target to target is an input, which the inventory sets; the target's \
             name is `target`"
        }
        "item" | "each" | "matrix" | "count" | "loop" => {
            "steps are not repeated; the plan is run for each target of an inventory"
        }
        "batch" => "a run may go on in another batch; what names it for good is `run.id`",
        "local" | "locals" | "data" | "module" => {
            "what is computed once stands where it is used, or is an input"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        pieces(text).iter().map(|piece| (piece.written, piece.inside)).collect()
    }

    #[test]
    fn templates_of_other_tools_are_told_from_ours() {
        assert_eq!(found("{{ inputs.x }} costs $5, {{ '${{' }} {% if a %}{}{% endif %} $ {"), []);
        assert_eq!(found("a ${{ b }} c"), [("${{ b }}", "b")]);
        assert_eq!(found("${A}${ä}${B-}"), [("${A}", "A"), ("${B-}", "B-")]);
        assert_eq!(
            found("{{- .Values.x -}}{{ .x }}"),
            [("{{- .Values.x -}}", "Values.x"), ("{{ .x }}", "x"),]
        );
        assert_eq!(found("{{ .5 }}{{ a.b }}"), []);
        assert_eq!(
            found("a/{ inputs.x }/{steps.a.b}"),
            [("{ inputs.x }", "inputs.x"), ("{steps.a.b}", "steps.a.b")]
        );
        assert_eq!(found("{ input } {\"inputs.x\": {}} {{ inputs.x } {inputs.x"), []);
    }

    #[test]
    fn a_long_text_of_braces_is_looked_at_once() {
        for part in ["{", "{inputs.", "${", "${a", "{{", "${{", "{{ .", "$"] {
            let text = part.repeat(1 << 20);
            assert!(pieces(&text).is_empty(), "{part}");
            assert!(pieces(&format!("{text}}}")).len() <= 1, "{part}");
            assert!(pieces(&format!("{text}}}}}")).len() <= 1, "{part}");
        }
    }
}
