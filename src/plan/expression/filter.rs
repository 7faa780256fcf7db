//! What filters take and give, with the arguments that are written.

use std::ops::Range;

use minijinja::machinery::ast::{CallArg, Expr};

use super::{Fault, Inference, a, is_simple};
use crate::document::decode::with_article;
use crate::document::suggest::{list, nearest};
use crate::plan::filter_signatures::{
    Argument, FilterSignature, Form, Gives, Wanted, filter_signature,
};
use crate::plan::filters::{filter_names, test_names};
use crate::plan::shape::Shape;
use crate::plan::value_type::ValueType;
use crate::types::printable;

/// The arguments of a filter by their names, each with its value and its place.
type Given<'a, 'e> = Vec<(&'static str, &'a Expr<'e>, Shape)>;

impl Inference<'_> {
    /// What a filter gives; `range` is where its name and its arguments stand.
    pub(super) fn filter(
        &mut self,
        name: &str,
        (inside, input): (&Expr<'_>, Shape),
        arguments: &[CallArg<'_>],
        range: Range<usize>,
    ) -> Shape {
        let is_spread =
            |it: &CallArg<'_>| matches!(it, CallArg::PosSplat(_) | CallArg::KwargSplat(_));
        let signature = filter_signature(name);
        let (Some(signature), false) = (signature, arguments.iter().any(is_spread)) else {
            self.arguments(arguments);
            return Shape::unknown();
        };
        let before = self.faults.len();
        let given = self.given(signature, arguments, &range);
        // With a default, nothing that cannot be converted is a mistake.
        let has_default = given.iter().any(|(name, ..)| *name == "default");
        let takes_all = has_default && signature.takes == Wanted::Numeric;
        if !takes_all && !signature.takes.accepts(&input) {
            self.refuse_input(signature, (inside, &input), &range);
        }
        let mapped = self.named(signature, &input, &given);
        if self.faults.len() > before {
            return Shape::unknown();
        }
        let given: Vec<_> = given.into_iter().map(|(name, _, shape)| (name, shape)).collect();
        mapped.unwrap_or_else(|| signature.result(&input, &given))
    }

    /// Puts the arguments to the names of the signature, and reports those that do not fit.
    fn given<'a, 'e>(
        &mut self,
        signature: &FilterSignature,
        arguments: &'a [CallArg<'e>],
        range: &Range<usize>,
    ) -> Given<'a, 'e> {
        let mut given: Given<'a, 'e> = Vec::new();
        let mut placed = signature.arguments.iter().filter(|it| it.form != Form::Named);
        for argument in arguments {
            let (found, value) = match argument {
                CallArg::Pos(value) => (placed.next(), value),
                CallArg::Kwarg(name, value) => {
                    let mut named = signature.arguments.iter();
                    (named.find(|it| it.name == *name && it.form != Form::Placed), value)
                }
                CallArg::PosSplat(value) | CallArg::KwargSplat(value) => (None, value),
            };
            let shape = self.expression(value);
            match (found, argument) {
                (Some(wanted), _) => {
                    if !wanted.wanted.accepts(&shape) {
                        self.refuse_argument(signature, wanted, (value, &shape));
                    }
                    given.push((wanted.name, value, shape));
                }
                (None, CallArg::Kwarg(name, _)) if !signature.further => {
                    let names = signature.arguments.iter().filter(|it| it.form != Form::Placed);
                    let names: Vec<&str> = names.map(|it| it.name).collect();
                    let message = format!("`{}` has no argument `{name}`", signature.name);
                    let help = match names.as_slice() {
                        [] => format!("it is written `{}`", signature.usage()),
                        _ => format!("by their names it takes {}", list(names.iter().copied())),
                    };
                    self.fault(self.place(value), message, "unknown argument", help);
                }
                (None, _) if !signature.further => {
                    let message = format!("`{}` has too many arguments", signature.name);
                    let help = match signature.name {
                        // The flag of Ansible and Jinja.
                        "default" | "d" => {
                            "a value that is empty or false, too, is replaced by `… or other`"
                                .to_owned()
                        }
                        _ => format!("it is written `{}`", signature.usage()),
                    };
                    self.fault(self.place(value), message, "this is one too many", help);
                    break;
                }
                (None, _) => {}
            }
        }
        let is_missing =
            |it: &&Argument| it.needed && given.iter().all(|(name, ..)| *name != it.name);
        if let Some(missing) = signature.arguments.iter().find(is_missing) {
            let message = format!("`{}` needs `{}`", signature.name, missing.name);
            let help = format!("it is written `{}`", signature.usage());
            let remark = format!("{} is missing", with_article(&missing.wanted.to_string()));
            self.fault(range.clone(), message, &remark, help);
        }
        given
    }

    fn fault(&mut self, range: Range<usize>, message: String, remark: &str, help: String) {
        self.faults.push(Fault {
            code: "filter-argument",
            range,
            message,
            remark: remark.to_owned(),
            instead: None,
            help: Some(help),
        });
    }

    fn refuse_argument(
        &mut self,
        signature: &FilterSignature,
        argument: &Argument,
        (value, shape): (&Expr<'_>, &Shape),
    ) {
        let wanted = with_article(&argument.wanted.to_string());
        let message = format!("`{}` of `{}` needs {wanted}", argument.name, signature.name);
        let help = format!("it is written `{}`", signature.usage());
        self.fault(self.place(value), message, &format!("this is {}", a(shape)), help);
    }

    /// A filter that cannot take what stands before it.
    fn refuse_input(
        &mut self,
        signature: &FilterSignature,
        (inside, input): (&Expr<'_>, &Shape),
        range: &Range<usize>,
    ) {
        let place = self.place(inside);
        let written = self.written(&place);
        let wanted = with_article(&signature.takes.to_string());
        let message = format!("`{}` takes {wanted}, and is given {}", signature.name, a(input));
        let call = &self.code[range.clone()];
        let value = match is_simple(inside) {
            true => self.code[place.clone()].to_owned(),
            false => format!("({})", &self.code[place.clone()]),
        };
        let whole = self.balanced(place.start..range.end);
        let each = format!("{value} | map('{}')", signature.name);
        let (instead, help) = match input {
            Shape::List(item) if signature.takes.accepts(item) && call == signature.name => {
                (Some(each), None)
            }
            Shape::List(item) if signature.takes.accepts(item) => {
                (Some(format!("{value} | first | {call}")), None)
            }
            _ if input.is_number() && signature.name == "replace" => {
                (Some(format!("{value} | string | {call}")), None)
            }
            _ if *input == Shape::text() && signature.takes == Wanted::Number => {
                (Some(format!("{value} | int | {call}")), None)
            }
            _ if input.is_text() && signature.name == "join" => {
                (None, Some("one text needs no joining; leave the filter out".to_owned()))
            }
            _ if input.is_text() => {
                (None, Some("a list of the parts of a text is `… | split(',')`".to_owned()))
            }
            _ => (None, None),
        };
        self.faults.push(Fault {
            code: "filter-input",
            range: whole.clone(),
            message,
            remark: format!("`{written}` is {}", a(input)),
            instead: instead.map(|text| (whole, text)),
            help,
        });
    }

    /// Filters, tests and parts of items that arguments name. What `map` gives, when that is certain.
    fn named(
        &mut self,
        signature: &FilterSignature,
        input: &Shape,
        given: &[(&'static str, &Expr<'_>, Shape)],
    ) -> Option<Shape> {
        let mut mapped = None;
        for (name, value, _) in given {
            let wanted = signature.arguments.iter().find(|it| it.name == *name)?.wanted;
            let Expr::Const(text) = value else { continue };
            let Some(text) = text.value.as_str() else { continue };
            match wanted {
                Wanted::TestName => self.known("test", text, value, test_names()),
                Wanted::FilterName => {
                    self.known("filter", text, value, filter_names());
                    mapped = self.each(text, value, input, given.len());
                }
                Wanted::Attribute => {
                    let part = self.part(text, value, input);
                    if signature.gives == Gives::Mapped && given.len() == 1 {
                        mapped = part.map(Shape::list);
                    }
                }
                _ => {}
            }
        }
        mapped
    }

    fn known(
        &mut self,
        kind: &str,
        name: &str,
        value: &Expr<'_>,
        names: impl Iterator<Item = &'static str> + Clone,
    ) {
        if names.clone().any(|known| known == name) {
            return;
        }
        let place = self.place(value);
        let near = nearest(name, names.clone());
        self.faults.push(Fault {
            code: "unknown-template-word",
            range: place.clone(),
            message: format!("templates have no {kind} `{}`", printable(name)),
            remark: format!("unknown {kind}"),
            instead: near.map(|near| (place, format!("'{near}'"))),
            help: near.is_none().then(|| format!("{kind}s: {}", list(names))),
        });
    }

    /// What `map('filter')` gives.
    fn each(
        &mut self,
        name: &str,
        value: &Expr<'_>,
        input: &Shape,
        arguments: usize,
    ) -> Option<Shape> {
        let signature = filter_signature(name)?;
        let item = input.item();
        if !signature.takes.accepts(&item) {
            let wanted = with_article(&signature.takes.to_string());
            let message = format!("`{name}` takes {wanted}, and is given {}", a(&item));
            let remark = "this is given each item".to_owned();
            self.faults.push(Fault {
                code: "filter-input",
                range: self.place(value),
                message,
                remark,
                instead: None,
                help: None,
            });
            return None;
        }
        (arguments == 1).then(|| Shape::list(signature.result(&item, &[])))
    }

    /// The part of each item at a path such as `name` or `owner.name`.
    fn part(&mut self, path: &str, value: &Expr<'_>, input: &Shape) -> Option<Shape> {
        let mut shape = input.item();
        for name in path.split('.') {
            if let Shape::Of(ValueType::Record(fields)) = &shape {
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                if !names.contains(&name) {
                    let place = self.place(value);
                    let near = nearest(name, names.iter().copied());
                    let better = near.map(|near| format!("'{}'", path.replacen(name, near, 1)));
                    self.faults.push(Fault {
                        code: "unknown-field",
                        range: place.clone(),
                        message: format!("there is no field `{}`", printable(name)),
                        remark: "no item has it".to_owned(),
                        instead: better.map(|better| (place, better)),
                        help: Some(format!("fields: {}", list(names.iter().copied()))),
                    });
                    return None;
                }
            }
            let has_none = shape.is_text() || shape.is_number() || shape.is_boolean();
            // A text can be asked for the sign at a place.
            if has_none && name.parse::<u64>().is_err() {
                self.faults.push(Fault {
                    code: "filter-argument",
                    range: self.place(value),
                    message: format!("{} has no part `{}`", a(&shape), printable(name)),
                    remark: format!("each item is {}", a(&shape)),
                    instead: None,
                    help: None,
                });
                return None;
            }
            shape = shape.field(name)?;
        }
        Some(shape)
    }
}
