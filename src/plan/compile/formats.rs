//! The files that a step puts into a folder: their names, and what protects them.
//!
//! Such a step comes after the order. What is wrong whatever the run brings is told here; the rest is
//! found out when the run settles in, right before it orders.

use super::StepInfo;
use crate::document::decode::Decoder;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::{Key, Kind, Node};
use crate::document::source::Span;
use crate::plan::file_format::{FileFormat, PEM_FILES, file_name_fault};
use crate::plan::raw::{RawPlan, RawStep};
use crate::plan::template::{Parsed, parse};
use crate::types::{printable, shorten};

/// The parameter that lists the files.
const FORMATS: &str = "formats";
/// No file name in a message is longer, in characters.
const SHOWN: usize = 60;

/// Reports every file that cannot be written beside the others, or not in the way that is asked for.
pub(super) fn check_formats(raw: &RawPlan<'_>, infos: &[StepInfo], decoder: &mut Decoder<'_>) {
    for (step, info) in raw.steps.iter().zip(infos) {
        let Some(signature) = info.signature.filter(|signature| signature.installs.is_some())
        else {
            continue;
        };
        if let Some(Kind::Seq(items)) = parameter(step, FORMATS).map(|node| &node.kind) {
            let files: Vec<WrittenFile<'_>> =
                items.iter().enumerate().filter_map(WrittenFile::of).collect();
            files.iter().for_each(|file| file.check_protection(decoder));
            check_names(step, &files, signature.brings_pem(), decoder);
        }
        if signature.parameter("from").is_some() {
            check_folder(raw, step, decoder);
        }
    }
}

/// One entry of the list, whose format is known.
struct WrittenFile<'n> {
    index: usize,
    span: Span,
    format: FileFormat,
    entries: &'n [(Key, Node)],
}

impl<'n> WrittenFile<'n> {
    fn of((index, node): (usize, &'n Node)) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else { return None };
        let (_, written) = entries.iter().find(|(key, _)| key.name == "format")?;
        let format = FileFormat::parse(written.as_str()?)?;
        Some(Self { index, span: written.span, format, entries })
    }

    /// What is given under `name`; null stands for nothing.
    fn given(&self, name: &str) -> Option<&'n (Key, Node)> {
        let mut entries = self.entries.iter();
        entries.find(|(key, node)| key.name == name && node.kind != Kind::Null)
    }

    /// Its name as it is written, which may be a template, and where.
    fn name(&self) -> Option<(&'n str, Span)> {
        match self.given("file") {
            Some((_, node)) => Some((node.as_str()?, node.span)),
            None => Some((self.format.default_file(), self.span)),
        }
    }

    fn check_protection(&self, decoder: &mut Decoder<'_>) {
        let (index, word) = (self.index, self.format.as_str());
        let passphrase = self.given("passphrase");
        if self.format.needs_passphrase() && passphrase.is_none() {
            decoder.push(
                Diagnostic::error("missing-key", format!("`formats[{index}]` has no `passphrase`"))
                    .at(self.span, format!("`{word}` is protected by one"))
                    .help("say where it is found, for example `passphrase: { env: KEYSTORE_PASSPHRASE }`"),
            );
        }
        if let Some((key, _)) = passphrase.filter(|_| !self.format.needs_passphrase()) {
            decoder.push(self.stray(key, "is not encrypted: no passphrase fits"));
        }
        if let Some((key, _)) = self.given("alias").filter(|_| !self.format.has_alias()) {
            decoder.push(self.stray(key, "has no names inside"));
        }
    }

    fn stray(&self, key: &Key, reason: &str) -> Diagnostic {
        let (index, word) = (self.index, self.format.as_str());
        let title = format!("`{}` has no meaning in `formats[{index}]`", key.name);
        Diagnostic::error("stray-key", title)
            .at(key.span, format!("a file of the format `{word}` {reason}"))
            .also(self.span, "the format")
    }
}

/// Every file has a name of its own. Two templates that are written alike become alike.
fn check_names(
    step: &RawStep<'_>,
    files: &[WrittenFile<'_>],
    brings_pem: bool,
    decoder: &mut Decoder<'_>,
) {
    let id = &step.id.value;
    let mut taken: Vec<(&str, Span)> = Vec::new();
    for (name, span) in files.iter().filter_map(WrittenFile::name) {
        let shown = shorten(&printable(name), SHOWN);
        if let (Ok(Parsed::Literal), Some(fault)) = (parse(name), file_name_fault(name)) {
            let title = format!("step `{id}` cannot write a file called `{shown}`");
            decoder.push(Diagnostic::error("unusable-value", title).at(span, fault));
        } else if brings_pem && PEM_FILES.contains(&name) {
            decoder.push(
                Diagnostic::error("duplicate-file", format!("step `{id}` writes `{shown}` anyway"))
                    .at(span, "a second file of this name")
                    .help(format!("every download brings `{}`", PEM_FILES.join("`, `")))
                    .help("leave this one out, or give it another name with `file`"),
            );
        } else if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name) {
            decoder.push(
                Diagnostic::error("duplicate-file", format!("step `{id}` writes `{shown}` twice"))
                    .at(span, "a second file of this name")
                    .also(*first, "the first")
                    .help("give one of them another name with `file`"),
            );
        } else {
            taken.push((name, span));
        }
    }
}

/// A set is never changed once it is there, so nothing can be exported into the folder it is in.
fn check_folder(raw: &RawPlan<'_>, step: &RawStep<'_>, decoder: &mut Decoder<'_>) {
    let (Some(from), Some(into)) = (parameter(step, "from"), parameter(step, "directory")) else {
        return;
    };
    let folder =
        |node: &Node| folder_of(raw, node).map(|text| text.trim_end_matches('/').to_owned());
    let same = folder(from).is_some_and(|from| folder(into) == Some(from));
    if same {
        decoder.push(
            Diagnostic::error(
                "same-folder",
                format!("step `{}` would write into the folder that it reads", step.id.value),
            )
            .at(into.span, "a set is never changed once it is there")
            .also(from.span, "it is read from here")
            .help(
                "give `formats` to the step that downloads the certificate, or another \
                 `directory` to this one",
            ),
        );
    }
}

/// A folder as it is written, followed to the step that fills it when it is read from there.
fn folder_of(raw: &RawPlan<'_>, node: &Node) -> Option<String> {
    let text = node.as_str()?;
    if let Ok(Parsed::Expression { inside, .. }) = parse(text)
        && let Some(id) =
            inside.strip_prefix("steps.").and_then(|rest| rest.strip_suffix(".directory"))
        && let Some(filled) = raw.steps.iter().find(|step| step.id.value.as_str() == id)
        && let Some(directory) = parameter(filled, "directory").and_then(Node::as_str)
    {
        return Some(directory.to_owned());
    }
    Some(text.to_owned())
}

fn parameter<'n>(step: &RawStep<'n>, name: &str) -> Option<&'n Node> {
    let (_, entries) = step.with?;
    entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}
