//! The types of expressions: what filters and operators cannot take, and values that cannot be what
//! their parameter needs.

use super::reference::{Checker, Reading};
use crate::document::decode::with_article;
use crate::document::diagnostic::Diagnostic;
use crate::document::node::Node;
use crate::document::source::Span;
use crate::plan::expression::{End, Fault, Reads, infer_expression, infer_text};
use crate::plan::shape::Shape;
use crate::plan::template::Code;
use crate::plan::value_type::{Presence, ValueType};
use crate::types::{printable, shorten};

/// Bytes of an expression that a message repeats.
const SHOWN: usize = 80;

impl Checker<'_, '_, '_> {
    /// Checks an expression that stands in `node` from `offset` on, and that its value can be what is
    /// wanted. Whether its types are right.
    pub(super) fn typed_expression(
        &mut self,
        node: &Node,
        (inside, offset): (&str, usize),
        code: &Code,
        wanted: &ValueType,
        what: &str,
    ) -> bool {
        let reading = self.code(node, code, offset);
        if code.is_path {
            let found = reading.first().map(|reading| reading.shape.clone());
            let Some(found) = found.filter(|found| !found.fits(wanted)) else { return true };
            let span = node.inside(offset..offset + inside.len(), self.decoder.file);
            let title = format!("`{what}` needs {}", with_article(&wanted.to_string()));
            let diagnostic =
                Diagnostic::error("wrong-type", title).at(span, format!("this is {}", a(&found)));
            let end = End { range: 0..inside.len(), shape: found, is_simple: true, constant: None };
            let diagnostic = self.converted(diagnostic, node, (inside, offset), &end, wanted);
            self.decoder.push(diagnostic);
            return false;
        }
        let Some(inferred) = infer_expression(inside, &reads(&reading)) else { return true };
        // What reads nothing is evaluated now.
        let misfits = |end: &End| !code.variables.is_empty() && !end.shape.fits(wanted);
        let (wrong, right): (Vec<End>, Vec<End>) = inferred.ends.into_iter().partition(misfits);
        let is_right = inferred.faults.is_empty() && wrong.is_empty();
        self.faults(node, offset, inferred.faults);
        for end in wrong {
            let written = inside.get(end.range.clone()).unwrap_or(inside);
            let title = format!(
                "`{what}` of step `{}` needs {}, and `{}` gives {}",
                self.own.id,
                with_article(&wanted.to_string()),
                shown(written),
                a(&end.shape)
            );
            let span = self.part(node, offset, &end.range);
            let diagnostic = Diagnostic::error("wrong-type", title).at(span, a(&end.shape));
            let diagnostic = self.converted(diagnostic, node, (inside, offset), &end, wanted);
            self.decoder.push(diagnostic);
        }
        for end in right.iter().filter(|_| is_right && !code.variables.is_empty()) {
            self.constant_end(node, offset, end, wanted, what);
        }
        is_right
    }

    /// Checks a value that is written out as one of those which an expression may have. What is empty
    /// stands for no value, and is judged when it is used.
    fn constant_end(
        &mut self,
        node: &Node,
        offset: usize,
        end: &End,
        wanted: &ValueType,
        what: &str,
    ) {
        let Some(constant) = end.constant.as_ref().filter(|it| !matches!(it.as_str(), Some("")))
        else {
            return;
        };
        let span = self.part(node, offset, &end.range);
        for mismatch in wanted.check(constant).err().into_iter().flatten() {
            let reason = mismatch.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let message = format!(
                "`{what}` of step `{}` needs {}",
                self.own.id,
                with_article(&mismatch.expected)
            );
            let remark = format!("this is {}{reason}", with_article(&mismatch.found));
            self.decoder.push(Diagnostic::error("wrong-type", message).at(span, remark));
        }
    }

    /// Checks the templates in a text. Whether their types are right.
    pub(super) fn typed_text(&mut self, node: &Node, text: &str, code: &Code) -> bool {
        let reading = self.code(node, code, 0);
        let faults = infer_text(text, &reads(&reading));
        let is_right = faults.is_empty();
        self.faults(node, 0, faults);
        is_right
    }

    /// Checks a condition.
    pub(super) fn typed_condition(&mut self, node: &Node, code: &Code, at: (&str, usize)) {
        let (inside, offset) = at;
        let reading = self.code(node, code, offset);
        let Some(inferred) = infer_expression(inside, &reads(&reading)) else { return };
        self.faults(node, offset, inferred.faults);
        let misfits =
            |end: &&End| !code.variables.is_empty() && !end.shape.fits(&ValueType::Boolean);
        for end in inferred.ends.iter().filter(misfits) {
            let span = self.part(node, offset, &end.range);
            let diagnostic = Diagnostic::error("wrong-type", "`when` must be true or false")
                .at(span, format!("this is {}", a(&end.shape)));
            let diagnostic = self.converted(diagnostic, node, at, end, &ValueType::Boolean);
            self.decoder.push(diagnostic);
        }
    }

    fn part(&self, node: &Node, offset: usize, range: &std::ops::Range<usize>) -> Span {
        node.inside(offset + range.start..offset + range.end, self.decoder.file)
    }

    fn faults(&mut self, node: &Node, offset: usize, faults: Vec<Fault>) {
        for fault in faults {
            let span = self.part(node, offset, &fault.range);
            let diagnostic = Diagnostic::error(fault.code, fault.message).at(span, fault.remark);
            let diagnostic = match fault.instead {
                Some((range, text)) => self.instead(diagnostic, node, offset, &range, text),
                None => diagnostic,
            };
            self.decoder.push(fault.help.into_iter().fold(diagnostic, Diagnostic::help));
        }
    }

    /// Adds how a value becomes what is wanted, where that is beyond doubt.
    fn converted(
        &self,
        diagnostic: Diagnostic,
        node: &Node,
        (inside, offset): (&str, usize),
        end: &End,
        wanted: &ValueType,
    ) -> Diagnostic {
        let Some(written) = inside.get(end.range.clone()) else { return diagnostic };
        let written = if end.is_simple { written.to_owned() } else { format!("({written})") };
        let can_be_null = self.can_be_null(&written);
        match conversion(&end.shape, wanted, &written, can_be_null) {
            Some(text) => self.instead(diagnostic, node, offset, &end.range, text),
            None => diagnostic,
        }
    }

    /// Whether this is an output that can be null.
    fn can_be_null(&self, written: &str) -> bool {
        let path = written.trim().strip_prefix("steps.").and_then(|rest| rest.split_once('.'));
        let field = path.and_then(|(id, field)| {
            self.known.step(id).and_then(|info| info.signature)?.output_field(field)
        });
        field.is_some_and(|field| field.presence == Presence::Optional)
    }

    /// Suggests `text` in the place of a part of the template, in the quotes in which that stands.
    fn instead(
        &self,
        diagnostic: Diagnostic,
        node: &Node,
        offset: usize,
        range: &std::ops::Range<usize>,
        text: String,
    ) -> Diagnostic {
        let quote = self.decoder.file.slice(node.span).chars().next();
        let advice = format!("did you mean `{}`?", shown(&text));
        let span = self.part(node, offset, range);
        // What is escaped or folded cannot be replaced in part.
        let written =
            node.as_str().and_then(|all| all.get(offset + range.start..offset + range.end));
        if written != Some(self.decoder.file.slice(span)) {
            return diagnostic.help(advice);
        }
        let text = match quote {
            // What is in there is doubled already.
            Some('\'') if node.as_str().is_some_and(|all| all.contains('\'')) => {
                return diagnostic.help(advice);
            }
            Some('\'') => text.replace('\'', "''"),
            Some('"') if text.contains(['"', '\\']) => return diagnostic.help(advice),
            _ => text,
        };
        diagnostic.suggest(span, text, advice)
    }
}

/// What the paths of a template read, by their places.
fn reads(reading: &[Reading]) -> Box<Reads<'_>> {
    Box::new(|start| {
        let found = reading.iter().find(|reading| reading.start == start)?;
        Some((found.segments, found.shape.clone()))
    })
}

/// A shape with its article.
fn a(shape: &Shape) -> String {
    match shape {
        Shape::Null => "null".to_owned(),
        _ => with_article(&shape.to_string()),
    }
}

fn shown(code: &str) -> String {
    let words: Vec<&str> = code.split_whitespace().collect();
    shorten(&printable(&words.join(" ")), SHOWN)
}

/// An expression that makes what is wanted of a value.
fn conversion(
    found: &Shape,
    wanted: &ValueType,
    written: &str,
    can_be_null: bool,
) -> Option<String> {
    let is_list = matches!(found, Shape::List(_));
    Some(match wanted {
        ValueType::String if is_list => format!("{written} | join(',')"),
        wanted if wanted.is_text() && is_list => format!("{written} | first"),
        ValueType::String if found.is_number() || found.is_boolean() => {
            format!("{written} | string")
        }
        ValueType::Integer { .. } if is_list => format!("{written} | length"),
        ValueType::Integer { .. }
            if matches!(found, Shape::Of(ValueType::String) | Shape::Float) =>
        {
            format!("{written} | int")
        }
        ValueType::List(item) if found.fits(item) => format!("[{written}]"),
        ValueType::Boolean if is_list => format!("{written} | length > 0"),
        ValueType::Boolean if found.is_number() => format!("{written} > 0"),
        // Null is not the empty text.
        ValueType::Boolean if can_be_null => format!("{written} is not none"),
        ValueType::Boolean if found.is_text() => format!("{written} != ''"),
        _ => return None,
    })
}
