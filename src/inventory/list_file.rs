//! An inventory that is a plain list of domains: one per line, `#` begins a comment.

use super::raw::{InventoryFile, RawTarget};
use super::yaml_file::bad_name;
use crate::document::decode::{Decoder, Located};
use crate::document::diagnostic::{Diagnostic, Diagnostics};
use crate::document::source::Span;
use crate::types::{DomainName, TargetName, printable, shorten};

/// Reads `file.source` into `file`.
pub(super) fn read(file: &mut InventoryFile) {
    let source = file.source.clone();
    let mut found = Diagnostics::new(&source);
    let mut decoder = Decoder { file: &source, diagnostics: &mut found };
    let mut offset = 0;
    for line in source.text().split_inclusive('\n') {
        let written = line.split('#').next().unwrap_or_default();
        let name = written.trim();
        let start = offset + (written.len() - written.trim_start().len());
        offset += line.len();
        if !name.is_empty() {
            let span = Span::new(start, start + name.len());
            file.targets.extend(target(name, span, &mut decoder));
        }
    }
    if source.text().trim().is_empty() {
        decoder.push(
            Diagnostic::error("empty-file", "the file is empty")
                .at(Span::default(), "a list of domains was expected here")
                .help("write one domain per line"),
        );
    } else if file.targets.is_empty() && !decoder.diagnostics.has_errors() {
        decoder.push(
            Diagnostic::error("no-targets", "the list holds comments only")
                .at(Span::default(), "no line names a domain")
                .help("write one domain per line"),
        );
    }
    file.found = found;
}

fn target(name: &str, span: Span, decoder: &mut Decoder<'_>) -> Option<RawTarget> {
    if let Some(at) = name.find(|c: char| c.is_whitespace() || c == ',' || c == ';') {
        let rest = name.len() - name[at..].trim_start_matches([' ', '\t', ',', ';']).len();
        decoder.push(
            Diagnostic::error("several-names", "a line of a list holds one domain")
                .at(span.part(rest..name.len()), "there is more on this line")
                .help(
                    "a certificate with several names needs an inventory in YAML or CSV, where \
                     `dns_names` lists them",
                ),
        );
        return None;
    }
    if let Err(error) = DomainName::parse(name) {
        let shown = shorten(&printable(name), 60);
        decoder.push(
            Diagnostic::error("bad-name", format!("`{shown}` is not a domain name"))
                .at(span, error.reason)
                .help("a list has one domain per line; `#` begins a comment"),
        );
        return None;
    }
    let value = TargetName::parse(name).map_err(|error| bad_name(&error, span, decoder)).ok()?;
    let name = Located { value, span };
    Some(RawTarget { name, plan: None, groups: Vec::new(), inputs: Vec::new() })
}
