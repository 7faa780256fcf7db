//! What operators take and give.

use minijinja::machinery::ast::{BinOpKind, Expr, UnaryOpKind};

use super::{Fault, Inference, a};
use crate::plan::shape::Shape;

impl Inference<'_> {
    pub(super) fn unary(&mut self, op: &UnaryOpKind, operand: &Expr<'_>) -> Shape {
        let shape = self.expression(operand);
        match op {
            UnaryOpKind::Not => Shape::boolean(),
            UnaryOpKind::Neg => {
                if shape.is_text() || shape.is_map() || shape.is_boolean() || is_list(&shape) {
                    let place = self.place(operand);
                    let written = self.written(&place);
                    self.faults.push(Fault {
                        code: "operand-type",
                        range: place,
                        message: format!("`-` needs a number, and `{written}` is none"),
                        remark: format!("this is {}", a(&shape)),
                        instead: None,
                        help: None,
                    });
                    return Shape::unknown();
                }
                match shape.is_integer() {
                    true => Shape::integer(),
                    false => shape,
                }
            }
        }
    }

    pub(super) fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Shape {
        let (first, second) = (self.expression(left), self.expression(right));
        match op {
            BinOpKind::ScAnd | BinOpKind::ScOr => first.either(second),
            BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte => Shape::boolean(),
            BinOpKind::In => {
                if second.is_number() || second.is_boolean() {
                    let place = self.place(right);
                    let written = self.written(&place);
                    self.faults.push(Fault {
                        code: "operand-type",
                        range: place,
                        message: format!("nothing can be in `{written}`"),
                        remark: format!("this is {}", a(&second)),
                        instead: None,
                        help: Some("`in` looks into a list, a map or a text".to_owned()),
                    });
                }
                Shape::boolean()
            }
            BinOpKind::Concat => Shape::text(),
            BinOpKind::Add => self.sum((left, first), (right, second)),
            BinOpKind::Sub => self.number("-", (left, first), (right, second)),
            BinOpKind::FloorDiv => self.number("//", (left, first), (right, second)),
            BinOpKind::Rem => self.number("%", (left, first), (right, second)),
            BinOpKind::Div => match self.number("/", (left, first), (right, second)).is_unknown() {
                true => Shape::unknown(),
                false => Shape::Float,
            },
            // Templates cannot multiply.
            BinOpKind::Mul | BinOpKind::Pow => Shape::unknown(),
        }
    }

    /// `+` of two numbers, two texts or two lists.
    fn sum(&mut self, left: (&Expr<'_>, Shape), right: (&Expr<'_>, Shape)) -> Shape {
        let (first, second) = (&left.1, &right.1);
        match (first, second) {
            (Shape::List(first), Shape::List(second)) => {
                return Shape::list((**first).clone().either((**second).clone()));
            }
            _ if first.is_text() && second.is_text() => return Shape::text(),
            _ if class(first).is_none() || class(second).is_none() => return Shape::unknown(),
            _ if is_countable(first) && is_countable(second) => return numbers(first, second),
            _ => {}
        }
        let (at, other) = (self.place(left.0), self.place(right.0));
        let range = at.start..other.end;
        let instead = if first.is_text() || second.is_text() {
            let joined = |shape: &Shape| shape.is_text() || is_countable(shape);
            (joined(first) && joined(second)).then(|| {
                let text = |range: &std::ops::Range<usize>| self.code[range.clone()].to_owned();
                (range.clone(), format!("{} ~ {}", text(&at), text(&other)))
            })
        } else {
            None
        };
        let instead = instead.or_else(|| match (first, second) {
            (Shape::List(item), shape) if item.is_text() && shape.is_text() => {
                Some((other.clone(), format!("[{}]", &self.code[other.clone()])))
            }
            (shape, Shape::List(item)) if item.is_text() && shape.is_text() => {
                Some((at.clone(), format!("[{}]", &self.code[at.clone()])))
            }
            _ => None,
        });
        self.faults.push(Fault {
            code: "operand-type",
            range,
            message: format!("{} and {} cannot be added", a(first), a(second)),
            remark: "`+` adds two numbers, two texts or two lists".to_owned(),
            instead,
            help: None,
        });
        Shape::unknown()
    }

    /// An operation of two numbers.
    fn number(&mut self, sign: &str, left: (&Expr<'_>, Shape), right: (&Expr<'_>, Shape)) -> Shape {
        let is_none = |shape: &Shape| class(shape).is_some() && !is_countable(shape);
        for (operand, shape) in [&left, &right] {
            if is_none(shape) {
                let place = self.place(operand);
                let written = self.written(&place);
                let instead = shape
                    .is_text()
                    .then(|| (place.clone(), format!("({} | int)", &self.code[place.clone()])));
                self.faults.push(Fault {
                    code: "operand-type",
                    range: place,
                    message: format!("`{sign}` needs two numbers, and `{written}` is none"),
                    remark: format!("this is {}", a(shape)),
                    instead,
                    help: None,
                });
                return Shape::unknown();
            }
        }
        match is_countable(&left.1) && is_countable(&right.1) {
            true => numbers(&left.1, &right.1),
            false => Shape::unknown(),
        }
    }
}

fn is_list(shape: &Shape) -> bool {
    matches!(shape, Shape::List(_))
}

/// Whether one can calculate with it: `true` counts as 1.
fn is_countable(shape: &Shape) -> bool {
    shape.is_number() || shape.is_boolean()
}

/// What it is, as far as calculating goes; nothing when that is not certain.
fn class(shape: &Shape) -> Option<()> {
    (is_countable(shape) || shape.is_text() || shape.is_map() || is_list(shape)).then_some(())
}

fn numbers(first: &Shape, second: &Shape) -> Shape {
    let is_whole = |shape: &Shape| shape.is_integer() || shape.is_boolean();
    match (first, second) {
        (Shape::Float, _) | (_, Shape::Float) => Shape::Float,
        _ if is_whole(first) && is_whole(second) => Shape::integer(),
        _ => Shape::Number,
    }
}
