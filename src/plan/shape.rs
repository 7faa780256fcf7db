//! `Shape`: what is certain of the value of an expression before it is evaluated.
//!
//! It says less rather than something wrong: what is not certain is [`Shape::unknown`], and nobody
//! reports anything about that. A shape speaks of the value that is there; null may stand in its place
//! where an output is optional.

use std::fmt;

use super::value_type::ValueType;

/// What is certain of the type of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Null, and nothing else.
    Null,
    /// A number with a fraction, be that zero: no integer.
    Float,
    /// A number of which nobody knows whether it is an integer.
    Number,
    /// A value of this type; of [`ValueType::Any`] nothing is known.
    Of(ValueType),
    /// A list of values of this shape.
    List(Box<Self>),
}

impl Shape {
    /// Nothing is certain.
    pub(super) fn unknown() -> Self {
        Self::Of(ValueType::Any)
    }

    pub(super) fn text() -> Self {
        Self::Of(ValueType::String)
    }

    pub(super) fn boolean() -> Self {
        Self::Of(ValueType::Boolean)
    }

    pub(super) fn integer() -> Self {
        Self::Of(ValueType::Integer { minimum: None, maximum: None })
    }

    pub(super) fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    /// The shape of the values of a type.
    pub(super) fn of(value_type: &ValueType) -> Self {
        match value_type {
            ValueType::List(item) => Self::list(Self::of(item)),
            ValueType::Command => Self::list(Self::text()),
            // What is found or evaluated later is in no template.
            ValueType::Secret | ValueType::Expression(_) => Self::unknown(),
            other => Self::Of(other.clone()),
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        *self == Self::unknown()
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Of(value_type) if value_type.is_text())
    }

    pub(super) fn is_integer(&self) -> bool {
        matches!(self, Self::Of(ValueType::Integer { .. }))
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Float | Self::Number) || self.is_integer()
    }

    pub(super) fn is_boolean(&self) -> bool {
        *self == Self::boolean()
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self, Self::Of(ValueType::Map | ValueType::MapOf(_) | ValueType::Record(_)))
    }

    /// What a loop over the value gives: an item of a list, a name in a map, a sign of a text.
    pub(super) fn item(&self) -> Self {
        match self {
            Self::List(item) => (**item).clone(),
            _ if self.is_map() || self.is_text() => Self::text(),
            _ => Self::unknown(),
        }
    }

    /// The part of this name; nothing when there is certainly none.
    pub(super) fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Of(ValueType::Record(fields)) => {
                fields.iter().find(|field| field.name == name).map(|it| Self::of(&it.value_type))
            }
            Self::Of(ValueType::MapOf(item)) => Some(Self::of(item)),
            Self::Of(ValueType::Map | ValueType::Any) | Self::Null => Some(Self::unknown()),
            _ => None,
        }
    }

    /// The shape of a value that has one of these two.
    pub(super) fn either(self, other: Self) -> Self {
        match (self, other) {
            (first, second) if first == second => first,
            (Self::Null, shape) | (shape, Self::Null) => shape,
            (first, second) if first.is_text() && second.is_text() => Self::text(),
            (first, second) if first.is_integer() && second.is_integer() => Self::integer(),
            (first, second) if first.is_number() && second.is_number() => Self::Number,
            (Self::List(first), Self::List(second)) => Self::list(first.either(*second)),
            (first, second) if first.is_map() && second.is_map() => Self::Of(ValueType::Map),
            _ => Self::unknown(),
        }
    }

    /// Whether a value of this shape can be what `wanted` says. False means never, but for null.
    pub(super) fn fits(&self, wanted: &ValueType) -> bool {
        match self {
            Self::Null => true,
            Self::Float => *wanted == ValueType::Any,
            Self::Number => matches!(wanted, ValueType::Any | ValueType::Integer { .. }),
            Self::Of(found) => wanted.accepts(found),
            Self::List(item) => match wanted {
                ValueType::Any => true,
                ValueType::List(wanted) => item.fits(wanted),
                ValueType::Command => item.fits(&ValueType::String),
                _ => false,
            },
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Float => formatter.write_str("number with a fraction"),
            Self::Number => formatter.write_str("number"),
            Self::Of(value_type) => write!(formatter, "{value_type}"),
            Self::List(item) => match item.as_ref() {
                item if item.is_unknown() => formatter.write_str("list"),
                Self::Of(item) => write!(formatter, "{}", ValueType::List(Box::new(item.clone()))),
                Self::List(_) => formatter.write_str("list of lists"),
                Self::Null => formatter.write_str("list"),
                Self::Float | Self::Number => formatter.write_str("list of numbers"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_one_thing_or_another_is_certain_only_where_they_agree() {
        let domains = Shape::list(Shape::Of(ValueType::Domain));
        let texts = Shape::list(Shape::text());
        assert_eq!(domains.clone().either(texts.clone()), texts);
        assert_eq!(Shape::integer().either(Shape::Float), Shape::Number);
        assert_eq!(Shape::Null.either(Shape::text()), Shape::text());
        assert!(Shape::integer().either(Shape::text()).is_unknown());
        assert!(domains.either(Shape::boolean()).is_unknown());
    }

    #[test]
    fn a_shape_is_refused_only_where_no_value_of_it_fits() {
        let integer = ValueType::Integer { minimum: None, maximum: None };
        for (shape, wanted, fits) in [
            (Shape::Float, &integer, false),
            (Shape::Number, &integer, true),
            (Shape::unknown(), &integer, true),
            (Shape::Null, &integer, true),
            (Shape::text(), &ValueType::Domain, true),
            (Shape::list(Shape::unknown()), &ValueType::Domain, false),
            (Shape::list(Shape::text()), &ValueType::Command, true),
            (Shape::list(Shape::integer()), &ValueType::Command, false),
        ] {
            assert_eq!(shape.fits(wanted), fits, "{shape} as {wanted}");
        }
    }
}
