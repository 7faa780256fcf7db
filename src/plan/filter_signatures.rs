//! [`FilterSignature`]: what a filter takes and gives.
//!
//! The compiler holds expressions against this table and the documentation is made from it; a test
//! holds it to what the filters really do. It is narrower than they are in one respect: a list or a
//! map that a filter would print as a text (`names | upper`), and a text that it would take apart into
//! its signs (`name | join(',')`), are never meant.

use std::fmt;

use super::shape::Shape;
use super::value_type::ValueType;

/// A filter, as expressions see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilterSignature {
    pub(super) name: &'static str,
    /// What stands before the `|`.
    pub(super) takes: Wanted,
    /// What stands in the parentheses, in order.
    pub(super) arguments: &'static [Argument],
    /// Whether more values may follow, for the test or the filter that is named.
    pub(super) further: bool,
    pub(super) gives: Gives,
}

/// An argument of a filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) wanted: Wanted,
    pub(super) needed: bool,
    pub(super) form: Form,
}

/// How an argument is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// By its place only.
    Placed,
    /// By its name only: `sort(reverse=true)`.
    Named,
    /// Either way.
    Both,
}

/// What a filter or an argument takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Anything,
    /// A text.
    Text,
    /// A text, or what has one form as a text: a number, `true`, `false`.
    Printable,
    Number,
    /// A number, a text with one in it, `true` or `false`.
    Numeric,
    Integer,
    Boolean,
    /// A list; of a map, its names.
    List,
    /// A list and nothing else.
    ListAlone,
    /// A list, or a text as the list of its signs.
    ListOrText,
    /// A list and nothing else, or a text.
    ListAloneOrText,
    Map,
    /// What has a length: a text, a list, a map.
    Sized,
    /// A list of numbers.
    Numbers,
    /// The path of a part of each item.
    Attribute,
    /// The name of a test.
    TestName,
    /// The name of a filter.
    FilterName,
}

/// What comes out of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Text,
    Texts,
    Integer,
    Float,
    Boolean,
    Domain,
    /// The value in another form of the same type.
    Same,
    /// One of the items.
    Item,
    /// The items, all or some, in this order or another.
    Items,
    /// Pairs of a name and a value.
    Pairs,
    /// The value, or the argument in its place.
    Either,
    /// What becomes of each item.
    Mapped,
    /// The items' sum.
    Sum,
}

const fn argument(name: &'static str, wanted: Wanted, form: Form) -> Argument {
    Argument { name, wanted, needed: false, form }
}

const fn needed(name: &'static str, wanted: Wanted) -> Argument {
    Argument { name, wanted, needed: true, form: Form::Placed }
}

const fn filter(
    name: &'static str,
    takes: Wanted,
    arguments: &'static [Argument],
    gives: Gives,
) -> FilterSignature {
    FilterSignature { name, takes, arguments, further: false, gives }
}

const fn with_further(signature: FilterSignature) -> FilterSignature {
    FilterSignature { further: true, ..signature }
}

const CASE: Argument = argument("case_sensitive", Wanted::Boolean, Form::Named);
const REVERSE: Argument = argument("reverse", Wanted::Boolean, Form::Named);
const ATTRIBUTE: Argument = argument("attribute", Wanted::Attribute, Form::Named);
const TEST: Argument = argument("test", Wanted::TestName, Form::Placed);
const INSTEAD: Argument = argument("default", Wanted::Anything, Form::Both);

/// Every filter, by name.
pub(super) const FILTERS: &[FilterSignature] = &[
    filter("abs", Wanted::Number, &[], Gives::Same),
    filter("basename", Wanted::Text, &[], Gives::Text),
    filter("bool", Wanted::Anything, &[], Gives::Boolean),
    filter("capitalize", Wanted::Printable, &[], Gives::Text),
    filter("count", Wanted::Sized, &[], Gives::Integer),
    filter(
        "d",
        Wanted::Anything,
        &[argument("other", Wanted::Anything, Form::Placed)],
        Gives::Either,
    ),
    filter("days_until", Wanted::Text, &[], Gives::Integer),
    filter(
        "default",
        Wanted::Anything,
        &[argument("other", Wanted::Anything, Form::Placed)],
        Gives::Either,
    ),
    filter(
        "dictsort",
        Wanted::Map,
        &[argument("by", Wanted::Text, Form::Named), CASE, REVERSE],
        Gives::Pairs,
    ),
    filter("first", Wanted::ListOrText, &[], Gives::Item),
    filter("float", Wanted::Numeric, &[INSTEAD], Gives::Float),
    filter(
        "int",
        Wanted::Numeric,
        &[INSTEAD, argument("base", Wanted::Integer, Form::Both)],
        Gives::Integer,
    ),
    filter("items", Wanted::Map, &[], Gives::Pairs),
    filter("join", Wanted::List, &[argument("separator", Wanted::Text, Form::Placed)], Gives::Text),
    filter("last", Wanted::ListAloneOrText, &[], Gives::Item),
    filter("length", Wanted::Sized, &[], Gives::Integer),
    filter("lines", Wanted::Text, &[], Gives::Texts),
    filter("list", Wanted::ListOrText, &[], Gives::Items),
    filter("lower", Wanted::Printable, &[], Gives::Text),
    with_further(filter(
        "map",
        Wanted::List,
        &[
            argument("filter", Wanted::FilterName, Form::Placed),
            ATTRIBUTE,
            argument("default", Wanted::Anything, Form::Named),
        ],
        Gives::Mapped,
    )),
    filter("max", Wanted::List, &[ATTRIBUTE, CASE], Gives::Item),
    filter("min", Wanted::List, &[ATTRIBUTE, CASE], Gives::Item),
    filter("punycode", Wanted::Text, &[], Gives::Domain),
    filter("registrable_domain", Wanted::Text, &[], Gives::Domain),
    with_further(filter("reject", Wanted::List, &[TEST], Gives::Items)),
    with_further(filter(
        "rejectattr",
        Wanted::ListAlone,
        &[needed("attribute", Wanted::Attribute), TEST],
        Gives::Items,
    )),
    filter(
        "replace",
        Wanted::Text,
        &[needed("from", Wanted::Text), needed("to", Wanted::Text)],
        Gives::Text,
    ),
    filter("reverse", Wanted::ListOrText, &[], Gives::Same),
    filter(
        "round",
        Wanted::Number,
        &[
            argument("precision", Wanted::Integer, Form::Both),
            argument("method", Wanted::Text, Form::Both),
        ],
        Gives::Same,
    ),
    with_further(filter("select", Wanted::List, &[TEST], Gives::Items)),
    with_further(filter(
        "selectattr",
        Wanted::ListAlone,
        &[needed("attribute", Wanted::Attribute), TEST],
        Gives::Items,
    )),
    filter("sort", Wanted::List, &[ATTRIBUTE, CASE, REVERSE], Gives::Items),
    filter(
        "split",
        Wanted::Text,
        &[
            argument("separator", Wanted::Text, Form::Placed),
            argument("most", Wanted::Integer, Form::Placed),
        ],
        Gives::Texts,
    ),
    filter("string", Wanted::Anything, &[], Gives::Text),
    filter(
        "sum",
        Wanted::Numbers,
        &[
            argument("attribute", Wanted::Attribute, Form::Both),
            argument("start", Wanted::Number, Form::Both),
        ],
        Gives::Sum,
    ),
    filter("title", Wanted::Printable, &[], Gives::Text),
    filter("tojson", Wanted::Anything, &[], Gives::Text),
    filter(
        "trim",
        Wanted::Printable,
        &[argument("signs", Wanted::Printable, Form::Placed)],
        Gives::Text,
    ),
    filter("unique", Wanted::List, &[ATTRIBUTE, CASE], Gives::Items),
    filter("upper", Wanted::Printable, &[], Gives::Text),
    filter("wildcard_base", Wanted::Text, &[], Gives::Same),
];

/// The filter called `name`.
pub(super) fn filter_signature(name: &str) -> Option<&'static FilterSignature> {
    FILTERS.iter().find(|signature| signature.name == name)
}

impl Wanted {
    /// Whether a value of this shape may be taken; false means that none can.
    pub(super) fn accepts(self, shape: &Shape) -> bool {
        if shape.is_unknown() || *shape == Shape::Null {
            return true;
        }
        let is_list = matches!(shape, Shape::List(_));
        let is_number = shape.is_number();
        let is_text = shape.is_text();
        match self {
            Self::Anything => true,
            Self::Text | Self::Attribute | Self::TestName | Self::FilterName => is_text,
            Self::Printable | Self::Numeric => is_text || is_number || shape.is_boolean(),
            Self::Number => is_number,
            Self::Integer => is_number && *shape != Shape::Float,
            Self::Boolean => shape.is_boolean(),
            Self::List => is_list || shape.is_map(),
            Self::ListAlone => is_list,
            Self::ListAloneOrText => is_list || is_text,
            Self::ListOrText | Self::Sized => is_list || shape.is_map() || is_text,
            Self::Map => shape.is_map(),
            Self::Numbers => match shape {
                Shape::List(item) => item.is_boolean() || Self::Number.accepts(item),
                _ => false,
            },
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anything => "any value",
            Self::Text => "text",
            Self::Printable => "text, number or boolean",
            Self::Number => "number",
            Self::Numeric => "number, text or boolean",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::List => "list or map",
            Self::ListAlone => "list",
            Self::ListOrText | Self::Sized => "list, map or text",
            Self::ListAloneOrText => "list or text",
            Self::Map => "map",
            Self::Numbers => "list of numbers",
            Self::Attribute => "name of a part of the items",
            Self::TestName => "name of a test",
            Self::FilterName => "name of a filter",
        })
    }
}

impl fmt::Display for Gives {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Texts => "list of texts",
            Self::Integer => "integer",
            Self::Float => "number with a fraction",
            Self::Boolean => "boolean",
            Self::Domain => "domain",
            Self::Same => "what it takes",
            Self::Item => "an item",
            Self::Items => "list of the items",
            Self::Pairs => "list of pairs",
            Self::Either => "the value or `other`",
            Self::Mapped => "list of what becomes of the items",
            Self::Sum => "number",
        })
    }
}

impl FilterSignature {
    /// How the filter is written: `join([separator])`; what may be left out is in brackets.
    pub(super) fn usage(&self) -> String {
        self.call(|argument| argument.name.to_owned())
    }

    /// The same with the types of its arguments: `join([separator: text])`.
    pub(super) fn typed_usage(&self) -> String {
        self.call(|argument| format!("{}: {}", argument.name, argument.wanted))
    }

    fn call(&self, shown: impl Fn(&Argument) -> String) -> String {
        let of = |argument: &Argument| {
            let sign = if argument.form == Form::Named { "=" } else { "" };
            let shown =
                shown(argument).replacen(argument.name, &format!("{}{sign}", argument.name), 1);
            if argument.needed { shown } else { format!("[{shown}]") }
        };
        let further = self.further.then(|| "…".to_owned());
        let arguments: Vec<String> = self.arguments.iter().map(of).chain(further).collect();
        match arguments.as_slice() {
            [] => self.name.to_owned(),
            _ => format!("{}({})", self.name, arguments.join(", ")),
        }
    }

    /// What becomes of a value of this shape; `given` are the arguments by name.
    pub(super) fn result(&self, input: &Shape, given: &[(&'static str, Shape)]) -> Shape {
        let argument = |name: &str| given.iter().find(|(other, _)| *other == name);
        let or_default = |shape: Shape| match argument("default") {
            Some((_, default)) => shape.either(default.clone()),
            None => shape,
        };
        match self.gives {
            Gives::Text => Shape::text(),
            Gives::Texts => Shape::list(Shape::text()),
            Gives::Integer => or_default(Shape::integer()),
            Gives::Float => or_default(Shape::Float),
            Gives::Boolean => Shape::boolean(),
            Gives::Domain => Shape::Of(ValueType::Domain),
            Gives::Same => match input {
                Shape::Of(ValueType::Integer { .. }) => Shape::integer(),
                // The names of a map.
                shape if shape.is_map() => Shape::list(Shape::text()),
                Shape::Of(ValueType::Domain) if self.name == "wildcard_base" => input.clone(),
                shape if shape.is_text() => Shape::text(),
                shape => shape.clone(),
            },
            Gives::Item => input.item(),
            Gives::Items => Shape::list(input.item()),
            Gives::Pairs => Shape::list(Shape::list(Shape::unknown())),
            Gives::Either => match argument("other") {
                Some((_, other)) => input.clone().either(other.clone()),
                None => input.clone().either(Shape::text()),
            },
            Gives::Mapped => Shape::list(Shape::unknown()),
            Gives::Sum => match input.item() {
                item if item.is_integer() && argument("start").is_none() => Shape::integer(),
                Shape::Float => Shape::Number,
                _ => Shape::unknown(),
            },
        }
    }
}
